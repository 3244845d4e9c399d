package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// enterWith logs in with a token. The client is closed with the test.
func (s *server) enterWith(token string) (*client.Client, error) {
	s.t.Helper()
	ctx := context.Background()
	c, err := client.Dial(ctx, s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	_, err = c.LoginWithToken(ctx, token)
	return c, err
}

// TestTokensEndAtTheirTime: a token logs in until its time and not after it, also when the broker was restarted meanwhile, and one of 0 for
// ever. It is refused then as if it had never been, its name is free, and the session that it opened lives on.
func TestTokensEndAtTheirTime(t *testing.T) {
	const life = 2000 * time.Millisecond
	ctx := context.Background()
	o := options{dir: t.TempDir(), args: []string{"--shards", "2", "--journal-size", "8MiB", "--personal-access-token-cleaner-interval", "1s"}}
	s := start(t, o)
	c := s.dial()
	create := func(name string, life time.Duration) (secret string, end time.Time) {
		t.Helper()
		secret, err := c.CreateToken(ctx, name, uint64(life.Microseconds()))
		if err != nil {
			t.Fatalf("token %s: %v", name, err)
		}
		return secret, time.Now().Add(life)
	}
	refused := func(what, token string) {
		t.Helper()
		if _, err := s.enterWith(token); !errors.Is(err, wire.StatusInvalidPersonalAccessToken) {
			t.Errorf("login with a token %s: %v, want %v", what, err, wire.StatusInvalidPersonalAccessToken)
		}
	}
	// works looks whether a token logs in, at a time before its end: what was refused later than that proves nothing.
	works := func(what, token string, end time.Time) *client.Client {
		t.Helper()
		x, err := s.enterWith(token)
		if err != nil && time.Now().Before(end.Add(-life/4)) {
			t.Errorf("login with a token %s: %v", what, err)
		}
		return x
	}
	never, _ := create("never", 0)
	short, end := create("short", life)
	live := works("that is new", short, end)
	works("that never ends", never, time.Now().Add(time.Hour))
	if _, err := c.CreateToken(ctx, "short", 0); !errors.Is(err, wire.StatusPersonalAccessTokenAlreadyExists) {
		t.Errorf("its name is given again: %v", err)
	}
	time.Sleep(time.Until(end)) // which is its end, and what is tested
	refused("whose time is over", short)
	refused("that never was", strings.Repeat("x", len(short)))
	if err := live.Ping(ctx); err != nil {
		t.Errorf("the session that it opened: %v", err)
	}
	eventually(t, "its name is free", func() bool {
		var err error
		short, err = c.CreateToken(ctx, "short", uint64((2 * life).Microseconds()))
		return err == nil
	})
	end = time.Now().Add(2 * life)
	s.stop()
	s = start(t, o)
	c = s.dial()
	works("after a restart", short, end)
	time.Sleep(time.Until(end))
	refused("whose time is over, some of it in a run before", short)
	works("that never ends, after a restart", never, time.Now().Add(time.Hour))
	if err := c.DeleteToken(ctx, "never"); err != nil {
		t.Fatal(err)
	}
	refused("that was deleted", never)
	s.stop()
}
