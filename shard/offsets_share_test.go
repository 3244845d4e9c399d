package shard_test

import (
	"errors"
	"testing"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/wire"
)

// TestMadeUpConsumersTakeNobodysRoom: a user who may only poll one topic stores offsets under consumer ids that nobody uses, until it is
// refused. New consumers of others go on to store theirs, by hand and by automatic commits, and a poll of that user that can't commit
// says so.
func TestMadeUpConsumersTakeNobodysRoom(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *shard.Config) {
		c.CPUs, c.JournalBytes, c.MemoryBudget, c.Log = []int{0}, 2<<20, 64<<20, zap.NewNop()
	})
	ctx, root := t.Context(), s.dial(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := root.CreateStream(ctx, "s")
	must(err)
	stream, public, payments := wire.Named("s"), wire.Named("public"), wire.Named("payments")
	for _, topic := range []wire.Identifier{public, payments} {
		_, err := root.CreateTopic(ctx, stream, string(topic.Name), 2)
		must(err)
		for part := range uint32(2) {
			_, err = root.Send(ctx, stream, topic, part, oneBatch(t, 3, 10))
			must(err)
		}
	}
	_, err = root.CreateUser(ctx, "eve", "evepass", &wire.Permissions{Streams: []wire.StreamPermissions{{ID: 0, Topics: []wire.TopicPermissions{{ID: 0, Rights: 1 << 2}}}}})
	must(err)
	eve, err := client.Dial(ctx, s.Info().Address)
	must(err)
	defer eve.Close()
	_, err = eve.Login(ctx, "eve", "evepass")
	must(err)
	stored := 0
	for part := range uint32(2) {
		for err = nil; err == nil; stored++ {
			err = eve.StoreOffset(ctx, consumer(uint32(1000+stored)), stream, public, part, 0)
		}
		stored--
		if !errors.Is(err, wire.StatusTooManyConsumerOffsets) {
			t.Fatalf("after %d offsets: %v", stored, err)
		}
	}
	if stored < 100 {
		t.Fatalf("eve was refused after %d offsets", stored)
	}
	poll := func(c *client.Client, topic wire.Identifier, id uint32) (client.Polled, error) {
		return c.Poll(ctx, wire.PollMessages{Consumer: consumer(id), Stream: stream, Topic: topic, Partition: wire.InPartition(0),
			Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 1, AutoCommit: true})
	}
	if _, err := poll(eve, public, 1<<20); !errors.Is(err, wire.StatusTooManyConsumerOffsets) {
		t.Errorf("a poll of eve's that can't commit: %v, want %v", err, wire.StatusTooManyConsumerOffsets)
	}
	must(eve.StoreOffset(ctx, consumer(1000), stream, public, 0, 1)) // one that it has
	must(root.StoreOffset(ctx, consumer(424242), stream, payments, 0, 2))
	must(root.StoreOffset(ctx, consumer(424242), stream, public, 0, 2))
	for want := range uint64(3) {
		p, err := poll(root, payments, 777)
		must(err)
		for m := range p.Messages() {
			if m.Offset != want {
				t.Errorf("poll %d begins at %d", want, m.Offset)
			}
		}
	}
}
