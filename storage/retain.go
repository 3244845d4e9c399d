package storage

import "fmt"

// SetRetention sets the rule by which the log is kept from now on, and the size at which its segments are sealed.
func (l *Log) SetRetention(rule Retention, segmentSize int64) {
	l.rule = rule
	l.cfg.SegmentSize = segmentSize
}

// Retain removes sealed segments as the log's rule allows: oldest first, never the one with the newest record for its size alone. Then an
// active segment that is as large as its topic wants it now, or whose oldest record is expired, is sealed: the next time it may go too, so
// what is written rarely does not stay for ever; not while it is being opened for appends, which would miss its file. An orderly end that was
// asked for leaves the rest to the next run: nothing follows its last group.
func (l *Log) Retain() {
	if l.closed || l.closing != nil || l.leaving != nil || l.trimming || l.fenced != nil || l.s.ending {
		return
	}
	n, held := l.rule.expendable(&l.segs, l.bounds.hw, &l.offsets, l.s.now)
	l.s.held.change(l, held)
	l.raiseStart(n, nil)
	if g := l.segs.active(); g != nil && !l.segs.opening && g.next > g.base && (g.full() || l.rule.expired(g.firstTS, l.s.now)) {
		l.seal(g)
	}
}

// Held counts the segments, and the bytes of records in them, that are expired and kept for stored offsets, and names one of the logs for which most is, as far as is known.
func (s *Store) Held() (segments int, bytes int64, most string) {
	if s.held.segments == 0 {
		return 0, 0, ""
	}
	top := s.held.most
	for l := range s.logs.all() {
		if top != nil {
			break // nearly always
		}
		if l.held.Bytes > 0 {
			top = l
		}
	}
	if s.held.most = top; top == nil {
		return s.held.segments, s.held.bytes, ""
	}
	h := &top.held
	who := "consumer"
	if h.Consumer.Group {
		who = "group"
	}
	return s.held.segments, s.held.bytes, fmt.Sprintf("log %d: %d segments, %d bytes, for the stored offset %d of %s %d", top.cfg.ID, h.Segments, h.Bytes, h.Offset, who, h.Consumer.ID)
}

// retainCapped applies the size of the logs that have sealed a segment since the last time: the rest of a rule can wait.
func retainCapped(s *Store) {
	for i := 0; i < len(s.capped); i++ { // Retain may seal another one
		l := s.capped[i]
		s.capped[i], l.capped = nil, false
		if !l.gone {
			s.working = l.cfg.ID
			l.Retain()
		}
	}
	s.capped = s.capped[:0]
	s.working = 0
}

// trim removes at most Count of the oldest sealed segments.
func (l *Log) trim(r *Request) {
	if l.closed || l.closing != nil {
		l.s.answer(r, ErrClosed)
		return
	}
	if l.trimming {
		l.trims.push(r)
		return
	}
	low := l.offsets.lowest(l.rule.HoldMicros, l.s.now)
	n := 0
	for _, g := range l.segs.list {
		if uint32(n) >= r.Count || !g.removable(l.bounds.hw) || low.holds(g) {
			break
		}
		n++
	}
	if n == 0 {
		l.s.answer(r, nil)
		return
	}
	l.raiseStart(n, r)
}

// raiseStart journals a log start behind the first n segments; they are unlinked when that is safe.
func (l *Log) raiseStart(n int, r *Request) {
	if n == 0 {
		return
	}
	j := &l.s.journal
	if l.s.space.stuck() {
		l.s.space.want()
	}
	ok, err := true, error(nil)
	if !l.s.space.short {
		ok, err = l.s.table.admits(l)
	} else if !l.s.table.admitsNow(l, 0) {
		err = errShort
	}
	if err != nil {
		if r != nil {
			l.s.answer(r, err)
		}
		return
	}
	if !ok || l.s.space.stuck() || !j.room(entryHeadSize) {
		if r != nil {
			l.s.starved.push(r)
		}
		return
	}
	l.trimming = true
	to := l.segs.list[n-1].next
	seg := to
	if n < len(l.segs.list) {
		seg = l.segs.list[n].base
	}
	m := mark{kind: entryStart, log: l, bound: to, seg: seg}
	l.s.journal.decide(m)
	j.gather.frees = true
	if r != nil {
		r.soFar.level = LevelPersisted
		j.gather.wait.push(r)
	}
}

// started makes the new log start take effect: older segments leave the log and the disk, oldest first.
func (l *Log) started(m *mark) {
	l.trimming = false
	defer l.trimAgain()
	if l.closed || m.bound <= l.bounds.start {
		return
	}
	n, bytes := l.segs.below(m.bound), int64(0)
	for _, g := range l.segs.list[:n] {
		bytes += g.recordBytes
		l.tail.drop(&l.s.chunks, g)
		l.segs.unlinking++
		l.s.ops.issue(Op{Kind: OpUnlink, Path: g.path()}, pendingOp{done: trimmed, log: l})
		g.leave()
	}
	l.segs.cut(n)
	l.bounds.trim(m.bound, bytes)
	l.noteFixed()
	l.noteChange()
	if n > 0 {
		l.s.ops.issue(Op{Kind: OpSyncDir, Path: LogDir(l.s.cfg.Dir, l.cfg.ID)}, pendingOp{done: ignored})
	}
}

// trimAgain goes on with the trims that waited for the one before.
func (l *Log) trimAgain() {
	for r := l.trims.take(); r != nil; {
		next := r.next
		l.trim(r)
		r = next
	}
}

// trimmed notes that a segment's name is gone, or could not be removed: then it is tried again at the next start.
func trimmed(_ *Store, p *pendingOp, _ int64, _ error) {
	l := p.log
	if l.segs.unlinking--; l.closing != nil {
		l.tryClose()
	}
}

// close ends a log whose retirement is committed: appends that wait are refused, those in flight end, then the request is answered.
func (l *Log) close(r *Request) {
	if l.closed || l.closing != nil {
		l.s.answer(r, ErrClosed)
		return
	}
	l.closing = r
	l.s.closing++
	l.s.answerAll(l.wait.take(), ErrClosed)
	l.trimAgain() // which refuses them
	l.s.answerAll(l.dedup.refuse(), ErrClosed)
	l.tryClose()
}

// tryClose answers the close when nothing of the log is in flight.
func (l *Log) tryClose() {
	busy := l.segs.making() || l.tail.side == sideOpening || l.fenced == nil && l.tail.inFlight()
	if l.fenced == nil && l.s.journal.failed == nil {
		busy = busy || !l.pend.settled()
	}
	if busy {
		return
	}
	r := l.closing
	l.s.closing--
	l.closing, l.closed = nil, true
	l.s.answer(r, nil)
}

func (s *Store) forget(l *Log) {
	s.held.change(l, Held{})
	s.table.forget(l)
	s.logs.remove(l)
	l.gone = true
	l.offsets.leave()
	if l.dedup != nil {
		s.ids.bytes -= l.dedup.noted
	}
}
