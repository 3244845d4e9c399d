package storage

import (
	"errors"
	"fmt"

	"github.com/galgo-mq/galgo/batch"
)

// pollState is how far a poll has come.
type pollState struct {
	from   Offset // first offset wanted
	ts     uint64 // first append time wanted, while byTime
	byTime bool
	left   uint32
	bytes  int // that may still be added
	seg    *segment
	pos    Pos    // where to read on in seg
	last   bool   // what is being read ends where seg's records on disk end
	next   Offset // behind the last batch passed on disk, if passed
	passed bool
	newest uint32 // FromLast: that many fit into a reply, fewer than were asked for; 0: not known to be fewer
	rest   int    // bytes of the last read that were not used
	batch  int    // length of the batch that begins with them; 0: not known
	want   int    // bytes that the next read needs at least, while it waits for memory
	need   int    // bytes of memory that a poll waits for before it begins again
	commit bool   // it waits for room in the journal, to commit what it will find
}

const (
	readMin = 64 << 10
	readMax = 8 << 20
)

// startPoll finds where r begins and answers it from memory, or asks the disk.
func (l *Log) startPoll(r *Request) {
	p := &r.poll
	if p.commit && l.s.journal.failed == nil && !l.s.short && !l.s.journal.room(entryHeadSize) {
		l.s.starved.push(r) // nothing is read before it can be committed
		return
	}
	*p = pollState{newest: p.newest}
	r.Current = l.bounds.last
	r.Spans, r.Records, r.Bytes, r.HeadLen = r.Spans[:0], 0, 0, r.headFrom
	p.left, p.bytes = r.Count, r.BytesMax
	if p.newest > 0 {
		p.left = p.newest
	}
	switch r.Strategy {
	case FromOffset:
		p.from = Offset(r.Value)
	case FromTimestamp:
		p.byTime, p.ts = true, r.Value
	case FromFirst:
		p.from = l.bounds.start
	case FromLast:
		p.from = l.bounds.back(uint64(p.left))
	case FromNext:
		if o, ok := l.offsets.get(r.Consumer); ok {
			p.from = o + 1
		}
	}
	p.from = max(p.from, l.bounds.start)
	if r.Count == 0 || l.bounds.records == 0 || p.from >= l.bounds.hw || p.byTime && p.ts > l.bounds.lastTS {
		l.s.answer(r, nil)
		return
	}
	l.pollFrom(r)
}

// pollAgain lets a poll go on that was overtaken: its segment was removed, or its log.
func (l *Log) pollAgain(r *Request) {
	p := &r.poll
	p.seg, p.pos, p.want = nil, 0, 0
	if r.Records > 0 && p.from < l.bounds.start && l.s.logs[l.cfg.ID] == l {
		l.finishPoll(r) // what would follow is gone
		return
	}
	p.from, p.passed = max(p.from, l.bounds.start), false
	switch {
	case l.s.logs[l.cfg.ID] != l:
		r.failPoll(l.s, ErrClosed)
	case p.from >= l.bounds.hw:
		l.finishPoll(r)
	default:
		l.pollFrom(r)
	}
}

// pollFrom serves from the tail if what is wanted is there, else from the disk.
func (l *Log) pollFrom(r *Request) {
	p := &r.poll
	if len(l.tail.chunks) > 0 {
		c := l.tail.chunks[0]
		if p.byTime && (l.segs.last() == nil || l.olderInTail(p.ts)) || !p.byTime && p.from >= c.firstOffset {
			l.pollTail(r)
			return
		}
	}
	l.pollDisk(r)
}

// olderInTail reports whether the tail reaches back beyond ts, so that the first batch at or after it is in the tail.
func (l *Log) olderInTail(ts uint64) bool {
	c := l.tail.chunks[0]
	return len(c.index) > 0 && (c.index[0].ts < ts || c.firstOffset <= l.bounds.start)
}

// pollTail gathers from the chunks.
func (l *Log) pollTail(r *Request) {
	for _, c := range l.tail.chunks {
		if !r.poll.byTime && c.nextOffset <= r.poll.from {
			continue
		}
		at := c.first
		if e, ok := floorTime(c.index, r.poll.ts); r.poll.byTime && ok {
			at = e.pos
		} else if e, ok := floorOffset(c.index, r.poll.from); !r.poll.byTime && ok {
			at = e.pos
		}
		more, _, err := l.collect(r, c, c.bytes(at, c.end), at)
		if err != nil {
			panic(fmt.Sprintf("BUG: log %d: tail at %d: %v", l.cfg.ID, at, err))
		}
		if !more {
			break
		}
	}
	l.finishPoll(r)
}

