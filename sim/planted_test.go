//go:build planted

package sim

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// plantedSteps is how many steps of worlds a planted bug may survive: some 60 s of a quiet machine.
const plantedSteps = 1_500_000

var plantedAll = flag.Bool("planted-all", false, "also plant the bugs that take worlds more than some seconds to show")

// plantedWorlds are the bugs that worlds catch, each with what brings a world to where it shows. Worlds do not catch read-keeps-buffer, which
// the tests of storage do, nor those of the log table: no world has logs enough to use it.
var plantedWorlds = []struct {
	name  string
	slow  bool
	shape func(w *World)
}{
	{"ack-before-sync-direct", true, func(w *World) {
		w.only(metadata.LevelPersisted)
		w.odds.cuts, w.disk.slow = 60, delays{odds: 2, most: 1000, path: ".segment"}
		w.largest()
	}},
	{"ack-before-sync-buffered", false, func(w *World) { w.only(metadata.LevelPersisted); w.odds.cuts = 20 }},
	{"direct-after-buffered", false, func(w *World) { w.only(metadata.LevelPersisted, metadata.LevelWritten); w.odds.cuts = 20 }},
	{"replay-stops-early", false, func(w *World) { w.odds.kills = 20 }},
	{"recycled-block", false, func(w *World) { w.odds.kills = 20 }},
	{"reused-offset", false, func(w *World) { w.only(metadata.LevelWritten); w.odds.kills = 20 }},
	{"hole-not-cut", true, func(w *World) { w.only(metadata.LevelPersisted); w.odds.kills, w.fitted = 60, true; w.largest() }},
	{"foreign-data", false, func(w *World) { w.deletes = 4 }},
	{"skip-dir-sync", false, func(w *World) { w.only(metadata.LevelPersisted); w.odds.cuts = 20 }},
	{"last-ends-at-edge", false, func(w *World) { w.odds.stops, w.big = 10, 1 }},
	{"journals-not-missed", false, func(w *World) { w.odds.kills, w.odds.missing = 20, 50 }},
	{"removals-at-once", false, func(w *World) { w.model.topics[0].count, w.deletes = wideTopic, 4 }},
	{"refused-is-written", false, refusing},
	{"refused-elsewhere", false, refusing},
}

func refusing(w *World) {
	w.cow, w.odds.full, w.odds.kills, w.odds.cuts = []string{".journal", "."}[w.rng.IntN(2)], 100, 10, 10
}

// largest has all messages go straight to the segment of one partition.
func (w *World) largest() {
	w.big, w.large, w.largeMin, w.largeMax = 1, 1, storage.DirectMin, storage.DirectMin+10_000
	w.model.topics = w.model.topics[:1]
	w.model.topics[0].count = 1
}

// only makes all topics of one of these levels.
func (w *World) only(levels ...metadata.Level) {
	for _, t := range w.model.topics {
		t.level = levels[w.rng.IntN(len(levels))]
	}
}

// TestPlantedBugsAreCaughtInWorlds switches each bug on and runs worlds until one of them says that something is wrong.
func TestPlantedBugsAreCaughtInWorlds(t *testing.T) {
	defer storage.Plant("")
	for _, p := range plantedWorlds {
		t.Run(p.name, func(t *testing.T) {
			if p.slow && !*plantedAll {
				t.Skip("this one takes worlds a minute: -planted-all")
			}
			sound := func(seed uint64) {
				storage.Plant("")
				if _, err := shaped(seed, p.shape); err != nil {
					t.Fatalf("without the bug: %v", err)
				}
			}
			for seed := range uint64(3) {
				sound(seed)
			}
			if !storage.Plant(p.name) {
				t.Fatal("no such bug")
			}
			defer storage.Plant("")
			begin := time.Now()
			for seed, steps := uint64(0), 0; steps < plantedSteps; seed++ {
				r, err := shaped(seed, p.shape)
				if steps += r.Steps; err != nil {
					t.Logf("caught after %d steps, %.1f s: %.300v", steps, time.Since(begin).Seconds(), err)
					sound(seed)
					return
				}
			}
			t.Errorf("not caught in %d steps, %.1f s", plantedSteps, time.Since(begin).Seconds())
		})
	}
}

// shaped runs a world of the seed that was brought to where a bug shows. A panic is a fault as well.
func shaped(seed uint64, shape func(w *World)) (r Result, err error) {
	w := newWorld(seed, zap.NewNop())
	shape(w)
	defer func() {
		if p := recover(); p != nil {
			r, err = Result{Steps: w.steps}, fmt.Errorf("seed %d, step %d: panic: %v", seed, w.steps, p)
		}
	}()
	return w.result(w.run(10_000))
}
