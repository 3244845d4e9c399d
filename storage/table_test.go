package storage

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
)

// tabled is a store in which laps have room for few logs, on a steady disk.
func tabled(room int64, change func(c *Config)) *steady {
	file := JournalFile{Size: 1 << 20}
	c := Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{},
		JournalMemoryMax: 4 * room, LapSmall: 1}
	change(&c)
	return &steady{s: New(c)}
}

// wait gives a request to the store, and lets milliseconds pass until it is answered.
func (d *steady) wait(t *testing.T, asked *Request) error {
	t.Helper()
	r := asked
	answered, first := false, d.turn
	r.internal = func(*Request) { answered = true }
	for !answered {
		before := d.s.logs.looked + d.s.logs.lapped.looked
		if r != nil {
			d.pass(r)
			r = nil
		} else {
			d.pass()
		}
		if looked := d.s.logs.looked + d.s.logs.lapped.looked - before; looked > 6*uint64(d.s.cfg.LogsPerTurn) {
			t.Fatalf("a turn looks at %d logs", looked)
		}
		if d.turn += 1000; d.turn > first+10_000_000 || d.s.Failed() != nil {
			t.Fatalf("no answer; the journal failed: %v", d.s.Failed())
		}
	}
	return asked.Err
}

// TestLogsThatRestLeaveLaps: of many logs that were used one after the other laps carry few; no turn looks at all of them, and records of no use
// are left behind when there are more of these than of others.
func TestLogsThatRestLeaveLaps(t *testing.T) {
	const logs, most = 1000, 50
	d := tabled(50*LogCarry, func(c *Config) { c.LogsPerTurn, c.TableSlack = most, 64<<10 })
	s := d.s
	for id := LogID(1); id <= logs; id++ {
		s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
	}
	if s.Room().Carry() != 0 {
		t.Fatalf("laps carry %d bytes of new logs", s.Room().Carry())
	}
	p := oneRecord(t, 1000)
	for round := range 4 {
		for id := LogID(1); id <= logs; id++ {
			if err := d.wait(t, &Request{Kind: ReqAppend, Log: id, Batch: append([]byte(nil), p...)}); err != nil {
				t.Fatalf("round %d, log %d: %v", round, id, err)
			}
			if n := s.logs.lapped.count(); n > 51 {
				t.Fatalf("laps carry %d logs", n)
			}
		}
	}
	if st := s.Stats(); st.Records < 3*logs || st.Copied < logs {
		t.Errorf("%d records were written, %d copied", st.Records, st.Copied)
	}
	if f := s.table.files[s.table.cur]; int64(f.end) > 4*(s.table.live+BlockSize)+256<<10 {
		t.Errorf("the file has %d bytes, of which %d are of use", f.end, s.table.live)
	}
}

// TestATableDoesNotGrowWithoutALap: the journal is so large that it needs no lap for long, and the last one named both files of the table, so that none
// may be overwritten. A lap is made when the one in use has grown by as much as laps take.
func TestATableDoesNotGrowWithoutALap(t *testing.T) {
	const logs = 100
	d := tabled(50*LogCarry, func(c *Config) {
		file := JournalFile{Size: 64 << 20}
		c.Journal, c.LapSmall, c.TableSlack = [2]JournalFile{file, file}, 0, 64<<10
	})
	s, table := d.s, &d.s.table
	for id := LogID(1); id <= logs; id++ {
		s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
	}
	p, grown := oneRecord(t, 1000), int64(0)
	for i := range 5000 {
		if err := d.wait(t, &Request{Kind: ReqAppend, Log: LogID(i%logs) + 1, Batch: append([]byte(nil), p...)}); err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
		if i == 2*logs {
			s.journal.laps.wanted = true // it names the file in use, from which records are copied next
		}
		most := 2*(table.live+BlockSize) + s.cfg.TableSlack + s.room.CarryMax() + tableGroup
		grown = max(grown, int64(table.files[table.cur].end)-most)
	}
	if st := s.Stats(); grown > 0 || st.Records < 4000 || st.Copied < logs || st.Laps < 3 {
		t.Errorf("the file has grown by %d bytes more than it may; %d records, %d copied, %d laps", grown, st.Records, st.Copied, st.Laps)
	}
}

