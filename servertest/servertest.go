// Package servertest starts servers for the tests of other packages.
package servertest

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/galgo-mq/galgo/auth"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/shard"
)

// hasher checks passwords in this process. One that was right is not hashed again: some tests log in hundreds of times.
type hasher struct {
	*auth.Hasher
	right *sync.Map // of stored hash and password
}

func (h hasher) Verify(a shard.Attempt, done func(ok bool)) error {
	key := [2]string{a.PHC, string(a.Password)}
	if _, known := h.right.Load(key); known {
		go done(true)
		return nil
	}
	return h.Submit(auth.Job{PHC: a.PHC, Password: a.Password}, func(ok bool) {
		if ok {
			h.right.Store(key, true)
		}
		done(ok)
	})
}

func (h hasher) Hash(password []byte, done func(phc string, err error)) error {
	return h.SubmitHash(password, done)
}

// Server is one of a test's own.
type Server struct {
	*server.Server
	Dir string
}

// Start starts a server on dir and ends it with the test.
func Start(t testing.TB, dir string, change func(c *server.Config)) *Server {
	t.Helper()
	h := auth.NewHasher(auth.Config{})
	t.Cleanup(h.Close)
	cfg := server.Config{Config: shard.Config{DataDir: dir, Hasher: hasher{h, new(sync.Map)}},
		Address: "127.0.0.1:0", IO: "auto", CPUs: []int{0, 1}, JournalBytes: 16 << 20, Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
		Root: server.RootCredentials{Username: "iggy", PasswordPHC: func() (string, error) { return h.Hash([]byte("iggy")) }}}
	if change != nil {
		change(&cfg)
	}
	b, err := server.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Server: b, Dir: dir}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Stop ends the server in order; it may be called more than once.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	select {
	case <-s.Done():
		return
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// Dial returns a client that is logged in.
func (s *Server) Dial(t testing.TB) *client.Client {
	t.Helper()
	ctx := context.Background()
	c, err := client.Dial(ctx, s.Info().Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Login(ctx, "iggy", "iggy"); err != nil {
		t.Fatal(err)
	}
	return c
}
