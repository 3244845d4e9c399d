package storage

import "iter"

// logs are those of a store. Each keeps its place for as long as it is there, so that all can be gone through a few at a time.
type logs struct {
	byID  map[LogID]*Log
	order []*Log // nil: a free place
	free  []int

	looked uint64 // how many places cursors have looked at
}

// logsPerTurn is how many logs of all are looked at in one turn for one purpose, if the configuration says nothing.
const logsPerTurn = 512

func (v *logs) add(l *Log) {
	v.byID[l.cfg.ID] = l
	if k := len(v.free); k > 0 {
		l.at = v.free[k-1]
		v.free = v.free[:k-1]
		v.order[l.at] = l
		return
	}
	l.at = len(v.order)
	v.order = append(v.order, l)
}

func (v *logs) remove(l *Log) {
	delete(v.byID, l.cfg.ID)
	v.order[l.at] = nil
	v.free = append(v.free, l.at)
}

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
func (c *cursor) next(v *logs, left *int) (l *Log, end bool) {
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
