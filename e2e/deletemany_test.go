package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/wire"
)

// TestAKillWhileManyPartitionsGo kills a broker that removes the files of hundreds of partitions. The next start serves, and removes what is
// left beside that, without memory for all of it at once.
func TestAKillWhileManyPartitionsGo(t *testing.T) {
	const partitions = 400
	dir := t.TempDir()
	args := []string{"--shards", "2", "--journal-size", "8MiB"}
	s := start(t, options{dir: dir, args: args})
	c := s.dial()
	ctx := context.Background()
	if _, err := c.CreateStream(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateTopic(ctx, wire.Named("s"), "t", partitions); err != nil {
		t.Fatal(err)
	}
	for p := range uint32(partitions) {
		if _, err := c.Send(ctx, wire.Named("s"), wire.Named("t"), p, batchOfOne(t, "a message")); err != nil {
			t.Fatal(err)
		}
	}
	left := func() int {
		names, err := os.ReadDir(filepath.Join(dir, "logs"))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	if n := left(); n != partitions {
		t.Fatalf("%d directories of %d partitions", n, partitions)
	}
	if err := c.DeleteStream(ctx, wire.Named("s")); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	t.Logf("%d directories are left at the kill", left())
	s = start(t, options{dir: dir, args: args})
	c = s.dial()
	if err := c.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); left() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d directories are left", left())
		}
	}
	peakNear(t, s, "while files were removed")
	s.stop()
}
