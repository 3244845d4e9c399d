package shard_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/servertest"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/wire"
)

// broker is one of the test's own.
type broker struct {
	*servertest.Server
	*shard.Group
	dir string
}

// startBroker starts a broker on dir and ends it with the test.
func startBroker(t testing.TB, dir string, change func(c *server.Config)) *broker {
	t.Helper()
	s := servertest.Start(t, dir, change)
	return &broker{s, s.Group(), dir}
}

// stop ends the broker in order; it may be called more than once.
func (s *broker) stop(t testing.TB) {
	t.Helper()
	s.Server.Stop(t)
}

// dial returns a client that is logged in.
func (s *broker) dial(t testing.TB) *client.Client {
	t.Helper()
	return s.Dial(t)
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
	change := func(c *server.Config) {
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