// TestWhoWaitsForRoomInLaps goes on when others rest, and is refused by name when none does.
func TestWhoWaitsForRoomInLaps(t *testing.T) {
	for _, rests := range []bool{true, false} {
		reports := map[string]int{}
		d := tabled(2*LogCarry, func(c *Config) { c.Report = func(event string, _ LogID, _ error) { reports[event]++ } })
		s := d.s
		for id := LogID(1); id <= 3; id++ {
			s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
		}
		p := oneRecord(t, 1000)
		for id := LogID(1); id <= 2; id++ {
			if err := d.wait(t, &Request{Kind: ReqAppend, Log: id, Batch: append([]byte(nil), p...)}); err != nil {
				t.Fatal(err)
			}
		}
		for id := LogID(1); !rests && id <= 2; id++ {
			s.logs.byID[id].trimming = true // for good
		}
		err := d.wait(t, &Request{Kind: ReqAppend, Log: 3, Batch: append([]byte(nil), p...)})
		if rests && err != nil || !rests && (!errors.Is(err, ErrJournalFull) || reports["appends are refused"] != 1) {
			t.Errorf("others rest: %v; %v, reports %v", rests, err, reports)
		}
		err = d.wait(t, &Request{Kind: ReqStoreOffset, Log: 3, Consumer: ConsumerKey{ID: 1}})
		if rests && err != nil || !rests && !errors.Is(err, ErrOffsetBeyondEnd) {
			t.Errorf("others rest: %v; a stored offset: %v", rests, err)
		}
		for id := LogID(1); id <= 2; id++ {
			s.logs.byID[id].trimming = false
		}
		for range 3000 { // refusals end by themselves
			d.turn += 1_000_000
			d.pass()
		}
		if err := d.wait(t, &Request{Kind: ReqAppend, Log: 3, Batch: append([]byte(nil), p...)}); err != nil {
			t.Errorf("others rest: %v; later: %v", rests, err)
		}
	}
}

// TestDeletedOffsetsLeaveNothing: a consumer that is new each time stores an offset, the log goes to the table with it, and the offset is deleted. What
// laps and the table have of the log does not grow, nor does the user's share.
func TestDeletedOffsetsLeaveNothing(t *testing.T) {
	d := tabled(2*LogCarry, func(*Config) {})
	s := d.s
	for id := LogID(1); id <= 3; id++ {
		s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, OffsetLevel: LevelPersisted, SegmentSize: 1 << 20})
	}
	p := oneRecord(t, 1000)
	do := func(r *Request) {
		t.Helper()
		if err := d.wait(t, r); err != nil {
			t.Fatal(err)
		}
	}
	send := func(id LogID) { do(&Request{Kind: ReqAppend, Log: id, Batch: append([]byte(nil), p...)}) }
	l := s.Log(1)
	send(1)
	for consumer := range uint32(100) {
		key := ConsumerKey{ID: consumer}
		do(&Request{Kind: ReqStoreOffset, Log: 1, Consumer: key})
		for id := LogID(2); l.standing.by != tellsTable; id = 5 - id {
			send(id)
		}
		do(&Request{Kind: ReqDeleteOffset, Log: 1, Consumer: key})
	}
	if n, size := len(l.offsets.list), (carried{l}).fixed(); n != 0 || size != LogCarry || len(s.room.users) != 0 {
		t.Errorf("100 deleted offsets leave %d, the log takes %d bytes of %d, users have %v", n, size, LogCarry, s.room.users)
	}
}

