package storage

// A log moves from one store to another while nothing of it is in flight.
//
//	old owner                                       new owner
//	1 ReqDetach: admission stops; what is in
//	  flight ends, the tail goes to its segment,
//	  no group that names the log is unsynced
//	2 answered; laps carry the log as it stood ---> 3 Attach: its checkpoint, offsets and bounds go into the
//	                                                  gathering group; appends lie in that group or later ones
//	5 Released: laps forget the log      <--------- 4 answered when that group is safe
//
// A crash at any step finds the log in the old journal, the new one, or both; recovery takes the furthest of each thing,
// and the bytes of a position never change. The memory of chunks stays with its owner: the log takes none along, its
// newest records are read from their segment until others follow. The window of a log with deduplication goes along.

// moved is what laps carry for a log that has left and whose new owner has not journaled it yet.
type moved struct {
	id      LogID
	entries []byte
	count   int
}

// moves are the logs that leave a store, and those that have left it.
type moves struct {
	departing []*Log
	moved     []moved // and are not journaled by their new owner yet
}

// begin has l leave. The request is answered, with the log in Moved, when nothing of it is in flight; meanwhile other requests are told
// that the log is not here.
func (m *moves) begin(l *Log, r *Request) error {
	if l.closed || l.closing != nil || l.leaving != nil || l.fenced != nil {
		return ErrClosed
	}
	l.leaving = r
	m.departing = append(m.departing, l)
	return nil
}

// left notes what laps carry for a log that has left, and returns how many bytes that is.
func (m *moves) left(v moved) int64 {
	m.moved = append(m.moved, v)
	return int64(len(v.entries))
}

// released forgets a log that has left, and returns how many bytes laps are smaller.
func (m *moves) released(id LogID) int64 {
	for i, v := range m.moved {
		if v.id == id {
			m.moved = append(m.moved[:i], m.moved[i+1:]...)
			return int64(len(v.entries))
		}
	}
	return 0
}

// bytes is how much of every lap the logs take that have left.
func (m *moves) bytes() (n int64) {
	for _, v := range m.moved {
		n += int64(len(v.entries))
	}
	return n
}

// carry adds the logs that have left to the lap group.
func (m *moves) carry(g *group) {
	for _, v := range m.moved {
		g.n += copy(g.buf[g.n:], v.entries)
		g.count += v.count
	}
}

// tryDepart takes l out of the store if nothing of it is in flight.
func tryDepart(l *Log) bool {
	s, r := l.s, l.leaving
	if l.fenced != nil || s.journal.failed != nil {
		l.leaving = nil
		s.answer(r, ErrFenced)
		return true
	}
	if !l.quiet() || !s.journal.quietOf(l) {
		return false
	}
	if g := l.segs.active(); g != nil && l.tail.flushed < g.end {
		l.pad()
		return false
	}
	if !s.journal.room(entryHeadSize) {
		return false
	}
	s.journal.add(leftEntry(l.cfg.ID), nil)
	l.tail.drop(&s.chunks, nil)
	s.room.fixed += s.moves.left(freeze(l))
	s.files.open -= l.segs.files()
	s.forget(l)
	l.leaving, l.touched = nil, nil
	r.Moved = l
	s.answer(r, nil)
	return true
}

// quiet reports whether nothing of l is in flight, waits, or is being read.
func (l *Log) quiet() bool {
	if !l.segs.quiet() || l.pend.len() > 0 || !l.pend.settled() || !l.wait.empty() || l.queued || l.trimming ||
		l.dedup.busy() || len(l.tail.writes) > 0 || l.tail.read() || l.changed || l.reservation.onItsWay() {
		return false
	}
	return !l.s.starved.hasOf(l) && !l.s.reading.requests.hasOf(l)
}

// quietOf reports whether no group that is not on stable storage names l, and has those in the page cache synced.
func (j *journal) quietOf(l *Log) bool {
	names := func(g *group) bool {
		for _, o := range g.logs {
			if o == l {
				return true
			}
		}
		return false
	}
	if j.gather != nil && names(j.gather) || j.laps.placed != nil || j.laps.filling != nil {
		return false
	}
	for _, g := range j.ready {
		if names(g) {
			return false
		}
	}
	for _, g := range j.unsafe.all() {
		if names(g) {
			j.syncBuffered()
			return false
		}
	}
	return true
}

func leftEntry(id LogID) *entry { return &entry{kind: entryLeft, level: LevelPersisted, log: id} }

// freeze writes down what a lap would carry for l now.
func freeze(l *Log) moved {
	j := &l.s.journal
	g := &group{buf: make([]byte, groupHeadSize+entryHeadSize+int(carried{l}.size())), n: groupHeadSize}
	j.into(g, func() {
		carried{l}.add(j)
		j.add(leftEntry(l.cfg.ID), nil)
	})
	return moved{l.cfg.ID, g.buf[groupHeadSize:g.n], g.count}
}

// Attach takes in a log that left another store. r is answered when this store's journal has it; appends may come at
// once, and are not answered before.
func (s *Store) Attach(l *Log, r *Request) {
	l.s = s
	s.files.open += l.segs.files()
	s.logs.add(l)
	l.gone = false
	l.offsets.join(s.room.users)
	l.standing = standing{by: tellsState}
	s.stir(l)
	if l.dedup != nil {
		s.ids.bytes += l.dedup.noted
	}
	l.noteChange()
	r.Kind, r.Log, r.log = ReqAttach, l.cfg.ID, l
	r.Err = nil
	s.start(r)
}

// attach journals what recovery needs to know of l.
func attach(l *Log, r *Request) {
	j := &l.s.journal
	if !j.room(int(carried{l}.size())) {
		l.s.starved.push(r)
		return
	}
	l.s.stir(l)
	carried{l}.add(j)
	j.gather.persist = true
	j.touch(l)
	r.soFar.level = LevelPersisted
	j.gather.wait.push(r)
}

// Released says that the new owner of a log that left has journaled it: laps need not carry it any more.
func (s *Store) Released(id LogID) { s.room.fixed -= s.moves.released(id) }
