package storage

import (
	"errors"
	"fmt"
)

// of is what a poll sees of l now. It is valid until the next call.
func (q *reads) of(l *Log) *reader {
	q.reader = reader{id: l.cfg.ID, bounds: &l.bounds, segs: &l.segs, tail: &l.tail, offsets: &l.offsets, hasher: &l.s.hasher, fenced: l.fenced, gone: l.gone}
	return &q.reader
}

// poll begins r, or begins it again.
func (l *Log) poll(r *Request) {
	if s := l.s; r.poll.commit && s.journal.failed == nil && !s.space.short && !s.journal.room(entryHeadSize) {
		s.starved.push(r) // nothing is read before it can be committed
		return
	}
	l.follow(r, l.s.reading.of(l).start(r))
}

// follow does what follows for r, until it is answered or waits.
func (l *Log) follow(r *Request, st step) {
	s := l.s
	for {
		switch st.kind {
		case stepEmpty:
			s.answer(r, nil)
			return
		case stepFail:
			if st.event != "" {
				s.report(st.event, l.cfg.ID, st.err)
			}
			s.failPoll(r, st.err)
			return
		case stepPrepare:
			st.seg.waiters.push(r)
			st.seg.prepare()
			return
		case stepRead:
			buf, err := s.reading.take(s, r, l.cfg.ID, int(st.to-r.poll.pos))
			switch {
			case buf != nil:
				l.read(r, buf)
				return
			case err == errReadWaits:
				return
			case err != nil:
				st = s.reading.of(l).damaged(r, "batch too large to be read", err)
			default:
				st = step{kind: stepFinish}
			}
		case stepFinish:
			if l.finishPoll(r) {
				return
			}
			st = s.reading.of(l).start(r)
		}
	}
}

// read fills buf from where r stands on disk.
func (l *Log) read(r *Request, buf []byte) {
	s, p := l.s, &r.poll
	g := p.seg
	p.want = 0
	g.use()
	g.used = s.mono
	s.stats.DiskReads++
	if c := l.tail.first(); c != nil && !p.byTime && l.bounds.records > 0 {
		s.chunks.missed(l.bounds.span(p.from, c.firstOffset))
	}
	s.ops.issue(Op{Kind: OpRead, FD: g.readFD, Pos: int64(p.pos), Buf: buf}, pendingOp{done: pollRead, log: l, seg: g, req: r, buf: buf})
}

func pollRead(s *Store, op *pendingOp, res int64, err error) {
	l, g, r, buf := op.log, op.seg, op.req, op.buf
	g.release()
	if err == nil && res < int64(len(buf)) {
		err = fmt.Errorf("%w: log %d, segment %d ends at byte %d", ErrDamaged, l.cfg.ID, g.base, int64(r.poll.pos)+res)
	}
	v := s.reading.of(l)
	var st step
	keeps := false
	switch {
	case l.gone: // its files may be as well
		st = v.again(r)
	case err != nil:
		st = v.fail(r, err)
	default:
		st, keeps = v.took(r, g, buf)
		keeps = keeps || plantedReadKeepsBuffer
	}
	if !keeps {
		s.reading.memory.Put(buf)
	}
	l.follow(r, st)
}

// finishPoll commits the offset if asked, and answers r or has it wait. False: it has to begin again.
func (l *Log) finishPoll(r *Request) bool {
	s := l.s
	if r.Strategy == FromLast && s.reading.of(l).missesNewest(r) {
		s.Release(r)
		return false
	}
	if r.Records > 0 {
		r.Last = r.poll.from - 1
	}
	if r.Consumer.Group && s.cfg.Fence != nil && !s.cfg.Fence(r) {
		s.failPoll(r, ErrNotOwned)
		return true
	}
	if r.Within && r.Bytes > r.BytesMax { // only the first batch of a reply may be the reason
		s.failPoll(r, ErrReplyTooLarge)
		return true
	}
	if r.AutoCommit && r.Records > 0 {
		switch err := l.autoCommit(r.Consumer, r.User, r.Last); {
		case err == errRoomLater:
			s.Release(r)
			r.poll.commit = true
			s.starved.push(r)
			return true
		case err != nil:
			s.failPoll(r, err) // its records would come again and again, and nobody would know why
			return true
		}
	}
	s.answer(r, nil)
	return true
}

// failPoll answers r with an error and no records.
func (s *Store) failPoll(r *Request, err error) {
	s.Release(r)
	r.Records, r.Bytes = 0, 0
	if errors.Is(err, ErrClosed) {
		r.log = nil
	}
	s.answer(r, err)
}

// Release gives back what an answered poll holds. The shard calls it when the reply was sent, or will not be.
func (s *Store) Release(r *Request) {
	for i := range r.Spans {
		r.Spans[i].drop(&s.chunks)
	}
	r.Spans = r.Spans[:0]
	s.reading.drop(r)
}
