package shard_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/wire"
)

// stuckHasher gets no answer to passwords but the first user's.
type stuckHasher struct {
	shard.Hasher
	asked chan struct{}
}

func (h stuckHasher) Verify(a shard.Attempt, done func(ok bool)) error {
	if a.Account == "iggy" {
		return h.Hasher.Verify(a, done)
	}
	h.asked <- struct{}{}
	return nil
}

// TestOrderlyEndGivesUpWhatIsBusy: a login whose password is never checked and an archive that is never made hold up the end no
// longer than shutdown_timeout, and it is an orderly one: the next start replays nothing.
func TestOrderlyEndGivesUpWhatIsBusy(t *testing.T) {
	dir, never := t.TempDir(), make(chan struct{})
	t.Cleanup(func() { close(never) })
	core, logged := observer.New(zap.InfoLevel)
	asked := make(chan struct{}, 2)
	s := startBroker(t, dir, func(c *server.Config) {
		c.Hasher, c.Log, c.ShutdownTimeout = stuckHasher{c.Hasher, asked}, zap.New(core), 2*time.Second
		c.Snapshot = func(wire.GetSnapshotFile) ([]byte, error) {
			asked <- struct{}{}
			<-never
			return nil, errors.New("never")
		}
	})
	c := s.dial(t)
	stream, topic := topicWith(t, c, 2)
	for part := range uint32(2) {
		if _, err := c.Send(context.Background(), stream, topic, part, oneBatch(t, 1, 100)); err != nil {
			t.Fatal(err)
		}
	}
	var calls sync.WaitGroup
	calls.Go(func() {
		_, _ = c.Snapshot(context.Background(), wire.GetSnapshotFile{Compression: wire.SnapshotStored, Types: []wire.SnapshotType{wire.SnapshotTest}})
	})
	k, err := client.Dial(context.Background(), s.Info().Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	calls.Go(func() { _, _ = k.Login(context.Background(), "nobody", "secret") })
	<-asked
	<-asked
	s.stop(t)
	calls.Wait() // their connections are closed
	if n := logged.FilterField(zap.String("event", "shutdown_gave_up")).Len(); n == 0 {
		t.Error("the log does not say that the end gave up what was busy")
	}
	if again := startBroker(t, dir, nil); !again.Info().Clean {
		t.Error("the end was not in order")
	}
}

// TestTheEndDoesNotWaitBetweenCommands: many members of a group are gone when the end begins. With one shard no other one's answers wake the
// loop between two parts of what they proposed.
func TestTheEndDoesNotWaitBetweenCommands(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.CPUs, c.Log, c.ShutdownTimeout = c.CPUs[:1], zap.New(core), 20*time.Second })
	c := s.dial(t)
	stream, topic := topicWith(t, c, 1)
	ctx := context.Background()
	if _, err := c.CreateGroup(ctx, stream, topic, "g"); err != nil {
		t.Fatal(err)
	}
	members := make([]*client.Client, 300)
	for i := range members {
		members[i] = s.dial(t)
		if err := members[i].JoinGroup(ctx, stream, topic, wire.Named("g")); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range members {
		_ = m.Close()
	}
	s.stop(t)
	if n := logged.FilterField(zap.String("event", "shutdown_gave_up")).Len(); n > 0 {
		t.Error("the end gave something up")
	}
}
