package storage

import "testing"

// nothing is memory that is used up, and counts who asks.
type nothing struct{ asked int }

func (m *nothing) Get(int) []byte { m.asked++; return nil }
func (m *nothing) Put([]byte)     {}

// TestNoTurnLooksAtAllLogs: laps, long tails, descriptors, refusals and an orderly end concern all logs; each turn looks at some of them.
func TestNoTurnLooksAtAllLogs(t *testing.T) {
	const logs, most, purposes = 2000, 50, 6
	file := JournalFile{Size: 8 << 20}
	s := New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{},
		LogsPerTurn: most, FilesMax: 100, LapSmall: 1 << 40})
	for id := LogID(1); id <= logs; id++ {
		s.stir(s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20}))
	}
	d := &steady{s: s}
	turns := func(what string, n int, each func(i int) *Request) (lapTurns int) {
		t.Helper()
		for i := range n {
			before := s.logs.looked + s.logs.lapped.looked
			if r := each(i); r != nil {
				d.pass(r)
			} else {
				d.pass()
			}
			if looked := s.logs.looked + s.logs.lapped.looked - before; looked > purposes*most {
				t.Fatalf("%s: a turn looks at %d logs", what, looked)
			}
			if s.Failed() != nil {
				t.Fatal(s.Failed())
			}
			if s.journal.laps.wanted {
				lapTurns++
			}
		}
		return lapTurns
	}
	large := oneRecord(t, 100_000)
	n := turns("appends", 1500, func(i int) *Request {
		if i%5 > 0 {
			return nil
		}
		return &Request{Kind: ReqAppend, Log: LogID(i%logs) + 1, Batch: append([]byte(nil), large...)}
	})
	if s.Stats().Laps == 0 || n < logs/most {
		t.Fatalf("%d laps in %d turns: they were not made in steps", s.Stats().Laps, n)
	}
	for range 3 { // quiet tails are padded first
		d.turn += 1_000_000
		turns("descriptors", 5*logs/most, func(int) *Request { return nil })
	}
	if s.files.open > s.files.max {
		t.Errorf("%d descriptors are open, of %d", s.files.open, s.files.max)
	}
	s.Space().SetShort(true)
	if turns("refusals", logs/most+1, func(int) *Request { return nil }); s.space.refusing {
		t.Error("what waits is not refused yet")
	}
	s.Space().SetShort(false)
	finished := false
	turns("the end", 4*logs/most+100, func(int) *Request {
		finished = finished || s.Finish()
		return nil
	})
	if _, ended := s.EndedAt(); !ended || !s.Idle() {
		t.Errorf("asked %v, ended %v, idle %v", finished, ended, s.Idle())
	}
}

// TestACursorMissesNoLogThatStays, whichever come and go meanwhile.
func TestACursorMissesNoLogThatStays(t *testing.T) {
	v := logs{byID: map[LogID]*Log{}}
	var stay, go1 []*Log
	for id := LogID(1); id <= 100; id++ {
		l := &Log{cfg: LogConfig{ID: id}}
		v.add(l)
		if id%3 == 0 {
			go1 = append(go1, l)
		} else {
			stay = append(stay, l)
		}
	}
	var c cursor
	seen := map[*Log]int{}
	for id := LogID(1000); ; id++ {
		left := 7
		end := false
		for left > 0 && !end {
			var l *Log
			if l, end = c.next(&v.places, &left); l != nil {
				seen[l]++
			}
		}
		if end {
			break
		}
		if len(go1) > 0 {
			v.remove(go1[0])
			go1 = go1[1:]
		}
		v.add(&Log{cfg: LogConfig{ID: id}})
	}
	for _, l := range stay {
		if seen[l] != 1 {
			t.Errorf("log %d was met %d times", l.cfg.ID, seen[l])
		}
	}
	if v.len()+len(v.free) != len(v.order) {
		t.Errorf("%d logs, %d free places of %d", v.len(), len(v.free), len(v.order))
	}
}

