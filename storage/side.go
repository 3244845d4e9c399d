package storage

import "fmt"

// A log whose segment failed would pin the journal: every lap had to carry what the segment has not. So what a lap carries
// for it is written aside once, as one journal group in a file of the log's directory, and laps carry its bounds and
// stored offsets only. The file counts for the recovery that reads this run's journals, as a part of them; it names the
// run, and so is retired with them.
//
//	file:  one group (see group.go), number and first = first group of the run

// Recovery does the same when it cannot write a segment: the file then is of the run that it begins.

// sideName is the file of a fenced log's directory that holds what its segment could not take.
func sideName(first uint64) string { return fmt.Sprintf("fenced-%016x.group", first) }

func sidePath(dir string, id LogID, first uint64) string {
	return LogDir(dir, id) + "/" + sideName(first)
}

// saveAside begins to write the side file of a fenced log. Without memory it is tried again at the end of the turn.
func saveAside(l *Log) {
	s, j := l.s, &l.s.journal
	size := alignUp(groupHeadSize + Pos(carried{l}.size()))
	buf := s.cfg.JournalMemory.Get(int(size))
	if buf == nil {
		s.saving = append(s.saving, l)
		return
	}
	g := &group{buf: buf, n: groupHeadSize}
	j.into(g, func() { carried{l}.add(j) })
	p := buf[:alignUp(Pos(g.n))]
	sealGroup(p, groupHead{number: j.first, safe: j.first - 1, first: j.first, entries: uint32(g.n - groupHeadSize),
		count: uint32(g.count), shard: uint32(s.cfg.Shard)}, s.cfg.Seed)
	l.tail.side = sideOpening
	s.ops.issue(Op{Kind: OpOpen, Path: sidePath(s.cfg.Dir, l.cfg.ID, j.first), Create: true}, pendingOp{done: sideOpened, log: l, buf: p})
}

func sideOpened(s *Store, p *pendingOp, fd int64, err error) {
	if err != nil {
		sideNotSaved(s, p, err)
		return
	}
	s.ops.issue(Op{Kind: OpWrite, FD: int32(fd), Buf: p.buf, DSync: true}, pendingOp{done: sideWritten, log: p.log, buf: p.buf, n: fd})
}

func sideWritten(s *Store, p *pendingOp, _ int64, err error) {
	s.ops.issue(Op{Kind: OpClose, FD: int32(p.n)}, pendingOp{done: ignored})
	if err != nil {
		sideNotSaved(s, p, err)
		return
	}
	s.ops.issue(Op{Kind: OpSyncDir, Path: LogDir(s.cfg.Dir, p.log.cfg.ID)}, pendingOp{done: sideSynced, log: p.log, buf: p.buf})
}

func sideSynced(s *Store, p *pendingOp, _ int64, err error) {
	if err != nil {
		sideNotSaved(s, p, err)
		return
	}
	l := p.log
	s.cfg.JournalMemory.Put(p.buf)
	l.tail.side = sideSafe
	l.tail.list(&s.chunks)
	if l.closing != nil {
		l.tryClose()
	}
}

func sideNotSaved(s *Store, p *pendingOp, err error) {
	l := p.log
	s.cfg.JournalMemory.Put(p.buf)
	l.tail.side = sideFailed
	s.report("fenced log not saved aside; the journal keeps what its segment lacks", l.cfg.ID, fmt.Errorf("%s: %w", sideName(s.journal.first), err))
	if l.closing != nil {
		l.tryClose()
	}
}

// saveWaiting goes on with the fenced logs that waited for memory.
func saveWaiting(s *Store) {
	waiting := s.saving
	s.saving = nil
	for _, l := range waiting {
		if !l.gone && !l.closed {
			saveAside(l)
		}
	}
}
