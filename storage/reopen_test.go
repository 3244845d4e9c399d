package storage

import (
	"syscall"
	"testing"
)

// TestASegmentThatIsBeingOpenedAgainStays: an append waits for the segment of an earlier run while all that is in it expires. Retention must
// neither take the file away before it is open, nor leave a descriptor of a file that is gone.
func TestASegmentThatIsBeingOpenedAgainStays(t *testing.T) {
	for _, late := range []bool{false, true} { // the open comes behind the unlink, or its completion does
		r := newShortRig(t)
		l := r.s.AdoptLog(LogConfig{ID: 2, Level: LevelPersisted, OffsetLevel: LevelPersisted, SegmentSize: 1 << 20}, &LogState{ID: 2, Next: 1, Reserved: 1,
			Segments: []SegmentState{{Base: 0, Next: 1, End: segmentStart + 100, RecordBytes: 100, FirstTS: 1, LastTS: 1}}})
		path := l.segs.list[0].path()
		q := &Request{Kind: ReqAppend, Log: 2, Batch: oneRecord(t, 10)}
		r.turn(1000, q)
		open := r.ops[0]
		if r.ops = r.ops[1:]; open.Kind != OpOpen || open.Path != path {
			t.Fatalf("operation %d on %s is asked for, want the segment opened", open.Kind, open.Path)
		}
		gone, held, answered := false, map[int32]bool{}, false
		do := func(op Op) {
			res, err := int64(len(op.Buf)), error(nil)
			switch {
			case op.Kind == OpOpen && op.Path == path && gone:
				err = syscall.ENOENT
			case op.Kind == OpOpen:
				res = int64(100 + len(held))
				held[int32(res)] = op.Path == path
			case op.Kind == OpClose:
				delete(held, op.FD)
			case op.Kind == OpUnlink && op.Path == path:
				gone = true
			}
			r.s.Complete(op.Token, res, err)
		}
		if !late {
			held[99] = true
		}
		l.SetRetention(Retention{ExpiryMicros: 1}, 1<<20)
		for i := range 40 {
			if i < 3 {
				l.Retain()
			}
			if i == 20 && late {
				do(open)
			} else if i == 20 {
				r.s.Complete(open.Token, 99, nil)
			}
			ops := r.ops
			r.ops = nil
			for _, op := range ops {
				do(op)
			}
			for _, d := range r.turn(1000) {
				if answered = true; d != q || d.Err != nil {
					t.Errorf("late %v: the append is answered with %v", late, d.Err)
				}
			}
		}
		if !answered {
			t.Errorf("late %v: the append is not answered", late)
		}
		for fd, old := range held {
			if old && gone {
				t.Errorf("late %v: descriptor %d of a file that is gone is left open", late, fd)
			}
		}
	}
}
