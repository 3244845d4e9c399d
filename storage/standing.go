package storage

// standing is who says where a log stands: its shard's laps, the log table, or, as long as nothing was journaled of it in this run, the
// state file.
type standing struct {
	by         teller
	at         int    // in logs.lapped, while laps carry it
	fixed      int64  // bytes in every lap, counted in LapRoom.fixed
	marks      int    // decisions in groups that are placed, and not on stable storage
	named      uint64 // gathering order of the last group that says something of it
	used       bool   // since the table last looked at it
	generation uint64 // of the table file that has its newest record; 0: none has
	size       int64  // of that record
	row        int    // in the group that the table fills or writes, counted from 1; 0: it is not there
}

// teller is who tells the next recovery where a log stands.
type teller uint8

const (
	tellsLap   teller = iota // laps; the journal may say more
	tellsSoon                // laps, until its record in the table is on stable storage
	tellsTable               // the log table
	tellsState               // the state file, or nobody: the log is new and has nothing
)

// lapped reports whether laps carry the log.
func (v *standing) lapped() bool { return v.by <= tellsSoon }

// stir has laps carry l: the gathering group is about to say something of it. That there is room in laps was asked before.
func (s *Store) stir(l *Log) {
	v := &l.standing
	if g := s.journal.gather; g != nil {
		v.named = g.seq
	}
	v.used = true
	switch v.by {
	case tellsLap:
		return
	case tellsTable:
		s.table.live -= v.size
	}
	if v.by != tellsSoon {
		v.at = s.logs.lapped.put(l)
	}
	v.by = tellsLap
	l.noteFixed()
}

// A log rests when what a lap would carry of it is on stable storage, all of it, and stays as it is until stir is called: when it is finished, and
// what is said of it is safe. Polls do not matter; what is not in a segment block does.

// finished reports whether nothing of l is in flight but what its journal has not synced.
func finished(l *Log) bool {
	if l.fenced != nil || l.closed || l.closing != nil || l.leaving != nil || l.gone || l.trimming || l.queued {
		return false
	}
	if l.pend.len() > 0 || !l.pend.settled() || !l.wait.empty() || l.dedup.busy() || len(l.tail.writes) > 0 || l.segs.making() || l.reservation.onItsWay() {
		return false
	}
	return true
}

// safe reports whether all groups that say something of the log are on stable storage.
func (v *standing) safe(j *journal) bool { return v.marks == 0 && v.named <= j.pseq }
