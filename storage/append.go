package storage

import (
	"bytes"

	"github.com/galgo-mq/galgo/batch"
)

// append takes one admitted batch. It is stamped, copied into the tail, and made safe at the log's level.
func (l *Log) append(r *Request) {
	r.soFar.known = false
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
		if l.s.space.short {
			l.s.answerAll(l.wait.take(), errShort)
			break
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

// retryLater has pump called at the end of the turn after something was freed.
func (l *Log) retryLater() {
	if !l.queued {
		l.queued = true
		l.s.retry.Push(l)
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
	if !l.standing.lapped() {
		if ok, err := l.s.table.admits(l); err != nil {
			l.s.answer(r, err)
			return true
		} else if !ok {
			l.retryLater()
			return false
		}
	}
	if l.cfg.Level < LevelPersisted && !l.reserve(Offset(batch.Batch(r.Batch).Count())) {
		return false
	}
	seg := l.segs.active()
	if seg == nil && !l.segs.opening && !l.s.room.forSegment() {
		l.s.answer(r, refusedSegment(l.s, l.cfg.ID))
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
		startSegment(l, n)
		return at, false
	}
	if seg.fd < 0 && !l.segs.opening {
		l.segs.opening = true
		l.s.ops.issue(Op{Kind: OpOpen, Path: seg.path(), Direct: true}, pendingOp{done: segmentReopened, log: l, seg: seg})
	}
	if seg.fd < 0 {
		return at, false
	}
	at = spot{seg: seg, pos: max(seg.end, l.tail.flushed), direct: n >= DirectMin} // behind a block on disk that was padded
	end := at.pos + Pos(n)
	if to := l.segs.grow(seg, end, Pos(l.cfg.SegmentSize)); to > 0 {
		l.s.ops.issue(Op{Kind: OpFallocate, FD: seg.fd, Pos: int64(seg.alloc), Len: int64(to - seg.alloc)},
			pendingOp{done: segmentGrown, log: l, seg: seg, pos: to, n: int64(end)})
	}
	if end > seg.alloc {
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
	if l.write(flush); c == nil {
		l.s.rounds.squeeze(&l.s.logs.lapped, n)
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
	l.s.stir(l)
	if at.direct {
		l.write(l.tail.write(&l.s.chunks, at.chunk, alignDown(seg.end)))
		n.direct, l.tail.direct = l.tail.number, l.tail.number
		if l.cfg.Level < LevelPersisted {
			j.laps.named += int64(n.length)
		}
		l.s.stats.DirectWrites++
	}
	n.journal(j, l.cfg.ID, l.cfg.Level, l.pend.stable(l.cfg.Level, l.bounds.hw), at.chunk)
	n.gseq = j.gather.seq
	j.touch(l)
	l.pend.push(*n)
	if !at.direct && alignDown(seg.end)-l.tail.flushed >= flushBytes {
		l.write(l.tail.write(&l.s.chunks, at.chunk, alignDown(seg.end)))
	}
	if seg.full() {
		l.seal(seg) // the next batch begins the next one
	}
	if l.cfg.Level == LevelMemory {
		l.settle()
	}
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
		l.s.journal.decide(mark{kind: entryReserve, log: l, bound: bound, level: level})
	}
	return v.allows(next, l.cfg.Level)
}
