package storage

import "github.com/galgo-mq/galgo/batch"

// filtered says what is to be done with an append.
type filtered uint8

const (
	goesOn  filtered = iota // with what is left of it
	waits                   // pump is called when the window is known
	handled                 // it is answered, or will be
)

// filter drops the records of r that the log has, or keeps r until they are told if it has them all. It is asked whenever
// an append is tried: one that waited may meet the ids of those before it.
func (l *Log) filter(r *Request) filtered {
	d, s := l.dedup, l.s
	if !d.built && !d.building {
		if p := d.rebuild(&l.bounds); p != nil { // nil: there is nothing to read
			p.Log, p.log = l.cfg.ID, l
			p.internal = func(r *Request) { windowRead(l, r) }
			l.poll(p)
		}
	}
	if !d.built {
		return waits
	}
	b := batch.Batch(r.Batch)
	_, ts := l.bounds.stamp(s.now)
	first, last, kept := d.filter(&s.ids, b, ts, l.bounds.start)
	dropped := s.ids.dropped
	s.stats.Duplicates += uint64(len(dropped))
	switch {
	case kept == 0:
		if r.Base = first; r.soFar.known {
			r.Base = r.soFar.at // its first record went before: the clock was set back, and now the window has the others too
		}
		if last < l.bounds.hw {
			r.Current = l.bounds.last
			s.answer(r, nil)
		} else {
			d.repeats = append(d.repeats, repeat{r, last})
		}
		return handled
	case !d.room(&s.ids, kept, ts, l.bounds.start):
		s.answer(r, ErrNoMemory)
		return handled
	case len(dropped) > 0:
		if dropped[0] == 0 && !r.soFar.known {
			r.soFar.known, r.soFar.at = true, first
		}
		r.Batch = s.hasher.Drop(b, dropped)
	}
	return goesOn
}

// windowRead takes what a poll of a rebuild found, and has the next one go on behind it. It runs at the end of a turn.
func windowRead(l *Log, r *Request) {
	d, s := l.dedup, l.s
	if l.gone || l.closed || l.closing != nil || l.fenced != nil {
		d.building = false // what waited is answered
		s.Release(r)
		return
	}
	next := d.take(&s.ids, r, &l.bounds)
	err := r.Err
	s.Release(r)
	switch {
	case err != nil:
		d.building = false
		s.answerAll(l.wait.take(), err)
	case next < l.bounds.hw:
		r.Strategy, r.Value, r.HeadLen = FromOffset, uint64(next), 0
		l.poll(r)
	default:
		d.building, d.built = false, true
		l.pump()
	}
}
