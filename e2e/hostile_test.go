package e2e

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// The streams of the tenants, beside that of the honest producer.
const (
	baitStream  = "bait"  // whose topics may be read
	manyStream  = "many"  // with many topics of long names
	churnStream = "churn" // where topics come and go
)

// hostile are all kinds of tenants, in the numbers in which they come.
var hostile = []actor{
	{"groups", 4, makeGroups},
	{"offsets", 4, storeOffsets},
	{"lists", 10, askForLists},
	{"watcher", 6, askForStates},
	{"churn", 1, churnTopics},
	{"streams", 1, churnStreams},
	{"frames", 2, sendLargeFrames},
	{"frames", 4, beginFrames},
	{"reader", 8, readNothing},
	{"", 8, guessPasswords},
}

// listers are those that only ask for lists, on sixteen connections.
var listers = []actor{{"lists", 10, askForLists}, {"watcher", 6, askForStates}}

// Each tenant's rights, by the bits of the protocol: those on a stream are manage and read it, manage and read its topics, poll, send;
// those on a topic manage and read it, poll, send.
func tenantRights(bait, many, churn uint32) map[string]*wire.Permissions {
	on := func(stream uint32, rights uint8, topics ...wire.TopicPermissions) wire.StreamPermissions {
		return wire.StreamPermissions{ID: stream, Rights: rights, Topics: topics}
	}
	var readable []wire.TopicPermissions
	for id := range uint32(baitTopics) {
		readable = append(readable, wire.TopicPermissions{ID: id, Rights: 1 << 1})
	}
	of := func(s ...wire.StreamPermissions) *wire.Permissions { return &wire.Permissions{Streams: s} }
	return map[string]*wire.Permissions{
		"groups":  of(on(bait, 0, readable...)),
		"offsets": of(on(bait, 0, wire.TopicPermissions{ID: 0, Rights: 1 << 2})),
		"lists":   of(on(bait, 0, readable...), on(many, 1<<1)),
		"watcher": {Global: 1<<1 | 1<<5}, // read servers, read streams
		"churn":   of(on(churn, 1<<2)),
		"streams": {Global: 1 << 4},
		"frames":  of(on(bait, 0, wire.TopicPermissions{ID: baitTopics + bigTopic, Rights: 1 << 3})),
		"reader":  of(on(bait, 0, wire.TopicPermissions{ID: baitTopics + fatTopic, Rights: 1 << 2}), on(many, 1<<1)),
	}
}

// The topics of the bait stream: some for groups and offsets, one that takes large frames, and one with large messages.
const (
	baitTopics         = 4
	bigTopic, fatTopic = 0, 1
	baitPartitions     = 4
)

func baitTopic(n int) wire.Identifier { return wire.Named(fmt.Sprint("bait-", n)) }

func oneOf(s wire.Status, all ...wire.Status) bool { return slices.Contains(all, s) }

// groupName is a name of as many bytes as a name may have.
func groupName(n, i int) string { return fmt.Sprintf("%d-%07d", n, i) + strings.Repeat("g", 255-9) }

// makeGroups makes consumer groups until it is refused, and then some less and more again.
func makeGroups(h *hostility, c *tenant, n int, _ *rand.Rand) error {
	stream, topic := wire.Named(baitStream), baitTopic(n)
	return hoard{what: "group", made: &h.ledger.groups[n], count: &h.counts.groups, refusals: &h.counts.groupsRefused,
		make: func(i int) request {
			return request{wire.CodeCreateConsumerGroup, vsr.AppendCreateConsumerGroup(nil, wire.CreateConsumerGroup{Stream: stream, Topic: topic, Name: []byte(groupName(n, i))})}
		},
		taken: []wire.Status{0, wire.StatusConsumerGroupNameAlreadyExists}, // the latter: of a request whose answer was not heard
		full:  wire.StatusCannotCreateConsumerGroupInfo,
		drop: func(i int) request {
			return request{wire.CodeDeleteConsumerGroup, vsr.AppendDeleteConsumerGroup(nil, wire.DeleteConsumerGroup{Stream: stream, Topic: topic, Group: wire.Named(groupName(n, i))})}
		},
		gone: []wire.Status{0, wire.StatusConsumerGroupNameNotFound, wire.StatusConsumerGroupIDNotFound}}.fill(h, c)
}

