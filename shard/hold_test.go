package shard_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// holding starts a broker that holds empty polls for an hour: what is answered was not answered by the clock.
func holding(t *testing.T) (s *broker, stream, topic wire.Identifier) {
	s = startBroker(t, t.TempDir(), func(c *server.Config) { c.PollHold = time.Hour })
	stream, topic = topicWith(t, s.dial(t), 4)
	return s, stream, topic
}

func (s *broker) awaitHeld(t testing.TB, want int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		held := 0
		for _, x := range s.Stats() {
			held += x.HeldPolls
		}
		if held == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d polls are held, want %d", held, want)
		}
	}
}

// held starts a poll that finds nothing, and returns where its answer comes.
func held(t *testing.T, c *client.Client, stream, topic wire.Identifier, partition uint32) chan error {
	done := make(chan error, 1)
	go func() {
		polled, err := c.Poll(context.Background(), wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic, Partition: wire.InPartition(partition),
			Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 10})
		if err == nil && polled.Count != 1 {
			err = errors.New("the poll found nothing")
		}
		done <- err
	}()
	return done
}

func TestHeldPollIsAnsweredWhenAMessageLands(t *testing.T) {
	s, stream, topic := holding(t)
	producer := s.dial(t)
	var answers []chan error
	for p := range uint32(4) {
		answers = append(answers, held(t, s.dial(t), stream, topic, p))
	}
	s.awaitHeld(t, 4)
	for p := range uint32(4) {
		if _, err := producer.Send(context.Background(), stream, topic, p, oneBatch(t, 1, 100)); err != nil {
			t.Fatal(err)
		}
		if err := <-answers[p]; err != nil {
			t.Errorf("partition %d: %v", p, err)
		}
	}
	s.awaitHeld(t, 0)
}

// A poll that is held delays no other request of its connection, whichever shard holds it.
func TestHeldPollDelaysNothing(t *testing.T) {
	s, stream, topic := holding(t)
	for p := range uint32(4) {
		c := s.raw(t)
		c.send(wire.CodePollMessages, 1, 1, vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic,
			Partition: wire.InPartition(p), Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 10}))
		s.awaitHeld(t, 1)
		c.send(wire.CodePing, 1, 1, nil)
		polled, err := vsr.DecodePollMessagesReply(c.answer().Body)
		if err != nil || polled.Count != 0 || polled.PartitionID != p {
			t.Errorf("the poll is answered with %+v, %v", polled, err)
		}
		if f := c.answer(); f.Status() != wire.StatusOK || len(f.Body) != 0 {
			t.Errorf("the ping is answered with %v", f.Status())
		}
	}
}

// A poll that is held ends with its connection, with its topic, and with the broker.
func TestHeldPollEnds(t *testing.T) {
	s, stream, topic := holding(t)
	gone, deleted, stopped := s.raw(t), s.dial(t), s.dial(t)
	gone.send(wire.CodePollMessages, 1, 1, vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic,
		Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 10}))
	s.awaitHeld(t, 1)
	gone.Close()
	s.awaitHeld(t, 0)

	answer := held(t, deleted, stream, topic, 1)
	s.awaitHeld(t, 1)
	if err := s.dial(t).DeleteTopic(context.Background(), stream, topic); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; !errors.Is(err, wire.StatusTopicIDNotFound) {
		t.Errorf("poll of a topic that was deleted: %v, want %v", err, wire.StatusTopicIDNotFound)
	}
	s.awaitHeld(t, 0)

	if _, err := s.dial(t).CreateTopic(context.Background(), stream, "other", 1); err != nil {
		t.Fatal(err)
	}
	answer = held(t, stopped, stream, wire.Named("other"), 0)
	s.awaitHeld(t, 1)
	s.stop(t)
	if err := <-answer; err == nil {
		t.Error("a poll that nothing landed for found something")
	}
}

// TestHeldPollAndAReset: the client of a held poll resets its connection, which closes it once.
func TestHeldPollAndAReset(t *testing.T) {
	for _, mode := range modes {
		for range 5 {
			s := startBroker(t, t.TempDir(), func(c *server.Config) { c.IO, c.CPUs, c.PollHold = mode, []int{0}, time.Hour })
			stream, topic := topicWith(t, s.dial(t), 1)
			c := s.raw(t)
			c.send(wire.CodePollMessages, 1, 1, vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic,
				Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 10}))
			s.awaitHeld(t, 1)
			if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
				t.Fatal(err)
			}
			before := s.Conns()[0]
			c.Close()
			until(t, "the connection is gone", func() bool { return s.Conns()[0] == before-1 })
			for range 3 { // whose places in the table must not be one
				if err := s.dial(t).Ping(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			s.awaitHeld(t, 0)
			s.stop(t)
		}
	}
}

// TestHeldPollsLeaveCredits: polls held for another shard leave it credits for sends.
func TestHeldPollsLeaveCredits(t *testing.T) {
	s, stream, topic := holding(t)
	for p := range uint32(4) {
		for range 150 {
			c := s.raw(t)
			c.send(wire.CodePollMessages, 1, 1, vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: consumer(1), Stream: stream, Topic: topic,
				Partition: wire.InPartition(p), Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 10}))
		}
	}
	for range 4 {
		producer := s.dial(t)
		for p := range uint32(4) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			if _, err := producer.Send(ctx, stream, topic, p, oneBatch(t, 1, 100)); err != nil {
				t.Fatal(err)
			}
			cancel()
		}
	}
}
