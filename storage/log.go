package storage

import "fmt"

// LogConfig describes a log to open.
type LogConfig struct {
	ID          LogID
	Partition   uint64 // stamped into its batches
	Level       Level
	OffsetLevel Level
	SegmentSize int64

	// A record is not stored again while one of its id is among the last DedupCount (0: always stored) and was appended at
	// most DedupMicros microseconds ago (0: any time).
	DedupCount  int
	DedupMicros uint64
}

// DedupCountMax bounds the records of a log whose ids are remembered.
const DedupCountMax = 1 << 24

// LogStats is what others may know of a log. Counts are of visible records.
type LogStats struct {
	Start    Offset // first offset kept
	Next     Offset // one past the last visible record
	Current  Offset // last visible offset, 0 if there never was one
	Records  uint64
	Bytes    uint64 // of visible batches, as they were sent
	Segments uint32
}

// Log is one partition's log on this shard.
type Log struct {
	Tag any // the caller's; not touched

	s   *Store
	cfg LogConfig
	at  int // in logs.order

	bounds      bounds
	segs        segments
	tail        tail
	pend        pending
	reservation reservation
	offsets     storedOffsets
	dedup       *dedup // nil: every record is stored

	standing standing

	wait    requestList // appends that wait for a segment, space, a reservation or memory
	queued  bool        // in Store.retry
	touched *group      // the gathering one, if it looks at the log when it is safe

	fenced   error
	silent   bool // fenced for panics: it answers nothing
	closing  *Request
	closed   bool
	gone     bool     // from this store
	leaving  *Request // moves to another store when nothing is in flight
	changed  bool
	trimming bool        // a log start is on its way
	trims    requestList // that wait for it

	rule   Retention
	held   Held
	capped bool // in Store.capped
}

// OpenLog adds a log that has no data yet.
func (s *Store) OpenLog(cfg LogConfig) *Log {
	if cfg.ID == 0 || s.logs.byID[cfg.ID] != nil {
		panic(fmt.Sprintf("BUG: log %d opened twice", cfg.ID))
	}
	l := &Log{s: s, cfg: cfg, offsets: storedOffsets{all: s.room.users},
		rule: Retention{HoldMicros: HoldForever}, dedup: newDedup(s.cfg.Seed, &cfg)}
	s.logs.add(l)
	l.standing.by = tellsState
	return l
}

// AdoptLog adds a log as recovery left it. Its newest segment goes on at the next block.
func (s *Store) AdoptLog(cfg LogConfig, st *LogState) *Log {
	l := s.OpenLog(cfg)
	l.bounds = bounds{start: st.Start, next: st.Next, hw: st.Next, last: st.Last, lastTS: st.LastTS, gaps: st.Gaps}
	l.reservation, l.offsets.count = reservation{bound: st.Reserved, asked: st.Reserved}, st.OffsetCount
	for i, g := range st.Segments {
		seg := &segment{log: l, base: g.Base, gen: g.Generation, next: g.Next, fd: -1, readFD: -1, end: g.End, found: g.End, stable: alignUp(g.End),
			alloc: alignUp(g.End), firstTS: g.FirstTS, lastTS: g.LastTS, recordBytes: g.RecordBytes, sealed: i < len(st.Segments)-1, described: i < len(st.Segments)-1}
		seg.sealed = seg.sealed || seg.full()
		l.segs.list = append(l.segs.list, seg)
		if seg.described {
			l.segs.described++
		}
		l.tail.flushed = afterPadding(g.End)
		l.bounds.bytes += uint64(g.RecordBytes)
		l.segs.dirReady = true
	}
	for _, o := range st.Offsets {
		l.offsets.apply(o)
	}
	l.bounds.records = l.bounds.count(l.bounds.start, l.bounds.next)
	if st.Fence != "" {
		s.stir(l)
		l.fenced = fmt.Errorf("%w: %s", ErrFenced, st.Fence)
		l.silent = st.Quarantined()
		if st.Aside {
			l.tail.side = sideSafe
		}
	}
	return l
}

