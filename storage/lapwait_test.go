package storage

import (
	"errors"
	"testing"
	"time"
)

// sendTo gives an append to a log of a steady store, and says whether it is answered.
func sendTo(t *testing.T, id LogID) (r *Request, answered *bool) {
	t.Helper()
	answered = new(bool)
	return &Request{Kind: ReqAppend, Log: id, Batch: oneRecord(t, 1000), internal: func(*Request) { *answered = true }}, answered
}

// TestLogsThatWaitForASyncOnlyAreSynced: at LevelWritten the journal syncs late. When another log waits for room in laps it does so at once, and
// once.
func TestLogsThatWaitForASyncOnlyAreSynced(t *testing.T) {
	d := tabled(2*LogCarry, func(c *Config) { c.LossBound = time.Hour })
	for id := LogID(1); id <= 3; id++ {
		d.s.OpenLog(LogConfig{ID: id, Level: LevelWritten, SegmentSize: 1 << 20})
	}
	for i := range LogID(4) { // the first ones reserve offsets, which syncs
		if err := d.wait(t, &Request{Kind: ReqAppend, Log: 1 + i%2, Batch: oneRecord(t, 1000)}); err != nil {
			t.Fatal(err)
		}
	}
	r, answered := sendTo(t, 3)
	syncs := 0
	for d.pass(r); !*answered; d.pass() {
		for _, op := range d.ops {
			if op.Kind == OpFdatasync {
				syncs++
			}
		}
		if d.turn += 1000; d.turn > 1_000_000 {
			t.Fatal("no answer")
		}
	}
	if r.Err != nil || syncs != 1 {
		t.Errorf("%v, after %d syncs", r.Err, syncs)
	}
}

// TestWhoWaitsForRoomForALargeLog: a log that rests would take three quarters of what laps have room for, and five others in laps take less than half. Where they
// can't leave, who sends to the large one is refused by name and the journal is synced no more than once; where they are only used in each turn they leave, and it is served.
func TestWhoWaitsForRoomForALargeLog(t *testing.T) {
	const large, others = LogID(9), LogID(5)
	for _, stay := range []bool{true, false} {
		reports := map[string]int{}
		d := tabled(16*LogCarry, func(c *Config) { c.Report = func(event string, _ LogID, _ error) { reports[event]++ } })
		send := func(id LogID) {
			t.Helper()
			if err := d.wait(t, &Request{Kind: ReqAppend, Log: id, Batch: oneRecord(t, 1000)}); err != nil {
				t.Fatal(err)
			}
		}
		d.s.OpenLog(LogConfig{ID: large, Level: LevelPersisted, OffsetLevel: LevelPersisted, SegmentSize: 1 << 20})
		for id := LogID(1); id <= others; id++ {
			d.s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
		}
		send(large)
		l := d.s.logs.byID[large]
		for id := uint32(1); (carried{l}).fixed() < 12*LogCarry; id++ {
			if err := d.wait(t, &Request{Kind: ReqStoreOffset, Log: large, Consumer: ConsumerKey{ID: id}}); err != nil {
				t.Fatal(err)
			}
		}
		for turn := 0; l.standing.lapped(); turn++ {
			d.s.table.wanted = true
			if d.turn += 1000; turn > 1000 {
				t.Fatal("the large log rests, and stays in laps")
			}
			d.pass()
		}
		for id := LogID(1); id <= others; id++ {
			send(id)
			d.s.logs.byID[id].trimming = stay
		}
		if c, most := d.s.room.Carry(), d.s.room.CarryMax(); c > most/2 || c+(carried{l}).fixed() <= most {
			t.Fatalf("laps take %d of %d bytes, and the large log %d", c, most, (carried{l}).fixed())
		}
		r, answered := sendTo(t, large)
		d.pass(r)
		turns, syncs := 0, 0
		for ; !*answered && turns < 300; turns++ { // milliseconds
			d.turn += 1000
			busy, _ := sendTo(t, 1+LogID(turns)%others)
			d.pass(busy)
			for _, op := range d.ops {
				if op.Kind == OpFdatasync {
					syncs++
				}
			}
		}
		if err := r.Err; !*answered || stay != errors.Is(err, ErrJournalFull) || !stay && err != nil || syncs > 1 {
			t.Errorf("others stay in laps: %v; answered %v, %v, after %d ms and %d syncs; reports %v", stay, *answered, err, turns, syncs, reports)
		}
	}
}

// TestWhoWaitsBesideALogThatIsInUse: one of two logs in laps is sent to all the time, so that it never rests, or not for long enough; the other one
// cannot leave. Who waits for their room is refused by name. When the first log rests for longer, who waits is served.
func TestWhoWaitsBesideALogThatIsInUse(t *testing.T) {
	for _, pause := range []int64{1, 2, 100} {
		served := pause == 100
		reports := map[string]int{}
		d := tabled(2*LogCarry, func(c *Config) { c.Report = func(event string, _ LogID, _ error) { reports[event]++ } })
		for id := LogID(1); id <= 3; id++ {
			d.s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
		}
		for id := LogID(1); id <= 2; id++ {
			if err := d.wait(t, &Request{Kind: ReqAppend, Log: id, Batch: oneRecord(t, 1000)}); err != nil {
				t.Fatal(err)
			}
		}
		d.s.logs.byID[2].trimming = true // for good
		r, answered := sendTo(t, 3)
		d.pass(r)
		for turn := int64(0); !*answered && turn < 2000; turn++ {
			d.turn += 1000
			if turn%pause > 0 {
				d.pass()
				continue
			}
			busy, _ := sendTo(t, 1)
			d.pass(busy)
		}
		if err := r.Err; !*answered || served && err != nil || !served && (!errors.Is(err, ErrJournalFull) || reports["appends are refused"] != 1) {
			t.Errorf("a log is used every %d turns: answered %v, %v, reports %v", pause, *answered, err, reports)
		}
	}
}
