package shard_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/galgo-mq/galgo/wire"
)

// TestFilesOfUnknownLogsAreKept finds files of a log that the metadata does not know, as they are left when the command that
// created it was lost with a damaged journal: they stay, and no new log gets their name.
func TestFilesOfUnknownLogsAreKept(t *testing.T) {
	ctx := context.Background()
	s := startBroker(t, t.TempDir(), nil)
	stream, topic := topicWith(t, s.dial(t), 1)
	s.stop(t)
	path := func(id int) string { return fmt.Sprintf("%s/logs/%016x", s.dir, id) }
	for _, id := range []int{2, 77} {
		if err := os.MkdirAll(path(id), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(id)+"/00000000000000000000.segment", []byte("lost"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	s = startBroker(t, s.dir, nil)
	c := s.dial(t)
	if err := c.CreatePartitions(ctx, stream, topic, 1); err != nil {
		t.Fatal(err)
	}
	for p := range uint32(2) {
		if _, err := c.Send(ctx, stream, topic, p, oneBatch(t, 1, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.PurgeTopic(ctx, stream, wire.Named("cost")); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
	s = startBroker(t, s.dir, nil) // once more: nothing is left to skip
	s.stop(t)
	for _, id := range []int{2, 77} {
		if p, err := os.ReadFile(path(id) + "/00000000000000000000.segment"); err != nil || string(p) != "lost" {
			t.Errorf("the file of log %d has %q, %v", id, p, err)
		}
	}
}
