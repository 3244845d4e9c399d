package storage

import "fmt"

// Below LevelPersisted a crash may lose what was told, and what was told must not be told again. So offsets are reserved ahead, by an
// entry on stable storage, before the first of them is given out; after an unclean end the log goes on behind them.
//
//	due     fewer than half a reservation is left
//	ask     how far the next one goes, and for which level: its entry is on its way
//	apply   the entry is safe: offsets below the bound may be told

const (
	reserveMin = 65536 // offsets reserved ahead at least
	reserveMax = 1 << 26
)

// reservation is what of a log's offsets may be told below LevelPersisted.
type reservation struct {
	bound    Offset // offsets under it may be told
	level    Level  // at this level, or above; 0: none are reserved
	asked    Offset // what bound will be when all is safe that was asked for
	askedFor Level
	step     Offset // how many are asked for at a time
	askedAt  int64  // monotonic time
}

// due reports whether more has to be asked for before, or soon after, offsets up to next are told at a level. What was reserved for a
// higher level does not do: a start after kill -9 trusts the page cache for that one.
func (v *reservation) due(next Offset, level Level) bool {
	return v.asked < next+reserveMin/2 || v.askedFor > level
}

// ask says up to where offsets are to be reserved now, and for which level. While a level is raised what was told is only as safe as the
// one before, and laps state the last reservation alone.
func (v *reservation) ask(next Offset, level Level, raising bool, mono int64) (Offset, Level) {
	if mono-v.askedAt < reserveLasts && v.step < reserveMax {
		v.step = max(v.step*2, reserveMin) // the last one did not last
	}
	v.askedAt = mono
	if raising && v.askedFor != 0 {
		level = min(level, v.askedFor)
	}
	v.asked, v.askedFor = max(v.asked, next+max(v.step, reserveMin)), level
	return v.asked, v.askedFor
}

// reserveLasts is how long a reservation should last, in nanoseconds.
const reserveLasts = 1e9

// apply takes in what is reserved now.
func (v *reservation) apply(bound Offset, level Level) { v.bound, v.level = max(v.bound, bound), level }

// allows reports whether offsets up to next may be told at a level.
func (v *reservation) allows(next Offset, level Level) bool {
	return next <= v.bound && v.level <= level
}

// onItsWay reports whether something was asked for that is not safe yet.
func (v *reservation) onItsWay() bool { return v.asked != v.bound }

// entry says what is reserved.
func (v *reservation) entry(log LogID) *entry {
	return &entry{kind: entryReserve, level: LevelPersisted, log: log, next: v.bound, length: uint32(v.level)}
}

func (v *reservation) invariants(id LogID) {
	if v.bound > v.asked {
		panic(fmt.Sprintf("BUG: log %d reserved offsets up to %d, asked for %d", id, v.bound, v.asked))
	}
}
