package shard_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/galgo-mq/galgo/auth"
	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/wire"
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

// server is a broker of the test's own.
type server struct {
	*shard.Broker
	dir string
}

// startBroker starts a broker on dir and ends it with the test.
func startBroker(t testing.TB, dir string, change func(c *shard.Config)) *server {
	t.Helper()
	h := auth.NewHasher(auth.Config{})
	t.Cleanup(h.Close)
	cfg := shard.Config{DataDir: dir, Address: "127.0.0.1:0", IO: "auto", CPUs: []int{0, 1}, JournalBytes: 16 << 20,
		Hasher: hasher{h, new(sync.Map)}, Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
		Root: shard.RootCredentials{Username: "iggy", PasswordPHC: func() (string, error) { return h.Hash([]byte("iggy")) }}}
	if change != nil {
		change(&cfg)
	}
	b, err := shard.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Broker: b, dir: dir}
	t.Cleanup(func() { s.stop(t) })
	return s
}

// stop ends the broker in order; it may be called more than once.
func (s *server) stop(t testing.TB) {
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

// dial returns a client that is logged in.
func (s *server) dial(t testing.TB) *client.Client {
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

func consumer(id uint32) wire.Consumer {
	return wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(id)}
}

// modes are the backends that this machine has.
var modes = []string{"uring", "epoll"}

func TestSendPollRestart(t *testing.T) {
	for _, mode := range modes {
		for _, shards := range []int{1, 2, 4} {
			t.Run(fmt.Sprintf("%s-%d", mode, shards), func(t *testing.T) { testSendPollRestart(t, mode, shards) })
		}
	}
}

func testSendPollRestart(t *testing.T, mode string, shards int) {
	dir := t.TempDir()
	change := func(c *shard.Config) {
		c.IO, c.CPUs = mode, make([]int, shards)
	}
	s := startBroker(t, dir, change)
	c := s.dial(t)
	ctx := context.Background()
	st, err := c.CreateStream(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	stream, topic := wire.Named("orders"), wire.Named("new")
	if _, err := c.CreateTopic(ctx, stream, "new", 4); err != nil {
		t.Fatal(err, st)
	}
	sizes := []int{1, 100, 5000, 200 << 10, 3}
	payload := func(p, i, n int) []byte { return bytes.Repeat([]byte{byte(p*31 + i + 1)}, n) }
	for part := range 4 {
		for i, n := range sizes {
			var b batch.Builder
			if err := b.Add([16]byte{}, payload(part, i, n), nil); err != nil {
				t.Fatal(err)
			}
			placed, err := c.Send(ctx, stream, topic, uint32(part), b.Bytes())
			if err != nil || placed.BaseOffset != uint64(i) {
				t.Fatalf("send %d to %d: %+v %v", i, part, placed, err)
			}
		}
	}
	check := func(c *client.Client) {
		t.Helper()
		for part := range 4 {
			p, err := c.Poll(ctx, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic,
				Partition: wire.InPartition(uint32(part)), Strategy: wire.Strategy{Kind: wire.FromOffset}, Count: 100})
			if err != nil || p.Count != len(sizes) {
				t.Fatalf("poll %d: %d messages, %v", part, p.Count, err)
			}
			i := 0
			for m := range p.Messages() {
				if m.Offset != uint64(i) || !bytes.Equal(m.Payload(), payload(part, i, sizes[i])) {
					t.Fatalf("partition %d, message %d differs", part, i)
				}
				i++
			}
		}
	}
	check(c)
	s.stop(t)
	again := startBroker(t, dir, change)
	if !again.Info().Clean {
		t.Error("the end in order was not found")
	}
	check(again.dial(t))
}
