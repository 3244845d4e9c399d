package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// frameSizeMax is the largest request that the broker says it takes.
func (s *server) frameSizeMax() int {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, "runtime", "current_config.toml"))
	if err != nil {
		s.t.Fatal(err)
	}
	var c struct {
		FrameSizeMax int `toml:"frame_size_max"`
	}
	if err := toml.Unmarshal(text, &c); err != nil || c.FrameSizeMax == 0 {
		s.t.Fatalf("frame_size_max: %v\n%s", err, text)
	}
	return c.FrameSizeMax
}

// pollAs is a poll by any strategy.
func pollAs(c *client.Client, in, topic string, kind wire.StrategyKind, value uint64, count uint32) ([]uint64, client.Polled, error) {
	p, err := c.Poll(context.Background(), wire.PollMessages{Consumer: anyone(), Stream: wire.Named(in), Topic: wire.Named(topic),
		Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: kind, Value: value}, Count: count})
	return offsetsOf(p), p, err
}

// TestTheLargestRequestCanBeRead: what is admitted is delivered, also from disk alone, with every size of memory; the poll's memory is
// free afterwards.
func TestTheLargestRequestCanBeRead(t *testing.T) {
	for _, args := range [][]string{
		{"--memory", "64MiB", "--shards", "1"},
		{"--memory", "128MiB", "--shards", "2"},
		{"--memory", "256MiB", "--shards", "1", "--io", "epoll"},
	} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			args := append(args, "--journal-size", "8MiB", "--pin=false")
			s := start(t, options{args: args})
			c := s.dial()
			newTopic(t, c, "s", "t", 1)
			payload := bytes.Repeat([]byte("galgo "), s.frameSizeMax()/6-200)
			if _, err := c.Send(context.Background(), wire.Named("s"), wire.Named("t"), 0, single(payload)); err != nil {
				t.Fatalf("a message of %d bytes: %v", len(payload), err)
			}
			s.Kill()
			s = start(t, options{dir: s.Dir, args: args})
			c = s.dial()
			c.SetTimeout(10 * time.Second)
			for range 3 { // with the memory of the one before
				_, p, err := pollAs(c, "s", "t", wire.FromOffset, 0, 1)
				if err != nil {
					t.Fatalf("poll of a message of %d bytes: %v", len(payload), err)
				}
				for m := range p.Messages() {
					if !bytes.Equal(m.Payload(), payload) {
						t.Errorf("a message of %d bytes came back as %d others", len(payload), len(m.Payload()))
					}
				}
			}
			s.stop()
		})
	}
}

// TestAMessageLargerThanTheMemoryForReads: the broker came up with less memory than when the message was stored. A poll of it is
// refused by name, others are served meanwhile, and nothing is left behind that keeps the broker from ending.
func TestAMessageLargerThanTheMemoryForReads(t *testing.T) {
	ctx := context.Background()
	s := start(t, options{args: []string{"--memory", "256MiB", "--shards", "1", "--journal-size", "8MiB"}})
	c := s.dial()
	newTopic(t, c, "s", "t", 2)
	for _, payload := range [][]byte{[]byte("before"), make([]byte, 40_000_000), []byte("behind")} {
		if _, err := c.Send(ctx, wire.Named("s"), wire.Named("t"), 0, single(payload)); err != nil {
			t.Fatal(err)
		}
	}
	s.stop()
	s = start(t, options{dir: s.Dir, args: []string{"--memory", "64MiB", "--shards", "1", "--journal-size", "8MiB"}})
	c, other := s.dial(), s.dial()
	c.SetTimeout(10 * time.Second)
	answered := make(chan error, 1)
	go func() {
		_, _, err := pollAs(c, "s", "t", wire.FromOffset, 1, 1)
		answered <- err
	}()
	for _, offset := range []uint64{0, 2} {
		if got, _, err := pollAs(other, "s", "t", wire.FromOffset, offset, 1); err != nil || !slices.Equal(got, []uint64{offset}) {
			t.Errorf("poll of %d beside it: %d, %v", offset, got, err)
		}
	}
	if err := <-answered; !errors.Is(err, wire.StatusCannotReadMessage) {
		t.Errorf("poll of the large one: %v, want that it can't be read", err)
	}
	s.says("batch larger than the memory for reads")
	s.stop()
}

// TestPollsGoOnOverSegments: the edge of a segment, of memory and disk, ends no poll; one for the last records has the newest, also
// when the reply is full.
func TestPollsGoOnOverSegments(t *testing.T) {
	ctx := context.Background()
	args := []string{"--memory", "256MiB", "--shards", "1", "--journal-size", "8MiB"}
	s := start(t, options{args: args})
	c := s.dial()
	newTopic(t, c, "s", "t", 1, wire.Uint64Option("segment_size", 1<<20))
	const records = 30 // of 600 kB each: every second one is the last of its segment
	for range records {
		if _, err := c.Send(ctx, wire.Named("s"), wire.Named("t"), 0, single(make([]byte, 600_000))); err != nil {
			t.Fatal(err)
		}
	}
	look := func(name string) {
		t.Helper()
		c := s.dial()
		for count := uint64(1); count <= 10; count++ {
			for _, kind := range []wire.StrategyKind{wire.FromFirst, wire.FromOffset, wire.FromTimestamp, wire.FromNext, wire.FromLast} {
				first := uint64(0)
				if kind == wire.FromLast {
					first = records - count
				}
				if got, _, err := pollAs(c, "s", "t", kind, 0, uint32(count)); err != nil || !slices.Equal(got, count1(first, count)) {
					t.Errorf("%s: %d records by strategy %d are %d, %v", name, count, kind, got, err)
				}
			}
		}
		for _, count := range []uint32{15, 20, 30, 1 << 30} { // more than a reply may hold
			got, _, err := pollAs(c, "s", "t", wire.FromLast, 0, count)
			if err != nil || len(got) < 8 || got[len(got)-1] != records-1 {
				t.Errorf("%s: the last %d are %d, %v", name, count, got, err)
			}
		}
	}
	look("as written")
	s.stop()
	s = start(t, options{dir: s.Dir, args: args})
	look("from disk")
	s.Kill()
	s = start(t, options{dir: s.Dir, args: args})
	look("after kill -9")
}

