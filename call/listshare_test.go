package call

import (
	"testing"
	"time"
)

// TestListsGetAShareOfTheCore runs the accounts of a shard that has lists to make in every turn, beside a request each millisecond and
// alone. It counts what the lists were charged for: that is all that the rest of a turn depends on.
func TestListsGetAShareOfTheCore(t *testing.T) {
	const second = int64(time.Second)
	for _, c := range []struct {
		name        string
		every       int64 // nanoseconds between other requests; 0: none
		least, most int64 // of a second
	}{
		{"beside others", second / 1000, second / listShare * 9 / 10, second / listShare * 11 / 10},
		{"beside a few", listAlone / 2, second / listShare * 9 / 10, second / listShare * 11 / 10},
		{"alone", 0, second * 9 / 10, second},
		{"beside one a second", second, second * 9 / 10, second},
	} {
		var x listings
		var had, rested int64
		now := 10 * second // that a shard is up for
		x.others = now - second
		for end, next := now+second, now+c.every; now < end; {
			if c.every > 0 && now >= next {
				x.others, next = now, next+c.every
			}
			if x.rests(now) {
				if x.debt > listDebtMax {
					t.Fatalf("%s: lists stand still for %v", c.name, time.Duration(x.debt))
				}
				step := min(x.debt, second/1000)
				now, rested = now+step, rested+step
				continue
			}
			work := int64(listWork)*listUnit + listSends*chunkTime
			x.charge(work)
			now, had = now+work, had+work
		}
		if had < c.least || had > c.most {
			t.Errorf("%s: lists had %v of a second, rested %v, want %v to %v", c.name, time.Duration(had), time.Duration(rested), time.Duration(c.least), time.Duration(c.most))
		}
	}
}
