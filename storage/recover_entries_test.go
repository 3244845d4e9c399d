package storage

import "testing"

// TestFlushesTakeNoMemoryAtAStart: each of them has an entry in the journal, which says the same as the one before.
func TestFlushesTakeNoMemoryAtAStart(t *testing.T) {
	x := newLogEntries()
	for i := range Offset(10_000) {
		x.add(&entry{kind: entryBatch, log: 1, pos: segmentStart + 100*Pos(i), length: 100, base: i, next: i + 1, prevNext: i, prevEnd: segmentStart + 100*Pos(i)}, place{})
		x.add(&entry{kind: entryReserve, log: 1, next: 5, length: uint32(LevelWritten), stable: i}, place{})
	}
	if len(x.list) > 2 {
		t.Fatalf("%d entries are kept", len(x.list))
	}
	if got := x.list[1].stable; got != 9_999 {
		t.Errorf("stable is %d", got)
	}
	x.add(&entry{kind: entryReserve, log: 1, next: 6, length: uint32(LevelWritten)}, place{})
	x.add(&entry{kind: entryReserve, log: 1, next: 6, length: uint32(LevelMemory)}, place{})
	if len(x.list) != 4 {
		t.Errorf("%d entries are kept of what differs", len(x.list)-2)
	}
}
