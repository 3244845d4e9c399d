package storage

import (
	"fmt"
	"time"
)

// A write to the journal that the filesystem refuses for want of space (ENOSPC, EDQUOT) does not end the shard. Its file is there, but a
// filesystem that copies what is overwritten, or that shares the blocks with a snapshot or another file, needs new blocks for it.
//
//	refused   the group keeps its bytes, number and place; none behind it is placed
//	checked   a sync by a descriptor that no synced write uses says that nothing else of the file was lost; an error there is fatal
//	written   the same bytes go to the same place again, until they are taken
//
// Nothing of such a group was acknowledged or shown, nor of one behind it: advance goes over groups in order. A crash finds it whole, torn or
// not at all, as any other in flight. What is in it may become durable, so its requests wait; what comes later is refused at once,
// but for reads and for what frees space.

const (
	refusedPauseMin = int64(10 * time.Millisecond) // between two tries
	refusedPauseMax = int64(time.Second)
	refusedPatience = int64(5 * time.Second) // so long what frees space waits for the reserve to make room for it
)

var errShort = fmt.Errorf("%w: the journal cannot be written, only what frees space is taken until there is room", ErrNoSpace)

// refusals are the groups of a journal that the filesystem has no room for.
type refusals struct {
	count    int // placed, and not written
	err      error
	checking bool
	checked  bool // since the last was refused
	retryAt  int64
	pause    int64
}

// refuse keeps a group that there is no room for.
func (j *journal) refuse(g *group, err error) {
	r := &j.refusals
	r.wait(j.s.mono, g.again)
	r.count++
	r.err, r.checked = spaceError(err), false
	g.refused, g.syncing = true, false // a sync on its way saw nothing of it
	j.unasked = min(j.unasked, g.number)
	j.s.refused()
}

// refused is called for every write that is refused.
func (s *Store) refused() {
	s.runShort()
	if s.wantedAt == 0 && s.journal.frees() {
		s.want()
	}
}

// frees reports whether anything that frees space waits for groups, or for what is in flight.
func (j *journal) frees() bool {
	frees := j.gather != nil && j.gather.frees
	for _, g := range j.ready {
		frees = frees || g.frees
	}
	for _, g := range j.unsafe.all() {
		frees = frees || g.frees
	}
	for _, l := range j.s.order {
		frees = frees || l.closing != nil
	}
	return frees
}

// want asks for the reserve: something that frees space waits. It is given up for that only, or others would have used it up by then.
func (s *Store) want() {
	if s.wantedAt == 0 {
		s.wantedAt = max(1, s.mono)
		s.journal.refusals.soon(s.mono)
		s.blocks.soon(s.mono)
	}
}

// Want is told that something that frees space waits behind a command that is in flight.
func (s *Store) Want() {
	if s.Refused() != nil {
		s.want()
	}
}

// soon has the next try come soon.
func (r *refusals) soon(mono int64) {
	if r.pause > 0 {
		r.pause, r.retryAt = refusedPauseMin, mono+refusedPauseMin
	}
}

// wait says when the next try is: later if the last one was one already.
func (r *refusals) wait(mono int64, again bool) {
	if r.pause == 0 {
		r.pause = refusedPauseMin
	} else if again {
		r.pause = min(2*r.pause, refusedPauseMax)
	}
	r.retryAt = mono + r.pause
}

// retry writes the refused groups again when it is time and nothing of the journal is in flight.
func (j *journal) retry() {
	r := &j.refusals
	if r.count == 0 || j.failed != nil || j.writing > 0 || r.checking {
		return
	}
	if !r.checked {
		r.checking = true
		j.s.ops.issue(Op{Kind: OpFdatasync, FD: j.files[j.cur].Sync}, pendingOp{done: refusalChecked})
		return
	}
	if r.retryAt > j.s.mono {
		return
	}
	for _, g := range j.unsafe.all() {
		if g.refused {
			g.refused, g.again = false, true
			r.count--
			if plantedRefusedElsewhere {
				g.pos = j.pos
				j.pos += int64(alignUp(Pos(g.n)))
			}
			j.write(g)
		}
	}
	if j.lastPersist() > 0 && !plantedDirectAfterBuffered {
		j.syncBuffered()
	}
}

