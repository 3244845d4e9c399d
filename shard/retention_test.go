package shard_test

import (
	"context"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/wire"
)

func u64Option(key string, v uint64) wire.Option {
	return wire.Option{Key: []byte(key), Kind: wire.KindUint64, Value: binary.LittleEndian.AppendUint64(nil, v)}
}

// partitionOf is the first partition of a topic as clients see it.
func partitionOf(t *testing.T, c *client.Client, stream, topic wire.Identifier) wire.Partition {
	t.Helper()
	d, err := c.GetTopic(context.Background(), stream, topic)
	if err != nil {
		t.Fatal(err)
	}
	return d.Partitions[0]
}

// firstOffset is where a poll from the beginning begins.
func firstOffset(t *testing.T, c *client.Client, stream, topic wire.Identifier) (first, next uint64) {
	t.Helper()
	p, err := c.Poll(context.Background(), wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic, Partition: wire.InPartition(0),
		Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	for m := range p.Messages() {
		return m.Offset, p.CurrentOffset + 1
	}
	t.Fatal("nothing is left of the topic")
	return 0, 0
}

// fill sends batches of about 200 KiB.
func fill(t *testing.T, c *client.Client, stream, topic wire.Identifier, batches int) {
	t.Helper()
	b := oneBatch(t, 20, 10000)
	for range batches {
		if _, err := c.Send(context.Background(), stream, topic, 0, b); err != nil {
			t.Fatal(err)
		}
	}
}

// until waits for a condition that the server brings about in its own time.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func TestRetentionByAge(t *testing.T) {
	dir := t.TempDir()
	change := func(c *shard.Config) { c.RetentionInterval = 20 * time.Millisecond }
	s := startBroker(t, dir, change)
	c := s.dial(t)
	stream, topic := topicWith(t, c, 1, u64Option("segment_size", 1<<20), u64Option("message_expiry", 300_000))
	fill(t, c, stream, topic, 20)
	var first uint64
	until(t, "old segments go, the active one stays", func() bool {
		at, next := firstOffset(t, c, stream, topic)
		d, err := c.GetTopic(context.Background(), stream, topic)
		if err != nil || next != 400 {
			t.Fatalf("next offset %d, %v", next, err)
		}
		first = at
		return at > 0 && d.Partitions[0].SegmentsCount == 1 && d.MessagesCount == 400-at
	})
	s.stop(t)
	s = startBroker(t, dir, change)
	c = s.dial(t)
	if again, next := firstOffset(t, c, stream, topic); again < first || next != 400 {
		t.Fatalf("after a restart offsets %d to %d are left, %d to 399 were", again, next-1, first)
	}
	fill(t, c, stream, topic, 1)
	if _, next := firstOffset(t, c, stream, topic); next != 420 {
		t.Fatalf("next offset %d", next)
	}
}

// TestRetentionBySize keeps to the topic's size, and to what a consumer has not read yet.
func TestRetentionBySize(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *shard.Config) { c.RetentionInterval, c.FrameBytesMax = 20*time.Millisecond, 1<<20 })
	c := s.dial(t)
	ctx := context.Background()
	stream, topic := topicWith(t, c, 1, u64Option("segment_size", 1<<20), u64Option("max_topic_size", 3<<20))
	fill(t, c, stream, topic, 1)
	if err := c.StoreOffset(ctx, consumer(5), stream, topic, 0, 3); err != nil {
		t.Fatal(err)
	}
	fill(t, c, stream, topic, 59)
	size := func() uint64 {
		d, err := c.GetTopic(ctx, stream, topic)
		if err != nil {
			t.Fatal(err)
		}
		return d.SizeBytes
	}
	before := total(s.Broker).Requests
	until(t, "some rounds of retention", func() bool { size(); return total(s.Broker).Requests > before+20 })
	if first, _ := firstOffset(t, c, stream, topic); first != 0 || size() < 11<<20 {
		t.Fatalf("offset %d is the first, %d bytes are left: a consumer has read up to offset 3 only", first, size())
	}
	if err := c.StoreOffset(ctx, consumer(5), stream, topic, 0, 1199); err != nil {
		t.Fatal(err)
	}
	until(t, "the topic keeps to its size", func() bool { return size() <= 4<<20 })
	if first, next := firstOffset(t, c, stream, topic); first == 0 || next != 1200 {
		t.Fatalf("offsets %d to %d are left", first, next-1)
	}
}

func TestDeleteSegments(t *testing.T) {
	s := startBroker(t, t.TempDir(), nil)
	c := s.dial(t)
	ctx := context.Background()
	stream, topic := topicWith(t, c, 1, u64Option("segment_size", 1<<20))
	fill(t, c, stream, topic, 31) // the last segment is not full
	segments := func() uint32 { return partitionOf(t, c, stream, topic).SegmentsCount }
	had := segments()
	if had < 4 {
		t.Fatalf("%d segments", had)
	}
	if err := c.DeleteSegments(ctx, stream, topic, 0, 2); err != nil {
		t.Fatal(err)
	}
	until(t, "two segments go", func() bool { return segments() == had-2 })
	if err := c.DeleteSegments(ctx, stream, topic, 0, 1000); err != nil {
		t.Fatal(err)
	}
	until(t, "all but the active one go", func() bool { return segments() == 1 })
	if first, next := firstOffset(t, c, stream, topic); first == 0 || next != 620 {
		t.Fatalf("offsets %d to %d are left", first, next-1)
	}
}

// TestQuietSegmentsAreClosed keeps to the descriptors it may have, and opens again what is wanted.
func TestQuietSegmentsAreClosed(t *testing.T) {
	const partitions, most = 100, 24
	dir := t.TempDir()
	s := startBroker(t, dir, func(c *shard.Config) { c.CPUs, c.FilesMax = []int{0}, most })
	c := s.dial(t)
	ctx := context.Background()
	stream, topic := topicWith(t, c, partitions, u64Option("segment_size", 1<<20))
	open := func() (n int) {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, dir) && strings.HasSuffix(to, ".segment") {
				n++
			}
		}
		return n
	}
	b := oneBatch(t, 3, 500)
	for round := range uint64(3) {
		for part := range uint32(partitions) {
			placed, err := c.Send(ctx, stream, topic, part, b)
			if err != nil || placed.BaseOffset != round*3 {
				t.Fatalf("round %d, partition %d: %+v, %v", round, part, placed, err)
			}
		}
		until(t, "quiet segments are closed", func() bool {
			if err := c.Ping(ctx); err != nil { // the shard takes a turn
				t.Fatal(err)
			}
			return open() <= most
		})
		for part := range uint32(partitions) {
			p, err := c.Poll(ctx, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic, Partition: wire.InPartition(part),
				Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 1000})
			if err != nil || uint64(p.Count) != (round+1)*3 {
				t.Fatalf("round %d, partition %d: %d messages, %v", round, part, p.Count, err)
			}
		}
	}
}