// pollDisk finds the segment that holds what r wants and reads it.
func (l *Log) pollDisk(r *Request) {
	g := r.poll.seg
	if g == nil {
		if g = l.segmentFor(r); g == nil {
			l.finishPoll(r)
			return
		}
	}
	r.poll.seg = g
	if g.gone {
		l.pollAgain(r)
		return
	}
	if !g.indexed && r.poll.pos == 0 || g.readFD < 0 {
		g.waiters.push(r)
		g.prepare()
		return
	}
	if p := &r.poll; p.pos == 0 {
		e, ok := floorOffset(g.index, p.from)
		if p.byTime {
			e, ok = floorTime(g.index, p.ts)
		}
		if !ok {
			e = indexEntry{offset: g.base, pos: segmentStart}
		}
		p.pos, p.next, p.passed = e.pos, e.offset, true
	}
	l.read(r, g, max(readMin, r.poll.want))
}

// segmentFor returns the first segment whose records reach what r wants.
func (l *Log) segmentFor(r *Request) *segment {
	if r.poll.byTime {
		return l.segs.since(r.poll.ts)
	}
	return l.segs.reaching(r.poll.from)
}

// read reads at least n bytes from where r stands, as far as one reply may go.
func (l *Log) read(r *Request, g *segment, n int) {
	p := &r.poll
	end := g.end
	if len(l.tail.chunks) > 0 && l.tail.chunks[0].seg == g {
		end = min(end, l.tail.chunks[0].first)
	}
	if l.tail.side == sideSafe && g.stable < end { // what it could not take is in the side file until the next start
		end = g.stable
		if p.pos >= end {
			l.failOrFinish(r, l.fenced)
			return
		}
	}
	if p.pos >= end {
		l.endSegment(r, g)
		return
	}
	p.want = n
	to := min(end, max(p.pos+Pos(n), l.readTo(p, g)))
	buf := l.readBuffer(r, int(to-p.pos))
	if buf == nil {
		return
	}
	p.want = 0
	p.last = to == end
	g.use()
	g.used = l.s.mono
	l.s.stats.diskReads++
	if c := l.tail.first(); c != nil && !p.byTime && l.bounds.records > 0 {
		l.s.chunks.missed(l.bounds.span(p.from, c.firstOffset))
	}
	l.s.issue(Op{Kind: OpRead, FD: g.readFD, Pos: int64(p.pos), Buf: buf}, pendingOp{done: pollRead, log: l, seg: g, req: r, buf: buf})
}

// endSegment goes on behind what of g is on disk, if that is all that should be.
func (l *Log) endSegment(r *Request, g *segment) {
	p := &r.poll
	end := g.next
	if len(l.tail.chunks) > 0 && l.tail.chunks[0].seg == g {
		end = l.tail.chunks[0].firstOffset
	}
	if p.passed && p.next < end && !l.bounds.follows(p.next, end) {
		if r.Records > 0 { // the next poll meets it
			l.finishPoll(r)
			return
		}
		err := fmt.Errorf("%w: log %d, offset %d is missing at the end of segment %d", ErrDamaged, l.cfg.ID, p.next, g.base)
		l.s.report("damaged segment", l.cfg.ID, err)
		r.failPoll(l.s, err)
		return
	}
	p.passed = false
	l.nextSegment(r, g)
}

// nextSegment goes on behind the end of g, in the next segment or in the tail.
func (l *Log) nextSegment(r *Request, g *segment) {
	if plantedLastEndsAtEdge && r.Records > 0 {
		r.poll.left = 0
		l.finishPoll(r)
		return
	}
	r.poll.seg, r.poll.pos = nil, 0
	if len(l.tail.chunks) > 0 && l.tail.chunks[0].seg == g { // the rest of g is in the tail
		l.pollTail(r)
		return
	}
	r.poll.from = max(r.poll.from, g.next)
	if len(l.tail.chunks) > 0 && r.poll.from >= l.tail.chunks[0].firstOffset {
		l.pollTail(r)
		return
	}
	if g.gone && r.Records == 0 {
		l.pollAgain(r)
		return
	}
	if next := l.segs.behind(g); next != nil {
		r.poll.seg = next
		r.poll.pos, r.poll.next, r.poll.passed = segmentStart, next.base, true
		l.pollDisk(r)
		return
	}
	l.finishPoll(r)
}

