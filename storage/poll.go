package storage

import (
	"fmt"

	"github.com/galgo-mq/galgo/batch"
)

// pollState is how far a poll has come.
type pollState struct {
	from     Offset // first offset wanted
	ts       uint64 // first append time wanted, while byTime
	byTime   bool
	left     uint32
	bytes    int // that may still be added
	seg      *segment
	pos      Pos    // where to read on in seg
	last     bool   // what is being read ends where seg's records on disk end
	next     Offset // behind the last batch passed on disk, if passed
	passed   bool
	newest   uint32 // FromLast: that many fit into a reply, fewer than were asked for; 0: not known to be fewer
	rest     int    // bytes of the last read that were not used
	batch    int    // length of the batch that begins with them; 0: not known
	want     int    // bytes that the next read needs at least, while it waits for memory
	need     int    // bytes of memory that a poll waits for before it begins again
	headFrom int    // HeadLen, as the caller gave it
	anew     bool   // it begins again when the index that it waits for is made
	commit   bool   // it waits for room in the journal, to commit what it will find
}

const (
	readMin = 64 << 10
	readMax = 8 << 20
)

// reader is what a poll sees of a log. Its methods take a poll on as far as it goes without waiting, and say what follows.
type reader struct {
	id      LogID
	bounds  *bounds
	segs    *segments
	tail    *tail
	offsets *storedOffsets
	hasher  *batch.Hasher
	fenced  error
	gone    bool // the log is not here any more
}

// step is what follows for a poll.
type step struct {
	kind  stepKind
	seg   *segment // stepPrepare
	to    Pos      // stepRead: up to where in the segment that the poll has come to
	err   error    // stepFail
	event string   // under which err is reported; empty: it is not
}

type stepKind uint8

const (
	stepEmpty   stepKind = iota + 1 // it is answered: there is nothing for it
	stepFinish                      // it has all that it gets: its offset is committed if it asked for that
	stepFail                        // it is answered with an error and no records
	stepPrepare                     // a segment has to be made readable first
	stepRead                        // bytes are read from disk
)

// fail ends a poll with what it has, or else with why it can't go on.
func (v *reader) fail(r *Request, err error) step {
	if r.Records > 0 {
		return step{kind: stepFinish}
	}
	return step{kind: stepFail, err: err}
}

// damaged is fail for what is damaged: who has records already meets it with the next poll.
func (v *reader) damaged(r *Request, event string, err error) step {
	st := v.fail(r, err)
	st.event = event
	return st
}

// start finds where r begins.
func (v *reader) start(r *Request) step {
	p, b := &r.poll, v.bounds
	*p = pollState{newest: p.newest, headFrom: p.headFrom}
	r.Current = b.last
	r.Spans, r.Records, r.Bytes, r.HeadLen = r.Spans[:0], 0, 0, r.poll.headFrom
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
		p.from = b.start
	case FromLast:
		p.from = b.back(uint64(p.left))
	case FromNext:
		if o, ok := v.offsets.get(r.Consumer); ok {
			p.from = o + 1
		}
	}
	p.from = max(p.from, b.start)
	if r.Count == 0 || b.records == 0 || p.from >= b.hw || p.byTime && p.ts > b.lastTS {
		return step{kind: stepEmpty}
	}
	return v.goOn(r)
}

// again lets a poll go on that was overtaken: its segment was removed, or its log is not here any more.
func (v *reader) again(r *Request) step {
	p := &r.poll
	p.seg, p.pos, p.want = nil, 0, 0
	if r.Records > 0 && p.from < v.bounds.start && !v.gone {
		return step{kind: stepFinish} // what would follow is gone
	}
	p.from, p.passed = max(p.from, v.bounds.start), false
	switch {
	case v.gone:
		return step{kind: stepFail, err: ErrClosed}
	case p.from >= v.bounds.hw:
		return step{kind: stepFinish}
	}
	return v.goOn(r)
}

// goOn serves from the tail if what is wanted is there, else from the disk.
func (v *reader) goOn(r *Request) step {
	p := &r.poll
	if c := v.tail.first(); c != nil {
		if p.byTime && (v.segs.last() == nil || v.olderInTail(p.ts)) || !p.byTime && p.from >= c.firstOffset {
			return v.fromTail(r)
		}
	}
	return v.fromDisk(r)
}

