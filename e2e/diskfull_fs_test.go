package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/wire"
)

// TestAFullDiskDoesNotKeepTheServerFromStarting: whatever the filesystem, also one that copies what is overwritten, a broker whose disk is full
// goes on with reads, starts again after kills, and deletes topics, which makes room for others.
func TestAFullDiskDoesNotKeepTheServerFromStarting(t *testing.T) {
	for name, fs := range map[string]struct {
		mib  int64
		mkfs []string
	}{
		"ext4":  {120, []string{"mkfs.ext4", "-q", "-m", "0"}},
		"btrfs": {140, []string{"mkfs.btrfs", "-q", "-f"}},
		"xfs":   {320, []string{"mkfs.xfs", "-q", "-f"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := options{dir: smallDiskOf(t, fs.mib, fs.mkfs...) + "/data", args: []string{"--shards", "2", "--journal-size", "8MiB"}}
			s := start(t, o)
			defer func() { s.Kill() }()
			c := s.dial()
			ctx := context.Background()
			if _, err := c.CreateStream(ctx, "s"); err != nil {
				t.Fatal(err)
			}
			const topics = 6
			for i := range topics {
				if _, err := c.CreateTopic(ctx, wire.Named("s"), fmt.Sprint("t", i), 1, wire.Uint64Option("segment_size", 1<<20)); err != nil {
					t.Fatal(err)
				}
			}
			big := bigBatch(t, 450_000)
			sent := 0
			for refused := 0; refused < 2*topics; sent++ {
				_, err := c.Send(ctx, wire.Named("s"), wire.Named(fmt.Sprint("t", sent%topics)), 0, big)
				if err != nil && !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
					t.Fatalf("after %d: %v\n%s", sent, err, s.Log())
				}
				if err != nil {
					refused++
				}
			}
			for range 3 {
				s.Kill()
				s = start(t, o)
			}
			c = s.dial()
			p, err := c.Poll(ctx, wire.PollMessages{Consumer: wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}, Stream: wire.Named("s"), Topic: wire.Named("t0"),
				Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromOffset}, Count: 1})
			if err != nil || p.Count == 0 {
				t.Fatalf("%d messages, %v", p.Count, err)
			}
			for i := range topics - 1 {
				if err := c.DeleteTopic(ctx, wire.Named("s"), wire.Named(fmt.Sprint("t", i))); err != nil {
					t.Fatalf("a topic can't be deleted to make room: %v\n%s", err, s.Log())
				}
			}
			last := wire.Named(fmt.Sprint("t", topics-1))
			eventually(t, "room for what comes", func() bool {
				_, err := c.Send(ctx, wire.Named("s"), last, 0, big)
				return err == nil
			})
			s.stop()
		})
	}
}

func bigBatch(t *testing.T, size int) batch.Batch {
	t.Helper()
	var b batch.Builder
	b.Reset(1)
	if err := b.Add([16]byte{1}, make([]byte, size), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
