package shard_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// TestSilentMemberIsDropped lets a member of a group say nothing for too long: it loses its place, and hears why with its next
// request. Who is in no group may be as silent, and who says something stays.
func TestSilentMemberIsDropped(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.HeartbeatInterval = 500 * time.Millisecond })
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

// TestSlowFrameIsNoSilence: a member whose frame is coming in is not silent. Were it told that its session is over, the frame
// would be answered too, and all answers after that would be those to other requests.
func TestSlowFrameIsNoSilence(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.HeartbeatInterval, c.CPUs = time.Second, []int{0} })
	ctx := context.Background()
	admin, slow, silent := s.dial(t), s.raw(t), s.dial(t)
	stream, topic := topicWith(t, admin, 1)
	if _, err := admin.CreateGroup(ctx, stream, topic, "g"); err != nil {
		t.Fatal(err)
	}
	slow.send(wire.CodeJoinConsumerGroup, 1, 1, vsr.AppendJoinConsumerGroup(nil, wire.JoinConsumerGroup{Stream: stream, Topic: topic, Group: wire.Named("g")}))
	if f := slow.answer(); f.Status() != wire.StatusOK {
		t.Fatal(f.Status())
	}
	body := vsr.AppendSendMessages(nil, wire.SendMessages{Stream: stream, Topic: topic, Partitioning: wire.Partitioning{Kind: wire.ToPartition}, Count: 1})
	body = append(body, oneBatch(t, 1, 100_000)...)
	p := make([]byte, vsr.HeaderSize)
	vsr.PutRequest(p, vsr.RequestHeader{Client: slow.client, Session: 1, Request: 2, Code: wire.CodeSendMessages}, body, nil)
	p = append(p, body...)
	if _, err := slow.Write(p[:50_000]); err != nil {
		t.Fatal(err)
	}
	if err := silent.JoinGroup(ctx, stream, topic, wire.Named("g")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; { // who came later is dropped
		g, err := admin.GetGroup(ctx, stream, topic, wire.Named("g"))
		if err != nil {
			t.Fatal(err)
		}
		if g.MembersCount < 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the silent member keeps its place")
		}
	}
	if _, err := slow.Write(p[50_000:]); err != nil {
		t.Fatal(err)
	}
	slow.send(wire.CodePing, 1, 3, nil)
	for _, want := range []vsr.Operation{vsr.SendMessages, vsr.NonReplicated} {
		if f := slow.answer(); f.Command() != vsr.CommandReply || f.ReplyOperation() != want || f.Status() != wire.StatusOK {
			t.Errorf("answer is command %d, operation %d, status %v, want operation %d", f.Command(), f.ReplyOperation(), f.Status(), want)
		}
	}
}

// TestMembersOfDeletedUsersGo: a user is deleted while a member of a group; what it owned goes to others though it says it lives.
func TestMembersOfDeletedUsersGo(t *testing.T) {
	s := startBroker(t, t.TempDir(), nil)
	ctx := context.Background()
	admin := s.dial(t)
	stream, topic := topicWith(t, admin, 2)
	if _, err := admin.CreateGroup(ctx, stream, topic, "g"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateUser(ctx, "alice", "password", &wire.Permissions{Global: 1<<10 - 1}); err != nil {
		t.Fatal(err)
	}
	alice, err := client.Dial(ctx, s.Info().Address)
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	if _, err := alice.Login(ctx, "alice", "password"); err != nil {
		t.Fatal(err)
	}
	if err := alice.JoinGroup(ctx, stream, topic, wire.Named("g")); err != nil {
		t.Fatal(err)
	}
	if err := admin.JoinGroup(ctx, stream, topic, wire.Named("g")); err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteUser(ctx, wire.Named("alice")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		_ = alice.Ping(ctx)
		g, err := admin.GetGroup(ctx, stream, topic, wire.Named("g"))
		if err != nil {
			t.Fatal(err)
		}
		if g.MembersCount == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a user that is gone owns partitions: %v", g.Members)
		}
	}
}
