package storage

// What is settled is on stable storage in its segment for certain, and is not read by a start, as nothing is that lies before a
// checkpoint: the time of a start depends on the journal's size, and not on that of the data. Bytes that went bad since are found when they
// are to be served.
//
//	group 7: direct batch, offsets 100 to 199          its blocks, and all before them in the segment, are written
//	group 9: any entry of the log, "stable 200"        by then: it was told, at LevelPersisted
//
// A direct batch writes all blocks up to the one that it ends in, is told when these writes and all before them have returned, synced, and
// no block is written twice.

// onStable reports whether a direct batch is settled. Where the journals or the disk give reason for doubt none is.
func (l *logRecovery) onStable(e *entry) (bool, error) {
	j := &l.r.journal
	if e.kind != entryDirect || e.next > l.stable || l.rewrite || l.journaled.side != nil || j.lost || len(j.holes) > 0 {
		return false, nil
	}
	size, err := l.files.found(e.segment())
	return err == nil && size >= int64(e.pos)+int64(e.length), err
}

// settled returns the position of a segment before which all blocks are settled.
func (l *logRecovery) settled(id SegmentID) (Pos, error) {
	to := Pos(0)
	for i := range l.journaled.list {
		e := &l.journaled.list[i]
		if e.segment() != id {
			continue
		}
		sure, err := l.onStable(e)
		if err != nil {
			return 0, err
		}
		if sure {
			to = max(to, alignDown(e.pos+Pos(e.length)))
		}
	}
	return to, nil
}