// TestPollsReturnWhatIsThere: polls for a few small messages return as many as they ask for, wherever the edges of batches and segments lie, in
// memory and on disk; the last ones are the newest. A consumer whose offset moves along gets past a message much larger than the others.
func TestPollsReturnWhatIsThere(t *testing.T) {
	const large, messages = 5, 200
	args := []string{"--memory", "256MiB", "--shards", "1", "--journal-size", "8MiB"}
	s := start(t, options{args: args})
	c := s.dial()
	newTopic(t, c, "s", "t", 1, wire.Uint64Option("segment_size", 1<<20))
	newTopic(t, c, "s", "mixed", 1)
	send := func(topic string, size, records int) {
		t.Helper()
		var b batch.Builder
		for i := range records {
			if err := b.Add([16]byte{byte(i + 1)}, make([]byte, size), nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Send(context.Background(), wire.Named("s"), wire.Named(topic), 0, b.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	for sent, n := 0, 1; sent < messages; sent, n = sent+n, 1+n%3 {
		n = min(n, messages-sent)
		send("t", 20_000, n)
	}
	for i := range 11 {
		if i == large {
			send("mixed", 20_000_000, 1)
		} else {
			send("mixed", 10, 1)
		}
	}
	look := func(when string) {
		t.Helper()
		want := func(kind wire.StrategyKind, value, first, count uint64) {
			t.Helper()
			if got, _, err := pollAs(c, "s", "t", kind, value, uint32(count)); err != nil || !slices.Equal(got, count1(first, count)) {
				t.Errorf("%s: %d messages by strategy %d from %d on are %d, %v", when, count, kind, first, got, err)
			}
		}
		for _, count := range []uint64{2, 5, 10, 50} {
			for at := uint64(0); at <= messages-count; at += 7 {
				want(wire.FromOffset, at, at, count)
			}
		}
		for count := uint64(1); count <= 100; count++ {
			want(wire.FromLast, 0, messages-count, count)
		}
		for _, count := range []uint32{1, 100} {
			var seen []uint64
			for tries := 0; len(seen) < 11 && tries < 30; tries++ {
				p, err := c.Poll(context.Background(), wire.PollMessages{Consumer: consumerNamed(fmt.Sprint(when, count)), Stream: wire.Named("s"), Topic: wire.Named("mixed"),
					Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromNext}, Count: count, AutoCommit: true})
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, offsetsOf(p)...)
			}
			if !slices.Equal(seen, count1(0, 11)) {
				t.Errorf("%s: a consumer that asks for %d at a time has %d", when, count, seen)
			}
		}
	}
	look("as written")
	s.Kill()
	s = start(t, options{dir: s.Dir, args: args})
	c = s.dial()
	look("after kill -9")
	s.stop()
}

// count1 returns n numbers from first on.
func count1(first, n uint64) (list []uint64) {
	for i := range n {
		list = append(list, first+i)
	}
	return list
}

// TestAbandonedPollsAreForgotten: readers that take nothing hold the memory for reads, so that polls wait; when those who asked are
// gone, nothing of them is left, and others are served.
func TestAbandonedPollsAreForgotten(t *testing.T) {
	ctx := context.Background()
	args := []string{"--memory", "128MiB", "--shards", "2", "--journal-size", "8MiB", "--pin=false", "--send-timeout", "2s"}
	s := start(t, options{args: args})
	c := s.dial()
	newTopic(t, c, "s", "t", 2)
	for p := range uint32(2) {
		for range 6 {
			if _, err := c.Send(ctx, wire.Named("s"), wire.Named("t"), p, single(make([]byte, 15_000_000))); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.stop()
	s = start(t, options{dir: s.Dir, args: args})
	for i := range 24 {
		quitter := s.dial()
		quitter.SetTimeout(50 * time.Millisecond)
		_, _ = pollAt(quitter, "s", "t", uint32(i%2), uint64(i%6), 1) // too short for the reply, or for it to begin
		quitter.Close()
	}
	c = s.dial()
	c.SetTimeout(20 * time.Second)
	for p := range uint32(2) {
		if got, err := pollAt(c, "s", "t", p, 5, 1); err != nil || got.Count != 1 {
			t.Errorf("poll of partition %d: %d records, %v", p, got.Count, err)
		}
	}
	eventually(t, "one client is left", func() bool {
		list, err := c.Clients(ctx)
		return err == nil && len(list) == 1
	})
	s.stop()
}
