package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// workload says what clients do to a broker.
type workload struct {
	producers, consumers int
	members              int // of consumer groups; with them somebody makes and deletes groups
	admin                bool
	accounts             bool                                  // users and tokens are made and deleted
	bytesMax             int64                                 // of a run; beyond it, only small batches are sent
	sizes                func(rng *rand.Rand, to *topic) []int // payloads of the next batch
	pause                time.Duration                         // the longest between two batches of a producer
}

// load is a workload on a running broker.
type load struct {
	workload
	h        *history
	address  string
	seqs     *[maxProducers]uint32 // of each producer, for the life of the history
	ctx      context.Context
	cancel   context.CancelFunc
	ending   atomic.Bool // errors are expected
	marked   atomic.Bool
	late     atomic.Int64 // batches acknowledged that were sent after it was marked
	bytes    atomic.Int64
	ackedOne chan struct{}
	once     sync.Once
	group    sync.WaitGroup
	failed   chan error // the first thing that went wrong
}

const (
	maxProducers = 16
	adminID      = maxProducers - 1 // also produces
)

// begin lets the clients loose. Their randomness comes from seed.
func (w workload) begin(h *history, address string, seqs *[maxProducers]uint32, seed uint64) *load {
	l := &load{workload: w, h: h, address: address, seqs: seqs, ackedOne: make(chan struct{}), failed: make(chan error, 1)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	run := func(n uint64, do func(c *client.Client, rng *rand.Rand) error) {
		l.group.Go(func() {
			if err := l.client(rand.New(rand.NewPCG(seed, n)), do); err != nil && !l.ending.Load() {
				l.fail(err)
			}
		})
	}
	for i := range w.producers {
		run(uint64(i), func(c *client.Client, rng *rand.Rand) error { return l.produce(c, rng, uint16(i)) })
	}
	for i := range w.consumers {
		run(uint64(100+i), func(c *client.Client, rng *rand.Rand) error { return l.consume(c, rng, uint32(10+i)) })
	}
	for i := range w.members {
		run(uint64(300+i), l.attend)
	}
	if w.members > 0 {
		run(201, l.arrange)
	}
	if w.accounts {
		run(202, l.register)
	}
	if w.admin {
		run(200, l.administer)
	}
	return l
}

func (l *load) client(rng *rand.Rand, do func(c *client.Client, rng *rand.Rand) error) error {
	c, err := login(l.address)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c, rng)
}

func (l *load) fail(err error) {
	select {
	case l.failed <- err:
	default:
	}
}

// end waits for the clients after the broker's end and returns what went wrong before that.
func (l *load) end() error {
	l.cancel()
	l.group.Wait()
	select {
	case err := <-l.failed:
		return err
	default:
		return nil
	}
}

func (l *load) running() bool { return l.ctx.Err() == nil }

