package shard_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// TestBusyMomentGivesItsMemoryBack: many requests at a time take memory, and give it back when they are over.
func TestBusyMomentGivesItsMemoryBack(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.CPUs, c.PollHold = []int{0}, time.Hour })
	stream, topic := topicWith(t, s.dial(t), 1)
	const polls = 400
	var held []*rawClient
	for range polls {
		c := s.raw(t)
		c.send(wire.CodePollMessages, 1, 1, vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic,
			Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 10}))
		held = append(held, c)
	}
	s.awaitHeld(t, polls)
	for _, c := range held {
		c.send(wire.CodePing, 1, 1, nil)
		c.answer()
		c.answer()
	}
	if n := s.SpareRequests(); n < 100 {
		t.Errorf("%d requests of %d have memory of their own", n, polls)
	}
	until(t, "the memory is given back", func() bool { return s.SpareRequests() == 0 })
}

// TestStrangersLeaveRoomForALogin: connections that have sent a byte use up what those before login may have, and a login that
// comes in two pieces is served.
func TestStrangersLeaveRoomForALogin(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.CPUs, c.MemoryBudget = []int{0}, 64<<20 })
	for range 1200 {
		c := s.rawAs(t, "", "")
		if _, err := c.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	c := s.rawAs(t, "", "")
	body := vsr.AppendLogin(nil, wire.Login{Protocol: vsr.Protocol, SDKName: []byte("t"), SDKVersion: []byte("1"), Username: []byte("iggy"), Password: []byte("iggy")})
	p := make([]byte, vsr.HeaderSize)
	vsr.PutRequest(p, vsr.RequestHeader{Client: c.client, Code: wire.CodeLogin}, body, nil)
	for _, piece := range [][]byte{p[:100], p[100:], body[:5], body[5:]} {
		kept := s.Stats()[0].Copies
		if _, err := c.Write(piece); err != nil {
			t.Fatal(err)
		}
		until(t, "the piece is received, and kept", func() bool { return s.Stats()[0].Copies > kept })
	}
	if f := c.answer(); f.Status() != wire.StatusOK {
		t.Errorf("login: %v", f.Status())
	}
	c.send(wire.CodePing, 1, 1, nil)
	if f := c.answer(); f.Status() != wire.StatusOK {
		t.Errorf("ping: %v", f.Status())
	}
}

// TestAClaimOnReadsEndsWithWhoWaits: a poll waits for memory that is used up, to read into or for the index of its segment, so that its shard
// claims what is given back. Its client goes; polls of the other shard are served then.
func TestAClaimOnReadsEndsWithWhoWaits(t *testing.T) {
	for _, indexed := range []bool{true, false} {
		t.Run(fmt.Sprintf("indexed %v", indexed), func(t *testing.T) {
			s, poll, giveBack := withoutReads(t, indexed, nil)
			quitter := s.raw(t)
			quitter.send(wire.CodePollMessages, 1, 1, vsr.AppendPollMessages(nil, poll(0)))
			until(t, "the poll waits for memory", s.ReadsClaimed)
			if err := quitter.Conn.(*net.TCPConn).SetLinger(0); err != nil {
				t.Fatal(err)
			}
			quitter.Close() // by a reset: what is half closed may still be read
			until(t, "its client is gone", func() bool { return s.Stats()[0].Connections+s.Stats()[1].Connections == 0 })
			giveBack()
			c := s.dial(t)
			c.SetTimeout(10 * time.Second)
			for _, p := range []uint32{1, 0} {
				if got, err := c.Poll(context.Background(), poll(p)); err != nil || got.Count != 1 {
					t.Fatalf("poll of partition %d: %d records, %v", p, got.Count, err)
				}
			}
		})
	}
}

// TestHalfClosedClientsReadTheirAnswer: a client asks and says that it sends no more. Its poll waits for memory; when there is some, it is
// answered, and the connection ends.
func TestHalfClosedClientsReadTheirAnswer(t *testing.T) {
	s, poll, giveBack := withoutReads(t, false, nil)
	c := s.raw(t)
	c.send(wire.CodePollMessages, 1, 1, vsr.AppendPollMessages(nil, poll(0)))
	until(t, "the poll waits for memory", s.ReadsClaimed)
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	until(t, "other clients are served", func() bool { return s.dial(t).Ping(context.Background()) == nil })
	giveBack()
	if p, err := vsr.DecodePollMessagesReply(c.answer().Body); err != nil || p.Count != 1 {
		t.Errorf("%d messages, %v", p.Count, err)
	}
	if n, err := c.Conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%d bytes more, %v, want the end", n, err)
	}
}

// withoutReads is a broker of two shards on one core, a partition with a message on each, whose memory for reads is taken until it is given
// back. The segments were written in an earlier run: their indexes are made when they are read.
func withoutReads(t *testing.T, indexed bool, change func(c *server.Config)) (s *broker, poll func(p uint32) wire.PollMessages, giveBack func()) {
	t.Helper()
	dir := t.TempDir()
	config := func(c *server.Config) {
		if c.CPUs = []int{0, 0}; change != nil {
			change(c)
		}
	}
	s = startBroker(t, dir, config)
	ctx := context.Background()
	stream, topic := topicWith(t, s.dial(t), 2)
	for p := range uint32(2) {
		if _, err := s.dial(t).Send(ctx, stream, topic, p, oneBatch(t, 1, 100)); err != nil {
			t.Fatal(err)
		}
	}
	s.stop(t)
	s = startBroker(t, dir, config)
	poll = func(p uint32) wire.PollMessages {
		return wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic, Partition: wire.InPartition(p), Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 1}
	}
	if indexed {
		reader := s.dial(t)
		for p := range uint32(2) {
			if got, err := reader.Poll(ctx, poll(p)); err != nil || got.Count != 1 {
				t.Fatalf("poll of partition %d: %d records, %v", p, got.Count, err)
			}
		}
		reader.Close()
	}
	giveBack = sync.OnceFunc(s.TakeReads())
	t.Cleanup(giveBack)
	return s, poll, giveBack
}

// TestLateWordWithdrawsNobody: word that a poll was given up names its use of the request: it leaves another use alone.
func TestLateWordWithdrawsNobody(t *testing.T) {
	s, _, _ := withoutReads(t, true, nil)
	name := metadata.ByName([]byte("cost"))
	for p := range 2 {
		if waits := s.Abandon(name, name, p); waits != [3]bool{true, true, false} {
			t.Errorf("partition %d: the poll waits at first, after word of another use, after word of its own: %v", p, waits)
		}
	}
}