// TestATableThatCannotBeWrittenIsLeft: what it has stays of use, laps carry the others, and it is reported once.
func TestATableThatCannotBeWrittenIsLeft(t *testing.T) {
	reports := map[string]int{}
	d := tabled(10*LogCarry, func(c *Config) { c.Report = func(event string, _ LogID, _ error) { reports[event]++ } })
	s := d.s
	for id := LogID(1); id <= 30; id++ {
		s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
	}
	p := oneRecord(t, 1000)
	send := func(id LogID) error {
		return d.wait(t, &Request{Kind: ReqAppend, Log: id, Batch: append([]byte(nil), p...)})
	}
	for id := LogID(1); id <= 15; id++ {
		if err := send(id); err != nil {
			t.Fatal(err)
		}
	}
	if s.Stats().Records == 0 {
		t.Fatal("nothing is in the table")
	}
	s.table.refused(errors.New("test: the device has failed"))
	refused := 0
	for id := LogID(16); id <= 30; id++ {
		if err := send(id); errors.Is(err, ErrJournalFull) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 || reports["log table failed; laps carry all logs that are in use"] != 1 {
		t.Errorf("%d logs refused, reports %v", refused, reports)
	}
	if err := send(15); err != nil {
		t.Errorf("a log in laps: %v", err)
	}
}

// TestALogThatComesIntoLapsLateFitsIntoTheFile: what laps carry of it would not fit into what is left of the journal file, so that a lap is made
// first.
func TestALogThatComesIntoLapsLateFitsIntoTheFile(t *testing.T) {
	const offsets = 9000 // 352 KiB of the 384 that one log may take
	file := JournalFile{Size: 1 << 20}
	d := &steady{s: New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{}})}
	s := d.s
	large := &LogState{ID: 1, Next: 1, Last: 0}
	for i := range uint32(offsets) {
		large.Offsets = append(large.Offsets, OffsetState{Key: ConsumerKey{ID: i}})
	}
	s.AdoptLog(LogConfig{ID: 1, Level: LevelPersisted, OffsetLevel: LevelPersisted, SegmentSize: 1 << 20}, large)
	s.OpenLog(LogConfig{ID: 2, Level: LevelPersisted, SegmentSize: 1 << 20})
	p := oneRecord(t, 3000)
	for laps := s.Stats().Laps; s.journal.pos < file.Size*72/100; {
		if err := d.wait(t, &Request{Kind: ReqAppend, Log: 2, Batch: append([]byte(nil), p...)}); err != nil {
			t.Fatal(err)
		}
		if s.Stats().Laps != laps {
			t.Fatal("a lap came before the file was nearly full: the test shows nothing")
		}
	}
	laps := s.Stats().Laps
	if err := d.wait(t, &Request{Kind: ReqStoreOffset, Log: 1, Consumer: ConsumerKey{ID: 0}}); err != nil {
		t.Fatal(err)
	}
	if s.Failed() != nil || s.Stats().Laps == laps {
		t.Errorf("the journal failed: %v; %d laps", s.Failed(), s.Stats().Laps-laps)
	}
}

// TestACopyThatWasRefusedIsNotOver: the disk is full for a moment while records go to the other file of the table, and the logs whose turn was next
// are deleted then. Records are still in the first file, which laps name until all are copied.
func TestACopyThatWasRefusedIsNotOver(t *testing.T) {
	const logs = 3000 // more than one group of the table has room for
	d := tabled(50*LogCarry, func(c *Config) { c.LogsPerTurn, c.TableSlack = 50, 64<<10 })
	s := d.s
	for id := LogID(1); id <= logs; id++ {
		s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
	}
	writing := func() int { // where among the operations the first group of a copy is
		if !s.table.copying || !s.table.writing || s.Stats().Copied > 0 {
			return -1
		}
		return slices.IndexFunc(d.ops, func(op Op) bool { return len(op.Buf) > 0 && &op.Buf[0] == &s.table.g.buf[0] })
	}
	p := oneRecord(t, 1000)
	for id := LogID(1); writing() < 0; id = id%logs + 1 {
		answered := false
		d.pass(&Request{Kind: ReqAppend, Log: id, Batch: append([]byte(nil), p...), internal: func(*Request) { answered = true }})
		for !answered && writing() < 0 {
			d.turn += 1000
			d.pass()
		}
	}
	i := writing()
	s.Complete(d.ops[i].Token, 0, errNoRoom)
	d.ops = slices.Delete(d.ops, i, i+1)
	left, next := 0, s.table.next
	s.table.next = 1 << 60 // while the pause lasts
	for l := range s.logs.all() {
		if v := &l.standing; v.by == tellsTable && v.generation != s.table.files[s.table.cur].generation {
			if left++; left > 100 { // those that were in the group, or will be soon
				if err := d.wait(t, &Request{Kind: ReqClose, Log: l.cfg.ID}); err != nil {
					t.Fatal(err)
				}
				s.Drop(l.cfg.ID, func(LogID, error) {})
			}
		}
	}
	s.table.next = next
	for turns := 0; turns < 10_000 && (s.table.copying || s.Stats().Copied == 0); turns++ {
		d.turn += 1000
		d.pass()
		for l := range s.logs.all() {
			if v := &l.standing; v.by == tellsTable && v.generation != s.table.files[s.table.cur].generation && !s.table.copying {
				t.Fatalf("the record of log %d is in the file that laps do not name any more", l.cfg.ID)
			}
		}
	}
	if s.table.copying || s.Stats().Copied == 0 {
		t.Errorf("the copy is under way still: %v; %d records copied", s.table.copying, s.Stats().Copied)
	}
}

