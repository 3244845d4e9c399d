//go:build planted

package storage_test

import (
	"fmt"
	"testing"

	"github.com/galgo-mq/galgo/storage"
)

// seedsMax is how many runs a planted bug may survive.
const seedsMax = 400

// shapes bring a run to where a bug can show.
var shapes = map[string]func(w *world){
	"ack-before-sync-direct": func(w *world) {
		w.opt.directShare, w.opt.crashEvery, w.opt.levels = 40, 20, []storage.Level{storage.LevelPersisted}
	},
	"hole-not-cut": func(w *world) {
		w.opt.directShare, w.opt.crashEvery, w.opt.levels = 40, 20, []storage.Level{storage.LevelPersisted}
	},
	"read-keeps-buffer":  func(w *world) { w.opt.directShare, w.opt.reads, w.opt.crashEvery = 40, 2<<20, 500 },
	"refused-is-written": refusing,
	"table-unsynced":     narrow,
	"table-overwritten":  narrow,
	"offsets-not-all":    deleting,
	"refused-elsewhere":  refusing,
	"direct-after-buffered": func(w *world) {
		w.opt.crashEvery, w.opt.levels = 20, []storage.Level{storage.LevelPersisted, storage.LevelWritten}
	},
}

func TestEveryPlantedBugIsCaught(t *testing.T) {
	defer storage.Plant("")
	for _, name := range []string{"ack-before-sync-direct", "ack-before-sync-buffered", "direct-after-buffered",
		"replay-stops-early", "recycled-block", "reused-offset", "hole-not-cut", "foreign-data", "skip-dir-sync",
		"read-keeps-buffer", "last-ends-at-edge", "journals-not-missed", "removals-at-once", "refused-is-written", "refused-elsewhere", "table-unsynced", "table-overwritten", "offsets-not-all"} {
		t.Run(name, func(t *testing.T) {
			if !storage.Plant(name) {
				t.Fatal("no such bug")
			}
			for seed := range uint64(seedsMax) {
				life := func() (*world, error) { return run(seed, 400, shapes[name], func(string, ...any) {}) }
				switch name {
				case "journals-not-missed":
					life = func() (*world, error) { return missJournals(seed, func(string, ...any) {}, false) }
				case "removals-at-once":
					life = func() (*world, error) {
						if most, _, _, err := dropMany(600); err != nil || most > 9 {
							return nil, fmt.Errorf("%d removals at a time, %v", most, err)
						}
						return nil, nil
					}
				}
				if _, err := life(); err != nil {
					t.Logf("seed %d: %.300v", seed, err)
					return
				}
			}
			t.Errorf("not caught in %d runs", seedsMax)
		})
	}
	storage.Plant("")
	for seed := range uint64(20) {
		if _, err := run(seed, 400, nil, func(string, ...any) {}); err != nil {
			t.Fatalf("without a planted bug: seed %d: %v", seed, err)
		}
	}
}
