package bench

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestIntervalHoldsTheMedian: of many sets of ratios from a distribution with a known median, 95 of 100 intervals have it inside.
func TestIntervalHoldsTheMedian(t *testing.T) {
	for n, want := range map[int]int{1: 0, 5: 0, 6: 0, 8: 0, 9: 1, 12: 2, 15: 3, 20: 5} { // as tables of order statistics have them
		if got := inFromEnds(n); got != want {
			t.Errorf("of %d values, %d are left out at each end, want %d", n, got, want)
		}
	}
	const seed, sets = 7, 4000
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{6, 9, 20} {
		inside := 0
		for range sets {
			x := Ratio{}
			for range n {
				q := math.Exp(rng.ExpFloat64() - math.Ln2) // its median is 1
				x.New, x.Old = append(x.New, q, q), append(x.Old, 1, 1)
			}
			if low, _, high := x.Median(); low <= 1 && 1 <= high {
				inside++
			}
		}
		if float64(inside) < 0.94*sets {
			t.Errorf("%d of %d intervals of %d values hold the median, seed %d", inside, sets, n, seed)
		}
	}
}

// TestRowsAreJudgedByTheirMedian: a row below the bar fails; one whose interval is on both sides of it wants more rounds.
func TestRowsAreJudgedByTheirMedian(t *testing.T) {
	w := row{"uring", "persisted", Scenario{Name: "send"}}
	f := func(decided, failed bool, ratios ...float64) {
		t.Helper()
		x := Ratio{IO: w.way, Level: w.level, Scenario: "send", Side: "sent"}
		for _, q := range ratios {
			x.New, x.Old = append(x.New, 500*q, 2000*q), append(x.Old, 1000, 1000) // who runs first is twice as slow
			x.NewCPU, x.OldCPU = append(x.NewCPU, 1, 1), append(x.OldCPU, 1, 1)
		}
		r := Ratios{Bar: 0.97, Rows: []Ratio{x}}
		if got := r.decided(w); got != decided {
			t.Errorf("%v: decided %v", ratios, got)
		}
		if got := len(r.Failed()) > 0; got != failed {
			t.Errorf("%v: failed %v", ratios, got)
		}
		var out strings.Builder
		r.Write(&out)
		if got := strings.Contains(out.String(), "undecided"); got != (!decided && !failed) {
			t.Errorf("%v: says undecided %v:\n%s", ratios, got, out.String())
		}
	}
	f(true, false, 0.98, 1, 1.01, 1.02, 0.99)
	f(false, false, 0.90, 1, 1.01, 1.02, 0.99)
	f(false, true, 0.90, 0.91, 0.96, 1.02, 0.99)
	f(true, true, 0.90, 0.91, 0.96, 0.95, 0.94)
	f(true, false, 0.5, 0.98, 0.99, 1, 1.01, 1.02, 1.03, 1.04, 1.05) // of nine, one at each end may be anything
}
