package shard_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
)

// TestPartitionsEndBeforeTheJournalDoes: partitions that every lap of the journal would carry beyond its room are refused, and
// what there is goes on.
func TestPartitionsEndBeforeTheJournalDoes(t *testing.T) {
	for _, shards := range []int{1, 2} {
		dir := t.TempDir()
		core, lines := observer.New(zap.WarnLevel)
		change := func(c *server.Config) {
			c.CPUs, c.JournalBytes, c.MemoryBudget, c.Log = make([]int, shards), 2<<20, int64(shards)*(64<<20), zap.New(core)
		}
		s := startBroker(t, dir, change)
		c := s.dial(t)
		ctx := context.Background()
		stream := wire.Named("s")
		if _, err := c.CreateStream(ctx, "s"); err != nil {
			t.Fatal(err)
		}
		topics := 0
		var err error
		for ; err == nil; topics++ {
			_, err = c.CreateTopic(ctx, stream, fmt.Sprint(topics), 100)
		}
		topics--
		if !errors.Is(err, wire.StatusCannotCreatePartition) || topics < 4*shards || topics > 5*shards {
			t.Fatalf("after %d topics of 100 partitions: %v", topics, err)
		}
		if lines.FilterField(zap.String("event", "limit_hit")).FilterField(zap.String("limit", "journal_size, memory")).Len() == 0 {
			t.Errorf("the log does not say which setting refuses partitions: %v", lines.All())
		}
		if err := c.CreatePartitions(ctx, stream, wire.Named("0"), 100); !errors.Is(err, wire.StatusCannotCreatePartition) {
			t.Errorf("more partitions: %v", err)
		}
		if _, err := c.CreateTopic(ctx, stream, "0", 100); !errors.Is(err, wire.StatusTopicNameAlreadyExists) {
			t.Errorf("a topic that is there: %v", err)
		}
		for laps := s.Stats()[0].Laps; s.Stats()[0].Laps < laps+3; {
			for part := range uint32(8) {
				if _, err := c.Send(ctx, stream, wire.Named("0"), part, oneBatch(t, 1, 50_000)); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.stop(t)
		s = startBroker(t, dir, change)
		c = s.dial(t)
		if _, err := c.CreateTopic(ctx, stream, "more", 100); !errors.Is(err, wire.StatusCannotCreatePartition) {
			t.Errorf("after a restart: %v", err)
		}
		if err := c.DeleteTopic(ctx, stream, wire.Named("1")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreateTopic(ctx, stream, "more", 80); err != nil {
			t.Errorf("after a topic was deleted: %v", err)
		}
		s.stop(t)
	}
}
