package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/galgo-mq/galgo/wire"
)

// copied are ways to come by a journal whose blocks the filesystem copies when they are overwritten. Each is applied while no server runs.
var copied = map[string]struct {
	mib   int64
	mkfs  []string
	apply func(t *testing.T, disk string)
}{
	"btrfs, made without nodatacow": {140, []string{"mkfs.btrfs", "-q", "-f"}, func(t *testing.T, disk string) {
		for _, path := range glob(t, disk+"/data/journal/*.journal") {
			copyAside(t, path, disk+"/copy", "--reflink=never")
		}
	}},
	"XFS, shared with a copy": {320, []string{"mkfs.xfs", "-q", "-f", "-m", "reflink=1"}, func(t *testing.T, disk string) {
		for _, path := range glob(t, disk+"/data/journal/*.journal") {
			command(t, "cp", "--reflink=always", path, disk+"/"+filepath.Base(path)+".kept")
		}
	}},
}

// TestAJournalThatIsCopiedOnAFullDisk has a disk full of others' data under a journal that needs space for each write. Producers are told so
// by the error of a full disk, reads go on, a deletion is taken and makes room, and everything is served again without a restart; kill -9
// while it is so loses nothing that was acknowledged.
func TestAJournalThatIsCopiedOnAFullDisk(t *testing.T) {
	for name, fs := range copied {
		t.Run(name, func(t *testing.T) {
			rng := random(t)
			disk := smallDiskOf(t, fs.mib, fs.mkfs...)
			o := options{dir: disk + "/data", args: []string{"--shards", "2", "--journal-size", "8MiB"}}
			s := start(t, o)
			c := s.dial()
			for _, topic := range []string{"kept", "victim", "last"} {
				newTopic(t, c, "full", topic, 2)
			}
			ws := &writers{t: t}
			for part := range uint32(2) {
				ws.all = append(ws.all, &writer{topic: "kept", part: part, sizeMax: 3000}, &writer{topic: "victim", part: part, sizeMax: 60_000}, &writer{topic: "last", part: part, sizeMax: 60_000})
			}
			ws.some(s, rng, 40)
			s.stop()
			fs.apply(t, disk)
			s = start(t, o)
			ws.some(s, rng, 41) // after a start the first one has its segment extended
			defer func() {
				if s.Kill(); t.Failed() {
					t.Log(tail(s.Log()))
				}
			}()

			ws.full(s, rng, disk)
			ws.stuck(s)
			ws.deleted(s, "victim", rng)
			s = ws.killed(s, o, rng, disk)
			ws.deleted(s, "last", rng)
			ws.verify(s, true)
			if s.stop(); len(s.lines("journal failed")) > 0 {
				t.Errorf("a journal failed:\n%s", tail(s.Log()))
			}
		})
	}
}

// TestASnapshotOnAFullDisk takes a snapshot of the filesystem while the server serves, and fills the disk: then blocks of the journal and those
// that were allocated for segments can't be overwritten without space. Nothing fails: producers are told, reads go on, a deletion is taken, and
// when the snapshot goes everything is served again.
func TestASnapshotOnAFullDisk(t *testing.T) {
	rng := random(t)
	disk := smallDiskOf(t, 400, "mkfs.btrfs", "-q", "-f", "-m", "single")
	s := start(t, options{dir: disk + "/data", args: []string{"--shards", "2", "--journal-size", "8MiB"}})
	defer func() { s.Kill() }()
	c := s.dial()
	newTopic(t, c, "full", "kept", 4)
	newTopic(t, c, "full", "victim", 1)
	ws := &writers{t: t}
	for part := range uint32(4) {
		ws.all = append(ws.all, &writer{topic: "kept", part: part, sizeMax: 60_000})
	}
	ws.some(s, rng, 10)
	reserve := stat(t, disk+"/data/state/reserve")
	command(t, "btrfs", "subvolume", "snapshot", disk, disk+"/snapshot")
	eventually(t, "the reserve, whose blocks the snapshot has too, is made again", func() bool {
		now := stat(t, disk+"/data/state/reserve")
		return now.Ino != reserve.Ino && now.Size == reserve.Size
	})
	ws.full(s, rng, disk)
	ws.stuck(s)
	if err := c.DeleteTopic(context.Background(), wire.Named("full"), wire.Named("victim")); err != nil {
		t.Errorf("a topic can't be deleted: %v", err)
	}
	command(t, "btrfs", "subvolume", "delete", "--commit-after", disk+"/snapshot")
	_ = os.Remove(disk + "/filler")
	before := ws.sum()
	ws.goOn(before, "the snapshot went")
	ws.stop()
	ws.verify(s, false)
	if s.stop(); len(s.lines("fenced")) > 0 || len(s.lines("journal failed")) > 0 {
		t.Errorf("something failed:\n%s", tail(s.Log()))
	}
}

