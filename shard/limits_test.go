package shard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// TestLimits makes as much as each limit allows, and one more: that is refused by name, and counted.
func TestLimits(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.Limits = shard.Limits{ConnectionsPerAddressMax: 4, StreamsMax: 2, TopicsMax: 2, PartitionsMax: 5, UsersMax: 3, TokensMax: 2, GroupsMax: 2,
			MembersMax: 1, NameBytesMax: 20}
	})
	ctx := context.Background()
	c := s.dial(t)
	name := func(prefix string, i int) string { return fmt.Sprint(prefix, i) }
	long := strings.Repeat("x", 21)
	one := wire.Named("stream0")
	f := func(what string, allowed int, want wire.Status, make func(i int) error) {
		t.Helper()
		for i := range allowed {
			if err := make(i); err != nil {
				t.Fatalf("%s %d: %v", what, i, err)
			}
		}
		if err := make(allowed); !errors.Is(err, want) {
			t.Errorf("%s beyond the limit of %d: %v, want %v", what, allowed, err, want)
		}
	}
	f("stream", 2, wire.StatusTooManyStreams, func(i int) error { _, err := c.CreateStream(ctx, name("stream", i)); return err })
	f("topic", 2, wire.StatusTooManyTopics, func(i int) error { _, err := c.CreateTopic(ctx, one, name("topic", i), 2); return err })
	f("partitions", 3, wire.StatusPartitionIDSpaceExhausted, func(int) error { return c.CreatePartitions(ctx, one, wire.Named("topic0"), 1) })
	f("user", 2, wire.StatusUsersLimitReached, func(i int) error { _, err := c.CreateUser(ctx, name("user", i), "password", nil); return err })
	f("token", 2, wire.StatusPersonalAccessTokensLimitReached, func(i int) error { _, err := c.CreateToken(ctx, name("token", i), 0); return err })
	f("group", 2, wire.StatusCannotCreateConsumerGroupInfo, func(i int) error {
		_, err := c.CreateGroup(ctx, one, wire.Named("topic0"), name("group", i))
		return err
	})
	f("member", 1, wire.StatusCannotCreateConsumerGroupInfo, func(int) error { return s.dial(t).JoinGroup(ctx, one, wire.Named("topic0"), wire.Named("group0")) })
	f("connection", 1, wire.StatusDisconnected, func(int) error {
		k, err := client.Dial(ctx, s.Info().Address)
		if err != nil {
			return err
		}
		t.Cleanup(func() { k.Close() })
		if k.Ping(ctx) != nil {
			return wire.StatusDisconnected // it was closed
		}
		return nil
	})
	for what, err := range map[string]error{
		"stream": c.UpdateStream(ctx, one, long),
		"topic":  c.UpdateTopic(ctx, one, wire.Named("topic0"), long),
		"group":  func() error { _, err := c.CreateGroup(ctx, one, wire.Named("topic0"), long); return err }(),
		"token":  func() error { _, err := c.CreateToken(ctx, long, 0); return err }(),
	} {
		var status wire.Status
		if !errors.As(err, &status) {
			t.Errorf("name of a %s of %d bytes: %v, want a status", what, len(long), err)
		}
	}
	got := s.LimitCounts()
	want := shard.LimitCounts{ConnectionsPerAddress: 1, Streams: 1, Topics: 1, Partitions: 1, Users: 1, Tokens: 1, Groups: 1, Members: 1, NameLength: 4}
	if got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// TestFullIsNotTheAnswerToWhatExists: what is there already is named as such where no more may be made.
func TestFullIsNotTheAnswerToWhatExists(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.Limits = shard.Limits{StreamsMax: 1, TopicsMax: 1, UsersMax: 2, TokensMax: 1, GroupsMax: 1, MembersMax: 1}
	})
	ctx := context.Background()
	c := s.dial(t)
	stream, topic := topicWith(t, c, 1)
	f := func(what string, want error, make func() error) {
		t.Helper()
		if err := make(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := make(); !errors.Is(err, want) {
			t.Errorf("%s again: %v, want %v", what, err, want)
		}
	}
	f("group", wire.StatusConsumerGroupNameAlreadyExists, func() error { _, err := c.CreateGroup(ctx, stream, topic, "g"); return err })
	f("member", nil, func() error { return c.JoinGroup(ctx, stream, topic, wire.Named("g")) })
	f("token", wire.StatusPersonalAccessTokenAlreadyExists, func() error { _, err := c.CreateToken(ctx, "t", 0); return err })
	if _, err := c.CreateTopic(ctx, stream, "cost", 1); !errors.Is(err, wire.StatusTopicNameAlreadyExists) {
		t.Errorf("topic again: %v", err)
	}
	if _, err := c.CreateStream(ctx, "cost"); !errors.Is(err, wire.StatusStreamNameAlreadyExists) {
		t.Errorf("stream again: %v", err)
	}
}

