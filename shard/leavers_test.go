package shard_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// TestHandoverEndsWhileShard0Sleeps: the deadline of a hand-over passes while nothing happens on shard 0.
func TestHandoverEndsWhileShard0Sleeps(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.RebalancingTimeout, c.RetentionInterval = 5*time.Second, time.Hour
	})
	ctx := context.Background()
	a, b := s.dial(t), s.dial(t)
	stream, topic := topicWith(t, a, 2)
	if _, err := a.CreateGroup(ctx, stream, topic, "g"); err != nil {
		t.Fatal(err)
	}
	for p := range 2 {
		if err := s.MovePartition(metadata.ByName([]byte("cost")), metadata.ByName([]byte("cost")), p, 1); err != nil && s.Owner(metadata.ByName([]byte("cost")), metadata.ByName([]byte("cost")), p) != 1 {
			t.Fatal(err)
		}
		if _, err := a.Send(ctx, stream, topic, uint32(p), oneBatch(t, 1, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.JoinGroup(ctx, stream, topic, wire.Named("g")); err != nil {
		t.Fatal(err)
	}
	for p := range uint32(2) {
		r, err := a.Poll(ctx, wire.PollMessages{Consumer: group, Stream: stream, Topic: topic, Partition: wire.InPartition(p),
			Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 10})
		if err != nil || r.Count != 1 {
			t.Fatal(r.Count, err)
		}
	}
	clients, err := a.Clients(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		s.MoveConnection(c.ID, 1)
	}
	if n := s.Conns(); n[0] != 0 {
		t.Fatalf("connections: %v", n)
	}
	if err := b.JoinGroup(ctx, stream, topic, wire.Named("g")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		x, member, err := b.SyncGroup(ctx, stream, topic, wire.Named("g"))
		if err != nil || !member {
			t.Fatal(member, err)
		}
		if len(x.Partitions) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the partition is nobody's")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestLogoutWithoutRoom: members log out and close while no metadata command can be written. They lose their places when there
// is room again.
func TestLogoutWithoutRoom(t *testing.T) {
	var room atomic.Bool
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.CPUs, c.JournalBytes, c.Log = []int{0}, 2<<20, zap.NewNop()
		c.WrapIO = func(_ int, io uring.IO) uring.IO {
			return &failingIO{IO: io, err: syscall.EIO, doomed: func(op *uring.Op) bool { return !room.Load() && ofSnapshot(op) }}
		}
	})
	ctx := context.Background()
	admin, out, gone := s.dial(t), s.dial(t), s.dial(t)
	stream, topic := topicWith(t, admin, 4)
	if _, err := admin.CreateGroup(ctx, stream, topic, "g"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client.Client{out, gone} {
		if err := c.JoinGroup(ctx, stream, topic, wire.Named("g")); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int{240, 10, 0} {
		for i, err := 0, error(nil); err == nil; i++ {
			_, err = admin.CreateStream(ctx, fmt.Sprint(size, i, strings.Repeat("x", size)))
		}
	}
	for i, err := 0, error(nil); err == nil; i++ {
		err = admin.JoinGroup(ctx, stream, topic, wire.Named("g"))
		if err == nil {
			err = admin.LeaveGroup(ctx, stream, topic, wire.Named("g"))
		}
	}
	if err := out.Logout(ctx); err == nil {
		t.Fatal("there was room for the logout")
	} else {
		t.Log(err)
	}
	gone.Close()
	room.Store(true)
	for deadline := time.Now().Add(30 * time.Second); ; {
		g, err := admin.GetGroup(ctx, stream, topic, wire.Named("g"))
		if err != nil {
			t.Fatal(err)
		}
		if g.MembersCount == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("members that are gone: %v", g.Members)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
