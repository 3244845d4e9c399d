package shard_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// manyTopics makes topics with long names in a stream.
func manyTopics(t *testing.T, s *broker, stream string, n int) {
	t.Helper()
	c := s.dial(t)
	if _, err := c.CreateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := c.CreateTopic(t.Context(), wire.Named(stream), longName(i), uint32(1+i%3)); err != nil {
			t.Fatal(err)
		}
	}
}

func longName(i int) string { return fmt.Sprintf("%04d%s", i, strings.Repeat("x", 240)) }

// TestListsAreWhole asks for lists on many connections while other things of their kind come and go: what was there all the time is
// listed once, in order, with the counts that go with it.
func TestListsAreWhole(t *testing.T) {
	const stable, rounds = 150, 12
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.ListBytesMax = 192 << 10 })
	manyTopics(t, s, "s", stable)
	ctx, stream, topic := t.Context(), wire.Named("s"), wire.Named(longName(0))
	root := s.dial(t)
	for i := range stable {
		if _, err := root.CreateGroup(ctx, stream, topic, longName(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := root.CreateToken(ctx, longName(i), 0); err != nil && !errors.Is(err, wire.StatusPersonalAccessTokensLimitReached) {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		if _, err := root.CreateUser(ctx, fmt.Sprintf("user-%02d", i), "password", nil); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		c := s.dial(t)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := c.CreateTopic(ctx, stream, fmt.Sprint("comes and goes ", i), 2); err != nil {
				t.Error(err)
				return
			}
			if err := c.DeleteTopic(ctx, stream, wire.Named(fmt.Sprint("comes and goes ", i))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var askers sync.WaitGroup
	for range 6 {
		askers.Go(func() {
			c := s.dial(t)
			for range rounds {
				d, err := c.GetStream(ctx, stream)
				if err != nil || int(d.TopicsCount) != len(d.Topics) {
					t.Errorf("stream with %d topics, %d listed: %v", d.TopicsCount, len(d.Topics), err)
					return
				}
				topics, err := c.GetTopics(ctx, stream)
				if err != nil {
					t.Error(err)
					return
				}
				for _, list := range [][]wire.Topic{d.Topics, topics} {
					inOrder(t, list, stable)
				}
				users, err1 := c.GetUsers(ctx)
				groups, err2 := c.GetGroups(ctx, stream, topic)
				tokens, err3 := c.GetTokens(ctx)
				clients, err4 := c.Clients(ctx)
				streams, err5 := c.GetStreams(ctx)
				stats, err6 := c.Stats(ctx)
				if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil || len(users) != 41 || len(groups) != stable || len(tokens) != 100 ||
					len(clients) < 8 || len(streams) != 1 || stats.Topics < stable || stats.Partitions < 2*stable {
					t.Errorf("%d users, %d groups, %d tokens, %d clients, %d streams, %d topics, %d partitions: %v", len(users), len(groups), len(tokens),
						len(clients), len(streams), stats.Topics, stats.Partitions, err)
					return
				}
			}
		})
	}
	askers.Wait()
	close(stop)
	wg.Wait()
}

// inOrder looks at the topics that were there all the time.
func inOrder(t *testing.T, list []wire.Topic, stable int) {
	t.Helper()
	next := 0
	for i, topic := range list {
		if i > 0 && topic.ID <= list[i-1].ID {
			t.Errorf("topic %d comes after topic %d", topic.ID, list[i-1].ID)
		}
		if next < stable && topic.Name == longName(next) {
			if topic.PartitionsCount != uint32(1+next%3) || len(topic.Explicit)+len(topic.Derived) < 9 {
				t.Errorf("topic %d: %+v", next, topic)
			}
			next++
		}
	}
	if next != stable {
		t.Errorf("topic %d of %d is missing", next, stable)
	}
}

// TestListLargerThanItsMemory is refused by name, with a line in the log, and what is smaller is answered.
func TestListLargerThanItsMemory(t *testing.T) {
	core, lines := observer.New(zapcore.WarnLevel)
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.ListBytesMax, c.Log = 128<<10, zap.New(core) })
	manyTopics(t, s, "s", 260)
	c := s.dial(t)
	for range 3 {
		if _, err := c.GetStream(t.Context(), wire.Named("s")); !errors.Is(err, wire.StatusError) {
			t.Fatalf("a list that is too large: %v, want %v", err, wire.StatusError)
		}
		if streams, err := c.GetStreams(t.Context()); err != nil || len(streams) != 1 || streams[0].TopicsCount != 260 {
			t.Fatalf("a list that fits: %+v, %v", streams, err)
		}
	}
	if n := lines.FilterField(zap.String("event", "list_too_large")).Len(); n != 3 {
		t.Errorf("%d lines in the log, want 3", n)
	}
}

// TestSlowReadersOfListsHoldUpNobody: connections that ask for a list and do not read it keep the memory for lists for so long only.
func TestSlowReadersOfListsHoldUpNobody(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.ListBytesMax, c.CPUs, c.Log = 192<<10, []int{0}, zap.NewNop()
	})
	manyTopics(t, s, "s", 180)
	for range 12 {
		r := s.raw(t)
		if err := r.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		r.send(wire.CodeGetStream, 0, 1, vsr.AppendGetStream(nil, wire.GetStream{Stream: wire.Named("s")}))
	}
	c := s.dial(t)
	c.SetTimeout(time.Minute)
	for range 3 {
		d, err := c.GetStream(context.Background(), wire.Named("s"))
		if err != nil || len(d.Topics) != 180 {
			t.Fatalf("%d topics: %v", len(d.Topics), err)
		}
	}
	if used := s.ListBytes(); used > 192<<10 {
		t.Errorf("lists hold %d bytes", used)
	}
}

// TestAskersThatAreGoneAreForgotten: connections ask for a list and are reset before it is made, while it waits for others or is sent.
func TestAskersThatAreGoneAreForgotten(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.ListBytesMax, c.CPUs, c.Log = 192<<10, []int{0}, zap.NewNop()
	})
	manyTopics(t, s, "s", 180)
	list := vsr.AppendGetStream(nil, wire.GetStream{Stream: wire.Named("s")})
	for range 5 {
		var askers []*rawClient
		for range 16 {
			r := s.raw(t)
			r.send(wire.CodeGetStream, 0, 1, list)
			askers = append(askers, r)
		}
		for _, r := range askers {
			if err := errors.Join(r.Conn.(*net.TCPConn).SetLinger(0), r.Close()); err != nil {
				t.Fatal(err)
			}
		}
		d, err := s.dial(t).GetStream(t.Context(), wire.Named("s"))
		if err != nil || len(d.Topics) != 180 {
			t.Fatalf("%d topics: %v", len(d.Topics), err)
		}
	}
	until(t, "no list takes memory", func() bool { return s.ListBytes() == 0 })
}
