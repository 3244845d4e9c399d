package storage

import (
	"fmt"
	"slices"
)

// Whoever reads from disk needs memory of the line for reads. Where it is short, requests wait in order, and hold none of it while
// they wait; the first is served before any other takes some, so a large batch is read however many small polls there are. What
// would not fit if nobody else had any is refused by name.

// readQueue holds what waits for memory to read into.
type readQueue struct {
	requests requestList // polls and pieces of spilled replies
	scans    []scanWaiting
	indexing []*segment // whose index is being made: polls wait for it
	resuming bool       // the first of them is tried again
	again    bool       // and still waits
}

// scanWaiting is the making of an index that goes on at pos.
type scanWaiting struct {
	seg *segment
	pos Pos
	n   int
}

// ReadRoom is how much more than its bytes a reply may need at once: what is read beyond the last batch.
const ReadRoom = readMin

// resumedPerTurn bounds the reads that go on in one turn.
const resumedPerTurn = 256

func (q *readQueue) waits() bool { return !q.requests.empty() || len(q.scans) > 0 }

// get returns memory for n bytes, or nil: then the caller waits. Nobody overtakes those that wait.
func (q *readQueue) get(s *Store, n int) []byte {
	if q.waits() && !q.resuming {
		return nil
	}
	return s.cfg.ReadMemory.Get(n)
}

// push has r wait: at the end, or where it was if it was tried again.
func (q *readQueue) push(r *Request) {
	if q.resuming {
		q.again = true
		q.requests.pushFront(r)
		return
	}
	q.requests.push(r)
}

func (q *readQueue) wait(w scanWaiting) {
	if q.resuming {
		q.again = true
		q.scans = append([]scanWaiting{w}, q.scans...)
		return
	}
	q.scans = append(q.scans, w)
}

// resumeReads lets go on what waits for memory, in order, as long as there is some.
func (s *Store) resumeReads() {
	q := &s.reading
	if !q.waits() {
		return
	}
	q.resuming, q.again = true, false
	for range resumedPerTurn {
		switch {
		case q.again:
		case len(q.scans) > 0: // requests wait for it, which may hold memory
			w := q.scans[0]
			q.scans = append(q.scans[:0], q.scans[1:]...)
			s.working = w.seg.log.cfg.ID
			w.seg.scan(w.pos, w.n)
			continue
		case !q.requests.empty():
			s.resumeRead(q.requests.pop())
			continue
		}
		break
	}
	q.resuming = false
	s.working = 0
}

// resumeRead tries a request again that waited for memory.
func (s *Store) resumeRead(r *Request) {
	if r.Kind == ReqLoad {
		s.load(r)
		return
	}
	l := r.log
	s.working = l.cfg.ID
	switch {
	case s.logs[l.cfg.ID] != l:
		l.pollAgain(r)
	case r.poll.need > 0:
		buf := s.cfg.ReadMemory.Get(r.poll.need)
		if buf == nil {
			s.reading.push(r)
			return
		}
		s.cfg.ReadMemory.Put(buf)
		l.startPoll(r)
	default:
		l.pollDisk(r)
	}
}

// readBuffer returns memory for the next n bytes of r, or nil and has seen to r: it waits, or is answered.
func (l *Log) readBuffer(r *Request, n int) []byte {
	s := l.s
	if most := s.cfg.ReadMemoryMax; most > 0 && int64(n) > most {
		err := fmt.Errorf("%w: log %d, %d bytes at offset %d, reads have %d", ErrBatchTooLarge, l.cfg.ID, n, r.poll.from, most)
		if r.Records == 0 {
			s.report("batch too large to be read", l.cfg.ID, err)
		}
		l.failOrFinish(r, err)
		return nil
	}
	buf := s.reading.get(s, n)
	switch {
	case buf != nil:
		return buf
	case r.Records == 0:
		s.reading.push(r)
	case r.Strategy == FromLast: // less would be without the newest
		need := n
		for _, b := range r.bufs {
			need += len(b)
		}
		if most := s.cfg.ReadMemoryMax; most > 0 {
			need = int(min(int64(need), most))
		}
		s.Release(r)
		r.Records = 0
		r.poll.need = need
		s.reading.push(r)
	default: // who holds memory does not wait for more
		l.finishPoll(r)
	}
	return nil
}

// readTo returns up to where r is likely to read in g, from where it stands.
func (l *Log) readTo(p *pollState, g *segment) Pos {
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

// missesNewest reports whether a reply to a poll for the last records was full before the newest of them; it notes how many to
// try with instead.
func (l *Log) missesNewest(r *Request) bool {
	p := &r.poll
	if r.Strategy != FromLast || r.Records == 0 || p.left == 0 || l.bounds.count(p.from, l.bounds.hw) == 0 || l.s.logs[l.cfg.ID] != l {
		return false
	}
	if r.Base < l.bounds.start {
		return true // it was overtaken by a log start, and not full
	}
	asked := r.Records + p.left
	p.newest = max(1, min(r.Records, asked/4*3))
	return true
}

// dropBuffers gives back all memory that r has read into.
func (s *Store) dropBuffers(r *Request) {
	for i, b := range r.bufs {
		if b != nil {
			s.cfg.ReadMemory.Put(b)
			r.bufs[i] = nil
		}
	}
	r.bufs = r.bufs[:0]
}

// dropUnnamed gives back the buffers of r in which no span lies any more.
func (s *Store) dropUnnamed(r *Request) {
	last := 0
	for i, b := range r.bufs {
		named := false
		for k := range r.Spans {
			named = named || int(r.Spans[k].buf) == i+1
		}
		switch {
		case named:
			last = i + 1
		case b != nil:
			s.cfg.ReadMemory.Put(b)
			r.bufs[i] = nil
		}
	}
	r.bufs = r.bufs[:last]
}

// indexed notes that the index of g is made, or can't be.
func (q *readQueue) indexed(g *segment) {
	if i := slices.Index(q.indexing, g); i >= 0 {
		q.indexing = slices.Delete(q.indexing, i, i+1)
	}
}

// remove takes r out of all that waits to read, and reports whether it was there. It does not look at r, which may be another shard's.
func (q *readQueue) remove(r *Request) bool {
	if q.requests.remove(r) {
		return true
	}
	for _, g := range q.indexing {
		if g.waiters.remove(r) {
			return true
		}
	}
	return false
}

// Cancel withdraws a poll that waits for memory, for an index or for room in the journal, or a piece of a reply that waits for memory: it
// is answered with ErrCanceled. One that does not wait, or not here, goes on; so does the making of an index, which others will want.
func (s *Store) Cancel(r *Request) bool {
	if !s.reading.remove(r) && !s.starved.remove(r) {
		return false
	}
	s.Release(r)
	r.Records, r.Bytes = 0, 0
	s.answer(r, ErrCanceled)
	return true
}
