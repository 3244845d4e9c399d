package shard_test

import (
	"context"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
)

// TestMoveConnection moves an idle connection from shard to shard, 1,000 times, and uses it in between: its session goes
// along, and every answer is right.
func TestMoveConnection(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			const shards, moves = 4, 1000
			s := startBroker(t, t.TempDir(), func(c *server.Config) { c.IO, c.CPUs = mode, make([]int, shards) })
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

// TestMovePartition moves an idle partition from shard to shard, 1,000 times, at each level, and uses it in between:
// offsets go on, every record is there, and a restart finds them all.
func TestMovePartition(t *testing.T) {
	for _, level := range []string{"persisted", "written", "memory"} {
		t.Run(level, func(t *testing.T) { testMovePartition(t, level) })
	}
}

func testMovePartition(t *testing.T, level string) {
	const shards, moves = 4, 1000
	dir := t.TempDir()
	change := func(c *server.Config) { c.CPUs = make([]int, shards) }
	s := startBroker(t, dir, change)
	c := s.dial(t)
	ctx := context.Background()
	stream, topic := topicWith(t, c, 1, wire.Option{Key: []byte("durability"), Kind: wire.KindString, Value: []byte(level)},
		wire.Option{Key: []byte("segment_size"), Kind: wire.KindUint64, Value: []byte{0, 0, 16, 0, 0, 0, 0, 0}})
	name := metadata.ByName([]byte("cost"))
	small, large := oneBatch(t, 3, 50), oneBatch(t, 40, 5000)
	sent := uint64(0)
	for i := range moves {
		to := (s.Owner(name, name, 0) + 1 + i%(shards-1)) % shards
		if err := s.MovePartition(name, name, 0, to); err != nil {
			t.Fatalf("move %d to shard %d: %v", i, to, err)
		}
		if owner := s.Owner(name, name, 0); owner != to {
			t.Fatalf("move %d: shard %d owns it, not %d", i, owner, to)
		}
		b := small
		if i%50 == 7 {
			b = large
		}
		placed, err := c.Send(ctx, stream, topic, 0, b)
		if err != nil || placed.BaseOffset != sent {
			t.Fatalf("after move %d: %+v, %v; offset %d was due", i, placed, err, sent)
		}
		sent += uint64(b.Count())
		if i%3 == 0 {
			if err := c.StoreOffset(ctx, consumer(9), stream, topic, 0, sent-1); err != nil {
				t.Fatalf("after move %d: %v", i, err)
			}
		}
		if i%20 == 0 {
			pollAll(t, c, stream, topic, sent)
		}
		o, err := c.GetOffset(ctx, consumer(9), stream, topic, 0)
		if err != nil || o.StoredOffset > sent-1 || o.CurrentOffset != sent-1 {
			t.Fatalf("after move %d: stored %+v, %v; the last offset is %d", i, o, err, sent-1)
		}
	}
	pollAll(t, c, stream, topic, sent)
	s.stop(t)
	s = startBroker(t, dir, change)
	pollAll(t, s.dial(t), stream, topic, sent)
}

// pollAll reads every offset below sent.
func pollAll(t *testing.T, c *client.Client, stream, topic wire.Identifier, sent uint64) {
	t.Helper()
	for at := uint64(0); at < sent; {
		p, err := c.Poll(context.Background(), wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic, Partition: wire.InPartition(0),
			Strategy: wire.Strategy{Kind: wire.FromOffset, Value: at}, Count: 1000})
		if err != nil || p.Count == 0 {
			t.Fatalf("%d messages at offset %d of %d, %v", p.Count, at, sent, err)
		}
		for m := range p.Messages() {
			if m.Offset != at {
				t.Fatalf("offset %d, %d was due", m.Offset, at)
			}
			at++
		}
	}
}
