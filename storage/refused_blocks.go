package storage

// Blocks of a segment that the filesystem refuses for want of space are written again, as groups of the journal are: they were allocated, but
// a snapshot may share them since. What was appended there waits, and is carried by laps. A block that was in flight when another one of
// its log was refused is written again even if it is done: by a descriptor that goes through the page cache it may have been told of no
// error that the other one was told of.

// refusedBlocks are the logs with refused blocks, and when these are tried again; its count is of writes.
type refusedBlocks struct {
	refusals
	logs []*Log
}

// refuse keeps a write for later if there was no room for it, and reports whether it does.
func (w *segWrite) refuse(l *Log, err error) bool {
	s := l.s
	if l.fenced != nil || s.logs[l.cfg.ID] != l || !(FullDisk(err) || err == nil && w.suspect) {
		return false
	}
	if err != nil {
		s.blocks.err = spaceError(err)
		for _, x := range l.tail.writes {
			x.suspect = x.suspect || x != w && !x.done && !x.refused
		}
	}
	s.blocks.wait(s.mono, w.again)
	if w.again {
		w.seg.release()
	}
	w.refused, w.again, w.suspect = true, true, false
	l.keepRefused()
	if l.closing != nil {
		l.tryClose()
	}
	return true
}

// keepRefused counts the refused writes of l again.
func (l *Log) keepRefused() {
	l.leaveRefused()
	for _, w := range l.tail.writes {
		if w.refused {
			l.tail.refused++
		}
	}
	r := &l.s.blocks
	if l.tail.refused == 0 {
		return
	}
	r.count += l.tail.refused
	r.logs = append(r.logs, l)
	if r.err == nil { // what was refused with them is written
		r.err = errShort
		r.wait(l.s.mono, false)
	}
	l.s.refused()
}

// leaveRefused takes l off the logs whose blocks are tried again.
func (l *Log) leaveRefused() {
	r := &l.s.blocks
	if l.tail.refused == 0 {
		return
	}
	for i, o := range r.logs {
		if o == l {
			r.logs = append(r.logs[:i], r.logs[i+1:]...)
			break
		}
	}
	r.count -= l.tail.refused
	l.tail.refused = 0
	if r.count == 0 && len(r.logs) == 0 {
		r.refusals = refusals{}
		l.s.roomAgain()
	}
}

// dropRefused gives up the refused writes of l: it failed, or is gone.
func (l *Log) dropRefused() {
	for _, w := range l.tail.writes {
		if w.refused {
			w.refused = false
			l.s.chunks.unref(w.chunk)
		}
	}
	l.leaveRefused()
}

// retryBlocks writes the refused blocks again when it is time. The journal comes first: deletions need it.
func (s *Store) retryBlocks() {
	r := &s.blocks
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
func (s *Store) blockEnded(w *segWrite) {
	if !w.again {
		return
	}
	w.seg.release()
	if r := &s.blocks; r.count == 0 {
		r.refusals = refusals{}
		s.roomAgain()
	}
}

// deadline is when the refused blocks are to be tried again; 0: there are none, or the journal comes first.
func (r *refusedBlocks) deadline(s *Store) int64 {
	if r.count == 0 || s.journal.stuck() {
		return 0
	}
	return r.retryAt
}
