package storage

// write issues w; nil is none.
func (l *Log) write(w *segWrite) {
	if w != nil {
		l.s.issue(Op{Kind: OpWrite, FD: w.seg.fd, Pos: int64(w.from), Buf: w.chunk.bytes(w.from, w.to), DSync: true},
			pendingOp{done: blocksWritten, log: l, seg: w.seg, w: w})
	}
}

// flush is write for blocks that are full, and not those of a large batch.
func (l *Log) flush(w *segWrite) {
	if w != nil {
		l.write(w)
		l.s.stats.flushWrites++
	}
}

func blocksWritten(s *Store, p *pendingOp, _ int64, err error) {
	l, w := p.log, p.w
	if w.refuse(l, err) {
		return
	}
	s.blockEnded(w)
	s.chunks.unref(w.chunk)
	if s.logs[l.cfg.ID] != l {
		return // dropped
	}
	if err != nil {
		l.writeFailed(w.number, spaceError(err))
		return
	}
	l.tail.landed(&s.chunks, w)
	l.settle()
}

// pad writes the last, partly filled block of the log with zeros behind; the next batch begins at the next block.
func (l *Log) pad() {
	seg := l.segs.active()
	if seg == nil || l.fenced != nil {
		return
	}
	if w := l.tail.pad(&l.s.chunks, seg); w != nil {
		l.write(w)
		l.s.stats.pads++
	}
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
		seg, c := l.segs.active(), l.tail.last()
		if seg == nil || c == nil || l.fenced != nil {
			continue
		}
		if to := alignDown(seg.end); to-l.tail.flushed >= n {
			l.flush(l.tail.write(&s.chunks, c, to))
		}
	}
}

// squeeze has tails written out, with their last block padded, so that n bytes can be evicted soon. The logs take turns.
func (s *Store) squeeze(n int) {
	coming := 0
	for i := range s.order {
		l := s.order[(s.squeezed+i)%len(s.order)]
		c := l.tail.last()
		if c == nil || l.fenced != nil || c.listed {
			continue
		}
		l.pad()
		for k := len(l.tail.chunks); k > 0 && !l.tail.chunks[k-1].listed; k-- {
			coming += len(l.tail.chunks[k-1].buf)
		}
		if coming >= n {
			s.squeezed = (s.squeezed + i + 1) % len(s.order)
			return
		}
	}
}

// flushRequest answers when everything appended to the log so far is on stable storage.
func (l *Log) flushRequest(r *Request) {
	err := l.refusal()
	switch {
	case err != nil:
		l.s.answer(r, err)
	case !l.s.journal.room(entryHeadSize):
		l.s.starved.push(r)
	default:
		l.flushAll(r)
	}
}

// flushAll answers r when everything appended to the log so far is on stable storage. There is room for its entry.
func (l *Log) flushAll(r *Request) {
	j := &l.s.journal
	l.persistAll()
	j.touch(l)
	l.pend.flush(r, j.gather.seq, l.tail.direct)
}

// persistAll adds an entry that changes nothing, but makes the gathering group, and with it all before it, persisted.
func (l *Log) persistAll() {
	l.s.journal.add(l.reservation.entry(l.cfg.ID), nil)
}
