package shard_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// stalled is a connection whose reading can be held back.
type stalled struct {
	net.Conn
	gate chan struct{} // closed: reading goes on
}

func (s stalled) Read(p []byte) (int, error) {
	<-s.gate
	return s.Conn.Read(p)
}

// TestSlowReaders has many readers ask for large replies and not take them: memory gets short, what they hold is given
// up, producers go on, and in the end every reader gets every byte.
func TestSlowReaders(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			s := startBroker(t, t.TempDir(), func(c *server.Config) { c.IO, c.MemoryBudget = mode, 128<<20 })
			admin := s.dial(t)
			ctx := context.Background()
			stream, topic := topicWith(t, admin, 2)
			const batches, size, readers = 24, 1 << 20, 24
			content := func(part, i int) []byte {
				p := bytes.Repeat([]byte{byte(part<<7 | i)}, size)
				binary.LittleEndian.PutUint64(p, uint64(part*1000+i))
				return p
			}
			send := func(c *client.Client, part, i int) {
				t.Helper()
				var b batch.Builder
				if err := b.Add([16]byte{}, content(part, i), nil); err != nil {
					t.Fatal(err)
				}
				placed, err := c.Send(ctx, stream, topic, uint32(part), b.Bytes())
				if err != nil || placed.BaseOffset != uint64(i) {
					t.Fatalf("send %d to %d: %+v, %v", i, part, placed, err)
				}
			}
			for part := range 2 {
				for i := range batches {
					send(admin, part, i)
				}
			}
			gate := make(chan struct{})
			type result struct {
				n   int
				err error
			}
			done := make(chan result, readers)
			for k := range readers {
				conn, err := net.Dial("tcp", s.Info().Address)
				if err != nil {
					t.Fatal(err)
				}
				open := make(chan struct{})
				close(open)
				st := &stalled{conn, open}
				c := client.New(st)
				t.Cleanup(func() { c.Close() })
				if _, err := c.Login(ctx, "iggy", "iggy"); err != nil {
					t.Fatal(err)
				}
				st.gate = gate
				go func() {
					n := 0
					for part, from := k%2, k%5; ; {
						p, err := c.Poll(ctx, wire.PollMessages{Consumer: consumer(uint32(k)), Stream: stream, Topic: topic, Partition: wire.InPartition(uint32(part)),
							Strategy: wire.Strategy{Kind: wire.FromOffset, Value: uint64(from)}, Count: 7})
						if err != nil || p.Count == 0 {
							if err == nil && n == 0 {
								err = io.ErrUnexpectedEOF
							}
							done <- result{n, err}
							return
						}
						for m := range p.Messages() {
							if m.Offset != uint64(from) || !bytes.Equal(m.Payload(), content(part, from)) {
								done <- result{n, io.ErrNoProgress}
								return
							}
							from, n = from+1, n+1
						}
					}
				}()
			}
			slow := func() (n uint64) {
				for _, st := range s.Stats() {
					n += st.SlowReaders
				}
				return n
			}
			deadline := time.Now().Add(20 * time.Second)
			i := batches
			for ; slow() == 0; i++ { // producing goes on while nobody reads, until somebody had to give memory up
				if time.Now().After(deadline) {
					t.Fatal("memory never got short: the test proves nothing")
				}
				send(admin, i%2, batches+(i-batches)/2)
			}
			for range 20 {
				send(admin, i%2, batches+(i-batches)/2)
				i++
			}
			close(gate)
			for range readers {
				if r := <-done; r.err != nil || r.n < batches-5 {
					t.Fatalf("a slow reader got %d messages, %v", r.n, r.err)
				}
			}
			t.Logf("%d sends were cancelled and went on from disk", slow())
		})
	}
}

// slowPoll asks for a large reply on a connection of its own, and does not read it.
func (s *broker) slowPoll(t *testing.T, stream, topic wire.Identifier, partition uint32) {
	t.Helper()
	k := s.raw(t)
	if err := k.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	k.send(wire.CodePollMessages, 1, 1, vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic,
		Partition: wire.InPartition(partition), Strategy: wire.Strategy{Kind: wire.FromOffset}, Count: 1000}))
}

// TestSlowReadersKeepNoCredits: more clients than a shard has credits do not read their replies, and others are served across
// shards all the same. Then an orderly end waits for none of them for long.
func TestSlowReadersKeepNoCredits(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.MemoryBudget = 256 << 20 })
	ctx := context.Background()
	admin := s.dial(t)
	stream, topic := topicWith(t, admin, 2)
	for p := range uint32(2) {
		for range 6 {
			if _, err := admin.Send(ctx, stream, topic, p, oneBatch(t, 1, 1<<20)); err != nil {
				t.Fatal(err)
			}
		}
	}
	const readers = 420
	begun := s.Handled(0) + s.Handled(1)
	for range readers {
		s.slowPoll(t, stream, topic, 0) // half of them from another shard than that of its log
	}
	until(t, "all have asked", func() bool { return s.Handled(0)+s.Handled(1) >= begun+2*readers })
	for range 4 {
		c := s.dial(t)
		for p := range uint32(2) {
			within, cancel := context.WithTimeout(ctx, 10*time.Second)
			if _, err := c.Send(within, stream, topic, p, oneBatch(t, 1, 100)); err != nil {
				t.Fatalf("a send to partition %d beside %d slow readers: %v", p, readers, err)
			}
			cancel()
		}
	}
	if _, err := s.dial(t).CreateStream(ctx, "other"); err != nil {
		t.Error(err)
	}
	began := time.Now()
	s.stop(t)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("an orderly end beside slow readers took %v", took)
	}
}

// TestSlowReaderOfWhatIsGone: a client does not read its reply, and the topic that it is of is deleted: what is left of the reply can't be read
// again. When memory is short it is not waited for.
func TestSlowReaderOfWhatIsGone(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.CPUs = []int{0, 0} })
	ctx, admin := context.Background(), s.dial(t)
	stream, topic := topicWith(t, admin, 2)
	for p := range uint32(2) {
		for range 8 { // more than sockets hold
			if _, err := admin.Send(ctx, stream, topic, p, oneBatch(t, 1, 1<<20-1000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	begun := s.Handled(0) + s.Handled(1)
	for p := range uint32(2) {
		s.slowPoll(t, stream, topic, p)
	}
	until(t, "both have asked", func() bool { return s.Handled(0)+s.Handled(1) >= begun+4 })
	if err := admin.DeleteTopic(ctx, stream, topic); err != nil {
		t.Fatal(err)
	}
	admin.Close()
	t.Cleanup(s.TakeReads())
	until(t, "the connections are closed", func() bool {
		x := s.Stats()
		return x[0].Connections+x[1].Connections == 0 && x[0].SlowReaders+x[1].SlowReaders > 2
	})
	until(t, "nothing is held", func() bool { return s.HeldForClients() == "" })
}
