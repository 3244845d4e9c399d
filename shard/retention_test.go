package shard_test

import (
	"context"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
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

// firstOffset is where a poll from the beginning begins, of a topic that is not empty.
func firstOffset(t *testing.T, c *client.Client, stream, topic wire.Identifier) (first, next uint64) {
	t.Helper()
	first, any, next := left(t, c, stream, topic)
	if !any {
		t.Fatal("nothing is left of the topic")
	}
	return first, next
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

// left is what a poll from the beginning finds: the first offset, or none, and the offset that the next message will get.
func left(t *testing.T, c *client.Client, stream, topic wire.Identifier) (first uint64, any bool, next uint64) {
	t.Helper()
	p, err := c.Poll(context.Background(), wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic, Partition: wire.InPartition(0),
		Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	for m := range p.Messages() {
		return m.Offset, true, p.CurrentOffset + 1
	}
	return 0, false, p.CurrentOffset + 1
}

// TestRetentionByAge: what is expired goes, also from a partition in which nothing happens any more, whose segment never got full; offsets
// go on, also after a restart.
func TestRetentionByAge(t *testing.T) {
	dir := t.TempDir()
	change := func(c *server.Config) { c.RetentionInterval = 20 * time.Millisecond }
	s := startBroker(t, dir, change)
	c := s.dial(t)
	stream, topic := topicWith(t, c, 1, u64Option("segment_size", 1<<20), u64Option("message_expiry", 300_000))
	fill(t, c, stream, topic, 20)
	gone := func() bool { _, any, _ := left(t, c, stream, topic); return !any }
	until(t, "all that is expired goes", gone)
	if d, err := c.GetTopic(context.Background(), stream, topic); err != nil || d.MessagesCount != 0 || d.SizeBytes != 0 {
		t.Errorf("%d messages, %d bytes are counted, %v", d.MessagesCount, d.SizeBytes, err)
	}
	fill(t, c, stream, topic, 1)
	s.stop(t)
	s = startBroker(t, dir, change)
	c = s.dial(t)
	until(t, "it goes after a restart too", gone)
	if _, _, next := left(t, c, stream, topic); next != 420 {
		t.Fatalf("next offset %d", next)
	}
	fill(t, c, stream, topic, 1)
	if _, _, next := left(t, c, stream, topic); next != 440 {
		t.Fatalf("next offset %d", next)
	}
}

// TestSlowTopicsExpire: there is always a message that is not expired, and segments never get full; old messages go all the same.
func TestSlowTopicsExpire(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.RetentionInterval = 20 * time.Millisecond })
	c := s.dial(t)
	stream, topic := topicWith(t, c, 1, u64Option("message_expiry", 400_000))
	until(t, "the first messages go while others come", func() bool {
		if _, err := c.Send(context.Background(), stream, topic, 0, oneBatch(t, 1, 100)); err != nil {
			t.Fatal(err)
		}
		first, any, _ := left(t, c, stream, topic)
		return any && first > 5
	})
}

// TestSizeWinsOverOffsets: a topic keeps to its size whoever has not read how much, with segments that were made to fit.
func TestSizeWinsOverOffsets(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.RetentionInterval, c.OffsetsHold = time.Hour, time.Hour })
	c := s.dial(t)
	ctx := context.Background()
	stream, topic := topicWith(t, c, 1, u64Option("max_topic_size", 4<<20))
	if d, err := c.GetTopic(ctx, stream, topic); err != nil {
		t.Fatal(err)
	} else if size, ok := optionOf(d, "segment_size"); !ok || size != 1<<20 {
		t.Errorf("segments of %d bytes, want 1 MiB", size)
	}
	fill(t, c, stream, topic, 1)
	if err := c.StoreOffset(ctx, consumer(5), stream, topic, 0, 0); err != nil {
		t.Fatal(err)
	}
	for range 12 {
		fill(t, c, stream, topic, 10)
		until(t, "the topic keeps to its size while it is written", func() bool { // no round of retention has come
			d, err := c.GetTopic(ctx, stream, topic)
			return err == nil && d.SizeBytes <= 5<<20+300_000 // one segment more, which the last batch may have made longer
		})
	}
	if first, any, next := left(t, c, stream, topic); !any || first == 0 || next != 2420 {
		t.Errorf("offsets %d to %d are left: %v", first, next, any)
	}
}

