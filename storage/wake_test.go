package storage

import "testing"

// TestAnEndThatWaitsDoesNotSpin: what goes through all logs on the way to an orderly end wants the next turn at once, and only while it is asked.
func TestAnEndThatWaitsDoesNotSpin(t *testing.T) {
	const logs, most = 10, 4
	file := JournalFile{Size: JournalBytesMin}
	s := New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{}, LogsPerTurn: most})
	for id := LogID(1); id <= logs; id++ {
		s.stir(s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20}))
	}
	s.Begin(1, 1000)
	s.End()
	if s.Finish() || s.Deadline() != 1000 {
		t.Fatalf("the next turn is wanted at %d: the case shows nothing", s.Deadline())
	}
	s.Begin(1, 2000) // whoever asks waits for something else meanwhile, or the journal has failed
	s.End()
	if at := s.Deadline(); at != 0 {
		t.Errorf("the next turn is wanted at %d", at)
	}
}

// TestWhatIsLeftOfATurnGoesOnAtOnce when there is room again, and waits while there is none.
func TestWhatIsLeftOfATurnGoesOnAtOnce(t *testing.T) {
	const logs, most = 100, 20
	mem := &bounded{}
	file := JournalFile{Size: 8 << 20}
	s := New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: mem, JournalMemory: heap{}, ReadMemory: heap{}, LogsPerTurn: most})
	d := &steady{s: s}
	p := oneRecord(t, 100)
	for id := LogID(1); id <= logs; id++ {
		s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
		s.Do(&Request{Kind: ReqAppend, Log: id, Batch: append([]byte(nil), p...)})
	}
	if d.pass(); s.Deadline() == s.mono {
		t.Error("the loop spins while there is no memory")
	}
	mem.left = 1 << 30
	for s.retry.Len() > 0 {
		if d.pass(); s.retry.Len() > 0 && s.Deadline() != s.mono {
			t.Fatalf("%d logs wait although there is room, until %d", s.retry.Len(), s.Deadline())
		}
	}
}

// TestRequestsThatWaitedForTheJournalGoOnAtOnce when it has room again.
func TestRequestsThatWaitedForTheJournalGoOnAtOnce(t *testing.T) {
	mem := &bounded{}
	file := JournalFile{Size: 8 << 20}
	s := New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: mem, ReadMemory: heap{}})
	d := &steady{s: s}
	s.OpenLog(LogConfig{ID: 1, Level: LevelPersisted, SegmentSize: 1 << 20})
	for range 2*startedPerTurn + 1 {
		s.Do(&Request{Kind: ReqFlush, Log: 1})
	}
	if d.pass(); s.starved.empty() || s.Deadline() == s.mono {
		t.Errorf("nothing waits, or the loop spins")
	}
	mem.left = 1 << 30
	for range 2 {
		if d.pass(); s.starved.empty() || s.Deadline() != s.mono {
			t.Fatalf("what is left waits until %d", s.Deadline())
		}
	}
	if d.pass(); !s.starved.empty() || s.Deadline() == s.mono {
		t.Error("something still waits, or the loop spins")
	}
}
