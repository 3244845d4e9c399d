package storage

import (
	"fmt"

	"github.com/galgo-mq/galgo/batch"
)

// gathering adds to the reply of a poll what it wants of bytes that begin with a batch: whole batches that follow each other as
// one span, a part of a batch under a header of its own.
type gathering struct {
	v    *reader
	r    *Request
	c    *chunk // whose bytes they are; nil: they were read from disk, and are checked
	data []byte
	at   Pos // of data in its segment
	i    int // the next byte of data
	run  int // where the whole batches that end at i begin, if they are wanted and not in the reply yet; -1: there are none
}

// collect adds what r wants of data, which lies at position at. It reports whether r wants more of what follows, and how many
// bytes of data were done with; padding may reach beyond data.
func (v *reader) collect(r *Request, c *chunk, data []byte, at Pos) (more bool, used int, err error) {
	g := gathering{v: v, r: r, c: c, data: data, at: at, run: -1}
	more, err = g.all()
	g.flush()
	return more, g.i, err
}

func (g *gathering) all() (more bool, err error) {
	p := &g.r.poll
	for {
		b, err := g.next()
		if b == nil {
			return err == nil, err
		}
		if err := g.inOrder(b); err != nil {
			return false, err
		}
		switch next := b.BaseOffset() + Offset(b.Count()); {
		case b.BaseOffset() >= g.v.bounds.hw:
			return false, nil
		case next <= p.from || p.byTime && b.BaseTimestamp() < p.ts:
			g.flush()
			g.i += len(b)
			continue
		}
		if err := g.sound(b); err != nil {
			return false, err
		}
		if !g.take(b) {
			return false, nil
		}
	}
}

// next returns the batch at i, behind padding if there is some; nil: data has no further whole batch.
func (g *gathering) next() (batch.Batch, error) {
	for g.i+batch.HeaderSize <= len(g.data) {
		rest := g.data[g.i:]
		n, ok := batch.Peek(rest)
		switch {
		case ok && n > len(rest):
			return nil, nil
		case ok:
			return batch.Batch(rest[:n]), nil
		}
		skip, zero := paddingAt(rest, g.pos())
		if !zero {
			return nil, fmt.Errorf("%w: log %d, no batch at byte %d", ErrDamaged, g.v.id, g.pos())
		}
		g.flush()
		g.i += skip
	}
	return nil, nil
}

// pos is where the next byte lies in its segment.
func (g *gathering) pos() Pos { return g.at + Pos(g.i) }

// inOrder checks that a batch from disk follows the one before.
func (g *gathering) inOrder(b batch.Batch) error {
	if g.c != nil {
		return nil
	}
	p := &g.r.poll
	if p.passed && !g.v.bounds.follows(p.next, b.BaseOffset()) {
		return fmt.Errorf("%w: log %d, offset %d at byte %d follows %d", ErrDamaged, g.v.id, b.BaseOffset(), g.pos(), p.next-1)
	}
	p.next, p.passed = b.BaseOffset()+Offset(b.Count()), true
	return nil
}

// sound checks the checksum of a batch from disk.
func (g *gathering) sound(b batch.Batch) error {
	if g.c != nil {
		return nil
	}
	if _, err := g.v.hasher.Verify(b); err != nil {
		return fmt.Errorf("%w: log %d, batch at byte %d: %w", ErrDamaged, g.v.id, g.pos(), err)
	}
	return nil
}

// take adds what r wants of b, the batch at i, unless the reply is full. It reports whether r wants more.
func (g *gathering) take(b batch.Batch) bool {
	r, p := g.r, &g.r.poll
	p.byTime = false
	skip := 0
	if p.from > b.BaseOffset() {
		skip = int(p.from - b.BaseOffset())
	}
	take := min(b.Count()-skip, int(p.left))
	if r.Records == 0 {
		r.Base = b.BaseOffset() + Offset(skip)
	} else if len(b) > p.bytes || len(r.Spans) >= SpansMax-4 {
		return false
	}
	if take == b.Count() {
		if g.run < 0 {
			g.run = g.i
		}
		r.Bytes += len(b)
		p.bytes -= len(b)
	} else {
		g.flush()
		g.v.addSlice(r, g.c, b, g.pos(), skip, take)
	}
	r.Records += uint32(take)
	p.left -= uint32(take)
	p.from = b.BaseOffset() + Offset(skip+take)
	g.i += len(b)
	return p.left > 0 && p.bytes > 0
}

// flush adds the whole batches that end at i.
func (g *gathering) flush() {
	if g.run >= 0 {
		g.v.addSpan(g.r, g.c, g.data[g.run:g.i], g.at+Pos(g.run))
		g.run = -1
	}
}

// paddingAt reports how many zero bytes lead from pos to the next block, if p begins with such padding.
func paddingAt(p []byte, pos Pos) (int, bool) {
	n := int(alignUp(pos+1) - pos)
	for _, b := range p[:min(n, len(p))] {
		if b != 0 {
			return 0, false
		}
	}
	return n, true
}

// addSpan adds data, which lies at pos of its segment: that of the chunk, or the one that r reads.
func (v *reader) addSpan(r *Request, c *chunk, data []byte, pos Pos) {
	seg := r.poll.seg
	if c != nil {
		c.refs++
		seg = c.seg
	}
	sp := Span{Data: data, chunk: c, seg: seg, pos: pos}
	if c == nil {
		sp.buf = int8(len(r.bufs))
	}
	r.Spans = append(r.Spans, sp)
}

// addSlice adds take frames of b behind the first skip, with a header of their own in the request's memory.
func (v *reader) addSlice(r *Request, c *chunk, b batch.Batch, pos Pos, skip, take int) {
	head, frames := v.hasher.Slice(r.Head[r.HeadLen:r.HeadLen:len(r.Head)], b, skip, take)
	r.HeadLen += len(head)
	r.Spans = append(r.Spans, Span{Data: head})
	v.addSpan(r, c, frames, pos+Pos(cap(b)-cap(frames))) // frames is a view of b
	r.Bytes += len(head) + len(frames)
	r.poll.bytes -= len(head) + len(frames)
}