// TestEvictionLooksAtFewChunks, however many are being read.
func TestEvictionLooksAtFewChunks(t *testing.T) {
	r := newTailRig(1 << 30)
	var all []*chunk
	for range 4 * evictLooks {
		r.t.size = chunkMin
		c, _ := r.put(t, 4000, 'a')
		all = append(all, c)
		r.landed(r.t.pad(&r.m, r.seg))
	}
	all[0].refs++ // nothing of the log goes before it
	if r.m.evict() || r.m.evictable.first != all[evictLooks] {
		t.Fatal("more chunks were looked at, or fewer")
	}
	r.check()
	for range 2 {
		r.m.evict()
	}
	r.m.unref(all[0])
	freed := 0
	for tries := 0; r.m.evictable.first != nil && tries < 1000; tries++ {
		if r.m.evict() {
			freed++
		}
	}
	if freed != len(all) || r.m.count != 0 {
		t.Errorf("%d of %d chunks are given up when nobody reads them", freed, len(all))
	}
}

// TestAppendsThatWaitForMemoryAreTriedSomeInEachTurn.
func TestAppendsThatWaitForMemoryAreTriedSomeInEachTurn(t *testing.T) {
	const logs, most = 1000, 20
	mem := &nothing{}
	file := JournalFile{Size: 8 << 20}
	s := New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: mem, JournalMemory: heap{}, ReadMemory: heap{}, LogsPerTurn: most})
	d := &steady{s: s}
	p := oneRecord(t, 100)
	for id := LogID(1); id <= logs; id++ {
		s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
		s.Do(&Request{Kind: ReqAppend, Log: id, Batch: append([]byte(nil), p...)})
	}
	if mem.asked < logs {
		t.Fatalf("%d appends have asked for memory", mem.asked)
	}
	for range 10 {
		mem.asked = 0
		if d.pass(); mem.asked > 2*most || mem.asked == 0 {
			t.Fatalf("a turn asks %d times for memory", mem.asked)
		}
	}
	if s.retry.Len() != logs || !s.Waiting() {
		t.Errorf("%d logs wait, of %d", s.retry.Len(), logs)
	}
}

func TestARequestListIsSplitAndJoined(t *testing.T) {
	for n := range 6 {
		for k := range 7 {
			var l requestList
			var all []*Request
			for range n {
				r := &Request{}
				all = append(all, r)
				l.push(r)
			}
			first, others := l.split(max(k, 1))
			got := 0
			for r := first; r != nil; r = r.next {
				if r != all[got] {
					t.Fatalf("%d of %d: another request", got, n)
				}
				got++
			}
			if want := min(n, max(k, 1)); got != want || !l.empty() {
				t.Fatalf("split %d of %d: %d", k, n, got)
			}
			late := &Request{}
			l.push(late)
			l.join(others)
			for ; got < n; got++ {
				if r := l.pop(); r != all[got] {
					t.Fatalf("request %d of %d comes at another place", got, n)
				}
			}
			if l.pop() != late || !l.empty() || l.last != nil {
				t.Fatal("the list is not whole")
			}
		}
	}
}

// TestRefusalsBeginAtTheFirstLog: room came while waiting appends were being refused, and went again. All that wait are refused then.
func TestRefusalsBeginAtTheFirstLog(t *testing.T) {
	const logs, most = 10, 4
	file := JournalFile{Size: JournalBytesMin}
	s := New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{}, LogsPerTurn: most})
	for id := LogID(1); id <= logs; id++ {
		s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
	}
	wait := func() {
		for id := LogID(1); id <= logs; id++ {
			s.Log(id).wait.push(&Request{Kind: ReqAppend, Log: id})
		}
	}
	wait()
	s.Space().SetShort(true)
	refuseWaiting(s)
	if !s.space.refusing {
		t.Fatal("one step refuses all: the case shows nothing")
	}
	s.Space().SetShort(false)
	wait()
	s.Space().SetShort(true)
	for range logs {
		refuseWaiting(s)
	}
	for id := LogID(1); id <= logs; id++ {
		if !s.Log(id).wait.empty() {
			t.Errorf("an append to log %d still waits", id)
		}
	}
}
