package shard_test

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// TestSendsThatWaitForRoomKeepNobodyFromReading: a send whose group is refused waits; neither its place among the requests in flight nor
// its way to another shard keeps reads and deletions from being served.
func TestSendsThatWaitForRoomKeepNobodyFromReading(t *testing.T) {
	for name, of := range map[string]struct{ shards, most, senders int }{
		"places": {1, 2, 2}, "credits": {2, 0, 360},
	} {
		t.Run(name, func(t *testing.T) {
			var full, refused atomic.Bool
			s := startBroker(t, t.TempDir(), func(c *server.Config) {
				c.CPUs, c.Log, c.Limits.RequestsInFlightMax = make([]int, of.shards), zap.NewNop(), of.most
				c.WrapIO = func(_ int, io uring.IO) uring.IO {
					return &slowToFail{failingIO: failingIO{IO: io, err: syscall.ENOSPC, doomed: func(op *uring.Op) bool {
						return op.Kind == uring.KindWrite && op.Flags&uring.FlagDSync != 0 && full.Load()
					}}, now: &refused}
				}
			})
			c, ctx := s.dial(t), context.Background()
			stream, topic := topicWith(t, c, 1)
			if _, err := c.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100)); err != nil {
				t.Fatal(err)
			}
			var senders []*client.Client
			for range of.senders {
				senders = append(senders, s.dial(t))
			}
			readers := []*client.Client{s.dial(t), s.dial(t)}
			full.Store(true)
			handled := func() (n int) {
				for i := range of.shards {
					n += int(s.Handled(i))
				}
				return n
			}
			before, b := handled(), oneBatch(t, 1, 100)
			var sends sync.WaitGroup
			for _, c := range senders {
				sends.Go(func() { _, _ = c.Send(ctx, stream, topic, 0, b) }) // stored, or refused, when there is room
			}
			until(t, "all sends are on their way", func() bool { return handled() >= before+len(senders) })
			refused.Store(true)
			for i, c := range readers {
				limited, cancel := context.WithTimeout(ctx, 5*time.Second)
				defer cancel()
				_, err := c.Poll(limited, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic, Partition: wire.InPartition(0),
					Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 10})
				if err != nil {
					t.Errorf("reader %d: %v", i, err)
				}
			}
			full.Store(false)
			sends.Wait()
		})
	}
}

// slowToFail answers what fails when it is told to.
type slowToFail struct {
	failingIO
	now  *atomic.Bool
	kept []uring.Completion
}

func (x *slowToFail) Wait(timeout time.Duration) []uring.Completion {
	if len(x.kept) > 0 && (timeout < 0 || timeout > 10*time.Millisecond) {
		timeout = 10 * time.Millisecond
	}
	var cs []uring.Completion
	for _, c := range x.failingIO.Wait(timeout) {
		if c.Err == syscall.ENOSPC {
			x.kept = append(x.kept, c)
		} else {
			cs = append(cs, c)
		}
	}
	if x.now.Load() {
		cs, x.kept = append(cs, x.kept...), nil
	}
	return cs
}
