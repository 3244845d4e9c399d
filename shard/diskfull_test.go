package shard_test

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// TestFullDiskIsSaid: the log says that the disk is full, once for all that is refused, and once that it is no more.
func TestFullDiskIsSaid(t *testing.T) {
	var full atomic.Bool
	core, logged := observer.New(zap.InfoLevel)
	s := startBroker(t, t.TempDir(), func(c *shard.Config) {
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
