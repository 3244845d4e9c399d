package storage

import (
	"errors"
	"strings"
	"testing"
)

// fullDisk is a disk that may be full: files take no more space then, and keep what was allocated for them.
type fullDisk struct {
	full  bool
	next  int32
	paths map[int32]string
	alloc map[int32]int64
}

func newFullDisk() *fullDisk {
	return &fullDisk{next: 100, paths: map[int32]string{}, alloc: map[int32]int64{}}
}

func (d *fullDisk) answer(op *Op) (int64, error) {
	end := op.Pos + max(op.Len, int64(len(op.Buf)))
	switch {
	case op.Kind == OpOpen:
		d.next++
		d.paths[d.next] = op.Path
		return int64(d.next), nil
	case op.Kind == OpTruncate:
		d.alloc[op.FD] = min(d.alloc[op.FD], op.Pos)
	case op.FD < 100 || op.Kind != OpFallocate && op.Kind != OpWrite || end <= d.alloc[op.FD]:
	case d.full:
		return 0, errNoRoom
	default:
		d.alloc[op.FD] = end
	}
	return int64(len(op.Buf)), nil
}

// TestLogsRestOnAFullDisk: each of many logs is trimmed, and has an offset stored, where laps have room for a few. What the log table needs for that was
// allocated before the disk was full.
func TestLogsRestOnAFullDisk(t *testing.T) {
	const logs, segments = 150, 3
	disk := newFullDisk()
	d := tabled(20*LogCarry, func(c *Config) { c.LapSmall, c.TableSlack = 10*LogCarry, 64<<10 })
	d.answer = disk.answer
	for id := LogID(1); id <= logs; id++ {
		st := &LogState{ID: id, Next: segments, Last: segments - 1, LastTS: 1}
		for i := range Offset(segments) {
			st.Segments = append(st.Segments, SegmentState{Base: i, Next: i + 1, End: segmentStart + 1000, RecordBytes: 1000, FirstTS: 1, LastTS: 1})
		}
		d.s.AdoptLog(LogConfig{ID: id, Level: LevelPersisted, OffsetLevel: LevelPersisted, SegmentSize: 1000}, st)
	}
	for range 20 {
		d.pass()
	}
	disk.full = true
	for round := range segments {
		for id := LogID(1); id <= logs; id++ {
			if err := d.wait(t, &Request{Kind: ReqTrim, Log: id, Count: 1}); err != nil {
				t.Fatalf("round %d: trim of log %d: %v", round, id, err)
			}
			if err := d.wait(t, &Request{Kind: ReqStoreOffset, Log: id, Consumer: ConsumerKey{ID: 1}, Value: segments - 1}); err != nil {
				t.Fatalf("round %d: offset of log %d: %v", round, id, err)
			}
		}
	}
	if st := d.s.Stats(); st.Records < segments*logs/2 || st.Copied == 0 || st.Laps == 0 {
		t.Errorf("%d records, %d copied, %d laps: the test shows nothing", st.Records, st.Copied, st.Laps)
	}
}

// TestAFullDiskUnderTheLogTableIsSaid: the disk was full before there was a log table. The error says so, as no setting would help, and what was refused
// is taken when there is room.
func TestAFullDiskUnderTheLogTableIsSaid(t *testing.T) {
	const room, logs = 2, 5
	disk := newFullDisk()
	disk.full = true
	d := tabled(room*LogCarry, func(*Config) {})
	d.answer = disk.answer
	for id := LogID(1); id <= logs; id++ {
		d.s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1 << 20})
	}
	flush := func(id LogID) error { return d.wait(t, &Request{Kind: ReqFlush, Log: id}) }
	for id := LogID(1); id <= logs; id++ {
		err := flush(id)
		if id <= room && err != nil {
			t.Fatal(err)
		}
		if id > room && (!errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), tableName(0, 0)) || strings.Contains(err.Error(), "journal_size")) {
			t.Errorf("log %d: %v", id, err)
		}
	}
	disk.full = false
	for range 30 { // the table is tried again by itself
		d.turn += 100_000
		d.pass()
	}
	for id := LogID(1); id <= logs; id++ {
		if err := flush(id); err != nil {
			t.Errorf("there is room, log %d: %v", id, err)
		}
	}
}