// madeUp is the i-th consumer that the n-th tenant makes up.
func madeUp(n, i int) wire.Consumer {
	return wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(uint32(1_000_000*(n+1) + i))}
}

// storeOffsets stores offsets under made-up ids of consumers until it is refused, and then forgets some and goes on.
func storeOffsets(h *hostility, c *tenant, n int, _ *rand.Rand) error {
	stream, topic, part := wire.Named(baitStream), baitTopic(0), wire.InPartition(uint32(n))
	return hoard{what: "offset", made: &h.ledger.offsets[n], count: &h.counts.offsets, refusals: &h.counts.offsetsRefused,
		make: func(i int) request {
			return request{wire.CodeStoreConsumerOffset, vsr.AppendStoreConsumerOffset(nil, wire.StoreConsumerOffset{Consumer: madeUp(n, i), Stream: stream, Topic: topic, Partition: part})}
		},
		taken: []wire.Status{0},
		full:  wire.StatusTooManyConsumerOffsets,
		drop: func(i int) request {
			return request{wire.CodeDeleteConsumerOffset, vsr.AppendDeleteConsumerOffset(nil, wire.DeleteConsumerOffset{Consumer: madeUp(n, i), Stream: stream, Topic: topic, Partition: part})}
		},
		gone: []wire.Status{0, wire.StatusConsumerOffsetNotFound}}.fill(h, c)
}

// hoard is what a tenant has as many of as it can get: things by number, of which the ledger knows those that are there.
type hoard struct {
	what            string
	made            *span
	count, refusals *atomic.Int64
	make, drop      func(i int) request
	taken           []wire.Status // answers to make: it is there
	full            wire.Status   // answer to make: there is no room
	gone            []wire.Status // answers to drop: it is there no more
}

// fill makes one after the other. At every fourth refusal it drops some of the oldest and goes on.
func (x hoard) fill(h *hostility, c *tenant) error {
	for refused := 0; ; {
		q := x.make(x.made.next)
		s, _, err := c.ask(q.code, q.body)
		switch {
		case err != nil:
			return err
		case oneOf(s, x.taken...):
			x.count.Add(1)
			x.made.next++
			continue
		case s != x.full:
			h.counts.odd(x.what, s)
		}
		x.refusals.Add(1)
		refused++
		for i := 0; i < 64 && refused%4 == 0 && x.made.first < x.made.next; i++ {
			q := x.drop(x.made.first)
			s, _, err := c.ask(q.code, q.body)
			if err != nil {
				return err
			}
			if !oneOf(s, x.gone...) {
				h.counts.odd("delete "+x.what, s)
			}
			x.made.first++
		}
		h.rest(50 * time.Millisecond)
	}
}

// request is a command that asks for something.
type request struct {
	code wire.Code
	body []byte
}

// lists are the commands whose answers are long: those that "lists" may send, and those that "watcher" may.
var (
	lists = []request{
		{wire.CodeGetStream, vsr.AppendGetStream(nil, wire.GetStream{Stream: wire.Named(manyStream)})},
		{wire.CodeGetTopics, vsr.AppendGetTopics(nil, wire.GetTopics{Stream: wire.Named(manyStream)})},
		{wire.CodeGetConsumerGroups, vsr.AppendGetConsumerGroups(nil, wire.GetConsumerGroups{Stream: wire.Named(baitStream), Topic: baitTopic(1)})},
	}
	states = []request{{wire.CodeGetStreams, nil}, {wire.CodeGetClients, nil}, {wire.CodeGetStats, nil}}
)

func askForLists(h *hostility, c *tenant, n int, _ *rand.Rand) error  { return h.askFor(c, lists, n) }
func askForStates(h *hostility, c *tenant, n int, _ *rand.Rand) error { return h.askFor(c, states, n) }

