package storage

import (
	"errors"
	"fmt"
	"slices"
)

// Whoever reads from disk needs memory of the line for reads. Where it is short, requests wait in order, and hold none of it while
// they wait; the first is served before any other takes some, so a large batch is read however many small polls there are. What
// would not fit if nobody else had any is refused by name.

// reads is the memory that a store reads into, and what waits for it.
type reads struct {
	memory Memory
	most   int64 // that it gives at once, when nobody else holds any; 0: much

	reader   reader      // of the poll that goes on now
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

func (q *reads) waits() bool { return !q.requests.empty() || len(q.scans) > 0 }

// get returns memory for n bytes, or nil: then the caller waits. Nobody overtakes those that wait.
func (q *reads) get(n int) []byte {
	if q.waits() && !q.resuming {
		return nil
	}
	return q.memory.Get(n)
}

// errReadWaits: there is no memory now, and the poll waits for some.
var errReadWaits = errors.New("the poll waits for memory to read into")

// take returns memory for the next n bytes of a poll of a log. Where there is none, a poll that holds memory does not wait for more: it
// ends with what it has, for which take returns neither memory nor an error.
func (q *reads) take(s *Store, r *Request, id LogID, n int) ([]byte, error) {
	if q.most > 0 && int64(n) > q.most {
		return nil, fmt.Errorf("%w: log %d, %d bytes at offset %d, reads have %d", ErrBatchTooLarge, id, n, r.poll.from, q.most)
	}
	if buf := q.get(n); buf != nil {
		return buf, nil
	}
	switch {
	case r.Records == 0:
	case r.Strategy == FromLast: // less would be without the newest
		for _, b := range r.bufs {
			n += len(b)
		}
		if q.most > 0 {
			n = int(min(int64(n), q.most))
		}
		s.Release(r)
		r.Records, r.poll.need = 0, n
	default:
		return nil, nil
	}
	q.push(r)
	return nil, errReadWaits
}

// push has r wait: at the end, or where it was if it was tried again.
func (q *reads) push(r *Request) {
	if q.resuming {
		q.again = true
		q.requests.pushFront(r)
		return
	}
	q.requests.push(r)
}

// scanWaits reports whether the making of the index of g waits for memory.
func (q *reads) scanWaits(g *segment) bool {
	return slices.ContainsFunc(q.scans, func(w scanWaiting) bool { return w.seg == g })
}

func (q *reads) wait(w scanWaiting) {
	if q.resuming {
		q.again = true
		q.scans = append([]scanWaiting{w}, q.scans...)
		return
	}
	q.scans = append(q.scans, w)
}

// resumeReads lets go on what waits for memory, in order, as long as there is some.
func resumeReads(s *Store) {
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
			resumeRead(s, q.requests.pop())
			continue
		}
		break
	}
	q.resuming = false
	s.working = 0
}

// resumeRead tries a request again that waited for memory.
func resumeRead(s *Store, r *Request) {
	if r.Kind == ReqLoad {
		s.load(r)
		return
	}
	l := r.log
	s.working = l.cfg.ID
	switch {
	case l.gone:
		l.follow(r, s.reading.of(l).again(r))
	case r.poll.need > 0:
		buf := s.reading.memory.Get(r.poll.need)
		if buf == nil {
			s.reading.push(r)
			return
		}
		s.reading.memory.Put(buf)
		l.poll(r)
	default:
		l.follow(r, s.reading.of(l).fromDisk(r))
	}
}

// drop gives back all memory that r has read into.
func (q *reads) drop(r *Request) {
	for i, b := range r.bufs {
		if b != nil {
			q.memory.Put(b)
			r.bufs[i] = nil
		}
	}
	r.bufs = r.bufs[:0]
}

// dropUnnamed gives back the buffers of r in which no span lies any more.
func (q *reads) dropUnnamed(r *Request) {
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
			q.memory.Put(b)
			r.bufs[i] = nil
		}
	}
	r.bufs = r.bufs[:last]
}

// indexed notes that the index of g is made, or can't be.
func (q *reads) indexed(g *segment) {
	if i := slices.Index(q.indexing, g); i >= 0 {
		q.indexing = slices.Delete(q.indexing, i, i+1)
	}
}

// remove takes r out of all that waits to read, and reports whether it was there. It does not look at r, which may be another shard's.
func (q *reads) remove(r *Request) bool {
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

// Waits reports whether r waits here for what Cancel withdraws it from. It does not look at r, which may be another shard's.
func (s *Store) Waits(r *Request) bool {
	q := &s.reading
	return q.requests.has(r) || s.starved.has(r) || slices.ContainsFunc(q.indexing, func(g *segment) bool { return g.waiters.has(r) })
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
