package shard_test

import (
	"errors"
	"testing"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
)

// TestMadeUpConsumersTakeNobodysRoom: a user who may only poll one topic stores offsets under consumer ids that nobody uses, until it is
// refused. New consumers of others go on to store theirs, by hand and by automatic commits, and a poll of that user that can't commit
// says so. Whoever gets the number of that user when it is deleted has a share of its own, before and after a restart.
func TestMadeUpConsumersTakeNobodysRoom(t *testing.T) {
	dir := t.TempDir()
	change := func(c *server.Config) {
		c.CPUs, c.JournalBytes, c.MemoryBudget, c.Log = []int{0}, 2<<20, 64<<20, zap.NewNop()
	}
	s := startBroker(t, dir, change)
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
	enter := func(name string) *client.Client {
		t.Helper()
		c, err := client.Dial(ctx, s.Info().Address)
		must(err)
		t.Cleanup(func() { c.Close() })
		_, err = c.Login(ctx, name, "evepass")
		must(err)
		return c
	}
	create := func(name string) (id uint32) {
		t.Helper()
		u, err := root.CreateUser(ctx, name, "evepass", &wire.Permissions{Streams: []wire.StreamPermissions{{ID: 0, Topics: []wire.TopicPermissions{{ID: 0, Rights: 1 << 2}}}}})
		must(err)
		return u.ID
	}
	number := create("eve")
	eve := enter("eve")
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
	must(root.DeleteUser(ctx, wire.Named("eve")))
	for i, name := range []string{"ann", "bob"} {
		if got := create(name); got != number {
			t.Fatalf("%s has number %d, not that of the user before, %d", name, got, number)
		}
		must(enter(name).StoreOffset(ctx, consumer(uint32(2<<20+i)), stream, public, 0, 0))
		must(root.DeleteUser(ctx, wire.Named(name)))
		s.stop(t)
		s = startBroker(t, dir, change)
		root = s.dial(t)
	}
}