// askFor asks for one thing after the other without a pause.
func (h *hostility) askFor(c *tenant, all []request, n int) error {
	for i := n; ; i++ {
		r := all[i%len(all)]
		s, _, err := c.ask(r.code, r.body)
		switch {
		case err != nil:
			return err
		case s == 0:
			h.counts.lists.Add(1)
		default:
			h.counts.listsRefused.Add(1)
			if s != wire.StatusError { // larger than the memory for lists
				h.counts.odd(fmt.Sprintf("command %d", r.code), s)
			}
		}
	}
}

// sendLargeFrames sends messages of up to the largest size, and frames beyond it.
func sendLargeFrames(h *hostility, c *tenant, n int, rng *rand.Rand) error {
	for {
		size := []int{h.frameMax / 8, h.frameMax / 2, h.frameMax - 8<<10, h.frameMax + 1, 2 * h.frameMax, 65 << 20}[rng.IntN(6)]
		head := vsr.AppendSendMessages(nil, wire.SendMessages{Stream: wire.Named(baitStream), Topic: wire.Named("big"), Partitioning: wire.Partitioning{Kind: wire.ToPartition, Partition: uint32(n)}, Count: 1})
		tail := make([]byte, size) // of a frame beyond the limit nothing is looked at
		if size < h.frameMax {
			tail = single(tail)
		}
		s, reply, err := c.send(wire.CodeSendMessages, head, tail)
		h.counts.frames.Add(1)
		switch {
		case err == nil && s == 0:
			if p, told := vsr.DecodeSendMessagesReply(reply); told {
				h.ledger.big[n] = int64(p.BaseOffset) + 1
			}
		case h.ctx.Err() != nil:
			return err
		case size <= h.frameMax-8<<10:
			if err == nil {
				h.counts.odd("large message", s)
			}
			return err
		default:
			h.counts.framesRefused.Add(1)
			if err != nil { // its connection is closed without reading all of it
				h.rest(frameEvery)
				return nil
			}
		}
		h.rest(max(frameEvery, time.Duration(size)*time.Second/frameRate))
	}
}

// frameEvery is the least pause between two large frames of a connection, and frameRate how many bytes of them it sends in a second: more
// would only measure the disk.
const (
	frameEvery = 500 * time.Millisecond
	frameRate  = 8 << 20
)

// beginFrames sends a half of the largest frame, and no more.
func beginFrames(h *hostility, c *tenant, _ int, _ *rand.Rand) error {
	head := slices.Clone(c.head(wire.CodeSendMessages, make([]byte, h.frameMax-vsr.HeaderSize), nil))
	_ = c.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := c.Write(append(head, make([]byte, h.frameMax/2)...)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	h.counts.slow.Add(1)
	h.rest(2 * time.Second)
	return nil
}

// readNothing asks for large answers and takes nothing of them.
func readNothing(h *hostility, c *tenant, n int, _ *rand.Rand) error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	poll := vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: madeUp(9, n), Stream: wire.Named(baitStream), Topic: wire.Named("fat"), Partition: wire.InPartition(0),
		Strategy: wire.Strategy{Kind: wire.FromOffset}, Count: 100})
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	for range 8 {
		r := request{wire.CodePollMessages, poll}
		if n%2 == 1 {
			r = lists[0]
		}
		if err := c.post(r.code, r.body, nil); err != nil {
			break
		}
	}
	h.counts.slow.Add(1)
	h.rest(3 * time.Second)
	return nil
}

// guessPasswords tries wrong ones, five a second on each connection.
func guessPasswords(h *hostility, c *tenant, n int, rng *rand.Rand) error {
	for h.rest(200 * time.Millisecond) {
		user := []string{"groups", "watcher", fmt.Sprint("nobody-", n)}[rng.IntN(3)]
		s, _, err := c.ask(wire.CodeLogin, loginOf(user, "wrong"))
		if err != nil {
			return err
		}
		if s != wire.StatusInvalidCredentials {
			h.counts.odd("wrong login", s)
		}
		h.counts.logins.Add(1)
	}
	return io.EOF
}
