package shard_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// ofSnapshot says that a snapshot of the metadata is about to take its place.
func ofSnapshot(op *uring.Op) bool {
	return op.Kind == uring.KindRename && strings.HasSuffix(op.Path2, "/metadata.snapshot")
}

// TestRefusedMetadataLeavesNoHole: when snapshots fail, the journal has no room for another command at some time. What was
// refused for that leaves no hole in the order of those that were not, over laps of the journal and a restart.
func TestRefusedMetadataLeavesNoHole(t *testing.T) {
	dir := t.TempDir()
	core, logged := observer.New(zap.WarnLevel)
	s := startBroker(t, dir, func(c *server.Config) {
		c.CPUs, c.JournalBytes, c.Log = []int{0}, 2<<20, zap.New(core)
		c.WrapIO = func(_ int, io uring.IO) uring.IO { return &failingIO{IO: io, err: syscall.EIO, doomed: ofSnapshot} }
	})
	c := s.dial(t)
	ctx := context.Background()
	stream, topic := topicWith(t, c, 1)
	var made []string
	create := func(name string) error {
		_, err := c.CreateStream(ctx, name)
		if err == nil {
			made = append(made, name)
		}
		return err
	}
	_, err := c.CreateUser(ctx, "large", "password", nil)
	large := &wire.Permissions{} // so large that what is left when it is refused has room for small commands
	for i := range uint32(1000) {
		large.Streams = append(large.Streams, wire.StreamPermissions{ID: 1000 + i})
	}
	for err == nil {
		err = c.UpdatePermissions(ctx, wire.Named("large"), large)
	}
	if !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
		t.Fatalf("after %d: %v", len(made), err)
	}
	for laps := s.Stats()[0].Laps; s.Stats()[0].Laps < laps+3; {
		if _, err := c.Send(ctx, stream, topic, 0, oneBatch(t, 1, 50_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := create("s"); err != nil {
		t.Fatalf("there is no room for a short name either: %v", err)
	}
	for i, err := 0, error(nil); err == nil; i++ {
		err = create(fmt.Sprint(i))
	}
	if err := c.DeleteTopic(ctx, stream, topic); !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
		t.Fatalf("delete without room: %v", err)
	}
	if _, err := c.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100)); err != nil {
		t.Fatalf("a topic whose deletion was refused takes no more: %v", err)
	}
	for _, e := range logged.All() {
		if strings.Contains(e.Message, "disk full") {
			t.Errorf("the journal has no room, and the log says: %s", e.Message)
		}
	}
	s.stop(t)
	c = startBroker(t, dir, nil).dial(t)
	for _, name := range made {
		if _, err := c.GetStream(ctx, wire.Named(name)); err != nil {
			t.Errorf("stream %.10s: %v", name, err)
		}
	}
	if all, err := c.GetStreams(ctx); err != nil || len(all) != len(made)+1 {
		t.Errorf("%d streams, %d were made, %v", len(all), len(made)+1, err)
	}
}

// TestCommandsWithoutPauseAreNotRefused: clients make groups as fast as they can, so that there is a next command whenever one is done. The
// journal has room for all of them, as snapshots are made in between.
func TestCommandsWithoutPauseAreNotRefused(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.CPUs, c.JournalBytes, c.Log = []int{0}, 2<<20, zap.NewNop() })
	stream, topic := topicWith(t, s.dial(t), 1)
	var makers sync.WaitGroup
	for n := range 6 {
		c := s.dial(t)
		makers.Go(func() {
			for i := range 250 {
				if _, err := c.CreateGroup(t.Context(), stream, topic, fmt.Sprintf("%d-%d-%s", n, i, strings.Repeat("g", 240))); err != nil {
					t.Errorf("group %d: %v", i, err)
					return
				}
			}
		})
	}
	makers.Wait()
}

// TestSnapshotsNeedNoMemoryOfReplies: metadata is snapshotted, in pieces, whatever memory clients have taken.
func TestSnapshotsNeedNoMemoryOfReplies(t *testing.T) {
	dir := t.TempDir()
	change := func(c *server.Config) { c.CPUs, c.JournalBytes = []int{0}, 2<<20 }
	s := startBroker(t, dir, change)
	c := s.dial(t)
	ctx := context.Background()
	s.TakeReplies()
	name := func(i int) string { return fmt.Sprintf("%d %s", i, strings.Repeat("x", 240)) }
	const streams = 1500 // four times what the journal has room for, and a snapshot of two pieces
	for i := range streams {
		if _, err := c.CreateStream(ctx, name(i)); err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
	s.stop(t)
	c = startBroker(t, dir, change).dial(t)
	for i := range streams {
		if _, err := c.GetStream(ctx, wire.Named(name(i))); err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
}

// TestDeletingNothingClosesNothing: a command that is refused leaves its topic as it was.
func TestDeletingNothingClosesNothing(t *testing.T) {
	s := startBroker(t, t.TempDir(), nil)
	c := s.dial(t)
	ctx := context.Background()
	stream, topic := topicWith(t, c, 2)
	for _, count := range []uint32{0, 3, 1 << 30} {
		if err := c.DeletePartitions(ctx, stream, topic, count); err == nil {
			t.Fatalf("deleting %d of 2 partitions is allowed", count)
		}
		for part := range uint32(2) {
			if _, err := c.Send(ctx, stream, topic, part, oneBatch(t, 1, 10)); err != nil {
				t.Fatalf("a send after deleting %d partitions was refused: %v", count, err)
			}
		}
	}
}
