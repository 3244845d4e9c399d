package storage

import "time"

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
)

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
	j.s.space.refused(j.frees() || j.s.closing > 0)
}

// frees reports whether anything that frees space waits for groups.
func (j *journal) frees() bool {
	frees := j.gather != nil && j.gather.frees
	for _, g := range j.ready {
		frees = frees || g.frees
	}
	for _, g := range j.unsafe.all() {
		frees = frees || g.frees
	}
	return frees
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
		j.s.space.roomAgain()
	}
}

// stuck reports whether no group can be placed at the moment for want of space.
func (j *journal) stuck() bool { return j.refusals.pause > 0 }

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
