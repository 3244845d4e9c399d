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
	if len(s.order) != len(s.logs) {
		panic(fmt.Sprintf("BUG: %d logs in order, %d by id", len(s.order), len(s.logs)))
	}
	fixed, ids := s.metaCarrySize(), int64(0)
	for _, m := range s.moved {
		fixed += int64(len(m.entries))
	}
	for _, l := range s.order {
		if s.logs[l.cfg.ID] != l || l.s != s {
			panic(fmt.Sprintf("BUG: log %d is not the one of its id", l.cfg.ID))
		}
		l.invariants()
		fixed += l.fixed
		if l.dedup != nil {
			ids += l.dedup.noted
		}
	}
	if ids != s.dedupBytes {
		panic(fmt.Sprintf("BUG: windows of ids take %d bytes, %d were counted", ids, s.dedupBytes))
	}
	var users tally // made when it is needed: tests count what requests allocate
	for _, l := range s.order {
		for user, n := range l.offsets.users {
			if users == nil {
				users = make(tally)
			}
			users.add(user, n)
		}
	}
	if !maps.Equal(users, s.users) {
		panic(fmt.Sprintf("BUG: users have stored %v, counted %v", users, s.users))
	}
	if fixed != s.fixed {
		panic(fmt.Sprintf("BUG: every lap takes %d bytes, %d were counted", fixed, s.fixed))
	}
	refused := 0
	for _, l := range s.blocks.logs {
		refused += l.refused
	}
	if refused != s.blocks.count || refused > 0 && (!s.short || s.blocks.err == nil) {
		panic(fmt.Sprintf("BUG: %d writes to segments are refused, %d were counted, short %v, %v", refused, s.blocks.count, s.short, s.blocks.err))
	}
	s.journal.invariants()
	s.checkChunks()
}

// checkChunks compares the lists and sums of chunks with the chunks that there are.
func (s *Store) checkChunks() {
	tails, bytes, listed := 0, int64(0), 0
	for _, l := range s.order {
		for _, c := range l.chunks {
			tails++
			bytes += int64(cap(c.buf))
			if c.listed {
				listed++
			}
		}
	}
	if tails > s.tails || bytes > s.tailBytes { // those of dropped logs that are being sent count too
		panic(fmt.Sprintf("BUG: %d chunks with %d bytes, %d with %d were counted", tails, bytes, s.tails, s.tailBytes))
	}
	var prev *chunk
	for c := s.evictable.first; c != nil; prev, c = c, c.nextc {
		if c.prev != prev || !c.listed || c.dropped || c.seg.stable < c.end && c.log.side != sideSafe {
			panic(fmt.Sprintf("BUG: chunk of log %d at %d cannot be evicted", c.log.cfg.ID, c.base))
		}
		listed--
	}
	if prev != s.evictable.last || listed != 0 {
		panic(fmt.Sprintf("BUG: %d chunks say that they are listed and are not", listed))
	}
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
	if refused != j.refusals.count || writing+refused > groupsInFlightMax || refused > 0 && !j.s.short {
		panic(fmt.Sprintf("BUG: %d groups in flight and %d refused, %d were counted, short %v", writing, refused, j.refusals.count, j.s.short))
	}
	if g := j.gather; g != nil && (g.n > len(g.buf) || int64(g.n) > j.files[0].Size/16*groupShare || g.seq != j.seq) {
		panic(fmt.Sprintf("BUG: group of %d bytes gathers in %d, sequence %d of %d", g.n, len(g.buf), g.seq, j.seq))
	}
	if len(j.ready) > groupsReadyMax+1 { // one may have been put back for a lap
		panic(fmt.Sprintf("BUG: %d groups wait", len(j.ready)))
	}
	if f := &j.files[j.cur]; j.pos < BlockSize || j.pos > f.Size || j.lap == nil && j.pos > f.Size-int64(alignDown(Pos(f.Size/4))) {
		panic(fmt.Sprintf("BUG: journal at byte %d of %d", j.pos, f.Size))
	}
}

func (l *Log) invariants() {
	id := l.cfg.ID
	l.bounds.invariants(id)
	l.reservation.invariants(id)
	l.offsets.invariants(id)
	l.pend.invariants(id, &l.bounds, l.reservation.bound, l.writeSeq, l.s.journal.seq)
	l.checkSegments()
	l.checkTail()
	if l.dedup != nil {
		l.checkDedup()
	}
}

func (l *Log) checkSegments() {
	for i, g := range l.segs {
		last := i == len(l.segs)-1
		switch {
		case g.gone || !last && (!g.sealed || g.next > l.segs[i+1].base || g.next <= g.base):
			panic(fmt.Sprintf("BUG: log %d: segment %d to %d, sealed %v, gone %v", l.cfg.ID, g.base, g.next, g.sealed, g.gone))
		case g.end < segmentStart || g.stable > alignUp(g.end) || g.end > g.alloc:
			panic(fmt.Sprintf("BUG: log %d: segment %d ends at %d, stable to %d, allocated to %d", l.cfg.ID, g.base, g.end, g.stable, g.alloc))
		}
		for k := 1; k < len(g.index); k++ {
			if a, b := g.index[k-1], g.index[k]; a.offset >= b.offset || a.pos+indexStep > b.pos && k > 1 && g.found == 0 || a.ts > b.ts {
				panic(fmt.Sprintf("BUG: log %d: index entry %v follows %v", l.cfg.ID, b, a))
			}
		}
	}
}

func (l *Log) checkTail() {
	for i := 1; i < len(l.chunks); i++ {
		if a, b := l.chunks[i-1], l.chunks[i]; a.nextOffset > b.firstOffset || a.seg == b.seg && a.end > b.first {
			panic(fmt.Sprintf("BUG: log %d: chunk to %d at %d is followed by %d at %d", l.cfg.ID, a.nextOffset, a.end, b.firstOffset, b.first))
		}
	}
	for i, w := range l.writes {
		if w.number != l.writesDone+1+uint64(i) || w.from >= w.to || w.end > w.to {
			panic(fmt.Sprintf("BUG: log %d: write %d of blocks %d to %d, %d are done", l.cfg.ID, w.number, w.from, w.to, l.writesDone))
		}
	}
	g := l.active()
	if g == nil || l.opening {
		return
	}
	if l.flushed != alignDown(l.flushed) || l.flushed > afterPadding(g.end) {
		panic(fmt.Sprintf("BUG: log %d ends at %d, flushed to %d", l.cfg.ID, g.end, l.flushed))
	}
	if l.flushed >= g.end || l.side == sideSafe {
		return
	}
	if k := len(l.chunks); k == 0 || l.chunks[k-1].seg != g || l.chunks[k-1].base > l.flushed || l.chunks[k-1].end != g.end {
		panic(fmt.Sprintf("BUG: log %d: bytes %d to %d are in no segment block and in no chunk", l.cfg.ID, l.flushed, g.end))
	}
}
