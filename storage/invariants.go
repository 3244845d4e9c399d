package storage

import (
	"fmt"
	"maps"
)

// invariants checks what must hold between two calls into the store. It is called after each that may change something.
func (s *Store) invariants() {
	if !invariantsOn || s.journal.failed != nil {
		return
	}
	if len(s.logs.order) != len(s.logs.byID)+len(s.logs.free) {
		panic(fmt.Sprintf("BUG: %d places for %d logs, %d are free", len(s.logs.order), len(s.logs.byID), len(s.logs.free)))
	}
	fixed, ids := s.room.meta.size()+s.moves.bytes(), int64(0)
	count, bytes, listed := 0, int64(0), 0
	for l := range s.logs.all() {
		if !s.logs.has(l) || l.s != s || s.logs.order[l.at] != l || l.gone {
			panic(fmt.Sprintf("BUG: log %d is not the one of its id", l.cfg.ID))
		}
		l.invariants()
		fixed += l.standing.fixed
		if l.dedup != nil {
			ids += l.dedup.noted
		}
		for _, c := range l.tail.chunks {
			count++
			bytes += int64(cap(c.buf))
			if c.listed {
				listed++
			}
		}
	}
	if ids != s.ids.bytes {
		panic(fmt.Sprintf("BUG: windows of ids take %d bytes, %d were counted", ids, s.ids.bytes))
	}
	var users tally // made when it is needed: tests count what requests allocate
	for l := range s.logs.all() {
		for user, n := range l.offsets.users {
			if users == nil {
				users = make(tally)
			}
			users.add(user, n)
		}
	}
	if !maps.Equal(users, s.room.users) {
		panic(fmt.Sprintf("BUG: users have stored %v, counted %v", users, s.room.users))
	}
	if fixed != s.room.fixed {
		panic(fmt.Sprintf("BUG: every lap takes %d bytes, %d were counted", fixed, s.room.fixed))
	}
	s.table.invariants()
	s.space.invariants()
	s.journal.invariants()
	s.chunks.invariants(count, bytes, listed)
}

func (j *journal) invariants() {
	unsafe := j.unsafe.all()
	if j.psafe > j.wsafe || j.wsafe >= j.number || j.psafe+uint64(len(unsafe))+1 != j.number {
		panic(fmt.Sprintf("BUG: journal at group %d, written to %d, persisted to %d, %d between", j.number, j.wsafe, j.psafe, len(unsafe)))
	}
	writing, refused, marks := 0, 0, 0
	for i, g := range unsafe {
		if g.number != j.psafe+1+uint64(i) {
			panic(fmt.Sprintf("BUG: group %d at place %d behind %d", g.number, i, j.psafe))
		}
		switch {
		case g.refused:
			refused++
		case !g.written:
			writing++
		}
		marks += len(g.marks)
	}
	if writing != j.writing || writing > groupsInFlightMax || marks != j.marks {
		panic(fmt.Sprintf("BUG: %d groups in flight and %d marks, %d and %d were counted", writing, marks, j.writing, j.marks))
	}
	if refused != j.refusals.count || writing+refused > groupsInFlightMax || refused > 0 && !j.s.space.short {
		panic(fmt.Sprintf("BUG: %d groups in flight and %d refused, %d were counted, short %v", writing, refused, j.refusals.count, j.s.space.short))
	}
	if g := j.gather; g != nil && (g.n > len(g.buf) || int64(g.n) > j.files[0].Size/16*groupShare || g.seq != j.seq) {
		panic(fmt.Sprintf("BUG: group of %d bytes gathers in %d, sequence %d of %d", g.n, len(g.buf), g.seq, j.seq))
	}
	if len(j.ready) > groupsReadyMax+1 { // one may have been put back for a lap
		panic(fmt.Sprintf("BUG: %d groups wait", len(j.ready)))
	}
	if f := &j.files[j.cur]; j.pos < BlockSize || j.pos > f.Size || j.laps.placed == nil && j.pos > f.Size-int64(alignDown(Pos(f.Size/4))) {
		panic(fmt.Sprintf("BUG: journal at byte %d of %d", j.pos, f.Size))
	}
}

func (l *Log) invariants() {
	id := l.cfg.ID
	l.bounds.invariants(id)
	l.reservation.invariants(id)
	l.offsets.invariants(id)
	l.pend.invariants(id, &l.bounds, l.reservation.bound, l.tail.number, l.s.journal.seq)
	l.segs.invariants(id)
	if g := l.segs.active(); l.segs.opening {
		l.tail.invariants(id, nil)
	} else {
		l.tail.invariants(id, g)
	}
	l.dedup.invariants(id, &l.bounds)
}
