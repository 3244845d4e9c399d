package storage

import (
	"math/rand/v2"
	"testing"
)

// TestSegmentsAreFoundAsByGoingThroughThem.
func TestSegmentsAreFoundAsByGoingThroughThem(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		var v segments
		next, ts := Offset(rng.IntN(5)), uint64(1)
		for range rng.IntN(8) {
			g := &segment{base: next, fd: -1, readFD: -1, sealed: true, end: segmentStart, stable: segmentStart, alloc: segmentStart}
			next += 1 + Offset(rng.IntN(5))
			ts += uint64(rng.IntN(5))
			g.next, g.lastTS = next, ts
			next += Offset(rng.IntN(3)) // a gap
			v.list = append(v.list, g)
		}
		switch g := v.last(); {
		case g != nil && rng.IntN(2) == 0:
			g.sealed = false
		case rng.IntN(2) == 0:
			v.list = append(v.list, &segment{base: next, next: next, lastTS: ts, fresh: true, end: segmentStart, stable: segmentStart, alloc: segmentStart, fd: 3, readFD: -1})
		}
		v.invariants(1)
		for x := range Offset(40) {
			var reaching, since, exact *segment
			for i := len(v.list) - 1; i >= 0; i-- {
				g := v.list[i]
				if g.base == x {
					exact = g
				}
				if !g.fresh && g.next > x {
					reaching = g
				}
				if !g.fresh && g.lastTS >= uint64(x) {
					since = g
				}
			}
			if v.reaching(x) != reaching || v.since(uint64(x)) != since || v.find(x) != exact {
				t.Fatalf("at %d: %v, %v, %v", x, v.reaching(x), v.since(uint64(x)), v.find(x))
			}
		}
		for i, g := range v.list {
			seg, end := v.before(g)
			if i == 0 && (seg != 0 || end != 0) || i > 0 && (seg != v.list[i-1].base || end != v.list[i-1].end) {
				t.Errorf("before number %d the log ended in %d at %d", i, seg, end)
			}
			want := (*segment)(nil)
			if i+1 < len(v.list) && !v.list[i+1].fresh {
				want = v.list[i+1]
			}
			if v.behind(g) != want {
				t.Errorf("behind number %d comes another one", i)
			}
		}
		if g := v.last(); (v.active() == nil) != (g == nil || g.sealed) {
			t.Error("the wrong one is active")
		}
		if n := v.below(next); n < len(v.list)-1 || n > 0 && !v.list[n-1].sealed {
			t.Errorf("%d of %d hold nothing behind the last offset", n, len(v.list))
		}
	}
}

func TestSegmentsKnowWhatIsInFlight(t *testing.T) {
	g := &segment{fd: 7, readFD: 8}
	v := segments{list: []*segment{g}}
	if !v.quiet() || v.files() != 2 {
		t.Errorf("%d descriptors, quiet %v", v.files(), v.quiet())
	}
	f := func(what string, set func(on bool)) {
		t.Helper()
		if set(true); v.quiet() {
			t.Errorf("quiet although %s", what)
		}
		set(false)
	}
	f("one is made", func(on bool) { v.opening = on })
	f("one grows", func(on bool) { v.growing = on })
	f("a descriptor is opened", func(on bool) { g.opening = on })
	f("an index is made", func(on bool) { g.indexing = on })
	f("one is removed", func(on bool) { v.unlinking = map[bool]int{true: 1}[on] })
	f("one that left is read", func(on bool) { v.uses = map[bool]int{true: 1}[on] })
	f("one is read", func(on bool) { g.users = map[bool]int{true: 1}[on] })
}
