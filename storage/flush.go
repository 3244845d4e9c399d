package storage

import "fmt"

// segWrite is a write of whole blocks to a segment, from a chunk's memory, synced when it completes.
type segWrite struct {
	seg      *segment
	chunk    *chunk
	from, to Pos
	end      Pos // of the records it holds, when the last block is padded; else to
	number   uint64
	done     bool
	refused  bool // there was no room for it: to be written again
	suspect  bool // in flight when another one was refused
	again    bool // it was refused before
}

// writeBlocks writes the blocks [from, to) of c, which were never written before.
func (l *Log) writeBlocks(c *chunk, from, to Pos) {
	if from >= to {
		return
	}
	if from != l.flushed || from < c.base || to > c.base+Pos(len(c.buf)) {
		panic(fmt.Sprintf("BUG: log %d: blocks %d to %d written, flushed to %d, from a chunk at %d to %d", l.cfg.ID, from, to, l.flushed, c.base, c.base+Pos(len(c.buf))))
	}
	l.writeSeq++
	w := l.s.newSegWrite()
	*w = segWrite{seg: c.seg, chunk: c, from: from, to: to, end: min(to, c.end), number: l.writeSeq}
	l.flushed = to
	l.writes = append(l.writes, w)
	c.refs++
	l.issueBlocks(w)
}

func (l *Log) issueBlocks(w *segWrite) {
	l.s.issue(Op{Kind: OpWrite, FD: w.seg.fd, Pos: int64(w.from), Buf: w.chunk.bytes(w.from, w.to), DSync: true},
		pendingOp{done: blocksWritten, log: l, seg: w.seg, w: w})
}

// flushBlocks writes the whole blocks of c below to that are in no write yet.
func (l *Log) flushBlocks(c *chunk, to Pos) {
	if l.fenced == nil && l.flushed < to {
		l.writeBlocks(c, l.flushed, to)
		l.s.stats.flushWrites++
	}
}

func (s *Store) newSegWrite() *segWrite {
	if k := len(s.writeFree); k > 0 {
		w := s.writeFree[k-1]
		s.writeFree = s.writeFree[:k-1]
		return w
	}
	return &segWrite{}
}

func blocksWritten(s *Store, p *pendingOp, _ int64, err error) {
	l, w := p.log, p.w
	if w.refuse(l, err) {
		return
	}
	s.blockEnded(w)
	s.unref(w.chunk)
	if s.logs[l.cfg.ID] != l {
		return // dropped
	}
	if err != nil {
		l.writeFailed(w.number, spaceError(err))
		return
	}
	w.done = true
	for len(l.writes) > 0 && l.writes[0].done {
		f := l.writes[0]
		k := copy(l.writes, l.writes[1:])
		l.writes[k] = nil
		l.writes = l.writes[:k]
		f.seg.stable = f.to
		l.writesDone = f.number
		f.chunk = nil
		s.writeFree = append(s.writeFree, f)
	}
	l.listEvictable()
	l.settle()
}

// unref ends one use of a chunk's memory.
func (s *Store) unref(c *chunk) {
	if c.refs--; c.refs < 0 {
		panic("BUG: chunk released more often than held")
	}
	if c.refs == 0 && c.dropped {
		s.freeChunk(c)
	}
}

// pad writes the last, partly filled block of the log with zeros behind; the next batch begins at the next block.
func (l *Log) pad() {
	seg := l.active()
	if seg == nil || l.fenced != nil || len(l.chunks) == 0 {
		return
	}
	c := l.chunks[len(l.chunks)-1]
	to := alignUp(seg.end)
	if c.seg != seg || l.flushed >= to {
		return
	}
	clear(c.buf[c.end-c.base : to-c.base])
	l.writeBlocks(c, l.flushed, to)
	l.flushed = afterPadding(seg.end)
	l.s.stats.pads++
}

// seal ends a segment: its last block goes out padded, and the journal is told where it ended.
func (l *Log) seal(g *segment) {
	if g.sealed {
		return
	}
	l.pad()
	g.sealed = true
	l.noteChange()
	if l.rule.BytesMax > 0 && !l.capped {
		l.capped = true
		l.s.capped = append(l.s.capped, l)
	}
}

// flushTails writes the whole blocks of every tail longer than n bytes.
func (s *Store) flushTails(n Pos) {
	for _, l := range s.order {
		seg := l.active()
		if seg == nil || len(l.chunks) == 0 {
			continue
		}
		if to := alignDown(seg.end); to-l.flushed >= n {
			l.flushBlocks(l.chunks[len(l.chunks)-1], to)
		}
	}
}

// flushRequest answers when everything appended to the log so far is on stable storage.
func (l *Log) flushRequest(r *Request) {
	j := &l.s.journal
	switch {
	case l.fenced != nil:
		l.s.answer(r, l.fenced)
		return
	case l.closed || l.closing != nil:
		l.s.answer(r, ErrClosed)
		return
	case !j.room(entryHeadSize):
		l.s.starved.push(r)
		return
	}
	l.flushAll(r)
}

// flushAll answers r when everything appended to the log so far is on stable storage. There is room for its entry.
func (l *Log) flushAll(r *Request) {
	j := &l.s.journal
	l.persistAll()
	j.touch(l)
	l.pend.flush(r, j.gather.seq, l.lastDirect)
}

// persistAll adds an entry that changes nothing, but makes the gathering group, and with it all before it, persisted.
func (l *Log) persistAll() {
	l.s.journal.add(l.reservation.entry(l.cfg.ID), nil)
}
