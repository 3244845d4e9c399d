package server

import (
	"testing"
	"time"

	"github.com/galgo-mq/galgo/storage"
)

// TestTheJournalWayIsKept: the way that a directory has stays, whichever is faster at one start or another, until the other one was
// half as fast again in two starts in a row.
func TestTheJournalWayIsKept(t *testing.T) {
	type start struct {
		direct, buffered time.Duration
		want             storage.KeptWay
	}
	const d, b = storage.WayDirect, storage.WayBuffered
	for name, starts := range map[string][]start{
		"the first start takes the faster one":          {{100, 50, storage.KeptWay{Way: b}}},
		"or direct, where they are nearly alike":        {{100, 90, storage.KeptWay{Way: d}}},
		"a little faster is no reason":                  {{100, 100, storage.KeptWay{Way: d}}, {140, 100, storage.KeptWay{Way: d}}, {149, 100, storage.KeptWay{Way: d}}},
		"clearly faster once is none":                   {{100, 100, storage.KeptWay{Way: d}}, {200, 100, storage.KeptWay{Way: d, Lost: 1}}, {100, 100, storage.KeptWay{Way: d}}, {200, 100, storage.KeptWay{Way: d, Lost: 1}}},
		"clearly faster twice in a row is one":          {{100, 100, storage.KeptWay{Way: d}}, {200, 100, storage.KeptWay{Way: d, Lost: 1}}, {160, 100, storage.KeptWay{Way: b}}, {100, 100, storage.KeptWay{Way: b}}},
		"and back":                                      {{100, 50, storage.KeptWay{Way: b}}, {100, 200, storage.KeptWay{Way: b, Lost: 1}}, {100, 200, storage.KeptWay{Way: d}}},
		"what an older build left counts as no way yet": {{50, 100, storage.KeptWay{Way: d}}},
	} {
		kept := storage.KeptWay{}
		for i, s := range starts {
			w := journalWay{directTime: s.direct, bufferedTime: s.buffered, direct: float64(s.direct) <= wayGain*float64(s.buffered)}
			direct, next := w.keep(kept)
			if next != s.want || direct != (next.Way == d) {
				t.Errorf("%s: start %d: %+v, direct %t, want %+v", name, i, next, direct, s.want)
			}
			kept = next
		}
	}
}