// TestOffsetsHoldWhatIsExpired: a stored offset keeps what was not read, until it has not moved for the time that is set; a topic may say
// another one; what is held is shown.
func TestOffsetsHoldWhatIsExpired(t *testing.T) {
	dir := t.TempDir()
	change := func(hold time.Duration) func(c *server.Config) {
		return func(c *server.Config) { c.RetentionInterval, c.OffsetsHold = 20*time.Millisecond, hold }
	}
	s := startBroker(t, dir, change(time.Hour))
	c := s.dial(t)
	ctx := context.Background()
	stream, topic := topicWith(t, c, 1, u64Option("segment_size", 1<<20), u64Option("message_expiry", 100_000))
	if _, err := c.CreateTopic(ctx, stream, "impatient", 1, u64Option("segment_size", 1<<20), u64Option("message_expiry", 100_000), wire.TextOption("offsets_hold", "never")); err != nil {
		t.Fatal(err)
	}
	impatient := wire.Named("impatient")
	for _, to := range []wire.Identifier{topic, impatient} {
		fill(t, c, stream, to, 1)
		if err := c.StoreOffset(ctx, consumer(5), stream, to, 0, 0); err != nil {
			t.Fatal(err)
		}
		fill(t, c, stream, to, 12)
	}
	until(t, "the topic that does not wait loses all", func() bool { _, any, _ := left(t, c, stream, impatient); return !any })
	until(t, "what is held is shown", func() bool { return total(s.Server.Server).HeldBytes > 2_500_000 })
	if first, any, _ := left(t, c, stream, topic); !any || first != 0 {
		t.Fatalf("offset %d is the first that is left (%v), a consumer has read up to 0 only", first, any)
	}
	s.stop(t)
	s = startBroker(t, dir, change(time.Hour)) // which does not begin anew, nor forget
	c = s.dial(t)
	if first, any, _ := left(t, c, stream, topic); !any || first != 0 {
		t.Fatalf("after a restart offset %d is the first that is left (%v)", first, any)
	}
	s.stop(t)
	s = startBroker(t, dir, change(time.Millisecond))
	c = s.dial(t)
	until(t, "an offset that has not moved for so long holds nothing", func() bool { _, any, _ := left(t, c, stream, topic); return !any })
	until(t, "and nothing is shown", func() bool { return total(s.Server.Server).HeldBytes == 0 })
}

// optionOf is a number among a topic's options.
func optionOf(d wire.TopicDetails, key string) (uint64, bool) {
	for _, list := range [][]wire.Option{d.Explicit, d.Derived} {
		for _, o := range list {
			if string(o.Key) == key && len(o.Value) == 8 {
				return binary.LittleEndian.Uint64(o.Value), true
			}
		}
	}
	return 0, false
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
	s := startBroker(t, dir, func(c *server.Config) { c.CPUs, c.FilesMax = []int{0}, most })
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

// TestRulesHoldFromTheFirstSegmentOn: what a topic asks for holds as soon as its logs are open, also for those that a purge of their stream
// made, and for those that a start found: a pass over all topics may be far away.
func TestRulesHoldFromTheFirstSegmentOn(t *testing.T) {
	dir := t.TempDir()
	change := func(c *server.Config) { c.RetentionInterval, c.OffsetsHold = time.Hour, time.Hour }
	s := startBroker(t, dir, change)
	c, ctx := s.dial(t), context.Background()
	stream, plain := topicWith(t, c, 1, u64Option("segment_size", 1<<20), wire.TextOption("offsets_hold", "never"))
	if _, err := c.CreateTopic(ctx, stream, "capped", 1, u64Option("segment_size", 1<<20), u64Option("max_topic_size", 2<<20)); err != nil {
		t.Fatal(err)
	}
	capped := wire.Named("capped")
	if err := c.PurgeStream(ctx, stream); err != nil {
		t.Fatal(err)
	}
	fill(t, c, stream, capped, 40) // 8 MiB
	until(t, "two sealed segments are left, and the active one", func() bool { return partitionOf(t, c, stream, capped).SegmentsCount <= 3 })

	fill(t, c, stream, plain, 1)
	if err := c.StoreOffset(ctx, consumer(5), stream, plain, 0, 0); err != nil {
		t.Fatal(err)
	}
	fill(t, c, stream, plain, 12)
	s.stop(t)
	s = startBroker(t, dir, change)
	c = s.dial(t)
	if err := c.DeleteSegments(ctx, stream, plain, 0, 1000); err != nil {
		t.Fatal(err)
	}
	until(t, "a stored offset holds nothing of a topic that says so", func() bool { first, _, _ := left(t, c, stream, plain); return first > 0 })
}
