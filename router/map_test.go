package router

import "testing"

func TestMapFollowsChanges(t *testing.T) {
	m := NewMap(2)
	m.Set(7, 0)
	m.Set(8, 1)
	m.Set(7, 1) // moved
	if owner, ok := m.Owner(7); !ok || owner != 1 || m.Count(0) != 0 || m.Count(1) != 2 {
		t.Fatalf("log 7 at shard %d (%v), counts %d and %d", owner, ok, m.Count(0), m.Count(1))
	}
	m.Delete(7)
	m.Delete(7)
	if _, ok := m.Owner(7); ok || m.Len() != 1 || m.Count(1) != 1 {
		t.Fatalf("log 7 still known %v, %d logs", ok, m.Len())
	}
	wantBug(t, "log 9 given to shard 2 of 2", func() { m.Set(9, 2) })
}

// TestMapAgainstTwin compares with a plain list of changes, the last one of a log counting.
func TestMapAgainstTwin(t *testing.T) {
	r := newRand(t)
	const gone = ShardID(99)
	m, twin := NewMap(5), map[LogID]ShardID{}
	for range 20_000 {
		log, owner := LogID(r.IntN(50)), ShardID(r.IntN(5))
		if r.IntN(3) == 0 {
			owner = gone
			m.Delete(log)
		} else {
			m.Set(log, owner)
		}
		twin[log] = owner
		probe := LogID(r.IntN(50))
		want, known := twin[probe]
		got, ok := m.Owner(probe)
		if ok != (known && want != gone) || ok && got != want {
			t.Fatalf("log %d at shard %d (%v), want %d", probe, got, ok, want)
		}
	}
}

func TestMapLookUpDoesNotAllocate(t *testing.T) {
	m := NewMap(2)
	m.Set(7, 1)
	if allocs := testing.AllocsPerRun(100, func() { m.Owner(7) }); allocs != 0 {
		t.Fatalf("%v allocations per look-up, want none", allocs)
	}
}

func TestPlacePrefersTheLeastLoaded(t *testing.T) {
	f := func(loads []Load, want ShardID) {
		t.Helper()
		for log := range LogID(20) {
			if got := Place(loads, log); got != want {
				t.Errorf("%v: log %d on shard %d, want %d", loads, log, got, want)
			}
		}
	}
	f([]Load{{}}, 0)
	f([]Load{{BusyPermille: 500}, {BusyPermille: 400}, {BusyPermille: 900}}, 1)
	f([]Load{{Logs: 3}, {Logs: 2}, {Logs: 1}}, 2)
	f([]Load{{BusyPermille: 900, Logs: 1}, {BusyPermille: 100, Logs: 10}}, 1)
	f([]Load{{BusyPermille: 100, Logs: 10}, {BusyPermille: 900, Logs: 1}}, 0)
}

func TestPlaceBreaksTiesByHash(t *testing.T) {
	loads := make([]Load, 4)
	var hits [4]int
	for log := range LogID(4000) {
		hits[Place(loads, log)]++
		if Place(loads, log) != Place(loads, log) {
			t.Fatal("the same loads and log, another shard")
		}
	}
	for shard, n := range hits {
		if n < 800 || n > 1200 {
			t.Errorf("shard %d got %d of 4000 logs, want about 1000", shard, n)
		}
	}
}

// TestPlaceSpreadsATopic places a thousand partitions one after the other, the loads kept up as the caller does.
func TestPlaceSpreadsATopic(t *testing.T) {
	loads := []Load{{BusyPermille: 1000}, {}, {}, {}}
	for log := range LogID(1000) {
		loads[Place(loads, log)].Logs++
	}
	if loads[0].Logs != 175 || loads[1].Logs != 275 || loads[2].Logs != 275 || loads[3].Logs != 275 {
		t.Fatalf("placed %v, want 175 on the busy core and 275 on each idle one", loads)
	}
}
