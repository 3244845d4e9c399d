package storage_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/storage"
)

// TestJournalsOfARunAreMissed takes journal files away from a directory that was killed, or puts older ones in their place. The next
// start is refused and names them. With the loss accepted it goes on: what lies in segments is there, what is not is in a gap that is
// recorded, and no offset that was told is given out again.
func TestJournalsOfARunAreMissed(t *testing.T) {
	sweepOf(t, 60, func(seed uint64, trace func(string, ...any)) (*world, error) { return missJournals(seed, trace, false) })
}

// TestALogWhoseDeletionIsLostGivesNoOffsetAgain: the files of some logs are removed, and the journals that had their deletion are lost.
// They come back without what they held, and go on behind it.
func TestALogWhoseDeletionIsLostGivesNoOffsetAgain(t *testing.T) {
	sweepOf(t, 150, func(seed uint64, trace func(string, ...any)) (*world, error) { return missJournals(seed, trace, true) })
}

// missJournals is one life of a directory whose journals are taken away, after half its logs were deleted if so.
func missJournals(seed uint64, trace func(string, ...any), deleted bool) (*world, error) {
	return play(seed, func(w *world) { w.opt.crashEvery, w.opt.resize, w.opt.dedupShare = 1000, false, 0 }, trace, func(w *world) {
		w.restart()
		old := w.journals()
		for range 60 {
			w.step()
		}
		w.crash()
		w.restart()
		for range 100 {
			w.step()
		}
		if w.settle(); deleted {
			w.takeSnapshot() // has the logs
			w.settle()
			for _, h := range append([]*history(nil), w.logs...) {
				if w.rng.IntN(2) == 0 {
					w.deleteLog(h)
				}
			}
			w.settle()
		}
		w.crash() // nothing was on its way: what is found later was told
		w.damaged = true
		names := w.takeJournals(old)
		shards := 1 + w.rng.IntN(3)
		if end := w.recover(shards); end == recovered || !errors.Is(w.recoveryErr, storage.ErrDamaged) || !strings.Contains(w.recoveryErr.Error(), "--accept-loss") {
			fail("without %v: end %d, %v", names, end, w.recoveryErr)
		}
		for _, n := range names {
			if !strings.Contains(w.recoveryErr.Error(), n) {
				fail("%s is not named in: %v", n, w.recoveryErr)
			}
		}
		w.opt.acceptLoss = true
		if end := w.recover(shards); end != recovered {
			fail("with the loss accepted: %v", w.recoveryErr)
		}
		w.opt.acceptLoss = false
		w.adoptDamaged()
	})
}

// journals are the journal files as they are now.
func (w *world) journals() map[string][]byte {
	m := map[string][]byte{}
	for _, path := range w.disk.Files(".journal") {
		m[path] = append([]byte(nil), w.disk.Contents(path)...)
	}
	return m
}

// takeJournals removes some files of the run, or puts back what they were before, and returns their names.
func (w *world) takeJournals(old map[string][]byte) (names []string) {
	files := w.disk.Files(".journal")
	only := ""
	switch w.rng.IntN(3) {
	case 0:
		only = "shard-0000-"
	case 1:
		only = files[w.rng.IntN(len(files))]
	}
	back := w.rng.IntN(3) == 0
	for _, path := range files {
		if !strings.Contains(path, only) {
			continue
		}
		p := old[path]
		if back && p == nil {
			continue // there was none
		}
		w.trace("%s: taken away, an older one in its place: %t", path, back)
		names = append(names, path[strings.LastIndex(path, "/")+1:])
		if back {
			w.disk.Damage(path, func([]byte) []byte { return p })
		} else if err := w.disk.Unlink(path); err != nil {
			fail("%v", err)
		}
	}
	if err := w.disk.SyncDir(dir + "/journal"); err != nil {
		fail("%v", err)
	}
	if len(names) == 0 {
		return w.takeJournals(nil)
	}
	return names
}
