package storage

import (
	"bytes"

	"github.com/galgo-mq/galgo/batch"
)

// append takes one admitted batch. It is stamped, copied into the tail, and made safe at the log's level.
func (l *Log) append(r *Request) {
	r.cut = false
	if err := l.refusal(); err != nil {
		l.s.answer(r, err)
	} else if !l.wait.empty() || !l.tryAppend(r) {
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
func (l *Log) refuse(err error) { l.s.answerAll(l.wait.take(), err) }

// retryLater has pump called at the end of the turn after something was freed.
func (l *Log) retryLater() {
	if !l.queued {
		l.queued = true
		l.s.retry = append(l.s.retry, l)
	}
}

// spot is where the next batch goes: into a segment at pos, by way of a chunk of the tail.
type spot struct {
	seg    *segment
	chunk  *chunk
	pos    Pos
	direct bool // its whole blocks go straight to the segment
}

// tryAppend appends r or refuses it, or reports false and has seen to it that pump is called when it may work.
func (l *Log) tryAppend(r *Request) bool {
	if l.dedup != nil {
		if f := l.filter(r); f != goesOn {
			return f == handled
		}
	}
	if l.cfg.Level < LevelPersisted && !l.reserve(Offset(batch.Batch(r.Batch).Count())) {
		return false
	}
	seg := l.segs.active()
	if seg == nil && !l.segs.opening && !l.s.segmentRoom() {
		l.refuseSegment(r)
		return true
	}
	at, ok := l.spotFor(seg, len(r.Batch))
	if !ok {
		return false
	}
	if at.chunk == nil && l.s.chunks.count == 0 {
		l.s.answer(r, ErrNoMemory) // nothing here could make room for it
		return true
	}
	if at.chunk == nil {
		l.retryLater()
		return false
	}
	stored := l.stamp(r.Batch, at)
	n := l.place(stored, at)
	n.req = r
	l.journalBatch(&n, at)
	return true
}

// spotFor finds room for n bytes: space in seg, the active segment or nil, room in the journal, and memory. False: pump is called when there
// may be some. Without a chunk there was no memory.
func (l *Log) spotFor(seg *segment, n int) (at spot, ok bool) {
	if seg == nil {
		l.startSegment(n)
		return at, false
	}
	if seg.fd < 0 {
		l.reopen(seg)
		return at, false
	}
	at = spot{seg: seg, pos: max(seg.end, l.tail.flushed), direct: n >= DirectMin} // behind a block on disk that was padded
	if !l.allocate(seg, at.pos+Pos(n)) {
		return at, false
	}
	need := entryHeadSize + n
	if at.direct {
		need = 2*entryHeadSize + BlockSize
	}
	if !l.s.journal.room(need) {
		l.retryLater()
		return at, false
	}
	c, flush := l.tail.room(&l.s.chunks, seg, at.pos, n, l.bounds.next)
	if l.flush(flush); c == nil {
		l.s.squeeze(n)
	}
	at.chunk = c
	return at, true
}

// stamp copies a batch to its place in the tail and gives it its offset and append time.
func (l *Log) stamp(b batch.Batch, at spot) batch.Batch {
	s := l.s
	base, ts := l.bounds.stamp(s.now)
	if plantedReusedOffset && l.cfg.Level == LevelWritten {
		base = l.bounds.hw
	}
	if plantedPanic && bytes.Contains(b, []byte(PanicOnAppend)) {
		panic("planted: an append that cannot be survived")
	}
	stored := batch.Batch(at.chunk.bytes(at.pos, at.pos+Pos(len(b))))
	copy(stored, b) // the one copy between receive buffer and disk
	s.stats.copied(len(b))
	s.hasher.Stamp(stored, l.cfg.Partition, base, ts)
	return stored
}

// place takes a stamped batch, which lies in the tail, into the log. Everything that could refuse it was asked before.
func (l *Log) place(b batch.Batch, at spot) pendNode {
	seg, base, ts := at.seg, b.BaseOffset(), b.BaseTimestamp()
	n := pendNode{level: l.cfg.Level, seg: seg, pos: at.pos, length: uint32(len(b)), count: uint32(b.Count()), base: base,
		next: base + Offset(b.Count()), prevSeg: seg.base, prevEnd: seg.end, prevNext: l.bounds.next, ts: ts, check: b.Checksum()}
	if seg.fresh {
		n.prevSeg, n.prevEnd = l.segs.before(seg)
	}
	at.chunk.add(&n)
	seg.add(&n)
	seg.used = l.s.mono
	l.bounds.placed(n.next, ts)
	if l.dedup != nil {
		l.dedup.note(&l.s.ids, b, l.bounds.start)
	}
	return n
}

// journalBatch has a placed batch written: whole blocks of a large one to the segment, all else by the gathering group.
func (l *Log) journalBatch(n *pendNode, at spot) {
	j, seg := &l.s.journal, at.seg
	if at.direct {
		l.write(l.tail.write(&l.s.chunks, at.chunk, alignDown(seg.end)))
		n.direct, l.tail.direct = l.tail.number, l.tail.number
		if l.cfg.Level < LevelPersisted {
			j.named += int64(n.length)
		}
		l.s.stats.directWrites++
	}
	l.journalNode(n, at.chunk)
	n.gseq = j.gather.seq
	j.touch(l)
	l.pend.push(*n)
	if !at.direct && alignDown(seg.end)-l.tail.flushed >= flushBytes {
		l.flush(l.tail.write(&l.s.chunks, at.chunk, alignDown(seg.end)))
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
