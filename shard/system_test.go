package shard_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
)

// TestSnapshotFile: one archive at a time; what fails, or is larger than a frame, is refused, and the next one is made again.
func TestSnapshotFile(t *testing.T) {
	ctx := context.Background()
	begun, finish := make(chan wire.GetSnapshotFile, 1), make(chan []byte)
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.FrameBytesMax = 1 << 20
		c.Snapshot = func(g wire.GetSnapshotFile) ([]byte, error) {
			begun <- g
			if archive := <-finish; archive != nil {
				return archive, nil
			}
			return nil, errors.New("no archive")
		}
	})
	first, second := s.dial(t), s.dial(t)
	g := wire.GetSnapshotFile{Compression: wire.SnapshotStored, Types: []wire.SnapshotType{wire.SnapshotTest}}
	f := func(archive []byte, want error) {
		t.Helper()
		type answer struct {
			archive []byte
			err     error
		}
		done := make(chan answer, 1)
		go func() {
			archive, err := first.Snapshot(ctx, g)
			done <- answer{archive, err}
		}()
		if got := <-begun; got.Compression != g.Compression || len(got.Types) != 1 {
			t.Errorf("asked for %+v", got)
		}
		if _, err := second.Snapshot(ctx, g); !errors.Is(err, wire.StatusSnapshotFileCompletionFailed) {
			t.Errorf("a second one meanwhile: %v", err)
		}
		if err := second.Ping(ctx); err != nil {
			t.Errorf("ping meanwhile: %v", err)
		}
		finish <- archive
		a := <-done
		if !errors.Is(a.err, want) || a.err == nil && !bytes.Equal(a.archive, archive) {
			t.Errorf("%d bytes: got %d, %v, want %v", len(archive), len(a.archive), a.err, want)
		}
	}
	most := 1<<20 - 256
	f([]byte("archive"), nil)
	f(nil, wire.StatusSnapshotFileCompletionFailed)
	f(make([]byte, most), nil)
	f(make([]byte, most+1), wire.StatusSnapshotFileCompletionFailed)
	f([]byte("again"), nil)
}
