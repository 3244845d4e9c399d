package storage

import "testing"

// TestSegmentsOfTheStateFileTakeNoRoomInLaps: a log has more segments than laps could describe, and the state file has all but the newest.
func TestSegmentsOfTheStateFileTakeNoRoomInLaps(t *testing.T) {
	const segments = 5000 // 586 KiB of descriptions, where a log may take 384
	file := JournalFile{Size: 1 << 20}
	d := &steady{s: New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{}})}
	s := d.s
	st := &LogState{ID: 1, Next: segments, Last: segments - 1, LastTS: 1}
	for i := range Offset(segments) {
		st.Segments = append(st.Segments, SegmentState{Base: i, Next: i + 1, End: segmentStart + 1000, RecordBytes: 1000, FirstTS: 1, LastTS: 1})
	}
	s.AdoptLog(LogConfig{ID: 1, Level: LevelPersisted, SegmentSize: 1000}, st)
	p := oneRecord(t, 1000)
	carries := func(what string, want int64) {
		t.Helper()
		if got := s.Room().Carry(); got != want {
			t.Errorf("%s: laps carry %d bytes, not %d", what, got, want)
		}
	}
	for range 3 { // each fills its segment
		if err := d.wait(t, &Request{Kind: ReqAppend, Log: 1, Batch: append([]byte(nil), p...)}); err != nil {
			t.Fatal(err)
		}
	}
	carries("four segments are of this run, or were the newest", LogCarry+3*sealedSize)
	if err := d.wait(t, &Request{Kind: ReqTrim, Log: 1, Count: segments - 10}); err != nil {
		t.Fatal(err)
	}
	carries("segments of the state file went", LogCarry+3*sealedSize)
	if err := d.wait(t, &Request{Kind: ReqTrim, Log: 1, Count: 11}); err != nil {
		t.Fatal(err)
	}
	if carries("two of the others went", LogCarry+sealedSize); s.Failed() != nil {
		t.Error(s.Failed())
	}
}
