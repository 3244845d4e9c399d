package shard_test

import (
	"context"
	"errors"
	"testing"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
)

// TestLevelsChangeWhileTheTopicServes takes a topic through all levels, up and down, while it is written to. What each change
// promises is counted in synced operations; what survives is for the tests of storage and for the loops of crashes.
func TestLevelsChangeWhileTheTopicServes(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.WrittenLossBound = 1 << 40 })
	c := s.dial(t)
	stream, topic := topicWith(t, c, 4)
	ctx := context.Background()
	sent := uint64(0)
	send := func() {
		t.Helper()
		for p := range uint32(4) {
			placed, err := c.Send(ctx, stream, topic, p, oneBatch(t, 1, 100))
			if err != nil {
				t.Fatal(err)
			}
			if placed.BaseOffset != sent {
				t.Fatalf("partition %d: offset %d, want %d", p, placed.BaseOffset, sent)
			}
		}
		sent++
	}
	syncs := func() (n uint64) {
		for _, x := range s.Stats() {
			n += x.IO.Synced
		}
		return n
	}
	names := []string{wire.DurabilityReplicated: "replicated", wire.DurabilityPersisted: "persisted", wire.DurabilityWritten: "written", wire.DurabilityMemory: "memory"}
	send()
	for _, level := range []wire.Durability{wire.DurabilityMemory, wire.DurabilityWritten, wire.DurabilityPersisted, wire.DurabilityWritten,
		wire.DurabilityReplicated, wire.DurabilityMemory, wire.DurabilityPersisted} {
		if err := c.SetDurability(ctx, wire.SetDurability{Stream: stream, Topic: topic, Messages: level, Offsets: level}); err != nil {
			t.Fatalf("%s: %v", names[level], err)
		}
		d, err := c.GetTopic(ctx, stream, topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range d.Explicit {
			if key := string(o.Key); (key == "durability" || key == "consumer_offset_durability") && string(o.Value) != names[level] {
				t.Errorf("%s is %s, want %s", key, o.Value, names[level])
			}
		}
		send() // below persisted, the first one reserves offsets
		before := syncs()
		send()
		synced := level == wire.DurabilityPersisted || level == wire.DurabilityReplicated
		if after := syncs(); after > before != synced {
			t.Errorf("%s: %d synced operations for a send to each partition", names[level], after-before)
		}
	}
	if err := c.SetDurability(ctx, wire.SetDurability{Stream: stream, Topic: wire.Named("none"), Messages: wire.DurabilityMemory}); !errors.Is(err, wire.StatusTopicIDNotFound) {
		t.Errorf("level of a topic that is not there: %v", err)
	}
	s.stop(t)
	s = startBroker(t, s.dir, nil)
	d, err := s.dial(t).GetTopic(ctx, stream, topic)
	if err != nil || d.MessagesCount != 4*sent {
		t.Errorf("%d messages after a restart, %v, want %d", d.MessagesCount, err, 4*sent)
	}
}
