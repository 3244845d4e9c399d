package shard_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
)

// TestMorePartitionsThanLapsHaveRoomFor: a quarter of a journal file of 1 MiB has room for some 410 logs. Three times as many per shard are sent to,
// one after the other, laps come and go, and after kill and start everything is there: those that rest are in the log table.
func TestMorePartitionsThanLapsHaveRoomFor(t *testing.T) {
	for _, shards := range []int{1, 2} {
		dir := t.TempDir()
		change := func(c *server.Config) {
			c.CPUs, c.JournalBytes, c.MemoryBudget = make([]int, shards), 2<<20, int64(shards)*(64<<20)
		}
		s := startBroker(t, dir, change)
		c := s.dial(t)
		ctx := context.Background()
		stream, parts := wire.Named("s"), uint32(1000)
		if _, err := c.CreateStream(ctx, "s"); err != nil {
			t.Fatal(err)
		}
		topics := (3*410*shards + 999) / 1000
		for i := range topics {
			if _, err := c.CreateTopic(ctx, stream, fmt.Sprint(i), parts); err != nil {
				t.Fatal(err)
			}
		}
		sent := 0
		for i := range topics {
			for part := range parts {
				if _, err := c.Send(ctx, stream, wire.Named(fmt.Sprint(i)), part, oneBatch(t, 1, 3000)); err != nil {
					t.Fatalf("after %d partitions: %v", sent, err)
				}
				sent++
			}
		}
		laps, records := uint64(0), uint64(0)
		for _, st := range s.Stats() {
			laps += st.Laps
			records += st.Records
		}
		if laps == 0 || records < uint64(sent)/3 {
			t.Errorf("%d laps, %d records in log tables: the test shows nothing", laps, records)
		}
		s.stop(t)
		s = startBroker(t, dir, change)
		c = s.dial(t)
		for i := range topics {
			info, err := c.GetTopic(ctx, stream, wire.Named(fmt.Sprint(i)))
			if err != nil {
				t.Fatal(err)
			}
			if info.Topic.MessagesCount != uint64(parts) {
				t.Errorf("topic %d has %d messages of %d", i, info.Topic.MessagesCount, parts)
			}
		}
		s.stop(t)
	}
}
