package storage

// write issues w; nil is none.
func (l *Log) write(w *segWrite) {
	if w != nil {
		l.s.chunks.flying += int64(w.to - w.from)
		l.s.ops.issue(Op{Kind: OpWrite, FD: w.seg.fd, Pos: int64(w.from), Buf: w.chunk.bytes(w.from, w.to), DSync: true},
			pendingOp{done: blocksWritten, log: l, seg: w.seg, w: w})
	}
}

func blocksWritten(s *Store, p *pendingOp, _ int64, err error) {
	l, w := p.log, p.w
	s.chunks.ended++
	s.chunks.flying -= int64(w.to - w.from)
	if refuseBlocks(l, w, err) {
		return
	}
	blockEnded(s, w)
	s.chunks.unref(w.chunk)
	if l.gone {
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
		l.s.stats.Pads++
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

// flushTail writes the whole blocks of the tail of l if it is longer than n bytes.
func flushTail(l *Log, n Pos) {
	seg, c := l.segs.active(), l.tail.last()
	if seg == nil || c == nil || l.fenced != nil {
		return
	}
	if to := alignDown(seg.end); to-l.tail.flushed >= n {
		l.write(l.tail.write(&l.s.chunks, c, to))
	}
}

// sweepTails goes on with writing long tails out, so that the next lap is small: some logs in each turn.
func (s *Store) sweepTails() {
	for left := s.cfg.LogsPerTurn; s.sweeping && left > 0; {
		l, end := s.sweep.next(&s.logs, &left)
		if s.sweeping = !end; l != nil {
			flushTail(l, carryTailMax)
		}
	}
}

// squeeze has tails written out, with their last block padded, so that n bytes can be evicted soon. The logs take turns; of many, some are
// looked at in each turn.
func (s *Store) squeeze(n int) {
	for coming, ends := 0, 0; coming < n && ends < 2; {
		l, end := s.squeezed.cursor.next(&s.logs, &s.squeezed.left)
		if l == nil && !end {
			return
		}
		if end {
			ends++
			continue
		}
		c := l.tail.last()
		if c == nil || l.fenced != nil || c.listed {
			continue
		}
		l.pad()
		for k := len(l.tail.chunks); k > 0 && !l.tail.chunks[k-1].listed; k-- {
			coming += len(l.tail.chunks[k-1].buf)
		}
	}
}

// flush answers when everything appended to the log so far is on stable storage: its entry changes nothing, but makes the gathering group,
// and with it all before it, persisted. A raise has the log take the new level first.
func (l *Log) flush(r *Request) {
	j := &l.s.journal
	if err := l.refusal(); err != nil {
		l.s.answer(r, err)
		return
	}
	if !j.room(entryHeadSize) {
		l.s.starved.push(r)
		return
	}
	if r.Kind == ReqRaise {
		l.SetLevel(max(l.cfg.Level, Level(r.Value)), max(l.cfg.OffsetLevel, Level(r.Count)))
	}
	j.add(l.reservation.entry(l.cfg.ID), nil)
	j.touch(l)
	l.pend.flush(r, j.gather.seq, l.tail.direct)
}
