package storage

import (
	"fmt"
	"math"
)

// Retention says what of a log may be removed. Zero fields do not limit.
type Retention struct {
	ExpiryMicros uint64 // records older than that may go
	BytesMax     int64  // sealed bytes beyond this go, oldest first, whatever offsets are stored
	HoldMicros   uint64 // a stored offset keeps what is expired for so long since it last moved; HoldForever: always; 0: it does not
}

// HoldForever is the HoldMicros with which stored offsets always keep what was not read.
const HoldForever = math.MaxUint64

// Held is what of a log is expired and kept for a stored offset.
type Held struct {
	Segments int
	Bytes    int64
	Consumer ConsumerKey // whose offset is the smallest of those that count
	Offset   Offset
	Until    uint64 // microseconds: when it counts no more, if it does not move; 0: it always does
}

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
	l.raiseStart(l.expendable(), nil)
	if g := l.segs.active(); g != nil && !l.segs.opening && g.next > g.base && (g.full() || l.expired(g.firstTS)) {
		l.seal(g)
	}
}

// expired reports whether records appended at ts or before have outlived the rule.
func (l *Log) expired(ts uint64) bool {
	e := l.rule.ExpiryMicros
	return e != 0 && e < l.s.now && ts <= l.s.now-e
}

// expendable counts the oldest segments that may go, and notes what is kept for a stored offset.
func (l *Log) expendable() (n int) {
	l.setHeld(Held{})
	if l.rule.ExpiryMicros == 0 && l.rule.BytesMax == 0 {
		return 0
	}
	sealed, newest := int64(0), 0
	for i, g := range l.segs.list {
		if g.sealed {
			sealed += g.recordBytes
		}
		if g.next > g.base {
			newest = i
		}
	}
	low := lowest{none: true}
	asked := false
	for i, g := range l.segs.list {
		tooMuch := l.rule.BytesMax != 0 && sealed > l.rule.BytesMax && i != newest
		if !l.removable(g) || !tooMuch && !l.expired(g.lastTS) {
			break
		}
		if !tooMuch && !asked {
			low, asked = l.offsets.lowest(l.rule.HoldMicros, l.s.now), true
		}
		if !tooMuch && low.holds(g) {
			l.noteHeld(i, low)
			break
		}
		sealed -= g.recordBytes
		n++
	}
	return n
}

// noteHeld notes that the segments from number i on are kept for a stored offset, as far as they are expired.
func (l *Log) noteHeld(i int, low lowest) {
	h := Held{Consumer: low.key, Offset: low.offset, Until: low.until}
	for _, g := range l.segs.list[i:] {
		if !l.removable(g) || !l.expired(g.lastTS) || !low.holds(g) {
			break
		}
		h.Segments++
		h.Bytes += g.recordBytes
	}
	l.setHeld(h)
}

// setHeld keeps the sum over all logs.
func (l *Log) setHeld(h Held) {
	l.s.heldSegments += h.Segments - l.held.Segments
	l.s.heldBytes += h.Bytes - l.held.Bytes
	l.held = h
}

// Held counts the segments, and the bytes of records in them, that are expired and kept for stored offsets, and says for which log most is.
func (s *Store) Held() (segments int, bytes int64, most string) {
	if s.heldSegments == 0 {
		return 0, 0, ""
	}
	top := s.order[0]
	for _, l := range s.order {
		if l.held.Bytes > top.held.Bytes {
			top = l
		}
	}
	h := &top.held
	who := "consumer"
	if h.Consumer.Group {
		who = "group"
	}
	return s.heldSegments, s.heldBytes, fmt.Sprintf("log %d: %d segments, %d bytes, for the stored offset %d of %s %d", top.cfg.ID, h.Segments, h.Bytes, h.Offset, who, h.Consumer.ID)
}

// removable reports whether g may be removed at all: everything in it is visible and on stable storage.
func (l *Log) removable(g *segment) bool {
	return g.sealed && g.next <= l.bounds.hw && g.stable >= alignUp(g.end) && g.next > g.base
}

// retainCapped applies the size of the logs that have sealed a segment since the last time: the rest of a rule can wait.
func (s *Store) retainCapped() {
	for i := 0; i < len(s.capped); i++ { // Retain may seal another one
		l := s.capped[i]
		s.capped[i], l.capped = nil, false
		if s.logs[l.cfg.ID] == l {
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
		if uint32(n) >= r.Count || !l.removable(g) || low.holds(g) {
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
	if l.s.stuck() {
		l.s.want()
	}
	if l.s.stuck() || !j.room(entryHeadSize) {
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
	l.decide(m)
	j.gather.frees = true
	if r != nil {
		r.level = LevelPersisted
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
		l.remove(g, trimmed)
	}
	l.segs.cut(n)
	l.bounds.trim(m.bound, bytes)
	l.noteFixed()
	l.noteChange()
	if n > 0 {
		l.s.issue(Op{Kind: OpSyncDir, Path: l.s.logDir(l.cfg.ID)}, pendingOp{done: ignored})
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

// remove unlinks g's file, calls done, and closes it when nobody reads it any more.
func (l *Log) remove(g *segment, done func(s *Store, p *pendingOp, res int64, err error)) {
	g.gone = true
	l.s.issue(Op{Kind: OpUnlink, Path: g.path()}, pendingOp{done: done, log: l})
	if g.users == 0 {
		g.closeFiles()
	}
}

// close ends a log whose retirement is committed: appends that wait are refused, those in flight end, then the request is answered.
func (l *Log) close(r *Request) {
	if l.closed || l.closing != nil {
		l.s.answer(r, ErrClosed)
		return
	}
	l.closing = r
	l.refuse(ErrClosed)
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
	l.closing, l.closed = nil, true
	l.s.answer(r, nil)
}

func (s *Store) forget(l *Log) {
	l.setHeld(Held{})
	delete(s.logs, l.cfg.ID)
	l.gone = true
	s.fixed -= l.fixed
	l.offsets.leave()
	if l.dedup != nil {
		s.ids.bytes -= l.dedup.noted
	}
	last := len(s.order) - 1 // takes its place: one deletion must not cost as much as there are logs
	s.order[l.at] = s.order[last]
	s.order[l.at].at = l.at
	s.order[last] = nil
	s.order = s.order[:last]
}
