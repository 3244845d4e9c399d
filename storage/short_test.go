package storage

import (
	"errors"
	"testing"
)

// TestLogsThatRestAreServedWhileSpaceIsShort: as many logs are in use as laps have room for, and the disk of another journal is full, so that the
// log table is not written. For a log that rests what is left of the journal file decides: its offsets are committed and its segments are
// removed, or both are refused. They do not wait until there is room on the disk.
func TestLogsThatRestAreServedWhileSpaceIsShort(t *testing.T) {
	for _, full := range []bool{false, true} {
		d := filled(1<<20, heap{}, func(*Config) {})
		s, j := d.s, &d.s.journal
		rests := LogID(s.Logs() + 1)
		st := &LogState{ID: rests, Next: 3, Last: 2}
		for base := range Offset(3) {
			st.Segments = append(st.Segments, SegmentState{Base: base, Next: base + 1, End: segmentStart + 100, RecordBytes: 100})
		}
		l := s.AdoptLog(LogConfig{ID: rests, Level: LevelPersisted, OffsetLevel: LevelPersisted, SegmentSize: 1 << 20}, st)
		if err := d.do(t, &Request{Kind: ReqAppend, Log: 1, Batch: oneRecord(t, 100)}); err != nil {
			t.Fatal(err)
		}
		for full && j.files[0].Size-j.lapRoom()-j.pos >= BlockSize {
			if err := d.do(t, &Request{Kind: ReqStoreOffset, Log: 1, Consumer: ConsumerKey{ID: 1}}); err != nil {
				t.Fatal(err)
			}
		}
		if s.room.carries((carried{l}).fixed()) || s.Stats().Laps > 0 || j.lapHolds((carried{l}).fixed()) == full {
			t.Fatalf("laps have room for one more, %d laps, %d bytes are left: the test shows nothing", s.Stats().Laps, j.files[0].Size-j.pos)
		}
		s.Space().SetShort(true)
		if err := l.autoCommit(ConsumerKey{ID: 1}, User{}, 1); full && err != errShort || !full && err != nil {
			t.Errorf("the file is full: %v; an automatic commit: %v", full, err)
		}
		err := d.do(t, &Request{Kind: ReqTrim, Log: rests, Count: 1})
		if full && !errors.Is(err, ErrNoSpace) || !full && (err != nil || l.bounds.start != 1) {
			t.Errorf("the file is full: %v; a trim: %v, the log begins at %d", full, err, l.bounds.start)
		}
	}
}

// TestLogsThatComeWhileSpaceIsShortFitTheNextFile: the journal's file is empty when space becomes short, and consumers go on in more logs than laps have room for. Those that laps let in
// stay there until the log table can be written; a file has room for what is written then.
func TestLogsThatComeWhileSpaceIsShortFitTheNextFile(t *testing.T) {
	d := filled(1<<20, heap{}, func(*Config) {})
	s := d.s
	first := LogID(s.Logs() + 1)
	var resting []*Log
	for id := first; id < first+1500; id++ {
		st := &LogState{ID: id, Next: 3, Last: 2, Offsets: []OffsetState{{Key: ConsumerKey{ID: 1}}},
			Segments: []SegmentState{{Base: 0, Next: 3, End: segmentStart + 100, RecordBytes: 100}}}
		resting = append(resting, s.AdoptLog(LogConfig{ID: id, Level: LevelPersisted, OffsetLevel: LevelPersisted, SegmentSize: 1 << 20}, st))
	}
	for _, r := range []*Request{{Kind: ReqAppend, Log: 1, Batch: oneRecord(t, 100)}, {Kind: ReqStoreOffset, Log: 1, Consumer: ConsumerKey{ID: 1}}} {
		if err := d.do(t, r); err != nil {
			t.Fatal(err)
		}
	}
	s.Space().SetShort(true)
	in := 0
	for _, l := range resting {
		if err := l.autoCommit(ConsumerKey{ID: 1}, User{}, 1); err == nil {
			in++
		} else if err != errShort {
			t.Fatal(err)
		}
	}
	if most := s.room.share(segmentsShare); in < 100 || in == len(resting) || s.room.Carry() > most {
		t.Errorf("%d of %d logs came into laps, which take %d bytes, at most %d", in, len(resting), s.room.Carry(), most)
	}
	s.Space().SetShort(false)
	for laps := s.Stats().Laps; s.Stats().Laps < laps+2; {
		if err := d.do(t, &Request{Kind: ReqStoreOffset, Log: 1, Consumer: ConsumerKey{ID: 1}}); err != nil {
			t.Fatal(err)
		}
	}
}
