package shard_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/wire"
)

// TestSilentMemberIsDropped lets a member of a group say nothing for too long: it loses its place, and hears why with its next
// request. Who is in no group may be as silent, and who says something stays.
func TestSilentMemberIsDropped(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *shard.Config) { c.HeartbeatInterval = 500 * time.Millisecond })
	ctx := context.Background()
	admin, silent, loud, idle := s.dial(t), s.dial(t), s.dial(t), s.dial(t)
	stream, topic := topicWith(t, admin, 4)
	if _, err := admin.CreateGroup(ctx, stream, topic, "g"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []interface {
		JoinGroup(ctx context.Context, stream, topic, group wire.Identifier) error
	}{silent, loud} {
		if err := c.JoinGroup(ctx, stream, topic, wire.Named("g")); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if err := loud.Ping(ctx); err != nil {
			t.Fatalf("ping of the member that is heard of: %v", err)
		}
		g, err := admin.GetGroup(ctx, stream, topic, wire.Named("g"))
		if err != nil {
			t.Fatal(err)
		}
		if g.MembersCount == 1 {
			if len(g.Members[0].Partitions) != 4 {
				t.Errorf("the member that is left owns %v", g.Members[0].Partitions)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the silent member keeps its place")
		}
	}
	if a, member, err := loud.SyncGroup(ctx, stream, topic, wire.Named("g")); err != nil || !member || len(a.Partitions) != 4 {
		t.Errorf("the member that is heard of: %v, %v, %v", a, member, err)
	}
	if err := silent.Ping(ctx); !errors.Is(err, wire.StatusStaleClient) {
		t.Errorf("the next request of the silent member: %v, want %v", err, wire.StatusStaleClient)
	}
	if err := idle.Ping(ctx); err != nil {
		t.Errorf("ping of a client that is in no group: %v", err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		clients, err := admin.Clients(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(clients) == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d clients are listed, want 3: the connection of the silent member is closed", len(clients))
		}
	}
}
