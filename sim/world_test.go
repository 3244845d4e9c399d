package sim

import (
	"flag"
	"math/rand/v2"
	"testing"

	"go.uber.org/zap"
)

var (
	worldSeed  = flag.Uint64("world-seed", 0, "run this world only")
	worldRuns  = flag.Int("world-runs", 200, "how many worlds")
	worldSteps = flag.Int("world-steps", 5_000, "steps of each")
)

// TestWorlds runs whole brokers with their clients, each from a seed of its own, and looks for whatever contradicts what clients were told.
func TestWorlds(t *testing.T) {
	var all Counts
	runs := *worldRuns
	if testing.Short() {
		runs = min(runs, 20)
	}
	for i := range runs {
		seed := rand.Uint64()
		if *worldSeed != 0 {
			seed = *worldSeed
		}
		r, err := Run(seed, *worldSteps, zap.NewNop())
		if err != nil {
			t.Fatalf("world %d: %v", i, err)
		}
		all.Add(r.Counts)
		if *worldSeed != 0 {
			t.Logf("%+v", r)
			break
		}
	}
	t.Logf("%+v", all)
	if testing.Short() || *worldSeed != 0 {
		return
	}
	if all.Required == 0 || all.Delivered == 0 || all.Kills+all.Cuts == 0 || all.Synced == 0 || all.Deleted == 0 || all.StartCrashes == 0 {
		t.Errorf("not everything was done: %+v", all)
	}
}

// TestSameSeedSameWorld: a run is a function of its seed, to the byte.
func TestSameSeedSameWorld(t *testing.T) {
	seed := rand.Uint64()
	a, err := Run(seed, 10_000, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	b, err := Run(seed, 10_000, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Errorf("seed %d: first\n%+v\nthen\n%+v", seed, a, b)
	}
}
