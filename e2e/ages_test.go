package e2e

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// aging is a topic of one partition whose messages expire, and when each was sent.
type aging struct {
	t      *testing.T
	c      *client.Client
	expiry time.Duration
	sent   []time.Time // not before
}

func newAging(t *testing.T, c *client.Client, expiry time.Duration) *aging {
	t.Helper()
	newTopic(t, c, "s", "t", 1, wire.Uint64Option("segment_size", 1<<20), wire.Uint64Option("message_expiry", uint64(expiry.Microseconds())))
	return &aging{t: t, c: c, expiry: expiry}
}

// send sends messages, of which ten fill a segment.
func (a *aging) send(messages int) {
	a.t.Helper()
	for range messages {
		a.sent = append(a.sent, time.Now())
		p, err := a.c.Send(context.Background(), wire.Named("s"), wire.Named("t"), 0, single(make([]byte, 100_000)))
		if err != nil || p.BaseOffset != uint64(len(a.sent)-1) {
			a.t.Fatalf("message %d has offset %d, %v", len(a.sent)-1, p.BaseOffset, err)
		}
	}
}

// first is the offset of the first message that is left. It is an error if one before it was younger than the expiry.
func (a *aging) first() int {
	a.t.Helper()
	offsets, _, err := pollAs(a.c, "s", "t", wire.FromFirst, 0, 1)
	if err != nil {
		a.t.Fatal(err)
	}
	first := len(a.sent)
	if len(offsets) > 0 {
		first = int(offsets[0])
	}
	if first > 0 {
		if age := time.Since(a.sent[first-1]); age < a.expiry {
			a.t.Errorf("message %d is gone, at an age of %v at most", first-1, age)
		}
	}
	return first
}

func (a *aging) end() time.Time { return a.sent[len(a.sent)-1].Add(a.expiry) }

// TestEverythingGoesAtItsAge: segments that were made before a start, and those that it made, go when all in them is expired, those of a
// partition that nobody writes to any more among them, and nothing goes before its age. Offsets go on.
func TestEverythingGoesAtItsAge(t *testing.T) {
	o := options{dir: t.TempDir(), args: []string{"--shards", "2", "--journal-size", "8MiB", "--retention-interval", "100ms"}}
	s := start(t, o)
	a := newAging(t, s.dial(), time.Second)
	for _, again := range []func(){func() { s.stop() }, func() { s.Kill() }} {
		a.send(25)
		a.first()
		eventually(t, "all goes while it is served", func() bool { return a.first() == len(a.sent) })
		a.send(25)
		again()
		s = start(t, o)
		a.c = s.dial()
		a.first()
		eventually(t, "all goes after a start", func() bool { return a.first() == len(a.sent) })
	}
	s.stop()
}

// TestRestartsPutNoExpiryOff: runs are all shorter than the time between two rounds of retention. Sealed segments that are expired when one
// starts go in it, and their age is not counted anew. (The one that was active is sealed by the first round of a run, and goes in the next.)
func TestRestartsPutNoExpiryOff(t *testing.T) {
	o := options{dir: t.TempDir(), args: []string{"--shards", "2", "--journal-size", "8MiB", "--retention-interval", "1h"}}
	s := start(t, o)
	a := newAging(t, s.dial(), 2*time.Second)
	a.send(36)
	again := func(runs int) {
		t.Helper()
		if runs%2 == 0 {
			s.stop()
		} else {
			s.Kill()
		}
		s = start(t, o)
		a.c = s.dial()
	}
	runs := 0
	for ; time.Now().Before(a.end()); runs++ {
		again(runs)
		a.first()
	}
	again(runs)
	eventually(t, "sealed segments go in the first run after their time", func() bool { return a.first() >= 30 })
	s.stop()
}

// TestACapHoldsOverPartitions: a topic keeps to its size and at most one segment more of each partition, on disk too, and each partition has
// its newest messages. A size that its partitions can't keep to is refused.
func TestACapHoldsOverPartitions(t *testing.T) {
	const parts, limit, segment, rounds = 4, 8 << 20, 1 << 20, 100
	ctx := context.Background()
	s := start(t, options{args: []string{"--shards", "2", "--journal-size", "8MiB", "--retention-interval", "100ms"}})
	c := s.dial()
	newTopic(t, c, "s", "t", parts, wire.Uint64Option("segment_size", segment), wire.Uint64Option("max_topic_size", limit))
	if _, err := c.CreateTopic(ctx, wire.Named("s"), "small", 10, wire.Uint64Option("segment_size", segment), wire.Uint64Option("max_topic_size", 2<<20)); !errors.Is(err, wire.StatusInvalidTopicSize) {
		t.Errorf("a topic of 2 MiB with ten partitions of segments of 1 MiB: %v, want %v", err, wire.StatusInvalidTopicSize)
	}
	b := single(make([]byte, 100_000))
	for range rounds {
		for p := range uint32(parts) {
			if _, err := c.Send(ctx, wire.Named("s"), wire.Named("t"), p, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	var size uint64
	eventually(t, "the topic keeps to its size", func() bool {
		d, err := c.GetTopic(ctx, wire.Named("s"), wire.Named("t"))
		size = d.SizeBytes
		return err == nil && size <= limit+parts*segment
	})
	if size < limit/2 {
		t.Errorf("%d bytes are left of a topic of %d", size, limit)
	}
	eventually(t, "so do its files", func() bool { return s.segmentBytes() <= limit+2*parts*segment }) // active ones have the room that they will fill
	for p := range uint32(parts) {
		if got, err := pollAt(c, "s", "t", p, rounds-1, 1); err != nil || got.Count != 1 {
			t.Errorf("partition %d: the newest message: %d, %v", p, got.Count, err)
		}
	}
	s.stop()
}

// segmentBytes is the size of all segments.
func (s *server) segmentBytes() (sum int64) {
	_ = filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".segment") {
			if i, err := d.Info(); err == nil { // else it is gone
				sum += i.Size()
			}
		}
		return nil
	})
	return sum
}

// TestADeletedOffsetHoldsNothing: a consumer that stored an offset once and never came back has what is expired wait for it, for the seven
// days that are the default, or until the offset is deleted.
func TestADeletedOffsetHoldsNothing(t *testing.T) {
	ctx, ghost := context.Background(), consumerNamed("ghost")
	s := start(t, options{args: []string{"--shards", "2", "--journal-size", "8MiB", "--retention-interval", "100ms"}})
	c := s.dial()
	for _, topic := range []string{"held", "free"} {
		newTopic(t, c, "s", topic, 1, wire.Uint64Option("segment_size", 1<<20), wire.Uint64Option("message_expiry", 500_000))
		for i := range 60 {
			if _, err := c.Send(ctx, wire.Named("s"), wire.Named(topic), 0, single(make([]byte, 100_000))); err != nil {
				t.Fatal(err)
			}
			if topic == "held" && i == 0 {
				if err := c.StoreOffset(ctx, ghost, wire.Named("s"), wire.Named(topic), 0, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	first := func(topic string) (offsets []uint64) {
		t.Helper()
		offsets, _, err := pollAs(c, "s", topic, wire.FromFirst, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		return offsets
	}
	eventually(t, "all goes that nobody waits for", func() bool { return len(first("free")) == 0 })
	if got := first("held"); len(got) != 1 || got[0] != 0 {
		t.Errorf("what the consumer has not read begins with %d", got)
	}
	if err := c.DeleteOffset(ctx, ghost, wire.Named("s"), wire.Named("held"), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all goes when the offset is deleted", func() bool { return len(first("held")) == 0 })
	s.stop()
}
