package storage

import (
	"slices"
	"testing"
)

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

// TestTheNewestRecordOfATableCountsAlone, and none where a journal of the shard says all of the log later. What other shards say stays.
func TestTheNewestRecordOfATableCountsAlone(t *testing.T) {
	f := func(journal bool, want ...Offset) {
		t.Helper()
		x := newLogEntries()
		say := func(shard uint32, table bool, next Offset) {
			x.add(&entry{kind: entryCheckpoint, log: 1, shard: shard, table: table, next: next}, place{})
			x.add(&entry{kind: entryOffsets, log: 1, shard: shard, table: table, next: next}, place{})
		}
		say(0, true, 5)
		say(1, true, 3)
		say(1, true, 4)
		x.add(&entry{kind: entryStart, log: 1, shard: 1, next: 1}, place{})
		if journal {
			say(1, false, 6)
		}
		x.dropSuperseded()
		var got []Offset
		for i := range x.list {
			got = append(got, x.list[i].next)
		}
		if !slices.Equal(got, want) {
			t.Errorf("a journal says all later: %v; %v counts, want %v", journal, got, want)
		}
	}
	f(false, 5, 5, 4, 4, 1)
	f(true, 5, 5, 1, 6, 6)
}
