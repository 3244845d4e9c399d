package shard_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// TestFullDiskIsSaid: the log says that the disk is full, once for all that is refused, and once that it is no more.
func TestFullDiskIsSaid(t *testing.T) {
	var full atomic.Bool
	core, logged := observer.New(zap.InfoLevel)
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.CPUs, c.Log = []int{0}, zap.New(core)
		c.WrapIO = func(_ int, io uring.IO) uring.IO {
			return &failingIO{IO: io, err: syscall.ENOSPC, doomed: func(op *uring.Op) bool { return op.Kind == uring.KindFallocate && full.Load() }}
		}
	})
	c := s.dial(t)
	stream, topic := topicWith(t, c, 1)
	full.Store(true)
	const refused, stored = "disk full: appends are refused until there is room", "the disk has room: appends are stored again"
	for range 10 {
		if _, err := c.Send(context.Background(), stream, topic, 0, oneBatch(t, 1, 100)); !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
			t.Fatalf("a send to a full disk: %v", err)
		}
	}
	lines := func(message string) int { return logged.FilterMessage(message).Len() }
	if lines(refused) != 1 || lines(stored) != 0 {
		t.Errorf("%d lines that the disk is full, %d that it is no more", lines(refused), lines(stored))
	}
	full.Store(false)
	until(t, "the log says that there is room", func() bool {
		_, _ = c.Send(context.Background(), stream, topic, 0, oneBatch(t, 1, 100))
		return lines(stored) > 0
	})
	if lines(refused) != 1 || lines(stored) != 1 {
		t.Errorf("%d lines that the disk is full, %d that it is no more", lines(refused), lines(stored))
	}
}

// TestAJournalWithoutRoomIsWaitedFor: while the disk refuses the journal, what is in flight waits, sends and commands that come are refused at
// once, polls are served, and when there is room all of it goes on.
func TestAJournalWithoutRoomIsWaitedFor(t *testing.T) {
	var full atomic.Bool
	core, logged := observer.New(zap.InfoLevel)
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.CPUs, c.Log = []int{0, 0}, zap.New(core)
		c.WrapIO = func(_ int, io uring.IO) uring.IO {
			return &failingIO{IO: io, err: syscall.ENOSPC, doomed: func(op *uring.Op) bool { // a group; segments are written later
				return op.Kind == uring.KindWrite && op.Flags&uring.FlagDSync != 0 && full.Load()
			}}
		}
	})
	c, other, ctx := s.dial(t), s.dial(t), context.Background()
	stream, topic := topicWith(t, c, 1)
	if _, err := c.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100)); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	first := make(chan error, 1)
	go func() {
		_, err := c.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100))
		first <- err
	}()
	const short = "no room to write the journal"
	said := func(part string) bool {
		return logged.Filter(func(e observer.LoggedEntry) bool { return strings.Contains(e.Message, part) }).Len() > 0
	}
	until(t, "the log says that the journal has no room", func() bool { return said(short) })
	if _, err := other.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100)); !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
		t.Errorf("a send while the journal has no room: %v", err)
	}
	if _, err := other.CreateStream(ctx, "another"); !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
		t.Errorf("a stream is created while the journal has no room: %v", err)
	}
	p, err := other.Poll(ctx, wire.PollMessages{Consumer: wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}, Stream: stream, Topic: topic,
		Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 10, AutoCommit: true})
	if err != nil || p.Count != 1 {
		t.Errorf("a poll while the journal has no room: %d messages, %v", p.Count, err)
	}
	select {
	case err := <-first:
		t.Errorf("what is in flight is answered: %v", err)
	default:
	}
	full.Store(false)
	if err := <-first; err != nil {
		t.Errorf("what was in flight: %v", err)
	}
	until(t, "sends are stored again", func() bool {
		_, err := other.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100))
		return err == nil
	})
	until(t, "the log says so", func() bool { return said("there is room to write the journal") })
}

// TestAnEndWaitsForRoomForTheJournal: an orderly end that cannot write the journal is not done in time, and is when there is room.
func TestAnEndWaitsForRoomForTheJournal(t *testing.T) {
	var full atomic.Bool
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.CPUs, c.Log, c.ShutdownTimeout = []int{0}, zap.NewNop(), 2*time.Second
		c.WrapIO = func(_ int, io uring.IO) uring.IO {
			return &failingIO{IO: io, err: syscall.ENOSPC, doomed: func(op *uring.Op) bool { return op.Kind == uring.KindWrite && full.Load() }}
		}
	})
	c := s.dial(t)
	stream, topic := topicWith(t, c, 1)
	if _, err := c.Send(context.Background(), stream, topic, 0, oneBatch(t, 1, 100)); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	sent := make(chan error, 1)
	go func() {
		_, err := c.Send(context.Background(), stream, topic, 0, oneBatch(t, 1, 100))
		sent <- err
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an end without room for the journal: %v", err)
	}
	full.Store(false)
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the broker does not end when there is room")
	}
	if err := s.Err(); err != nil {
		t.Errorf("the broker ends: %v", err)
	}
	<-sent // answered, or its connection was closed
}
