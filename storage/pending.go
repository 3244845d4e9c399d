package storage

import (
	"fmt"

	"github.com/galgo-mq/galgo/fifo"
)

// pendNode is an append that is not finished.
type pendNode struct {
	req      *Request
	level    Level  // of the log when it was appended
	gseq     uint64 // gathering order of its group
	direct   uint64 // number of its direct write; 0: it went through the journal
	seg      *segment
	pos      Pos
	length   uint32
	count    uint32
	base     Offset
	next     Offset
	prevSeg  Offset
	prevEnd  Pos
	prevNext Offset
	ts       uint64
	check    uint64
}

// pending are the appends of a log that are not finished: the first told of them are told, and wait for their direct write only.
// They are kept by value, in memory that is used again.
type pending struct {
	items   []pendNode
	head    int
	told    int
	flushes fifo.Queue[flushWait]
	raising int // raises of the level that wait: not all that is told is as safe as the level says
}

// flushWait is a flush that waits for the group with its own entry, and for the direct writes before it.
type flushWait struct {
	req    *Request
	gseq   uint64
	direct uint64
}

// safety is how far a log is safe. Who knows it is the source of what is told.
type safety struct {
	written   uint64 // gathering order of the last group that the kernel has
	persisted uint64 // and that is on stable storage
	direct    uint64 // number of the last direct write that is done, with all before it
}

// covers reports whether n, which everything before it is, is safe at the log's level, and at that which the log had when it was
// appended: a lower one has reserved nothing for it.
func (s *safety) covers(n *pendNode, level Level) bool {
	switch max(n.level, level) {
	case LevelMemory:
		return true
	case LevelWritten:
		return n.gseq <= s.written && n.direct <= s.direct
	default:
		if plantedAckBeforeSyncDirect && n.direct != 0 {
			return n.gseq <= s.persisted
		}
		return n.gseq <= s.persisted && n.direct <= s.direct
	}
}

func (q *pending) len() int           { return len(q.items) - q.head }
func (q *pending) at(i int) *pendNode { return &q.items[q.head+i] }

// push adds an append behind all others.
func (q *pending) push(n pendNode) {
	if q.head > 0 && len(q.items) == cap(q.items) {
		k := copy(q.items, q.items[q.head:])
		clear(q.items[k:])
		q.items, q.head = q.items[:k], 0
	}
	q.items = append(q.items, n)
}

func (q *pending) pop() {
	q.items[q.head] = pendNode{}
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
}

// journal adds the entries of n to the gathering group: the batch as it lies in c, or its name if whole blocks of it go to the segment.
func (n *pendNode) journal(j *journal, id LogID, level Level, stable Offset, c *chunk) {
	e := entry{kind: entryBatch, level: level, log: id, seg: n.seg.base, generation: n.seg.gen, pos: n.pos, length: n.length,
		base: n.base, next: n.next, prevSeg: n.prevSeg, prevEnd: n.prevEnd, prevNext: n.prevNext, timestamp: n.ts, stable: stable}
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

// untold returns the first append that is not told, or nil.
func (q *pending) untold() *pendNode {
	if q.told == q.len() {
		return nil
	}
	return q.at(q.told)
}

// stable is the offset up to which a log of that level is on stable storage for certain, if it is visible up to hw: what was told at
// LevelPersisted.
func (q *pending) stable(level Level, hw Offset) Offset {
	if level == LevelPersisted && q.raising == 0 {
		return hw
	}
	return 0
}

// settled reports whether all are told, and no flush waits.
func (q *pending) settled() bool { return q.told == q.len() && q.flushes.Len() == 0 }

// safeTo returns where the appends end that may be told now; 0: none may.
func (q *pending) safeTo(level Level, safe safety) (next Offset) {
	for i := q.told; i < q.len(); i++ {
		n := q.at(i)
		if !safe.covers(n, level) {
			break
		}
		next = max(next, n.next)
	}
	return next
}

// forget drops what is told and whose direct writes are done up to that number.
func (q *pending) forget(direct uint64) {
	for q.told > 0 && q.at(0).direct <= direct {
		q.pop()
		q.told--
	}
}

// lose gives up what waits for the direct write of that number, and all behind it, and returns the requests. What the journal alone holds
// before that can still be told.
func (q *pending) lose(direct uint64) *Request {
	var list requestList
	lost := false
	for i := q.told; i < q.len(); i++ {
		n := q.at(i)
		lost = lost || n.direct >= direct
		if lost && n.req != nil {
			list.push(n.req)
			n.req = nil
		}
	}
	return list.take()
}

// flush has r wait until the group of that gathering order, and the direct writes up to that number, are on stable storage.
func (q *pending) flush(r *Request, gseq, direct uint64) {
	if r.Kind == ReqRaise {
		q.raising++
	}
	q.flushes.Push(flushWait{r, gseq, direct})
}

// flushed takes out the next flush that is done, or returns nil.
func (q *pending) flushed(safe safety) *Request {
	if q.flushes.Len() == 0 {
		return nil
	}
	if f := q.flushes.First(); f.gseq > safe.persisted || f.direct > safe.direct {
		return nil
	}
	r := q.flushes.Pop().req
	if r.Kind == ReqRaise {
		q.raising--
	}
	return r
}

// refuseFlushes takes out all flushes: what they wait for will not be done. A raise among them stays one: after a failure nothing says any
// more what is stable.
func (q *pending) refuseFlushes() *Request {
	var list requestList
	for q.flushes.Len() > 0 {
		list.push(q.flushes.Pop().req)
	}
	return list.take()
}

// firstOpen is the number of the first append whose direct write is in flight; len: none is.
func (q *pending) firstOpen(direct uint64) int {
	for i := range q.len() {
		if q.at(i).direct > direct {
			return i
		}
	}
	return q.len()
}

// bytesIn counts the bytes of the appends from number first on that lie in the segment with that base offset.
func (q *pending) bytesIn(seg Offset, first int) (n int64) {
	for i := first; i < q.len(); i++ {
		if p := q.at(i); p.seg.base == seg {
			n += int64(p.length)
		}
	}
	return n
}

// invariants compares the appends with the bounds of the log and with what is reserved. Writes and groups are numbered up to the last ones.
func (q *pending) invariants(id LogID, b *bounds, reserved Offset, writes, groups uint64) {
	if q.told > q.len() {
		panic(fmt.Sprintf("BUG: log %d: %d of %d pending batches are told", id, q.told, q.len()))
	}
	for i := range q.len() {
		n := q.at(i)
		if i < q.told && n.level < LevelPersisted && n.next > reserved {
			panic(fmt.Sprintf("BUG: log %d told up to %d, reserved are %d", id, n.next, reserved))
		}
		last := i == q.len()-1
		switch {
		case n.next <= n.base || n.prevNext != n.base && !plantedReusedOffset || last && n.next != b.next ||
			!last && q.at(i+1).prevNext != n.next:
			panic(fmt.Sprintf("BUG: log %d: pending batch %d to %d behind %d, the log goes on at %d", id, n.base, n.next, n.prevNext, b.next))
		case (i < q.told) != (n.next <= b.hw):
			panic(fmt.Sprintf("BUG: log %d: pending batch %d to %d, %d are told, visible to %d", id, n.base, n.next, q.told, b.hw))
		case n.direct > writes || n.gseq > groups:
			panic(fmt.Sprintf("BUG: log %d: batch %d waits for write %d and group %d", id, n.base, n.direct, n.gseq))
		}
	}
}
