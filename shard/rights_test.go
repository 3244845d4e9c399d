package shard_test

import (
	"context"
	"errors"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// TestRightRevokedWhileTheCommandWaits: the shard of a connection finds a command allowed, and the right is gone before its turn
// has come on shard 0. The second judgement refuses it; the same for a user that is deleted meanwhile.
func TestRightRevokedWhileTheCommandWaits(t *testing.T) {
	for _, revoke := range []struct {
		name string
		do   func(root *client.Client) error
		want wire.Status
	}{
		{"right", func(root *client.Client) error {
			return root.UpdatePermissions(context.Background(), wire.Named("maker"), &wire.Permissions{})
		}, wire.StatusUnauthorized},
		{"user", func(root *client.Client) error { return root.DeleteUser(context.Background(), wire.Named("maker")) }, wire.StatusUnauthenticated},
	} {
		t.Run(revoke.name, func(t *testing.T) {
			s := startBroker(t, t.TempDir(), nil)
			ctx := context.Background()
			if _, err := s.dial(t).CreateUser(ctx, "maker", "password", &wire.Permissions{Global: 1<<10 - 1}); err != nil {
				t.Fatal(err)
			}
			onShard1 := func(user, password string) *client.Client {
				for {
					before := s.Conns()[1]
					c, err := client.Dial(ctx, s.Info().Address)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { c.Close() })
					if _, err := c.Login(ctx, user, password); err != nil {
						t.Fatal(err)
					}
					if s.Conns()[1] > before {
						return c
					}
				}
			}
			root, maker := onShard1("iggy", "iggy"), onShard1("maker", "password")
			if _, err := maker.CreateStream(ctx, "allowed"); err != nil {
				t.Fatal(err)
			}
			resume := s.Hold(0)
			handled := s.Handled(1)
			revoked, created := make(chan error, 1), make(chan error, 1)
			go func() { revoked <- revoke.do(root) }()
			until(t, "the first command waits for shard 0", func() bool { return s.Handled(1) == handled+1 })
			go func() {
				_, err := maker.CreateStream(ctx, "late")
				created <- err
			}()
			until(t, "the second one does", func() bool { return s.Handled(1) == handled+2 })
			resume()
			if err := <-revoked; err != nil {
				t.Fatal(err)
			}
			if err := <-created; !errors.Is(err, revoke.want) {
				t.Errorf("a command whose right went while it waited: %v, want %v", err, revoke.want)
			}
			if streams, err := root.GetStreams(ctx); err != nil || len(streams) != 1 {
				t.Errorf("%d streams, %v", len(streams), err)
			}
		})
	}
}

// TestWhatIsNotThereNeedsNoRight: answers that show nothing are given to everybody: a member's poll of a topic that is gone is told that
// the partition is not its own, and a stream that is not there has no topics.
func TestWhatIsNotThereNeedsNoRight(t *testing.T) {
	s := startBroker(t, t.TempDir(), nil)
	ctx := context.Background()
	root := s.dial(t)
	if _, err := root.CreateUser(ctx, "nobody", "password", nil); err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(ctx, s.Info().Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Login(ctx, "nobody", "password"); err != nil {
		t.Fatal(err)
	}
	group := wire.Consumer{Kind: wire.GroupConsumer, ID: wire.Named("g")}
	for _, k := range []*client.Client{root, c} {
		for _, partition := range []wire.PartitionChoice{wire.InPartition(0), {}} {
			p, err := k.Poll(ctx, wire.PollMessages{Consumer: group, Stream: wire.Named("gone"), Topic: wire.Named("t"), Partition: partition,
				Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 1})
			if err != nil || partition.Named != (p.PartitionID == wire.NotOwned) {
				t.Errorf("a member's poll of a topic that is gone: partition %d, %v", p.PartitionID, err)
			}
		}
		if topics, err := k.GetTopics(ctx, wire.Named("gone")); err != nil || len(topics) != 0 {
			t.Errorf("%d topics of a stream that is gone: %v", len(topics), err)
		}
		if _, err := k.GetStream(ctx, wire.Named("gone")); !errors.Is(err, wire.StatusStreamIDNotFound) && err == nil {
			t.Errorf("a stream that is gone: %v", err)
		}
	}
}