// refused reports whether the broker turned a request down because of what happens to the topic.
func refused(err error) bool {
	for _, s := range []wire.Status{wire.StatusTopicIDNotFound, wire.StatusPartitionNotFound, wire.StatusTransientNotAccepted,
		wire.StatusTransientNotCommitted, wire.StatusInvalidOffset, wire.StatusConsumerOffsetNotFound, wire.StatusResourceNotFound,
		wire.StatusConsumerGroupIDNotFound, wire.StatusConsumerGroupMemberNotFound} {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}

// turnedDown reports whether a request was answered so that it has not taken effect and will not.
func turnedDown(err error) bool {
	var status wire.Status
	return errors.As(err, &status) && status != wire.StatusTransientNotAccepted && status != wire.StatusTransientNotCommitted
}

func anyTopic(*topic) bool { return true }

func (l *load) produce(c *client.Client, rng *rand.Rand, producer uint16) error {
	var b producing
	for l.running() {
		if log := l.h.pick(rng.IntN(1<<20), anyTopic); log != nil {
			if err := l.send(c, rng, &b, producer, log); err != nil && !refused(err) {
				return fmt.Errorf("send to %v: %w", log, err)
			}
		}
		if l.pause > 0 {
			time.Sleep(time.Duration(rng.Int64N(int64(l.pause))))
		}
	}
	return nil
}

// producing is the memory of a producer.
type producing struct {
	batch.Builder
	scratch []byte
}

func (l *load) send(c *client.Client, rng *rand.Rand, b *producing, producer uint16, log *logHistory) error {
	sizes := l.sizes(rng, log.topic)
	if l.bytes.Load() > l.bytesMax {
		sizes = tiny(rng, nil)
	}
	id := batchID{producer, l.seqs[producer]}
	l.seqs[producer]++
	data, scratch, err := fill(&b.Builder, b.scratch, id, log.place(), sizes)
	b.scratch = scratch
	if err != nil {
		return err
	}
	l.bytes.Add(int64(len(data)))
	r, marked := l.h.send(log, id, len(sizes)), l.marked.Load()
	placed, err := c.Send(l.ctx, stream(), log.topic.id(), uint32(log.partition), data)
	if err != nil {
		l.h.refused(r)
		return err
	}
	if err := l.h.ack(r, placed.BaseOffset); err != nil {
		l.fail(err) // even if the broker has ended meanwhile
		return err
	}
	if marked {
		l.late.Add(1)
	}
	l.once.Do(func() { close(l.ackedOne) })
	return nil
}

// consume reads as clients do: on from what it stored, or anywhere.
func (l *load) consume(c *client.Client, rng *rand.Rand, id uint32) error {
	for l.running() {
		log := l.h.pick(rng.IntN(1<<20), anyTopic)
		if log == nil {
			time.Sleep(time.Millisecond)
			continue
		}
		if err := l.poll(c, rng, consumer{id: id}, log); err != nil && !refused(err) {
			return err
		}
	}
	return nil
}

// poll asks once, notes what it gets and commits it.
func (l *load) poll(c *client.Client, rng *rand.Rand, who consumer, log *logHistory) error {
	at := l.h.position(log, who)
	p := wire.PollMessages{Consumer: who.wire(), Stream: stream(), Topic: log.topic.id(), Partition: wire.InPartition(uint32(log.partition)),
		Count: 1 + uint32(rng.IntN(5000)), Strategy: wire.Strategy{Kind: wire.FromNext}, AutoCommit: who.auto()}
	anywhere := rng.IntN(4) == 0
	if anywhere {
		p.AutoCommit = false
		p.Strategy = wire.Strategy{Kind: wire.FromOffset, Value: rng.Uint64N(uint64(at+1)*2 + 10)}
	}
	polled, err := c.Poll(l.ctx, p)
	if err == nil {
		err = l.polled(c, rng, who, log, polled, anywhere)
	}
	if err != nil {
		return fmt.Errorf("%v of %v: %w", who, log, err)
	}
	return nil
}

// polled notes what a poll returned and commits it.
func (l *load) polled(c *client.Client, rng *rand.Rand, who consumer, log *logHistory, p client.Polled, anywhere bool) error {
	list, err := pieces(p, log.place())
	if err == nil {
		err = l.h.saw(log, list)
	}
	if err != nil {
		l.fail(err)
		return err
	}
	if len(list) == 0 || anywhere {
		return nil
	}
	end := list[len(list)-1]
	last := end.base + uint64(end.first+end.taken) - 1
	if who.auto() {
		l.h.commit(log, who, last)
		return nil
	}
	if rng.IntN(10) == 0 {
		answered := l.h.store(log, who, none)
		err = c.DeleteOffset(l.ctx, who.wire(), stream(), log.topic.id(), uint32(log.partition))
		answered(err)
		return err
	}
	answered := l.h.store(log, who, int64(last))
	err = c.StoreOffset(l.ctx, who.wire(), stream(), log.topic.id(), uint32(log.partition), last)
	answered(err)
	return err
}

// administer makes, deletes, purges and trims, and produces to what it has just made.
func (l *load) administer(c *client.Client, rng *rand.Rand) error {
	var b producing
	for l.running() {
		t := l.h.topics[rng.IntN(len(l.h.topics))]
		err := l.command(c, rng, t)
		if err != nil && !refused(err) {
			return fmt.Errorf("topic %s: %w", t.name, err)
		}
		if log := l.h.pick(rng.IntN(1<<20), func(o *topic) bool { return o == t }); log != nil {
			if err := l.send(c, rng, &b, adminID, log); err != nil && !refused(err) {
				return fmt.Errorf("send to %v: %w", log, err)
			}
		}
		time.Sleep(time.Duration(rng.Int64N(int64(20 * time.Millisecond))))
	}
	return nil
}

func (l *load) command(c *client.Client, rng *rand.Rand, t *topic) error {
	n := rng.IntN(20)
	switch {
	case l.h.begin(t, absent, creating):
		return l.done(t, create(l.ctx, c, t))
	case n == 0 && l.h.begin(t, live, deleting):
		return l.done(t, c.DeleteTopic(l.ctx, stream(), t.id()))
	case n == 1 && t.level == persisted && !t.changing && l.h.begin(t, live, purging):
		return l.done(t, c.PurgeTopic(l.ctx, stream(), t.id()))
	case n < 5 && t.changing && !t.replicated:
		return l.changeLevel(c, rng, t)
	case n < 15:
		if log := l.h.pick(rng.IntN(1<<20), func(o *topic) bool { return o == t }); log != nil {
			l.h.trim(log)
			return c.DeleteSegments(l.ctx, stream(), t.id(), uint32(log.partition), 1+uint32(rng.IntN(4)))
		}
	}
	return nil
}

// changeLevel changes the level of a topic while it serves. One in flight at the end may have taken effect: the lower one counts.
func (l *load) changeLevel(c *client.Client, rng *rand.Rand, t *topic) error {
	to := level(rng.IntN(3))
	l.h.lower(t, to)
	err := c.SetDurability(l.ctx, wire.SetDurability{Stream: stream(), Topic: t.id(), Messages: durabilities[to]})
	if err == nil {
		l.h.raised(t, to)
	}
	return err
}

var durabilities = [...]wire.Durability{memory: wire.DurabilityMemory, written: wire.DurabilityWritten, persisted: wire.DurabilityPersisted}

// done settles a command that was answered. What became of one that was not, the next start tells.
func (l *load) done(t *topic, err error) error {
	if err == nil {
		l.h.end(t)
	}
	return err
}

func create(ctx context.Context, c *client.Client, t *topic) error {
	durability := t.level.String()
	if t.replicated {
		durability = "replicated"
	}
	options := []wire.Option{wire.TextOption("durability", durability), wire.TextOption("consumer_offset_durability", t.offsetLevel.String()),
		wire.Uint64Option("segment_size", t.segmentBytes)}
	if t.cap > 0 {
		options = append(options, wire.Uint64Option("max_topic_size", t.cap*uint64(t.partitions)))
	}
	if t.dedup {
		options = append(options, wire.TextOption("deduplication", "1h,10000"))
	}
	_, err := c.CreateTopic(ctx, stream(), t.name, uint32(t.partitions), options...)
	return err
}

func tiny(rng *rand.Rand, _ *topic) []int { return even(rng, 1+rng.IntN(10), payloadHead, 200) }

// even returns n sizes between from and to.
func even(rng *rand.Rand, n, from, to int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = from + rng.IntN(to-from+1)
	}
	return sizes
}

