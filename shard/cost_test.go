package shard_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/wire"
)

// oneBatch is a batch of n messages of size bytes.
func oneBatch(t testing.TB, n, size int) batch.Batch {
	t.Helper()
	var b batch.Builder
	for i := range n {
		if err := b.Add([16]byte{byte(i), byte(i >> 8)}, bytes.Repeat([]byte{byte('a' + i%26)}, size), nil); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// topicWith makes a stream and a topic with so many partitions.
func topicWith(t testing.TB, c *client.Client, partitions uint32, options ...wire.Option) (stream, topic wire.Identifier) {
	t.Helper()
	stream, topic = wire.Named("cost"), wire.Named("cost")
	if _, err := c.CreateStream(context.Background(), "cost"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateTopic(context.Background(), stream, "cost", partitions, options...); err != nil {
		t.Fatal(err)
	}
	return stream, topic
}

// TestRequestsAllocateNothing runs sends and polls over a real socket against both backends: neither the server nor the
// client allocates, whether the log is the connection's shard's own or another's.
func TestRequestsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			s := startBroker(t, t.TempDir(), func(c *server.Config) { c.IO = mode })
			c := s.dial(t)
			ctx := context.Background()
			stream, topic := topicWith(t, c, 2) // one partition on each shard
			b := oneBatch(t, 1, 100)
			fails := func(err error) {
				if err != nil {
					t.Fatal(err)
				}
			}
			for part := range uint32(2) {
				send := func() {
					_, err := c.Send(ctx, stream, topic, part, b)
					fails(err)
				}
				poll := func() {
					p, err := c.Poll(ctx, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic, Partition: wire.InPartition(part),
						Strategy: wire.Strategy{Kind: wire.FromLast}, Count: 10})
					fails(err)
					if p.Count != 10 {
						t.Fatalf("%d messages", p.Count)
					}
				}
				for range 3000 { // pools and queues reach their size
					send()
				}
				for range 500 {
					poll()
				}
				if n := testing.AllocsPerRun(2000, send); n >= 1 {
					t.Errorf("partition %d: a send allocates %v times", part, n)
				}
				if n := testing.AllocsPerRun(2000, poll); n >= 1 {
					t.Errorf("partition %d: a poll allocates %v times", part, n)
				}
			}
		})
	}
}

// total adds up what all shards did.
func total(b *server.Server) (sum shard.Stats) {
	for _, s := range b.Stats() {
		sum.IO.Syscalls += s.IO.Syscalls
		sum.IO.Synced += s.IO.Synced
		sum.IO.Writes += s.IO.Writes
		sum.Copies += s.Copies
		sum.CopiedBytes += s.CopiedBytes
		sum.Requests += s.Requests
		sum.Groups += s.Groups
		sum.HeldBytes += s.HeldBytes
	}
	return sum
}

// announcing tells when its client waits for a reply: what it asked for is written by then.
type announcing struct {
	net.Conn
	waits chan struct{}
}

func (a announcing) Read(p []byte) (int, error) {
	a.waits <- struct{}{}
	return a.Conn.Read(p)
}

// TestCostOfSmallSends counts what 16 producers of one 100-byte message each cost at persisted: two copies of each batch
// and none of anything else, fewer than one synced disk operation for every two requests, and never none. The shard is
// held while the 16 requests of a round are written, so that the count does not depend on who runs when.
func TestCostOfSmallSends(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) { testCostOfSmallSends(t, mode) })
	}
}

func testCostOfSmallSends(t *testing.T, mode string) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.IO, c.CPUs = mode, []int{0} })
	stream, topic := topicWith(t, s.dial(t), 4, wire.Option{Key: []byte("durability"), Kind: wire.KindString, Value: []byte("persisted")})
	b := oneBatch(t, 1, 100)
	const producers, rounds = 16, 100
	waits := make(chan struct{}, 4*producers)
	clients := make([]*client.Client, producers)
	for i := range clients {
		conn, err := net.Dial("tcp", s.Info().Address)
		if err != nil {
			t.Fatal(err)
		}
		clients[i] = client.New(announcing{conn, waits})
		t.Cleanup(func() { clients[i].Close() })
		if _, err := clients[i].Login(context.Background(), "iggy", "iggy"); err != nil {
			t.Fatal(err)
		}
		if _, err := clients[i].Send(context.Background(), stream, topic, uint32(i%4), b); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 * producers { // of the logins and the first sends
		<-waits
	}
	before := total(s.Server.Server)
	for range rounds {
		resume := s.Hold(0)
		var wg sync.WaitGroup
		for i, c := range clients {
			wg.Go(func() {
				if _, err := c.Send(context.Background(), stream, topic, uint32(i%4), b); err != nil {
					t.Error(err)
				}
			})
		}
		for range clients {
			<-waits
		}
		resume()
		wg.Wait()
	}
	after := total(s.Server.Server)
	requests := after.Requests - before.Requests
	if requests != producers*rounds {
		t.Fatalf("%d requests counted, %d were sent", requests, producers*rounds)
	}
	copies, copied := after.Copies-before.Copies, after.CopiedBytes-before.CopiedBytes
	synced, calls := after.IO.Synced-before.IO.Synced, after.IO.Syscalls-before.IO.Syscalls
	t.Logf("%d requests: %d copies of %d bytes, %d synced operations, %d groups, %d system calls", requests, copies, copied, synced,
		after.Groups-before.Groups, calls)
	if copies != 2*requests || copied != copies*uint64(len(b)) {
		t.Errorf("%d copies of %d bytes: two of each batch are needed, more are not", copies, copied)
	}
	// On a busy machine the kernel now and then hands over what was written late, and a round takes two turns.
	if groups := after.Groups - before.Groups; groups < rounds || groups > rounds+rounds/20 {
		t.Errorf("%d groups for %d rounds: all that comes in a turn leaves as one", groups, rounds)
	}
	if synced == 0 || 2*synced >= requests {
		t.Errorf("%d synced operations for %d requests", synced, requests)
	}
	if mode == "uring" && 2*calls >= requests {
		t.Errorf("%d system calls for %d requests", calls, requests)
	}
}
