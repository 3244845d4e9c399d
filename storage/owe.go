package storage

// A reply that its reader does not take must not hold memory that others need. Owe turns what is still to be sent of an
// answered poll from memory into places in segments, and then, piece by piece, back into memory that is read from disk:
//
//	span in a chunk       --Owe--> chunk released; segment and position kept, if its blocks are on stable storage
//	span in a read buffer --Owe--> buffer released; segment and position kept
//	span in r.Head        stays
//	the first that has no memory is read, at most owePiece bytes; the request is answered again
//
// A span whose bytes are in no synced block yet keeps its chunk, which could not be given up anyway. One whose log has moved or is gone, or whose
// segment was removed before anybody had opened it, keeps its memory for as long as its reader takes.

// owePiece is how much of an owed reply is in memory at a time.
const owePiece = 256 << 10

// Owe takes note that the first sent bytes of r's spans are out, gives the memory of the rest up as far as it can, and
// reads the next piece. r is answered when Spans begins with memory again: send the spans up to the first without Data.
// ErrNoMemory and errors of the disk: the rest can't be had now.
func (s *Store) Owe(r *Request, sent int) {
	r.Err, r.Kept = nil, false
	r.sent(&s.chunks, sent)
	for i := range r.Spans {
		r.Spans[i].shed(s)
		r.Kept = r.Kept || r.Spans[i].kept(s)
	}
	s.reading.dropUnnamed(r)
	r.Kind = ReqLoad
	s.load(r)
}

// sent drops the first n bytes of the spans.
func (r *Request) sent(m *chunks, n int) {
	k := 0
	for k < len(r.Spans) && n >= r.Spans[k].len() {
		n -= r.Spans[k].len()
		r.Spans[k].drop(m)
		k++
	}
	if k < len(r.Spans) && n > 0 {
		sp := &r.Spans[k]
		if sp.Data != nil {
			sp.Data = sp.Data[n:]
		} else {
			sp.owed -= n
		}
		sp.pos += Pos(n)
	}
	left := copy(r.Spans, r.Spans[k:])
	clear(r.Spans[left:])
	r.Spans = r.Spans[:left]
}

func (sp *Span) len() int { return len(sp.Data) + sp.owed }

// shed gives the memory of a span up, if a segment has the same bytes for good.
func (sp *Span) shed(s *Store) {
	switch {
	case sp.Data == nil || sp.seg == nil:
		return
	case !s.logs.has(sp.seg.log):
		return // the log has moved to another store, or is gone: its segments are not ours to read
	case sp.seg.gone && sp.seg.readFD < 0:
		return // it can't be read again
	case sp.chunk != nil && sp.seg.stable < sp.pos+Pos(len(sp.Data)):
		return
	}
	sp.seg.use()
	sp.owed, sp.Data, sp.buf = len(sp.Data), nil, 0
	if c := sp.chunk; c != nil {
		sp.chunk = nil
		s.chunks.unref(c)
	}
	sp.held = true
}

// kept reports whether a span that was to be given up has memory that only its request holds.
func (sp *Span) kept(s *Store) bool {
	return sp.Data != nil && sp.seg != nil && (!s.logs.has(sp.seg.log) || sp.seg.gone)
}

// load has the first span in memory, reading a piece of it if need be, and answers.
func (s *Store) load(r *Request) {
	if len(r.Spans) == 0 || r.Spans[0].Data != nil {
		s.answer(r, nil)
		return
	}
	sp := &r.Spans[0]
	g := sp.seg
	if g.readFD < 0 {
		if g.gone {
			s.answer(r, ErrClosed) // its file was removed before anybody had opened it
			return
		}
		g.waiters.push(r)
		g.prepare()
		return
	}
	n := min(sp.owed, owePiece)
	buf := s.reading.get(n)
	if buf == nil {
		s.reading.push(r)
		return
	}
	g.use()
	s.stats.DiskReads++
	s.ops.issue(Op{Kind: OpRead, FD: g.readFD, Pos: int64(sp.pos), Buf: buf}, pendingOp{done: loaded, log: g.log, seg: g, req: r, buf: buf})
}

// loaded puts a piece that was read in front of the rest of its span.
func loaded(s *Store, op *pendingOp, res int64, err error) {
	g, r := op.seg, op.req
	g.release()
	if err == nil && res < int64(len(op.buf)) {
		err = ErrDamaged
	}
	if err != nil {
		s.reading.memory.Put(op.buf)
		s.answer(r, err)
		return
	}
	sp := &r.Spans[0]
	r.bufs = append(r.bufs, op.buf)
	piece := Span{Data: op.buf, seg: g, pos: sp.pos, buf: int8(len(r.bufs))}
	if sp.owed -= len(op.buf); sp.owed == 0 {
		sp.drop(&s.chunks)
		*sp = piece
	} else {
		sp.pos += Pos(len(op.buf))
		r.Spans = append(r.Spans, Span{})
		copy(r.Spans[1:], r.Spans)
		r.Spans[0] = piece
	}
	s.answer(r, nil)
}

// drop ends what a span holds.
func (sp *Span) drop(m *chunks) {
	if sp.chunk != nil {
		m.unref(sp.chunk)
	}
	if sp.held {
		sp.seg.release()
	}
	*sp = Span{}
}
