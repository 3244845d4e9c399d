package storage_test

import (
	"math"
	"testing"

	"github.com/galgo-mq/galgo/sim"
	"github.com/galgo-mq/galgo/storage"
)

// TestNoOffsetIsToldTwiceAfterAKillDuringARaise: a batch is told at LevelMemory while its write to the segment is in flight, a raise waits for
// that write, the next batch needs more offsets reserved, and a lap states that reservation. The process is killed and the write never happened:
// the page cache is intact, and the log has to go on behind what was told all the same.
func TestNoOffsetIsToldTwiceAfterAKillDuringARaise(t *testing.T) {
	c := &script{t: t, disk: sim.NewDisk(1), names: map[*storage.Request]string{}, journalBytes: 48 << 20}
	c.command([]string{"start"})
	c.command([]string{"open", "log=1", "level=memory", "segment=1000000000"})
	c.command([]string{"open", "log=2", "segment=1000000000"})
	const n = 33000
	c.command([]string{"append", "log=1", "n=1"})
	c.settle()
	held := func(op *storage.Op) bool { return false }
	rest := func() { // everything completes but what is held
		for range 2000 {
			c.mono += 1_000_000
			c.s.Begin(1_000_000, c.mono)
			c.end()
			i := 0
			flights := c.disk.Flights()
			for i < len(flights) && held(&flights[i]) {
				i++
			}
			if i == len(flights) {
				return
			}
			c.complete(i)
		}
		t.Fatal("it never ends")
	}
	first := storage.Pos(math.MaxInt64)
	held = func(op *storage.Op) bool {
		if op.Kind != storage.OpWrite || c.disk.PathOf(op.FD) != storage.SegmentPath(dir, 1, storage.SegmentID{}) {
			return false
		}
		first = min(first, storage.Pos(op.Pos))
		return storage.Pos(op.Pos) == first
	}
	many := &storage.Request{Kind: storage.ReqAppend, Log: 1, Batch: c.batch(16, n)}
	c.do(many, "many")
	rest()
	told := c.s.Log(1).Stats().Next
	if told < n {
		t.Fatalf("told up to %d", told)
	}
	c.do(&storage.Request{Kind: storage.ReqRaise, Log: 1, Value: uint64(storage.LevelWritten), Count: uint32(storage.LevelWritten)}, "raise")
	c.do(&storage.Request{Kind: storage.ReqAppend, Log: 1, Batch: c.batch(16, n)}, "more")
	rest()
	for laps := c.s.Stats().Laps; c.s.Stats().Laps == laps; rest() {
		c.do(&storage.Request{Kind: storage.ReqAppend, Log: 2, Batch: c.batch(120_000, 1)}, "other")
	}
	for c.disk.InFlight() > 0 {
		c.disk.LoseAt(0)
	}
	c.disk.Kill()
	c.live[0].Level = storage.LevelWritten // it makes no difference what the level is now
	c.command([]string{"start"})
	for _, st := range c.rec.Logs {
		if st.ID == 1 && st.Next < told {
			t.Errorf("the log goes on at offset %d, offsets up to %d were told", st.Next, told-1)
		}
	}
}
