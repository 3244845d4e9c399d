package storage

import "iter"

// logs are those of a store: all, and those that laps carry.
type logs struct {
	byID map[LogID]*Log
	places
	lapped places
}

// places hold logs so that they can be gone through a few at a time: each keeps its place for as long as it is there.
type places struct {
	order []*Log // nil: a free place
	free  []int

	looked uint64 // how many places cursors have looked at
}

// logsPerTurn is how many logs of all are looked at in one turn for one purpose, if the configuration says nothing.
const logsPerTurn = 512

func (v *logs) add(l *Log) {
	v.byID[l.cfg.ID] = l
	l.at = v.put(l)
}

func (v *logs) remove(l *Log) {
	delete(v.byID, l.cfg.ID)
	v.cut(l.at)
}

// put gives l a place, and says which.
func (v *places) put(l *Log) (at int) {
	if k := len(v.free); k > 0 {
		at = v.free[k-1]
		v.free = v.free[:k-1]
		v.order[at] = l
		return at
	}
	v.order = append(v.order, l)
	return len(v.order) - 1
}

// cut frees a place.
func (v *places) cut(at int) {
	v.order[at] = nil
	v.free = append(v.free, at)
}

// count is how many logs there are.
func (v *places) count() int { return len(v.order) - len(v.free) }

// has reports whether l is there: not another one of its id, nor none.
func (v *logs) has(l *Log) bool { return v.byID[l.cfg.ID] == l }

func (v *logs) len() int { return len(v.byID) }

// all goes through all logs at once: for checks, and to find a log again of which something is shown.
func (v *logs) all() iter.Seq[*Log] {
	return func(yield func(*Log) bool) {
		for _, l := range v.order {
			if l != nil && !yield(l) {
				return
			}
		}
	}
}

// cursor goes through all logs, over several turns. It misses none that is there all the time; one that comes meanwhile may be missed.
type cursor struct{ at int }

// next returns the next log, and takes one from left for each place that it looks at. Without a log, nothing is left of that, or the cursor
// has come to the end and is at the first log again.
func (c *cursor) next(v *places, left *int) (l *Log, end bool) {
	for *left > 0 {
		if c.at >= len(v.order) {
			c.at = 0
			return nil, true
		}
		l = v.order[c.at]
		c.at++
		v.looked++
		*left--
		if l != nil {
			return l, false
		}
	}
	return nil, false
}
