package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// ledger is what a broker has acknowledged to hostile tenants, over all its restarts. Each entry belongs to one connection at a time.
type ledger struct {
	groups, offsets [baitTopics]span
	topics, streams [1]passing
	big             [2]int64 // offset after the last large message, of each partition
}

// span are things that were made one after the other, and deleted in the same order: those from first to next are there. That of first may
// be gone, and the next one may be there: their answers were not heard.
type span struct{ first, next int }

// passing is a thing that is made before the one before it is deleted. Each has a name of its own.
type passing struct {
	made      int    // how many were, the one included whose answer was not heard
	has, goes string // is there; was there, and is to be deleted
	gone      string // was deleted
}

// replace notes that a new one is there. The one before is to go.
func (p *passing) replace(name string) { p.has, p.goes = name, p.has }

// give deletes the one that is to go.
func (p *passing) give(h *hostility, c *tenant, code wire.Code, body func(name string) []byte) error {
	if p.goes == "" {
		return nil
	}
	s, _, err := c.ask(code, body(p.goes))
	if err != nil {
		return err
	}
	if !oneOf(s, 0, wire.StatusTopicNameNotFound, wire.StatusTopicIDNotFound, wire.StatusStreamIDNotFound, wire.StatusStreamNameNotFound) {
		h.counts.odd("delete "+p.goes, s)
	}
	p.goes, p.gone = "", p.goes
	return nil
}

// churn makes one after the other, and deletes the one before; if none can be made, also that which is there.
func (p *passing) churn(h *hostility, c *tenant, kind string, create func(name string) (bool, error), code wire.Code, body func(name string) []byte) error {
	unheard := fmt.Sprintf("%s-%d", kind, p.made)
	if p.made > 0 && unheard != p.has && p.goes == "" {
		p.goes = unheard
	}
	for {
		if err := p.give(h, c, code, body); err != nil {
			return err
		}
		p.made++
		ok, err := create(fmt.Sprintf("%s-%d", kind, p.made))
		if err != nil {
			return err
		}
		if !ok {
			p.has, p.goes = "", p.has
		}
		h.rest(20 * time.Millisecond)
	}
}

// churnTopics makes topics of many partitions with a message in each, and deletes them.
func churnTopics(h *hostility, c *tenant, n int, rng *rand.Rand) error {
	p, stream := &h.ledger.topics[n], wire.Named(churnStream)
	return p.churn(h, c, "topic", func(name string) (bool, error) {
		return h.fill(c, churnStream, name, uint32(50+rng.IntN(350)), func() { p.replace(name) })
	}, wire.CodeDeleteTopic, func(name string) []byte {
		return vsr.AppendDeleteTopic(nil, wire.DeleteTopic{Stream: stream, Topic: wire.Named(name)})
	})
}

// churnStreams does the same with streams, of which each has a topic.
func churnStreams(h *hostility, c *tenant, n int, rng *rand.Rand) error {
	p := &h.ledger.streams[n]
	return p.churn(h, c, "stream", func(name string) (bool, error) {
		s, _, err := c.ask(wire.CodeCreateStream, vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte(name)}))
		if err != nil {
			return false, err
		}
		if s != 0 {
			h.counts.topicsRefused.Add(1)
			if s != wire.StatusTooManyStreams {
				h.counts.odd("stream", s)
			}
			return false, nil
		}
		p.replace(name)
		_, err = h.fill(c, name, "topic", uint32(50+rng.IntN(350)), func() {})
		return true, err
	}, wire.CodeDeleteStream, func(name string) []byte {
		return vsr.AppendDeleteStream(nil, wire.DeleteStream{Stream: wire.Named(name)})
	})
}

// fill makes a topic, and sends a message to each of its partitions.
func (h *hostility) fill(c *tenant, stream, topic string, partitions uint32, made func()) (ok bool, err error) {
	s, _, err := c.ask(wire.CodeCreateTopic, vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: wire.Named(stream), PartitionsCount: partitions, Name: []byte(topic)}))
	if err != nil {
		return false, err
	}
	if s != 0 {
		h.counts.topicsRefused.Add(1)
		if !oneOf(s, wire.StatusTooManyTopics, wire.StatusPartitionIDSpaceExhausted, wire.StatusTooManyPartitions) {
			h.counts.odd("topic", s)
		}
		return false, nil
	}
	made()
	h.counts.topics.Add(1)
	h.counts.partitions.Add(int64(partitions))
	b := single(make([]byte, 500))
	for part := range partitions {
		head := vsr.AppendSendMessages(nil, wire.SendMessages{Stream: wire.Named(stream), Topic: wire.Named(topic), Partitioning: wire.Partitioning{Kind: wire.ToPartition, Partition: part}, Count: 1})
		s, _, err := c.send(wire.CodeSendMessages, head, b)
		if err != nil {
			return true, err
		}
		if s != 0 {
			h.counts.odd("message to one of many partitions", s)
		}
	}
	return true, nil
}

// verify looks whether a broker still has what it has acknowledged.
func (l *ledger) verify(c *client.Client, rng *rand.Rand) error {
	ctx, stream := context.Background(), wire.Named(baitStream)
	var all error
	for n := range l.groups {
		for _, i := range l.groups[n].some(rng) {
			if _, err := c.GetGroup(ctx, stream, baitTopic(n), wire.Named(groupName(n, i))); err != nil {
				all = errors.Join(all, fmt.Errorf("group %d of topic %d was made: %w", i, n, err))
			}
		}
		for _, i := range l.offsets[n].some(rng) {
			if _, err := c.GetOffset(ctx, madeUp(n, i), stream, baitTopic(0), uint32(n)); err != nil {
				all = errors.Join(all, fmt.Errorf("offset of consumer %v was stored: %w", madeUp(n, i).ID, err))
			}
		}
	}
	there := func(p *passing, what string, get func(wire.Identifier) error) {
		if p.has != "" {
			if err := get(wire.Named(p.has)); err != nil {
				all = errors.Join(all, fmt.Errorf("%s %s was made: %w", what, p.has, err))
			}
		}
		if p.gone != "" && get(wire.Named(p.gone)) == nil {
			all = errors.Join(all, fmt.Errorf("%s %s was deleted, and is there again", what, p.gone))
		}
	}
	for n := range l.topics {
		there(&l.topics[n], "topic", func(id wire.Identifier) error { _, err := c.GetTopic(ctx, wire.Named(churnStream), id); return err })
		there(&l.streams[n], "stream", func(id wire.Identifier) error { _, err := c.GetStream(ctx, id); return err })
	}
	for part, next := range l.big {
		p, err := c.Poll(ctx, wire.PollMessages{Consumer: anyone(), Stream: stream, Topic: wire.Named("big"), Partition: wire.InPartition(uint32(part)), Strategy: wire.Strategy{Kind: wire.FromLast, Value: 1}, Count: 1})
		if err != nil || next > 0 && (p.Count != 1 || int64(p.CurrentOffset) < next-1) {
			all = errors.Join(all, fmt.Errorf("large messages of partition %d up to offset %d were acknowledged, %d messages are found, the last at %d: %w", part, next-1, p.Count, p.CurrentOffset, err))
		}
	}
	return all
}

// some are a few of those that must be there, the last one among them.
func (s span) some(rng *rand.Rand) (all []int) {
	if n := s.next - s.first - 1; n > 0 {
		for range 20 {
			all = append(all, s.first+1+rng.IntN(n))
		}
		all = append(all, s.next-1)
	}
	return all
}