// Log returns the log of that id, or nil.
func (s *Store) Log(id LogID) *Log { return s.logs.byID[id] }

// Stats reports what is visible of the log now.
func (l *Log) Stats() LogStats {
	b := &l.bounds
	st := LogStats{Start: b.start, Next: b.hw, Current: b.last, Records: b.records, Bytes: b.bytes, Segments: uint32(len(l.segs.list))}
	if l.segs.active() == nil {
		st.Segments++ // the next one; its file comes with its first batch
	}
	return st
}

// ID returns the log's id.
func (l *Log) ID() LogID { return l.cfg.ID }

// Fenced returns why the log takes no more appends, or nil.
func (l *Log) Fenced() error { return l.fenced }

// refusal is why the log takes nothing more, or nil.
func (l *Log) refusal() error {
	if l.fenced == nil && (l.closed || l.closing != nil) {
		return ErrClosed
	}
	return l.fenced
}

// noteFixed keeps the sum of what the logs that laps carry take in every lap.
func (l *Log) noteFixed() {
	n := int64(0)
	if l.standing.lapped() {
		n = carried{l}.fixed()
	}
	l.s.room.fixed += n - l.standing.fixed
	l.standing.fixed = n
}

// TakeChanged returns the next log whose stats have changed since it was last returned, or nil.
func (s *Store) TakeChanged() *Log {
	if s.changed.Len() == 0 {
		return nil
	}
	l := s.changed.Pop()
	l.changed = false
	return l
}

func (l *Log) noteChange() {
	if !l.changed {
		l.changed = true
		l.s.changed.Push(l)
	}
}

// settle answers what is safe now, in order, and forgets what is done.
func (l *Log) settle() {
	j := &l.s.journal // which is what moves it today
	safe := safety{written: j.wseq, persisted: j.pseq, direct: l.tail.done}
	l.tellTo(l.pend.safeTo(l.cfg.Level, safe))
	l.pend.forget(safe.direct)
	if l.dedup != nil && len(l.dedup.repeats) > 0 {
		for r := l.dedup.told(l.bounds.hw); r != nil; {
			next := r.next
			r.Current = l.bounds.last
			l.s.answer(r, nil)
			r = next
		}
	}
	for r := l.pend.flushed(safe); r != nil; r = l.pend.flushed(safe) {
		l.s.answer(r, nil)
	}
	if l.closing != nil {
		l.tryClose()
	}
}

// tellTo makes everything visible that ends at next or before, and answers it. Whoever calls it knows that it is safe: the journal of
// this shard does.
func (l *Log) tellTo(next Offset) {
	for n := l.pend.untold(); n != nil && n.next <= next; n = l.pend.untold() {
		l.pend.told++
		l.bounds.show(n.next, n.count, n.length)
		l.noteChange()
		if r := n.req; r != nil {
			n.req = nil
			r.Base, r.Current = n.base, l.bounds.last
			l.s.answer(r, nil)
		}
	}
}

// fence stops appends to the log: its storage failed or is damaged. What was told stays readable where it can be read.
func (l *Log) fence(err error) {
	if l.fenced != nil {
		return
	}
	l.s.stir(l)
	l.fenced = fmt.Errorf("%w: %w", ErrFenced, err)
	l.s.report("log fenced", l.cfg.ID, err)
	l.s.answerAll(l.wait.take(), l.fenced)
	l.s.space.drop(l)
	l.s.answerAll(l.pend.refuseFlushes(), l.fenced)
	l.s.answerAll(l.dedup.refuse(), l.fenced)
	saveAside(l)
}

// writeFailed fences the log and answers what waits for the write of that number: the batch that it was for, and all behind it.
// What the journal alone holds before that can still be told.
func (l *Log) writeFailed(number uint64, err error) {
	l.fence(err)
	l.s.answerAll(l.pend.lose(l.tail.lost(number)), l.fenced)
	if l.closing != nil {
		l.tryClose()
	}
}
