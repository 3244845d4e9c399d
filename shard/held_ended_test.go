package shard_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
)

// TestHeldPollEndsWithItsSession: a poll that waits for a message shows none to a session that was ended meanwhile, nor to a user who has
// lost the right to it, whichever shard holds it.
func TestHeldPollEndsWithItsSession(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.PollHold = time.Hour })
	root, ctx := s.dial(t), context.Background()
	stream, topic := topicWith(t, root, 12)
	for p := range uint32(12) {
		name := fmt.Sprintf("user-%d", p)
		user := wire.Named(name)
		if _, err := root.CreateUser(ctx, name, "secret", &wire.Permissions{Global: 1<<10 - 1}); err != nil {
			t.Fatal(err)
		}
		c, err := client.Dial(ctx, s.Info().Address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := c.Login(ctx, name, "secret"); err != nil {
			t.Fatal(err)
		}
		answer := held(t, c, stream, topic, p)
		s.awaitHeld(t, 1)
		want := wire.StatusUnauthenticated
		switch p % 3 {
		case 0:
			err = root.ChangePassword(ctx, user, "secret", "other")
		case 1:
			err = root.DeleteUser(ctx, user)
		case 2:
			err, want = root.UpdatePermissions(ctx, user, nil), wire.StatusUnauthorized
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := root.Send(ctx, stream, topic, p, oneBatch(t, 1, 100)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-answer:
			if !errors.Is(err, want) {
				t.Errorf("partition %d: the poll of %s was answered %v, want %v", p, name, err, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("partition %d: the poll of %s was not answered", p, name)
		}
	}
}
