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

// flush answers when everything appended to the log so far is on stable storage: its entry changes nothing, but makes the gathering group,
// and with it all before it, persisted. A raise has the log take the new level first.
func (l *Log) flush(r *Request) {
	j := &l.s.journal
	if err := l.refusal(); err != nil {
		l.s.answer(r, err)
		return
	}
	ok, err := l.s.table.admits(l)
	if err != nil {
		l.s.answer(r, err)
		return
	}
	if !ok || !j.room(entryHeadSize) {
		l.s.starved.push(r)
		return
	}
	l.s.stir(l)
	if r.Kind == ReqRaise {
		l.SetLevel(max(l.cfg.Level, Level(r.Value)), max(l.cfg.OffsetLevel, Level(r.Count)))
	}
	j.add(l.reservation.entry(l.cfg.ID), nil)
	j.touch(l)
	l.pend.flush(r, j.gather.seq, l.tail.direct)
}