// TestAddressIsForgotten connects and resets before the shard has looked: the address has no connection more for it.
func TestAddressIsForgotten(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.Limits.ConnectionsPerAddressMax = 8 })
	for range 4 {
		resume := s.Hold(1)
		var conns []net.Conn
		for range 2 {
			c, err := net.Dial("tcp", s.Info().Address)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, c)
		}
		for deadline := time.Now().Add(5 * time.Second); s.Conns()[1] == 0; {
			if time.Now().After(deadline) {
				t.Fatal("no connection is assigned to shard 1")
			}
		}
		for _, c := range conns {
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
		resume()
		for deadline := time.Now().Add(5 * time.Second); s.Conns()[0]+s.Conns()[1] > 0; {
			if time.Now().After(deadline) {
				t.Fatal("connections stay")
			}
		}
	}
	if from := s.ConnectionsFrom(); len(from) > 0 {
		t.Errorf("connections that are gone are counted: %v", from)
	}
}

// stalledHasher makes no new hash before its gate is open.
type stalledHasher struct {
	shard.Hasher
	gate chan struct{}
}

func (h stalledHasher) Hash(password []byte, done func(phc string, err error)) error {
	own := bytes.Clone(password)
	go func() {
		<-h.gate
		if err := h.Hasher.Hash(own, done); err != nil {
			done("", err)
		}
	}()
	return nil
}

// TestRequestsInFlight has one place for requests and a command that keeps it: others wait, close while they wait, and are
// answered when the place is free, in order, also beside a client that always has another request ready. Polls that may be held
// keep none.
func TestRequestsInFlight(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			gate := make(chan struct{})
			s := startBroker(t, t.TempDir(), func(c *server.Config) {
				c.IO, c.CPUs, c.PollHold = mode, []int{0}, time.Hour
				c.Limits.RequestsInFlightMax = 1
				c.Hasher = stalledHasher{c.Hasher, gate}
			})
			stream, topic := topicWith(t, s.dial(t), 1)
			held, keeper, patient := s.raw(t), s.raw(t), s.raw(t)
			held.send(wire.CodePollMessages, 1, 1, vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic,
				Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 10}))
			s.awaitHeld(t, 1)
			patient.send(wire.CodePing, 1, 1, nil)
			patient.answer() // the held poll has no place
			handled := s.Handled(0)
			keeper.send(wire.CodeCreateUser, 1, 1, vsr.AppendCreateUser(nil, wire.CreateUser{Username: []byte("user"), Password: []byte("password"), Status: wire.UserActive}))
			until(t, "the only place is taken", func() bool { return s.Handled(0) == handled+1 })
			patient.send(wire.CodePing, 1, 1, nil)
			until(t, "a request waits", func() bool { return s.LimitCounts().RequestsInFlight == 1 })
			const closing = 5
			conns := s.Conns()[0]
			for k := range uint64(closing) {
				gone := s.raw(t) // a login needs no place
				gone.send(wire.CodePing, 1, 1, nil)
				until(t, "another one waits", func() bool { return s.LimitCounts().RequestsInFlight == 2+k })
				if err := gone.Conn.(*net.TCPConn).SetLinger(0); err != nil { // a reset: after an orderly end the answer would still be sent
					t.Fatal(err)
				}
				gone.Close()
			}
			until(t, "those that closed while they waited are gone", func() bool { return s.Conns()[0] == conns })
			greedy := s.raw(t)
			for range 50 {
				greedy.send(wire.CodePing, 1, 1, nil)
			}
			if n := s.Handled(0); n != handled+1+closing+1 {
				t.Errorf("%d requests were handled while the only place was taken", n-handled-1)
			}
			close(gate)
			keeper.answer()
			patient.answer()
			for range 50 {
				greedy.answer()
			}
		})
	}
}

// TestConnectionMemory: a request that is larger than a connection may hold ends it, whatever frames are allowed.
func TestConnectionMemory(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.FrameBytesMax = 1 << 20
		c.Limits.ConnectionBytesMax = 128 << 10
	})
	ctx := context.Background()
	c := s.dial(t)
	stream, topic := topicWith(t, c, 1)
	if _, err := c.Send(ctx, stream, topic, 0, oneBatch(t, 1, 60<<10)); err != nil {
		t.Error("a request of 60 KiB:", err)
	}
	if _, err := c.Send(ctx, stream, topic, 0, oneBatch(t, 1, 70<<10)); err == nil {
		t.Error("a request of 70 KiB is taken where a connection may hold 64 KiB, and as much ahead")
	}
	if got := s.LimitCounts(); got.ConnectionMemory != 1 || got.FrameSize != 0 {
		t.Errorf("counted %+v", got)
	}
}
