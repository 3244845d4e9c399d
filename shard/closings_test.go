package shard_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// slowIO is an IO of which some operations end only when the test lets them.
type slowIO struct {
	uring.IO
	slow    func(op *uring.Op) bool
	open    *atomic.Bool // they end
	waiting *atomic.Int32
	names   map[uring.Handle]bool
	kept    []uring.Completion
	out     []uring.Completion
}

func (x *slowIO) Submit(op *uring.Op) uring.Handle {
	h := x.IO.Submit(op)
	if !x.open.Load() && x.slow(op) {
		x.names[h] = true
	}
	return h
}

func (x *slowIO) Wait(timeout time.Duration) []uring.Completion {
	if len(x.kept) > 0 {
		timeout = min(max(timeout, 0), time.Millisecond)
	}
	x.out = append(x.out[:0], x.IO.Wait(timeout)...)
	if x.open.Load() {
		x.out, x.kept = append(x.out, x.kept...), nil
		return x.out
	}
	x.out = slices.DeleteFunc(x.out, func(c uring.Completion) bool {
		if slow := x.names[c.Handle]; !slow {
			return false
		}
		x.kept = append(x.kept, c)
		x.waiting.Add(1)
		return true
	})
	return x.out
}

func ofJournal(op *uring.Op) bool { return op.Kind == uring.KindWrite && op.Flags&uring.FlagDSync != 0 }

// onShard1 makes a topic whose only partition is shard 1's.
func onShard1(t *testing.T, s *broker) (stream, topic wire.Identifier) {
	stream, topic = topicWith(t, s.dial(t), 1)
	name := metadata.ByName([]byte("cost"))
	if s.Owner(name, name, 0) != 1 {
		if err := s.MovePartition(name, name, 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	return stream, topic
}

// TestADeletionHoldsUpNobody: the owner of a deleted topic has an append in flight, and cannot end it yet. The topic is gone for everybody,
// other commands are answered, and the deletion is when the append has ended.
func TestADeletionHoldsUpNobody(t *testing.T) {
	var open atomic.Bool
	var waiting atomic.Int32
	open.Store(true)
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.CPUs, c.Log = make([]int, 2), zap.NewNop()
		c.WrapIO = func(shard int, io uring.IO) uring.IO {
			if shard == 0 {
				return io
			}
			return &slowIO{IO: io, slow: ofJournal, open: &open, waiting: &waiting, names: map[uring.Handle]bool{}}
		}
	})
	stream, topic := onShard1(t, s)
	producer, deleter, other, ctx := s.dial(t), s.dial(t), s.dial(t), context.Background()
	if _, err := producer.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100)); err != nil { // its file is there
		t.Fatal(err)
	}
	open.Store(false)
	handled := s.Handled(0) + s.Handled(1)
	sent, deleted := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := producer.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100))
		sent <- err
	}()
	until(t, "the append is in flight", func() bool { return s.Handled(0)+s.Handled(1) > handled && waiting.Load() > 0 })
	go func() { deleted <- deleter.DeleteTopic(ctx, stream, topic) }()
	until(t, "the topic is gone", func() bool {
		_, err := other.GetTopic(ctx, stream, topic)
		return err != nil
	})
	for _, name := range []string{"a", "b", "c"} {
		if _, err := other.CreateStream(ctx, name); err != nil {
			t.Errorf("another command: %v", err)
		}
	}
	if _, err := other.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100)); !errors.Is(err, wire.StatusTopicIDNotFound) {
		t.Errorf("a send to a topic that is gone: %v", err)
	}
	select {
	case err := <-deleted:
		t.Errorf("the deletion is answered while an append is in flight: %v", err)
	default:
	}
	open.Store(true)
	if err := <-sent; err != nil {
		t.Errorf("the append that was in flight: %v", err)
	}
	if err := <-deleted; err != nil {
		t.Errorf("the deletion: %v", err)
	}
}

// TestADeletionWithoutRoom: the owner of a deleted topic has an append in flight that its journal has no room for. The deletion is done, and answered
// after a time that there is no room. The files go when there is some.
func TestADeletionWithoutRoom(t *testing.T) {
	var full, refused atomic.Bool
	dir := t.TempDir()
	s := startBroker(t, dir, func(c *server.Config) {
		c.CPUs, c.Log = make([]int, 2), zap.NewNop()
		c.WrapIO = func(shard int, io uring.IO) uring.IO {
			return &failingIO{IO: io, err: syscall.ENOSPC, doomed: func(op *uring.Op) bool {
				doomed := shard == 1 && ofJournal(op) && full.Load()
				refused.Store(refused.Load() || doomed)
				return doomed
			}}
		}
	})
	stream, topic := onShard1(t, s)
	producer, other, ctx := s.dial(t), s.dial(t), context.Background()
	if _, err := producer.Send(ctx, stream, topic, 0, oneBatch(t, 1, 300_000)); err != nil { // it has a file
		t.Fatal(err)
	}
	full.Store(true)
	sent := make(chan error, 1)
	go func() {
		_, err := producer.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100))
		sent <- err
	}()
	until(t, "the append is refused", refused.Load)
	if err := other.DeleteTopic(ctx, stream, topic); err != nil {
		t.Errorf("the deletion, which is done: %v", err)
	}
	if _, err := other.GetTopic(ctx, stream, topic); err == nil {
		t.Error("the topic is there")
	}
	full.Store(false)
	if err := <-sent; err != nil {
		t.Errorf("what was in flight: %v", err)
	}
	until(t, "the files are gone", func() bool {
		logs, err := os.ReadDir(dir + "/logs")
		return err == nil && len(logs) == 0
	})
}
