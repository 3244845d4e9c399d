package storage

import "testing"

// TestABurstOfDescriptorsIsClosedAtOnce: few were open, and in one turn come more than may be. No pause and no lap over all logs goes by before
// there are no more than that, however lately they were used.
func TestABurstOfDescriptorsIsClosedAtOnce(t *testing.T) {
	const logs, most = 1000, 100
	file := JournalFile{Size: 8 << 20}
	s := New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{}, LogsPerTurn: 2 * most, FilesMax: most})
	mono := int64(5e9)
	burst := func(from, n int) {
		for i := range n {
			id := LogID(from + i + 1)
			l := s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
			g := &segment{log: l, sealed: true, next: 1, fd: 100, readFD: -1, end: segmentStart, stable: segmentStart, alloc: segmentStart, indexed: true}
			l.segs.list = append(l.segs.list, g)
			l.bounds = bounds{next: 1, hw: 1, records: 1}
			l.noteFixed()
			s.files.opened(g, mono)
		}
	}
	turn := func() {
		mono += 1000
		s.Begin(1, mono)
		s.End()
		s.TakeOps()
	}
	burst(0, most/2)
	turn()
	burst(most/2, most)
	if turn(); s.files.open > most {
		t.Errorf("%d descriptors are open after the turn, of %d", s.files.open, most)
	}
	for s.files.open > most/4*3 {
		turn()
	}
	burst(2*most, most) // just after a search
	if turn(); s.files.open > most {
		t.Errorf("%d descriptors are open after the turn, of %d", s.files.open, most)
	}
}