func pollRead(s *Store, op *pendingOp, res int64, err error) {
	l, g, r, buf := op.log, op.seg, op.req, op.buf
	g.release()
	if err == nil && res < int64(len(buf)) {
		err = fmt.Errorf("%w: log %d, segment %d ends at byte %d", ErrDamaged, l.cfg.ID, g.base, int64(r.poll.pos)+res)
	}
	if err == nil && l.s.logs[l.cfg.ID] != l {
		s.cfg.ReadMemory.Put(buf)
		l.pollAgain(r)
		return
	}
	if err != nil {
		s.cfg.ReadMemory.Put(buf)
		l.failOrFinish(r, err)
		return
	}
	more, used, err := l.collectRead(r, buf)
	switch {
	case err != nil && r.Records == 0:
		s.report("damaged batch", l.cfg.ID, err)
		r.failPoll(s, err)
	case err != nil || !more || g.gone && r.Records > 0: // the next poll meets what is damaged
		l.finishPoll(r)
	case g.gone:
		l.pollAgain(r)
	default:
		l.readOn(r, g, used)
	}
}

// collectRead adds what r wants of buf, which was read from where r stands, and keeps buf if a span lies in it. The poll notes how
// much of it was not used, and the length of the batch that goes on behind it, if one does.
func (l *Log) collectRead(r *Request, buf []byte) (more bool, used int, err error) {
	p := &r.poll
	spans := len(r.Spans)
	r.bufs = append(r.bufs, buf)
	more, used, err = l.collect(r, nil, buf, p.pos)
	rest := buf[min(used, len(buf)):]
	p.rest, p.batch = len(rest), 0
	if n, ok := batch.Peek(rest); ok {
		p.batch = n
	}
	for i := spans; i < len(r.Spans); i++ {
		if int(r.Spans[i].buf) == len(r.bufs) {
			return more, used, err
		}
	}
	r.bufs = r.bufs[:len(r.bufs)-1]
	if !plantedReadKeepsBuffer {
		l.s.cfg.ReadMemory.Put(buf)
	}
	return more, used, err
}

// readOn reads on in g behind the bytes that were used of the last read.
func (l *Log) readOn(r *Request, g *segment, used int) {
	p := &r.poll
	p.pos += Pos(used)
	n := max(readMin, p.batch)
	switch {
	case p.batch > 0 && r.Records > 0 && p.batch > p.bytes:
		l.finishPoll(r) // it would go beyond what a reply may hold
		return
	case p.batch > 0 && p.last && l.tail.side == sideSafe:
		l.failOrFinish(r, l.fenced)
		return
	case p.batch > 0 && (p.last || p.pos+Pos(p.batch) > g.boundary(p.pos)):
		err := fmt.Errorf("%w: log %d, batch of %d bytes at byte %d, %d are there", ErrDamaged, l.cfg.ID, p.batch, p.pos, p.rest)
		if r.Records == 0 {
			l.s.report("damaged batch", l.cfg.ID, err)
		}
		l.failOrFinish(r, err)
		return
	case p.batch == 0 && p.last:
		p.pos += Pos(p.rest) // padding, too short to be looked at
	case p.batch == 0 && used == 0:
		n = max(n, p.rest*2)
	}
	l.read(r, g, n)
}

// failOrFinish answers a poll that can't go on: with what it has, or else with why.
func (l *Log) failOrFinish(r *Request, err error) {
	if r.Records > 0 {
		l.finishPoll(r)
		return
	}
	r.failPoll(l.s, err)
}

// failPoll answers r with an error and no records.
func (r *Request) failPoll(s *Store, err error) {
	s.Release(r)
	r.Records, r.Bytes = 0, 0
	if errors.Is(err, ErrClosed) {
		r.log = nil
	}
	s.answer(r, err)
}

// finishPoll commits the offset if asked and answers.
func (l *Log) finishPoll(r *Request) {
	if l.missesNewest(r) {
		l.s.Release(r)
		l.startPoll(r)
		return
	}
	if r.Records > 0 {
		r.Last = r.poll.from - 1
	}
	if r.Consumer.Group && l.s.cfg.Fence != nil && !l.s.cfg.Fence(r) {
		r.failPoll(l.s, ErrNotOwned)
		return
	}
	if r.AutoCommit && r.Records > 0 {
		err := l.autoCommit(r.Consumer, r.User, r.Last)
		switch {
		case err == errRoomLater:
			l.s.Release(r)
			r.poll.commit = true
			l.s.starved.push(r)
			return
		case err != nil:
			r.failPoll(l.s, err) // its records would come again and again, and nobody would know why
			return
		}
	}
	l.s.answer(r, nil)
}

// Release gives back what an answered poll holds. The shard calls it when the reply was sent, or will not be.
func (s *Store) Release(r *Request) {
	for i := range r.Spans {
		s.dropSpan(&r.Spans[i])
	}
	r.Spans = r.Spans[:0]
	s.dropBuffers(r)
}