// refusalChecked: what failed was the write alone, or pages of the file are lost that another descriptor was told of.
func refusalChecked(s *Store, _ *pendingOp, _ int64, err error) {
	r := &s.journal.refusals
	r.checking, r.checked = false, true
	if err != nil {
		s.journal.fail(err)
	}
}

// accepted notes that there was room for a group that had been refused, or for one behind it.
func (j *journal) accepted() {
	if r := &j.refusals; r.pause > 0 && r.count == 0 && j.writing == 0 {
		*r = refusals{}
		j.s.roomAgain()
	}
}

// roomAgain forgets what waited for the reserve when what frees space can be journaled again.
func (s *Store) roomAgain() {
	if !s.stuck() {
		s.wantedAt, s.hopeless = 0, false
	}
}

// stuck reports whether no group can be placed at the moment for want of space.
func (j *journal) stuck() bool { return j.refusals.pause > 0 }

// stuck reports whether nothing can be journaled at the moment for want of space: a lap may wait for blocks that there is no room for.
func (s *Store) stuck() bool { return s.journal.stuck() || s.journal.lapping && s.blocks.err != nil }

// refusedDeadline is when the refused groups are to be tried again; 0: there are none.
func (j *journal) refusedDeadline() int64 {
	r := &j.refusals
	if r.count == 0 || j.failed != nil || j.writing > 0 || r.checking {
		return 0
	}
	if !r.checked {
		return j.s.mono
	}
	return r.retryAt
}

// Refused returns why the journal, or a block of a segment, cannot be written for want of space, or nil.
func (s *Store) Refused() error {
	if err := s.journal.refusals.err; err != nil {
		return err
	}
	return s.blocks.err
}

// WantsReserve reports whether something that frees space waits for the refused groups.
func (s *Store) WantsReserve() bool { return s.wantedAt != 0 }

// SetShort says whether a journal of this process cannot be written for want of space, or the space that was kept for that is gone.
// Meanwhile the store takes reads and what frees space only, so that nothing else uses up what deletions need. A store whose own journal
// is refused does so of itself.
func (s *Store) SetShort(short bool) {
	switch {
	case short && !s.short:
		s.runShort()
	case !short && s.Refused() == nil:
		s.short = false
	}
}

// runShort refuses what waits, and from now on what comes.
func (s *Store) runShort() {
	if s.short {
		return
	}
	s.short = true
	for _, l := range s.order {
		s.answerAll(l.wait.take(), errShort)
	}
}

// refusedShort deals with a request that needs the journal while the store is short, or reports false: it may go on.
func (s *Store) refusedShort(r *Request) bool {
	switch r.Kind {
	case ReqPoll, ReqGetOffset, ReqLoad, ReqAttach:
		return false
	case ReqClose: // its retirement is committed: it waits for what is in flight, and asks for room
		if s.stuck() {
			s.want()
		}
		return false
	case ReqTrim, ReqMeta:
		if s.RefusesMeta(r.Kind != ReqMeta || r.WhenShort) != nil || r.Kind == ReqTrim && s.cfg.Late != nil { // it would come back with the next start
			break
		}
		if s.stuck() {
			s.want()
			s.starved.push(r)
		}
		return s.stuck()
	}
	s.answer(r, errShort)
	return true
}

// RefusesMeta returns why a metadata command would be refused now for want of space, or nil.
func (s *Store) RefusesMeta(whenShort bool) error {
	if s.short && (!whenShort || s.hopeless) {
		return errShort
	}
	return nil
}

// Short reports whether the store takes reads and what frees space only.
func (s *Store) Short() bool { return s.short }

// tireOfRefusals refuses what frees space when it has waited for too long. While blocks alone are refused that says nothing of what only
// needs the journal.
func (s *Store) tireOfRefusals() {
	if s.wantedAt == 0 || s.hopeless || s.mono-s.wantedAt < refusedPatience {
		return
	}
	if s.hopeless = s.stuck(); !s.hopeless {
		s.wantedAt = 0
	}
}
