package storage

import "slices"

// Blocks of a segment that the filesystem refuses for want of space are written again, as groups of the journal are: they were allocated, but
// a snapshot may share them since. What was appended there waits, and is carried by laps. A block that was in flight when another one of
// its log was refused is written again even if it is done: by a descriptor that goes through the page cache it may have been told of no
// error that the other one was told of.

// refusedBlocks are the logs with refused blocks, and when these are tried again; its count is of writes.
type refusedBlocks struct {
	refusals
	logs []*Log
}

// refuseBlocks keeps a write for later if there was no room for it, and reports whether it does.
func refuseBlocks(l *Log, w *segWrite, err error) bool {
	s := l.s
	if l.fenced != nil || l.gone || !(FullDisk(err) || err == nil && w.suspect) {
		return false
	}
	if err != nil {
		s.space.blocks.err = spaceError(err)
		l.tail.suspect(w)
	}
	s.space.blocks.wait(s.mono, w.again)
	if w.again {
		w.seg.release()
	}
	w.refused, w.again, w.suspect = true, true, false
	s.space.blocks.keep(l)
	s.space.refused(s.journal.frees() || s.closing > 0)
	if l.closing != nil {
		l.tryClose()
	}
	return true
}

// keep counts one more refused write of l.
func (r *refusedBlocks) keep(l *Log) {
	if l.tail.refused == 0 {
		r.logs = append(r.logs, l)
	}
	l.tail.refused++
	r.count++
	if r.err == nil { // what was refused with them is written
		r.err = errShort
		r.wait(l.s.mono, false)
	}
}

// drop gives up the refused writes of l: it failed, or is gone. It reports whether none of any log is left.
func (r *refusedBlocks) drop(l *Log) bool {
	if l.tail.refused == 0 {
		return false
	}
	for _, w := range l.tail.writes {
		if w.refused {
			w.refused = false
			l.s.chunks.unref(w.chunk)
		}
	}
	if i := slices.Index(r.logs, l); i >= 0 {
		r.logs = slices.Delete(r.logs, i, i+1)
	}
	r.count -= l.tail.refused
	l.tail.refused = 0
	if r.count > 0 {
		return false
	}
	r.refusals = refusals{}
	return true
}

// retryBlocks writes the refused blocks again when it is time. The journal comes first: deletions need it.
func retryBlocks(s *Store) {
	r := &s.space.blocks
	if r.count == 0 || r.retryAt > s.mono || s.journal.stuck() {
		return
	}
	logs := r.logs
	r.logs, r.count, r.retryAt = nil, 0, s.mono+r.pause
	for _, l := range logs {
		l.tail.refused = 0
		for _, w := range l.tail.writes {
			if w.refused {
				w.refused = false
				w.seg.use() // its log may be closed, and dropped meanwhile
				l.write(w)
			}
		}
	}
}

// blockEnded notes that a write that had been refused is no more.
func blockEnded(s *Store, w *segWrite) {
	if !w.again {
		return
	}
	w.seg.release()
	if r := &s.space.blocks; r.count == 0 {
		r.refusals = refusals{}
		s.space.roomAgain()
	}
}

// deadline is when the refused blocks are to be tried again; 0: there are none, or the journal comes first.
func (r *refusedBlocks) deadline(j *journal) int64 {
	if r.count == 0 || j.stuck() {
		return 0
	}
	return r.retryAt
}
