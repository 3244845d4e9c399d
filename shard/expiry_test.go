package shard_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
)

// TestExpiredTokensGo makes a token that is soon over: a login with it fails then, and the cleaner takes it off the list, on a
// broker where nothing else happens on shard 0.
func TestExpiredTokensGo(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.TokenCleanerInterval = 100 * time.Millisecond })
	ctx := context.Background()
	c := s.dial(t)
	secret, err := c.CreateToken(ctx, "short", 300_000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateToken(ctx, "long", 0); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		tokens, err := c.GetTokens(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(tokens) == 1 && tokens[0].Name == "long" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the list has %v, want the token that never expires alone", tokens)
		}
	}
	if _, err := s.dial(t).LoginWithToken(ctx, secret); !errors.Is(err, wire.StatusInvalidPersonalAccessToken) {
		t.Errorf("login with an expired token: %v, want %v", err, wire.StatusInvalidPersonalAccessToken)
	}
}
