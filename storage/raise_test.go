package storage

import (
	"syscall"
	"testing"

	"github.com/galgo-mq/galgo/batch"
)

// raised is a log at LevelMemory that has told a batch of many records whose write to the segment is in flight, and is to be raised to a level.
func raised(t *testing.T, to Level) (r *shortRig, l *Log, write Op) {
	r = newShortRig(t)
	l = r.s.OpenLog(LogConfig{ID: 2, Level: LevelMemory, OffsetLevel: LevelMemory, SegmentSize: 64 << 20})
	r.turn(1000, &Request{Kind: ReqAppend, Log: 2, Batch: manyRecords(t)})
	for range 20 {
		write = r.rest(l, write)
	}
	if l.bounds.hw == 0 || write.Kind != OpWrite {
		t.Fatal("the batch is not told, or its write not in flight")
	}
	r.turn(1000, &Request{Kind: ReqRaise, Log: 2, Value: uint64(to), Count: uint32(to)})
	return r, l, write
}

// manyRecords is a batch with so many that a second one needs more offsets reserved than the first one had.
func manyRecords(t *testing.T) []byte {
	var b batch.Builder
	b.Reset(1)
	for i := range reserveMin/2 + 1 {
		if err := b.Add([16]byte{byte(i), byte(i >> 8)}, []byte("x"), nil); err != nil {
			t.Fatal(err)
		}
	}
	return append([]byte(nil), b.Bytes()...)
}

// rest does all that is asked for but the write of records to the log's segment, which it returns.
func (r *shortRig) rest(l *Log, write Op) Op {
	ops := r.ops
	r.ops = nil
	for _, op := range ops {
		switch {
		case op.Kind == OpOpen:
			r.s.Complete(op.Token, 100, nil)
		case op.Kind == OpWrite && op.FD == 100 && op.Pos > 0 && write.Kind == 0:
			write = op
		default:
			r.s.Complete(op.Token, int64(len(op.Buf)), nil)
		}
	}
	r.turn(1000)
	return write
}

// TestARaiseThatFailedStatesNothingStable: what was told at LevelMemory and is lost with the segment is no damage at the next start.
func TestARaiseThatFailedStatesNothingStable(t *testing.T) {
	r, l, write := raised(t, LevelPersisted)
	r.s.Complete(write.Token, 0, syscall.EIO)
	if l.Fenced() == nil {
		t.Fatal("the log is not fenced")
	}
	if got := l.pend.stable(l.cfg.Level, l.bounds.hw); got != 0 {
		t.Errorf("offsets below %d are said to be on stable storage, their only write failed", got)
	}
}

// TestAReservationDuringARaiseIsForTheLevelBefore: what was told at that level is not safe yet, and a lap states the newest reservation only.
func TestAReservationDuringARaiseIsForTheLevelBefore(t *testing.T) {
	r, l, write := raised(t, LevelWritten)
	before := l.reservation.bound
	r.turn(1000, &Request{Kind: ReqAppend, Log: 2, Batch: manyRecords(t)})
	for range 20 {
		r.rest(l, write)
	}
	if l.reservation.bound == before {
		t.Fatal("nothing more was reserved")
	}
	if l.pend.raising == 0 || l.reservation.level != LevelMemory {
		t.Errorf("raises that wait: %d; offsets below %d may be told at level %d or above, %d were told at level %d", l.pend.raising, l.reservation.bound, l.reservation.level, l.bounds.hw, LevelMemory)
	}
}
