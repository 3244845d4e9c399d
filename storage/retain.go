package storage

import (
	"errors"
	"fmt"
	"syscall"
)

// Retention says what may be removed. Zero fields do not limit.
type Retention struct {
	OlderThan uint64 // append time in microseconds: segments whose newest record is older may go
	BytesMax  int64  // sealed bytes beyond this may go, oldest first
}

// Retain removes sealed segments as the rules allow: oldest first, never the active one, never one whose last offset is
// above the smallest stored offset.
func (l *Log) Retain(rule Retention) {
	if l.closed || l.closing != nil || l.leaving != nil || l.trimming || l.fenced != nil {
		return
	}
	sealed := int64(0)
	for _, g := range l.segs {
		if g.sealed {
			sealed += g.recordBytes
		}
	}
	low, any := l.smallestStored()
	n := 0
	for _, g := range l.segs {
		expired := rule.OlderThan != 0 && g.lastTS <= rule.OlderThan
		tooMuch := rule.BytesMax != 0 && sealed > rule.BytesMax
		if !l.removable(g, low, any) || !expired && !tooMuch {
			break
		}
		sealed -= g.recordBytes
		n++
	}
	l.raiseStart(n, nil)
}

// removable reports whether g may be removed at all.
func (l *Log) removable(g *segment, low Offset, any bool) bool {
	return g.sealed && g.next <= l.hw && g.stable >= alignUp(g.end) && g.next > g.base && (!any || g.next-1 <= low)
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
	low, any := l.smallestStored()
	n := 0
	for _, g := range l.segs {
		if uint32(n) >= r.Count || !l.removable(g, low, any) {
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
	if !j.room(entryHeadSize) {
		if r != nil {
			l.s.starved.push(r)
		}
		return
	}
	l.trimming = true
	to := l.segs[n-1].next
	seg := to
	if n < len(l.segs) {
		seg = l.segs[n].base
	}
	m := mark{kind: entryStart, log: l, bound: to, seg: seg}
	j.add(m.entry(), nil)
	j.gather.marks = append(j.gather.marks, m)
	j.touch(l)
	if r != nil {
		r.level = LevelPersisted
		j.gather.wait.push(r)
	}
}

// started makes the new log start take effect: older segments leave the log and the disk, oldest first.
func (l *Log) started(m *mark) {
	l.trimming = false
	defer l.trimAgain()
	if l.closed || m.bound <= l.start {
		return
	}
	l.start = m.bound
	n := 0
	for n < len(l.segs) && l.segs[n].sealed && l.segs[n].next <= m.bound {
		g := l.segs[n]
		l.bytes -= uint64(g.recordBytes)
		l.dropSegmentChunks(g)
		l.unlinking++
		l.remove(g, trimmed)
		n++
	}
	l.segs = append(l.segs[:0], l.segs[n:]...)
	l.records = l.countRecords(l.start, l.hw)
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
	if l.unlinking--; l.closing != nil {
		l.tryClose()
	}
}

// countRecords counts the offsets in [from, to) that hold records.
func (l *Log) countRecords(from, to Offset) uint64 {
	if to <= from {
		return 0
	}
	n := uint64(to - from)
	for _, g := range l.gaps {
		lo, hi := max(g.From, from), min(g.To, to)
		if hi > lo {
			n -= uint64(hi - lo)
		}
	}
	return n
}

func (l *Log) dropSegmentChunks(g *segment) {
	k := 0
	for _, c := range l.chunks {
		if c.seg != g {
			l.chunks[k] = c
			k++
			continue
		}
		if c.listed {
			l.s.unlist(c)
		}
		if c.refs == 0 {
			l.s.freeChunk(c)
		} else {
			c.dropped = true
		}
	}
	clear(l.chunks[k:])
	l.chunks = l.chunks[:k]
}

// remove unlinks g's file, calls done, and closes it when nobody reads it any more.
func (l *Log) remove(g *segment, done func(s *Store, p *pendingOp, res int64, err error)) {
	g.gone = true
	l.s.issue(Op{Kind: OpUnlink, Path: g.path()}, pendingOp{done: done, log: l})
	if g.users == 0 {
		g.closeFiles()
	}
}

// close ends a log: appends that wait are refused, those in flight end, then the request is answered.
func (l *Log) close(r *Request) {
	if l.closed || l.closing != nil {
		l.s.answer(r, ErrClosed)
		return
	}
	l.closing = r
	l.refuse(ErrClosed)
	l.trimAgain() // which refuses them
	l.refuseRepeats(ErrClosed)
	l.tryClose()
}

// Reopen takes a close back: what was to retire the log has failed.
func (s *Store) Reopen(id LogID) {
	if l := s.logs[id]; l != nil && l.closing == nil {
		l.closed = false
	}
}

// tryClose answers the close when nothing of the log is in flight.
func (l *Log) tryClose() {
	busy := l.opening || l.growing || l.unlinking > 0 || l.side == sideOpening
	if l.fenced == nil && l.s.journal.failed == nil {
		busy = busy || l.told < l.pend.len() || len(l.flushes) > 0
	}
	for _, w := range l.writes {
		busy = busy || !w.done && l.fenced == nil
	}
	if busy {
		return
	}
	r := l.closing
	l.closing, l.closed = nil, true
	l.s.answer(r, nil)
}

// Drop forgets a closed log whose retirement is committed, and removes its files. done is called with nil when they are
// gone and their directory is synced; otherwise they are tried again at the next start.
func (s *Store) Drop(id LogID, done func(id LogID, err error)) {
	left := 1
	unlinked := func(*Store, *pendingOp, int64, error) {
		if left--; left == 0 {
			s.removeDir(id, done)
		}
	}
	if l := s.logs[id]; l != nil {
		if !l.closed {
			panic(fmt.Sprintf("BUG: log %d dropped while it is open", id))
		}
		l.dropChunks()
		for _, g := range l.segs {
			if !plantedForeignData {
				left++
				l.remove(g, unlinked)
			}
		}
		if l.fenced != nil && !plantedForeignData {
			left++
			s.issue(Op{Kind: OpUnlink, Path: sidePath(s.cfg.Dir, id, s.journal.first)}, pendingOp{done: unlinked})
		}
		l.segs = nil
		s.forget(l)
	}
	unlinked(s, nil, 0, nil)
}

func (s *Store) forget(l *Log) {
	delete(s.logs, l.cfg.ID)
	s.fixed -= l.fixed
	if l.dedup != nil {
		s.dedupBytes -= l.dedup.noted
	}
	for i, o := range s.order {
		if o == l {
			s.order = append(s.order[:i], s.order[i+1:]...)
			return
		}
	}
}

func (s *Store) removeDir(id LogID, done func(id LogID, err error)) {
	if plantedForeignData {
		done(id, nil)
		return
	}
	s.issue(Op{Kind: OpRmdir, Path: s.logDir(id)}, pendingOp{done: func(s *Store, _ *pendingOp, _ int64, err error) {
		if err != nil && !errors.Is(err, syscall.ENOENT) {
			done(id, fmt.Errorf("remove directory of log %d: %w", id, err))
			return
		}
		s.issue(Op{Kind: OpSyncDir, Path: s.logsDir()}, pendingOp{done: func(_ *Store, _ *pendingOp, _ int64, err error) { done(id, err) }})
	}})
}
