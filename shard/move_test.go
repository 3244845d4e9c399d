package shard_test

import (
	"context"
	"testing"

	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/wire"
)

// TestMoveConnection moves an idle connection from shard to shard, 1,000 times, and uses it in between: its session goes
// along, and every answer is right.
func TestMoveConnection(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			const shards, moves = 4, 1000
			s := startBroker(t, t.TempDir(), func(c *shard.Config) { c.IO, c.CPUs = mode, make([]int, shards) })
			c := s.dial(t)
			ctx := context.Background()
			stream, topic := topicWith(t, c, 4)
			me, err := c.Me(ctx)
			if err != nil {
				t.Fatal(err)
			}
			b := oneBatch(t, 3, 50)
			at, moved := -1, 0
			for i := range moves {
				to := (i*7 + 1) % shards
				ok := s.MoveConnection(me.ID, to)
				for tries := 0; !ok && to != at && tries < 1000; tries++ { // its shard may not have seen the last send end
					ok = s.MoveConnection(me.ID, to)
				}
				switch {
				case ok:
					moved++
				case to != at && at >= 0:
					t.Fatalf("move %d: an idle connection did not go from shard %d to %d", i, at, to)
				}
				at = to
				part := uint32(i % 4)
				placed, err := c.Send(ctx, stream, topic, part, b)
				if err != nil || placed.BaseOffset != uint64(i/4*3) {
					t.Fatalf("after move %d: %+v, %v", i, placed, err)
				}
				if i%10 == 0 {
					p, err := c.Poll(ctx, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic, Partition: wire.InPartition(part),
						Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 100000})
					if err != nil || p.Count != (i/4+1)*3 {
						t.Fatalf("after move %d: %d messages, %v", i, p.Count, err)
					}
				}
			}
			if moved < moves*9/10 {
				t.Errorf("only %d of %d moves", moved, moves)
			}
			again, err := c.Me(ctx)
			if err != nil || again.ID != me.ID || again.UserID != me.UserID {
				t.Errorf("the connection was %+v and is %+v, %v", me, again, err)
			}
			left := 0
			for _, st := range s.Stats() {
				left += st.Connections
			}
			if left != 1 {
				t.Errorf("%d connections are counted, there is one", left)
			}
		})
	}
}