// mixed is batches of all kinds.
func mixed(rng *rand.Rand, _ *topic) []int {
	sizes := func() []int {
		switch n := rng.IntN(100); {
		case n < 50:
			return tiny(rng, nil)
		case n < 65:
			return even(rng, 1+rng.IntN(2000), payloadHead, 100)
		case n < 80:
			return even(rng, 1+rng.IntN(20), payloadHead, 10_000)
		case n < 99:
			return direct(rng, nil)
		}
		return even(rng, 4, 100_000, 500_000)
	}()
	if rng.IntN(4) == 0 {
		atEdge(rng, sizes)
	}
	return sizes
}

// direct is a batch that goes straight to its segment.
func direct(rng *rand.Rand, _ *topic) []int {
	n := 1 + rng.IntN(100)
	each := (storage.DirectMin + rng.IntN(300<<10)) / n
	return even(rng, n, each, each+100)
}

// batchBytes is the length of a batch of such payloads.
func batchBytes(sizes []int) int {
	n := batch.HeaderSize
	for _, s := range sizes {
		n += batch.FrameHeaderSize + s
	}
	return n
}

// atEdge makes the last payload longer, so that the batch ends at, or a few bytes beside, a multiple of a block, and
// batches near it in size become as large as those that go straight to their segment, or just not.
func atEdge(rng *rand.Rand, sizes []int) {
	n := batchBytes(sizes)
	want := (n + storage.BlockSize - 1) / storage.BlockSize * storage.BlockSize
	if rng.IntN(8) == 0 && n < storage.DirectMin {
		want = storage.DirectMin
	}
	want += rng.IntN(9) - 4
	if want > n {
		sizes[len(sizes)-1] += want - n
	}
}