// olderInTail reports whether the tail reaches back beyond ts, so that the first batch at or after it is in the tail.
func (v *reader) olderInTail(ts uint64) bool {
	c := v.tail.first()
	return len(c.index) > 0 && (c.index[0].ts < ts || c.firstOffset <= v.bounds.start)
}

// fromTail gathers from the chunks.
func (v *reader) fromTail(r *Request) step {
	for _, c := range v.tail.chunks {
		if !r.poll.byTime && c.nextOffset <= r.poll.from {
			continue
		}
		at := c.first
		if e, ok := floorTime(c.index, r.poll.ts); r.poll.byTime && ok {
			at = e.pos
		} else if e, ok := floorOffset(c.index, r.poll.from); !r.poll.byTime && ok {
			at = e.pos
		}
		more, _, err := v.collect(r, c, c.bytes(at, c.end), at)
		if err != nil {
			panic(fmt.Sprintf("BUG: log %d: tail at %d: %v", v.id, at, err))
		}
		if !more {
			break
		}
	}
	return step{kind: stepFinish}
}

// fromDisk finds the segment that holds what r wants, and where in it.
func (v *reader) fromDisk(r *Request) step {
	p := &r.poll
	g := p.seg
	if g == nil {
		if g = v.segmentFor(p); g == nil {
			return step{kind: stepFinish}
		}
	}
	p.seg = g
	if g.gone {
		return v.again(r)
	}
	if !g.indexed && p.pos == 0 || g.readFD < 0 {
		return step{kind: stepPrepare, seg: g}
	}
	if p.pos == 0 {
		e, ok := floorOffset(g.index, p.from)
		if p.byTime {
			e, ok = floorTime(g.index, p.ts)
		}
		if !ok {
			e = indexEntry{offset: g.base, pos: segmentStart}
		}
		p.pos, p.next, p.passed = e.pos, e.offset, true
	}
	return v.read(r, g, max(readMin, p.want))
}

// segmentFor returns the first segment whose records reach what p wants.
func (v *reader) segmentFor(p *pollState) *segment {
	if p.byTime {
		return v.segs.since(p.ts)
	}
	return v.segs.reaching(p.from)
}

// read asks for at least n bytes from where r stands, as far as one reply may go.
func (v *reader) read(r *Request, g *segment, n int) step {
	p := &r.poll
	end := g.end
	if c := v.tail.first(); c != nil && c.seg == g {
		end = min(end, c.first)
	}
	if v.tail.side == sideSafe && g.stable < end { // what it could not take is in the side file until the next start
		if end = g.stable; p.pos >= end {
			return v.fail(r, v.fenced)
		}
	}
	if p.pos >= end {
		return v.endSegment(r, g)
	}
	p.want = n
	to := min(end, max(p.pos+Pos(n), p.readTo(g)))
	p.last = to == end
	return step{kind: stepRead, to: to}
}

// readTo returns up to where p is likely to read in g, from where it stands.
func (p *pollState) readTo(g *segment) Pos {
	to := p.pos + Pos(min(readMax, p.bytes+readMin))
	if p.byTime {
		return to
	}
	if e, ok := ceilOffset(g.index, p.from+Offset(p.left)); ok && e.pos > p.pos {
		to = min(to, e.pos)
	}
	if n := g.next - g.base; !g.indexed && n > 0 { // by the mean size of its records, and a quarter more
		to = min(to, p.pos+Pos(readMin)+Pos(uint64(g.recordBytes)/uint64(n)+1)*Pos(p.left)/4*5)
	}
	return to
}

// endSegment goes on behind what of g is on disk, if that is all that should be.
func (v *reader) endSegment(r *Request, g *segment) step {
	p := &r.poll
	end := g.next
	if c := v.tail.first(); c != nil && c.seg == g {
		end = c.firstOffset
	}
	if p.passed && p.next < end && !v.bounds.follows(p.next, end) {
		if r.Records > 0 { // the next poll meets it
			return step{kind: stepFinish}
		}
		return v.damaged(r, "damaged segment", fmt.Errorf("%w: log %d, offset %d is missing at the end of segment %d", ErrDamaged, v.id, p.next, g.base))
	}
	p.passed = false
	return v.nextSegment(r, g)
}

