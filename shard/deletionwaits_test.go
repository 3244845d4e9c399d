package shard_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// TestADeletionBehindARefusedCommandAsksForTheReserve: commands go one at a time, so a deletion waits for the one whose group has no room. All of
// the reserve is given up for it, and it is answered after a time.
func TestADeletionBehindARefusedCommandAsksForTheReserve(t *testing.T) {
	var full, refused atomic.Bool
	dir := t.TempDir()
	s := startBroker(t, dir, func(c *server.Config) {
		c.CPUs, c.Log = []int{0}, zap.NewNop()
		c.WrapIO = func(_ int, io uring.IO) uring.IO {
			return &failingIO{IO: io, err: syscall.ENOSPC, doomed: func(op *uring.Op) bool {
				doomed := op.Kind == uring.KindWrite && op.Flags&uring.FlagDSync != 0 && full.Load()
				refused.Store(refused.Load() || doomed)
				return doomed
			}}
		}
	})
	c, other, ctx := s.dial(t), s.dial(t), context.Background()
	stream, topic := topicWith(t, c, 1)
	full.Store(true)
	first := make(chan error, 1)
	go func() {
		_, err := c.CreateStream(ctx, "in flight")
		first <- err
	}()
	until(t, "the command is refused", refused.Load)
	deleted := make(chan error, 1)
	go func() { deleted <- other.DeleteTopic(ctx, stream, topic) }()
	select {
	case err := <-deleted:
		if !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
			t.Errorf("a deletion behind it: %v", err)
		}
	case <-time.After(9 * time.Second):
		t.Error("a deletion behind it is not answered")
	}
	if _, err := os.Stat(dir + "/state/reserve"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a part of the reserve is kept: %v", err)
	}
	full.Store(false)
	if err := <-first; err != nil {
		t.Errorf("what was in flight: %v", err)
	}
}