// TestALogThatGoesIsNotLookedForInTheGroupInFlight: its mark says where it is there, so that the deletion of thousands of logs does not go through
// a group of hundreds for each.
func TestALogThatGoesIsNotLookedForInTheGroupInFlight(t *testing.T) {
	var logs []*Log
	d := tabled(50*LogCarry, func(*Config) {})
	table := &d.s.table
	for id := LogID(1); id <= 3; id++ {
		logs = append(logs, d.s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20}))
		if !table.add(logs[id-1]) {
			t.Fatal("there is no room in the group")
		}
	}
	decoy := tableRecord{log: logs[1]}
	table.batch = append([]tableRecord{decoy}, table.batch[1:]...) // whoever goes through the group meets it
	table.forget(logs[1])
	if table.batch[0] != decoy || table.batch[1].log != nil || table.batch[2].log != logs[2] {
		t.Errorf("the group has %v after the second log went", table.batch)
	}
	if table.drop(); logs[2].standing.row != 0 {
		t.Errorf("a log is row %d of a group that is gone", logs[2].standing.row)
	}
}

// TestATableIsNotReliedOnBeforeItsNameIsSafe: the directory cannot be synced for a while. Nothing is written to the file meanwhile, and it is
// made anew: a sync that is asked for again says nothing of what the first one lost.
func TestATableIsNotReliedOnBeforeItsNameIsSafe(t *testing.T) {
	const logs, refusals = 10, 3
	d := tabled(2*LogCarry, func(*Config) {})
	var did []string
	refused, named := 0, false
	d.answer = func(op *Op) (int64, error) {
		table := tablePath("", 0, 0)
		switch {
		case op.Kind == OpOpen && op.Path == table:
			did = append(did, "open")
			return 7, nil
		case op.Kind == OpUnlink && op.Path == table:
			did = append(did, "unlink")
		case op.Kind == OpClose && op.FD == 7:
			did = append(did, "close")
		case op.Kind == OpWrite && op.FD == 7:
			did = append(did, "write")
		case op.Kind == OpSyncDir && op.Path == "/journal" && refused < refusals:
			refused++
			did = append(did, "refused")
			return 0, errNoRoom
		case op.Kind == OpSyncDir && op.Path == "/journal" && !named:
			named = true
			did = append(did, "named")
		}
		return int64(len(op.Buf)), nil
	}
	p := oneRecord(t, 1000)
	for id := LogID(1); id <= logs; id++ {
		d.s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
	}
	for id := LogID(1); id <= logs; {
		if err := d.wait(t, &Request{Kind: ReqAppend, Log: id, Batch: append([]byte(nil), p...)}); err == nil {
			id++
		} else if !errors.Is(err, ErrJournalFull) && !errors.Is(err, ErrNoSpace) {
			t.Fatal(err)
		}
		d.turn += 100_000
	}
	var want []string
	for range refusals {
		want = append(want, "open", "refused", "close", "unlink")
	}
	if want = append(want, "open", "named", "write"); len(did) < len(want) || !slices.Equal(did[:len(want)], want) {
		t.Errorf("%v was done, not %v", did, want)
	}
}

// TestASegmentIsNotMadeBeforeTheNameOfItsDirectoryIsSafe: the directory of all logs cannot be synced for a while. No segment is made meanwhile, and the log's
// directory is made anew each time.
func TestASegmentIsNotMadeBeforeTheNameOfItsDirectoryIsSafe(t *testing.T) {
	const refusals = 3
	d := tabled(2*LogCarry, func(*Config) {})
	d.s.OpenLog(LogConfig{ID: 1, Level: LevelPersisted, SegmentSize: 1 << 20})
	var did []string
	refused := 0
	d.answer = func(op *Op) (int64, error) {
		switch {
		case op.Kind == OpMkdir && op.Path == LogDir("", 1):
			did = append(did, "mkdir")
		case op.Kind == OpRmdir && op.Path == LogDir("", 1):
			did = append(did, "rmdir")
		case op.Kind == OpOpen && filepath.Dir(op.Path) == LogDir("", 1):
			did = append(did, "open")
			return 7, nil
		case op.Kind == OpSyncDir && op.Path == logsDir("") && refused < refusals:
			refused++
			did = append(did, "refused")
			return 0, errNoRoom
		case op.Kind == OpSyncDir && op.Path == logsDir(""):
			did = append(did, "synced")
		}
		return int64(len(op.Buf)), nil
	}
	for sent := false; !sent; d.turn += 100_000 {
		err := d.wait(t, &Request{Kind: ReqAppend, Log: 1, Batch: oneRecord(t, 1000)})
		if sent = err == nil; !sent && !errors.Is(err, ErrNoSpace) {
			t.Fatal(err)
		}
	}
	var want []string
	for range refusals {
		want = append(want, "mkdir", "refused", "rmdir")
	}
	if want = append(want, "mkdir", "synced", "open"); !slices.Equal(did, want) {
		t.Errorf("%v was done, not %v", did, want)
	}
}