// full has everybody send to a disk that others have filled, until all are refused.
func (ws *writers) full(s *server, rng *rand.Rand, disk string) {
	ws.t.Helper()
	_ = os.Remove(disk + "/filler")
	fillFile(ws.t, disk+"/filler", -1)
	ws.start(s, rng)
	ws.allRefused()
	eventually(ws.t, "the log says that the journal has no room", func() bool { return len(s.lines("journal_without_room")) > 0 })
}

// stuck has readers served while nothing can be written, and everything else refused at once.
func (ws *writers) stuck(s *server) {
	t := ws.t
	t.Helper()
	c, ctx := s.dial(), context.Background()
	for _, w := range ws.all {
		n := uint64(w.count.Load())
		p, err := c.Poll(ctx, wire.PollMessages{Consumer: anyone(), Stream: wire.Named("full"), Topic: wire.Named(w.topic), Partition: wire.InPartition(w.part),
			Strategy: wire.Strategy{Kind: wire.FromOffset, Value: n / 2}, Count: 1, AutoCommit: true})
		if err != nil || p.Count != 1 {
			t.Errorf("%s %d: poll at %d of %d: %d messages, %v", w.topic, w.part, n/2, n, p.Count, err)
		}
	}
	if _, err := c.GetStreams(ctx); err != nil {
		t.Errorf("a list: %v", err)
	}
	if _, err := c.CreateStream(ctx, "new"); !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
		t.Errorf("a stream is created: %v", err)
	}
	if err := c.StoreOffset(ctx, anyone(), wire.Named("full"), wire.Named("kept"), 0, 0); !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
		t.Errorf("an offset is stored: %v", err)
	}
}

// deleted deletes a topic, after which the others are stored again.
func (ws *writers) deleted(s *server, topic string, rng *rand.Rand) {
	t := ws.t
	t.Helper()
	if err := s.dial().DeleteTopic(context.Background(), wire.Named("full"), wire.Named(topic)); err != nil {
		t.Fatalf("topic %s can't be deleted to make room: %v\n%s", topic, err, s.Log())
	}
	ws.end.Store(true)
	ws.wait.Wait() // errors of those that sent to it
	var left []*writer
	for i, w := range ws.all {
		if w.topic == topic {
			continue
		}
		if ws.errs[i] != nil {
			t.Error(ws.errs[i])
		}
		left = append(left, w)
	}
	ws.all = left
	ws.start(s, rng)
	for _, w := range ws.all {
		before := w.count.Load()
		eventually(t, fmt.Sprintf("%s %d is stored again", w.topic, w.part), func() bool { return w.count.Load() > before+3 })
	}
	ws.stop()
	eventually(t, "the log says that there is room", func() bool { return len(s.lines("journal_has_room")) > 0 })
	ws.verify(s, false)
}

// killed fills the disk again, kills the server then, and starts it.
func (ws *writers) killed(s *server, o options, rng *rand.Rand, disk string) *server {
	t := ws.t
	t.Helper()
	ws.full(s, rng, disk)
	s.Kill()
	ws.end.Store(true)
	ws.wait.Wait()
	s = start(t, o)
	ws.verify(s, true)
	for _, w := range ws.all { // what was not answered is there, or not
		w.settle(t, s)
	}
	ws.start(s, rng)
	ws.allRefused()
	ws.stuck(s)
	return s
}

// settle takes a last message that was sent, not answered, and is there for acknowledged.
func (w *writer) settle(t *testing.T, s *server) {
	t.Helper()
	p, err := pollAt(s.dial(), "full", w.topic, w.part, uint64(len(w.acked)), 10)
	if err != nil || p.Count > 1 {
		t.Fatalf("%s %d: %d messages behind the last that was acknowledged, %v", w.topic, w.part, p.Count, err)
	}
	for m := range p.Messages() {
		w.acked = append(w.acked, sentMessage{w.number, len(m.Payload())})
	}
	w.count.Store(int64(len(w.acked)))
}

// stat is of nothing when the file is not there.
func stat(t *testing.T, path string) (st syscall.Stat_t) {
	t.Helper()
	if err := syscall.Stat(path, &st); err != nil && !errors.Is(err, syscall.ENOENT) {
		t.Fatal(err)
	}
	return st
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	return paths
}

// copyAside replaces a file by a copy that was made elsewhere, so that it has none of the attributes of its directory.
func copyAside(t *testing.T, path, aside, how string) {
	t.Helper()
	command(t, "cp", how, path, aside)
	command(t, "mv", aside, path)
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if err := run(name, args...); err != nil {
		t.Fatal(err)
	}
}