// nextSegment goes on behind the end of g, in the next segment or in the tail.
func (v *reader) nextSegment(r *Request, g *segment) step {
	p := &r.poll
	if plantedLastEndsAtEdge && r.Records > 0 {
		p.left = 0
		return step{kind: stepFinish}
	}
	p.seg, p.pos = nil, 0
	first := v.tail.first()
	if first != nil && first.seg == g { // the rest of g is in the tail
		return v.fromTail(r)
	}
	p.from = max(p.from, g.next)
	if first != nil && p.from >= first.firstOffset {
		return v.fromTail(r)
	}
	if g.gone && r.Records == 0 {
		return v.again(r)
	}
	if next := v.segs.behind(g); next != nil {
		p.seg = next
		p.pos, p.next, p.passed = segmentStart, next.base, true
		return v.fromDisk(r)
	}
	return step{kind: stepFinish}
}

// took goes on when buf, which was read from where r stands in g, is there. It reports whether a span lies in buf: then r keeps it.
func (v *reader) took(r *Request, g *segment, buf []byte) (st step, keeps bool) {
	more, used, keeps, err := v.collectRead(r, buf)
	switch {
	case err != nil && r.Records == 0:
		st = v.damaged(r, "damaged batch", err)
	case err != nil || !more || g.gone && r.Records > 0: // the next poll meets what is damaged
		st = step{kind: stepFinish}
	case g.gone:
		st = v.again(r)
	default:
		st = v.readOn(r, g, used)
	}
	return st, keeps
}

// collectRead adds what r wants of buf, and keeps buf if a span lies in it. The poll notes how much of it was not used, and the length of
// the batch that goes on behind it, if one does.
func (v *reader) collectRead(r *Request, buf []byte) (more bool, used int, keeps bool, err error) {
	p := &r.poll
	spans := len(r.Spans)
	r.bufs = append(r.bufs, buf)
	more, used, err = v.collect(r, nil, buf, p.pos)
	rest := buf[min(used, len(buf)):]
	p.rest, p.batch = len(rest), 0
	if n, ok := batch.Peek(rest); ok {
		p.batch = n
	}
	for i := spans; i < len(r.Spans); i++ {
		if int(r.Spans[i].buf) == len(r.bufs) {
			return more, used, true, err
		}
	}
	r.bufs = r.bufs[:len(r.bufs)-1]
	return more, used, false, err
}

// readOn reads on in g behind the bytes that were used of the last read.
func (v *reader) readOn(r *Request, g *segment, used int) step {
	p := &r.poll
	p.pos += Pos(used)
	n := max(readMin, p.batch)
	switch {
	case p.batch > 0 && r.Records > 0 && p.batch > p.bytes:
		return step{kind: stepFinish} // it would go beyond what a reply may hold
	case p.batch > 0 && p.last && v.tail.side == sideSafe:
		return v.fail(r, v.fenced)
	case p.batch > 0 && (p.last || p.pos+Pos(p.batch) > g.boundary(p.pos)):
		err := fmt.Errorf("%w: log %d, batch of %d bytes at byte %d, %d are there", ErrDamaged, v.id, p.batch, p.pos, p.rest)
		return v.damaged(r, "damaged batch", err)
	case p.batch == 0 && p.last:
		p.pos += Pos(p.rest) // padding, too short to be looked at
	case p.batch == 0 && used == 0:
		n = max(n, p.rest*2)
	}
	return v.read(r, g, n)
}

// missesNewest reports whether a reply to a poll for the last records was full before the newest of them; it notes how many to
// try with instead.
func (v *reader) missesNewest(r *Request) bool {
	p := &r.poll
	if r.Strategy != FromLast || r.Records == 0 || p.left == 0 || v.gone || v.bounds.count(p.from, v.bounds.hw) == 0 {
		return false
	}
	if r.Base < v.bounds.start {
		return true // it was overtaken by a log start, and not full
	}
	asked := r.Records + p.left
	p.newest = max(1, min(r.Records, asked/4*3))
	return true
}
