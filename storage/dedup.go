package storage

import (
	"fmt"
	"math"

	"github.com/galgo-mq/galgo/batch"
)

// A log with deduplication stores a record once: another one with its id, within the window, is acknowledged and not
// stored. The window is a part of the log that is read into memory at the first append; nothing is written for it.
//
//	append:  window not read yet?  wait; polls read it          rebuild, gather
//	         some ids are known    their frames are dropped     filter
//	         all are               answered when told           repeats
//	         placed                the ids are noted            note
type dedup struct {
	window   idWindow
	built    bool
	building bool
	repeats  []repeat
	noted    int64 // bytes of the window, counted in Store.dedupBytes
}

// repeat is an append whose records the log has already. It is answered when they are told, up to the last of them.
type repeat struct {
	req  *Request
	last Offset
}

// rebuildBytes is how much of the log one poll of a rebuild reads.
const rebuildBytes = 1 << 20

func newDedup(s *Store, cfg *LogConfig) *dedup {
	if cfg.DedupCount <= 0 {
		return nil
	}
	return &dedup{window: idWindow{seed: s.cfg.Seed ^ uint64(cfg.ID), count: min(cfg.DedupCount, DedupCountMax), age: cfg.DedupMicros}}
}

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
	if !d.built && !l.rebuilt() {
		return waits
	}
	b, ts := batch.Batch(r.Batch), max(s.now, l.bounds.lastTS)
	s.dropped = s.dropped[:0]
	several := b.Count() > 1
	if several {
		s.seen.begin(b.Count())
	}
	first, last, kept := Offset(0), Offset(0), 0
	for frames, i := b.Frames(), uint32(0); len(frames) > 0; i++ {
		var rec batch.Record
		rec, frames = batch.Next(frames)
		id := idOf(rec)
		if o, ok := d.window.find(id, ts, l.bounds.start, kept); ok {
			if i == 0 {
				first = o
			}
			last = max(last, o)
			s.dropped = append(s.dropped, i)
		} else if several && s.seen.again(id, d.window.hash(id), kept, d.window.count) {
			s.dropped = append(s.dropped, i)
		} else {
			kept++
		}
	}
	s.stats.duplicates += uint64(len(s.dropped))
	switch {
	case kept == 0:
		if r.Base = first; r.cut {
			r.Base = r.repeats // its first record went before: the clock was set back, and now the window has the others too
		}
		l.repeat(r, last)
		return handled
	case !l.dedupRoom(kept, ts):
		s.answer(r, ErrNoMemory)
		return handled
	case len(s.dropped) > 0:
		if s.dropped[0] == 0 && !r.cut {
			r.cut, r.repeats = true, first
		}
		r.Batch = s.hasher.Drop(b, s.dropped)
	}
	return goesOn
}

// busy reports whether the window is being read, or appends wait for what they repeat.
func (d *dedup) busy() bool { return d != nil && (d.building || len(d.repeats) > 0) }

// dedupRoom reports whether the windows of the store may take so many more records of l.
func (l *Log) dedupRoom(records int, ts uint64) bool {
	most := l.s.cfg.DedupBytesMax
	if most <= 0 {
		return true
	}
	more := l.dedup.window.wants(records, ts, l.bounds.start) - l.dedup.noted
	return more <= 0 || l.s.dedupBytes+more <= most
}

// noteIDs remembers the records of a batch that has its place in the log.
func (l *Log) noteIDs(b batch.Batch) {
	w, o, ts := &l.dedup.window, b.BaseOffset(), b.BaseTimestamp()
	for frames := b.Frames(); len(frames) > 0; o++ {
		var rec batch.Record
		rec, frames = batch.Next(frames)
		w.push(windowEntry{idOf(rec), o, ts}, l.bounds.start)
	}
	l.noteDedup()
}

// noteDedup counts the memory of the window.
func (l *Log) noteDedup() {
	d := l.dedup
	l.s.dedupBytes += d.window.bytes() - d.noted
	d.noted = d.window.bytes()
}

// repeat answers r when all up to last is told.
func (l *Log) repeat(r *Request, last Offset) {
	if last < l.bounds.hw {
		r.Current = l.bounds.last
		l.s.answer(r, nil)
		return
	}
	l.dedup.repeats = append(l.dedup.repeats, repeat{r, last})
}

// settleRepeats answers those whose records are told now.
func (l *Log) settleRepeats() {
	d, k := l.dedup, 0
	for _, p := range d.repeats {
		if p.last < l.bounds.hw {
			p.req.Current = l.bounds.last
			l.s.answer(p.req, nil)
			continue
		}
		d.repeats[k] = p
		k++
	}
	clear(d.repeats[k:])
	d.repeats = d.repeats[:k]
}

