package storage

import (
	"bytes"

	"github.com/galgo-mq/galgo/batch"
)

// append takes one admitted batch. It is stamped, copied into the tail, and made safe at the log's level.
func (l *Log) append(r *Request) {
	r.cut = false
	switch {
	case l.fenced != nil:
		l.s.answer(r, l.fenced)
	case l.closed || l.closing != nil:
		l.s.answer(r, ErrClosed)
	case !l.wait.empty() || !l.tryAppend(r):
		l.wait.push(r)
	}
}

// pump tries the appends that waited, in order.
func (l *Log) pump() {
	for !l.wait.empty() {
		if l.fenced != nil {
			return
		}
		r := l.wait.pop()
		if !l.tryAppend(r) {
			l.wait.pushFront(r)
			return
		}
	}
	if l.closing != nil {
		l.tryClose()
	}
}

// refuse answers every append that waits with err.
func (l *Log) refuse(err error) {
	for r := l.wait.take(); r != nil; {
		next := r.next
		l.s.answer(r, err)
		r = next
	}
}

// retryLater has pump called at the end of the turn after something was freed.
func (l *Log) retryLater() {
	if !l.queued {
		l.queued = true
		l.s.retry = append(l.s.retry, l)
	}
}

// tryAppend appends r or refuses it, or reports false and has seen to it that pump is called when it may work.
func (l *Log) tryAppend(r *Request) bool {
	if l.dedup != nil {
		if f := l.filter(r); f != goesOn {
			return f == handled
		}
	}
	b := batch.Batch(r.Batch)
	n := len(r.Batch)
	if l.cfg.Level < LevelPersisted && !l.reserve(Offset(b.Count())) {
		return false
	}
	seg := l.active()
	if seg == nil && !l.opening && !l.s.segmentRoom() {
		l.refuseSegment(r)
		return true
	}
	if seg == nil {
		l.startSegment(n)
		return false
	}
	if seg.fd < 0 {
		l.reopen(seg)
		return false
	}
	pos := seg.end
	if pos < l.flushed {
		pos = l.flushed // its block is on disk, padded: the next batch begins at the next block
	}
	if !l.allocate(seg, pos+Pos(n)) {
		return false
	}
	direct := n >= DirectMin
	need := entryHeadSize + n
	if direct {
		need = 2*entryHeadSize + BlockSize
	}
	if !l.s.journal.room(need) {
		l.retryLater()
		return false
	}
	c := l.tailRoom(seg, pos, n)
	if c == nil && l.s.tails == 0 {
		l.s.answer(r, ErrNoMemory) // nothing here could make room for it
		return true
	}
	if c == nil {
		l.retryLater()
		return false
	}
	l.place(r, b, seg, c, pos, direct)
	return true
}

// place copies the batch to its place and makes it pending. Everything that could refuse it was asked before.
func (l *Log) place(r *Request, b batch.Batch, seg *segment, c *chunk, pos Pos, direct bool) {
	s, j := l.s, &l.s.journal
	n := len(b)
	base, ts := l.bounds.stamp(s.now)
	if plantedReusedOffset && l.cfg.Level == LevelWritten {
		base = l.bounds.hw
	}
	if plantedPanic && bytes.Contains(b, []byte(PanicOnAppend)) {
		panic("planted: an append that cannot be survived")
	}
	dst := c.bytes(pos, pos+Pos(n))
	copy(dst, b) // the one copy between receive buffer and disk
	s.stats.copied(n)
	stored := batch.Batch(dst)
	s.hasher.Stamp(stored, l.cfg.Partition, base, ts)

	node := pendNode{req: r, level: l.cfg.Level, seg: seg, pos: pos, length: uint32(n), count: uint32(b.Count()), base: base,
		next: base + Offset(b.Count()), prevSeg: seg.base, prevEnd: seg.end, prevNext: l.bounds.next, ts: ts, check: stored.Checksum()}
	if seg.fresh {
		node.prevSeg, node.prevEnd = l.before(seg)
		seg.fresh, seg.firstTS = false, ts
	}
	c.note(base, pos, ts)
	c.end, c.nextOffset = pos+Pos(n), node.next
	seg.index = note(seg.index, base, pos, ts)
	seg.end, seg.next, seg.lastTS = c.end, node.next, ts
	seg.recordBytes += int64(n)
	seg.used = s.mono
	l.bounds.placed(node.next, ts)
	if l.dedup != nil {
		l.noteIDs(stored)
	}

	if direct {
		to := alignDown(seg.end)
		l.writeBlocks(c, l.flushed, to)
		node.direct, l.lastDirect = l.writeSeq, l.writeSeq
		if l.cfg.Level < LevelPersisted {
			j.named += int64(n)
		}
		s.stats.directWrites++
	}
	l.journalNode(&node, c)
	node.gseq = j.gather.seq
	j.touch(l)
	l.pend.push(node)
	if !direct && alignDown(seg.end)-l.flushed >= flushBytes {
		l.flushBlocks(c, alignDown(seg.end))
	}
	if seg.full() {
		l.seal(seg) // the next batch begins the next one
	}
	if l.cfg.Level == LevelMemory {
		l.settle()
	}
}

// journalNode adds the entries of a pending append to the gathering group.
func (l *Log) journalNode(n *pendNode, c *chunk) {
	j := &l.s.journal
	e := entry{kind: entryBatch, level: l.cfg.Level, log: l.cfg.ID, seg: n.seg.base, generation: n.seg.gen, pos: n.pos, length: n.length,
		base: n.base, next: n.next, prevSeg: n.prevSeg, prevEnd: n.prevEnd, prevNext: n.prevNext,
		timestamp: n.ts, stable: l.stableNext()}
	end := n.pos + Pos(n.length)
	if n.direct == 0 {
		j.add(&e, c.bytes(n.pos, end))
		return
	}
	e.kind, e.check = entryDirect, n.check
	j.add(&e, nil)
	if rest := alignDown(end); rest < end {
		e.kind, e.pos, e.length, e.check = entryBytes, rest, 0, 0
		j.add(&e, c.bytes(rest, end))
	}
}

// stableNext is the offset up to which the log is on stable storage for certain: what was told at LevelPersisted.
func (l *Log) stableNext() Offset {
	if l.cfg.Level == LevelPersisted && l.pend.raising == 0 {
		return l.bounds.hw
	}
	return 0
}

// reserve makes sure that n more offsets may be told at the log's level, or asks the journal and reports false.
func (l *Log) reserve(n Offset) bool {
	v, next := &l.reservation, l.bounds.next+n
	if v.due(next, l.cfg.Level) {
		if !l.s.journal.room(entryHeadSize) {
			l.retryLater()
			return v.allows(next, l.cfg.Level)
		}
		bound, level := v.ask(next, l.cfg.Level, l.pend.raising > 0, l.s.mono)
		l.decide(mark{kind: entryReserve, log: l, bound: bound, level: level})
	}
	return v.allows(next, l.cfg.Level)
}