// refuseRepeats answers err to all that wait: what they repeat may never be told.
func (l *Log) refuseRepeats(err error) {
	d := l.dedup
	if d == nil {
		return
	}
	for _, p := range d.repeats {
		l.s.answer(p.req, err)
	}
	clear(d.repeats)
	d.repeats = d.repeats[:0]
}

// rebuilt reports whether the window is known, and has it read if not: from the first record that may be in it on. Its
// age is counted from the log's last append, not by the clock, which may be set back until the next one.
func (l *Log) rebuilt() bool {
	d := l.dedup
	if d.built || d.building {
		return d.built
	}
	if d.window.clear(); l.bounds.records == 0 {
		d.built = true
		return true
	}
	d.building = true
	r := &Request{Kind: ReqPoll, Log: l.cfg.ID, log: l, Strategy: FromOffset, Value: uint64(l.bounds.back(uint64(d.window.count))),
		Count: math.MaxUint32, BytesMax: rebuildBytes, Head: make([]byte, HeadMin), Spans: make([]Span, 0, SpansMax)}
	r.internal = l.gather
	if age := d.window.age; age > 0 && l.bounds.lastTS > age {
		r.Strategy, r.Value = FromTimestamp, l.bounds.lastTS-age
	}
	l.poll(r)
	return false
}

// gather takes what a poll of a rebuild found, and has the next one go on behind it. It runs at the end of a turn.
func (l *Log) gather(r *Request) {
	d, s := l.dedup, l.s
	if s.logs[l.cfg.ID] != l || l.closed || l.closing != nil || l.fenced != nil {
		d.building = false // what waited is answered
		s.Release(r)
		return
	}
	next, found := r.poll.from, r.Err == nil && r.Records > 0
	if o := l.bounds.back(uint64(d.window.count)); found && r.Strategy == FromTimestamp && r.Base < o {
		next = o // more records are young enough than the window holds
	} else if found {
		r.Err = l.gatherSpans(r)
	}
	err := r.Err
	s.Release(r)
	switch {
	case err != nil:
		d.building = false
		l.refuse(err)
	case found && next < l.bounds.hw:
		r.Strategy, r.Value, r.HeadLen = FromOffset, uint64(next), 0
		l.poll(r)
	default:
		d.building, d.built = false, true
		l.pump()
	}
}

// gatherSpans notes the records of a poll's answer. A slice of a batch has its header in a span of its own. At the first
// one there is memory for all that are to come.
func (l *Log) gatherSpans(r *Request) error {
	spans, records := r.Spans, int(l.bounds.count(r.Base, l.bounds.hw))
	if !l.dedupRoom(records, l.bounds.lastTS) {
		return ErrNoMemory
	}
	l.dedup.window.reserve(records)
	l.noteDedup()
	for i := 0; i < len(spans); i++ {
		for data := spans[i].Data; len(data) > 0; {
			b := batch.Batch(data[:batch.HeaderSize])
			n, frames := b.Length(), data[batch.HeaderSize:]
			if len(frames) == 0 {
				i++
				data = spans[i].Data
				frames, data = data, nil
			} else {
				frames, data = data[batch.HeaderSize:n], data[n:]
			}
			for len(frames) > 0 {
				var rec batch.Record
				rec, frames = batch.Next(frames)
				l.dedup.window.push(windowEntry{idOf(rec), b.BaseOffset() + Offset(rec.OffsetDelta()), b.BaseTimestamp()}, l.bounds.start)
			}
		}
	}
	return nil
}

// checkDedup compares the window with the log.
func (l *Log) checkDedup() {
	d := l.dedup
	d.window.invariants(l.cfg.ID)
	last, any := d.window.last()
	aged := d.window.age > 0 // the log's last time may be that of records that were lost: those that are left may all be too old then
	if d.built && (any && last.ts > l.bounds.lastTS || any && last.offset >= l.bounds.next || !any && l.bounds.records > 0 && !aged) {
		panic(fmt.Sprintf("BUG: log %d remembers offset %d at %d, it goes on at %d, %d", l.cfg.ID, last.offset, last.ts, l.bounds.next, l.bounds.lastTS))
	}
	if d.built && any && l.bounds.records > 0 && last.offset < l.bounds.last {
		panic(fmt.Sprintf("BUG: log %d remembers nothing behind offset %d, its last is %d", l.cfg.ID, last.offset, l.bounds.last))
	}
	for _, p := range d.repeats {
		if p.last < l.bounds.hw || p.last >= l.bounds.next {
			panic(fmt.Sprintf("BUG: log %d: a repeat waits for offset %d, visible to %d, it goes on at %d", l.cfg.ID, p.last, l.bounds.hw, l.bounds.next))
		}
	}
}
