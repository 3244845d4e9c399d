package storage

import (
	"errors"
	"syscall"
	"testing"
)

// shortRig is a store whose journal writes are answered as the test says.
type shortRig struct {
	t    *testing.T
	s    *Store
	mono int64
	ops  []Op
}

func newShortRig(t *testing.T) *shortRig {
	r := &shortRig{t: t, mono: 1}
	var files [2]JournalFile
	for i := range files {
		files[i] = JournalFile{FD: int32(10 + i), Direct: int32(20 + i), Sync: int32(30 + i), Size: JournalBytesMin}
	}
	r.s = New(Config{FirstGroup: 1, Journal: files, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{}})
	r.s.OpenLog(LogConfig{ID: 1, Level: LevelPersisted, OffsetLevel: LevelPersisted, SegmentSize: 1 << 20})
	return r
}

// turn gives requests and ends the turn, so much later; it returns what was answered.
func (r *shortRig) turn(later int64, requests ...*Request) (done []*Request) {
	r.mono += later
	r.s.Begin(uint64(r.mono), r.mono)
	for _, q := range requests {
		r.s.Do(q)
	}
	r.s.End()
	r.ops = append(r.ops, r.s.TakeOps()...)
	for q := r.s.TakeDone(); q != nil; q = r.s.TakeDone() {
		done = append(done, q)
	}
	return done
}

// next is the oldest operation that was asked for; it must be of that kind on that descriptor.
func (r *shortRig) next(kind OpKind, fd int32) Op {
	r.t.Helper()
	if len(r.ops) == 0 {
		r.t.Fatalf("nothing is asked for, want operation %d on %d", kind, fd)
	}
	op := r.ops[0]
	r.ops = r.ops[1:]
	if op.Kind != kind || op.FD != fd {
		r.t.Fatalf("operation %d on %d, want %d on %d", op.Kind, op.FD, kind, fd)
	}
	return op
}

func (r *shortRig) none() {
	r.t.Helper()
	if len(r.ops) > 0 {
		r.t.Fatalf("operation %d on %d is asked for", r.ops[0].Kind, r.ops[0].FD)
	}
}

func command(index uint64, whenShort bool) *Request {
	return &Request{Kind: ReqMeta, Batch: []byte("command"), Value: index, WhenShort: whenShort}
}

// refusedOnce has the first group of a rig refused with err, and the check for losses begun.
func refusedOnce(t *testing.T, err error) (r *shortRig, first *Request, group Op) {
	r, first = newShortRig(t), command(1, false)
	if done := r.turn(0, first); len(done) > 0 {
		t.Fatal("a command is answered before it is written")
	}
	group = r.next(OpWrite, 20)
	r.s.Complete(group.Token, 0, err)
	r.turn(0)
	return r, first, group
}

// TestARefusedGroupIsWrittenAgainAndNothingBeforeIt: the same bytes go to the same place until they are taken; meanwhile what comes is refused.
func TestARefusedGroupIsWrittenAgainAndNothingBeforeIt(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		r, first, group := refusedOnce(t, errno)
		if !errors.Is(r.s.Space().Refused(), errno) || !r.s.Space().Short() || r.s.Failed() != nil {
			t.Fatalf("refused: %v, short %v, failed: %v", r.s.Space().Refused(), r.s.Space().Short(), r.s.Failed())
		}
		r.s.Complete(r.next(OpFdatasync, 30).Token, 0, nil)
		for range 3 {
			r.turn(refusedPauseMax)
			again := r.next(OpWrite, 20)
			if again.Pos != group.Pos || string(again.Buf) != string(group.Buf) || !again.DSync {
				t.Fatalf("%d bytes at %d are written again, they were %d at %d", len(again.Buf), again.Pos, len(group.Buf), group.Pos)
			}
			r.s.Complete(again.Token, 0, errno)
			late := command(2, false)
			if done := r.turn(0, late); len(done) != 1 || done[0] != late || !errors.Is(late.Err, ErrNoSpace) {
				t.Fatalf("a command while the journal is refused: %d answers, %v", len(done), late.Err)
			}
			stored := &Request{Kind: ReqAppend, Log: 1, Batch: oneRecord(t, 10)}
			if done := r.turn(0, stored); len(done) != 1 || !errors.Is(stored.Err, ErrNoSpace) {
				t.Fatalf("an append while the journal is refused: %d answers, %v", len(done), stored.Err)
			}
			poll := &Request{Kind: ReqPoll, Log: 1, Strategy: FromFirst, Count: 1, BytesMax: 1, Head: make([]byte, HeadMin)}
			if done := r.turn(0, poll); len(done) != 1 || poll.Err != nil {
				t.Fatalf("a poll while the journal is refused: %d answers, %v", len(done), poll.Err)
			}
			r.s.Complete(r.next(OpFdatasync, 30).Token, 0, nil)
			r.none()
		}
		r.turn(refusedPauseMax)
		r.s.Complete(r.next(OpWrite, 20).Token, int64(len(group.Buf)), nil)
		if done := r.turn(0); len(done) != 1 || done[0] != first || first.Err != nil {
			t.Fatalf("the refused command is written: %d answers, %v", len(done), first.Err)
		}
		if r.s.Space().SetShort(false); r.s.Space().Refused() != nil || r.s.Space().Short() {
			t.Errorf("refused: %v, short %v after all", r.s.Space().Refused(), r.s.Space().Short())
		}
	}
}

// TestWhatFreesSpaceAsksForTheReserve: it waits for the refused groups and follows them, or is refused after a time.
func TestWhatFreesSpaceAsksForTheReserve(t *testing.T) {
	r, _, _ := refusedOnce(t, syscall.ENOSPC)
	r.s.Complete(r.next(OpFdatasync, 30).Token, 0, nil)
	frees := command(2, true)
	if done := r.turn(0, frees); len(done) > 0 || !r.s.Space().WantsReserve() {
		t.Fatalf("%d answers, %v, wants the reserve: %v", len(done), frees.Err, r.s.Space().WantsReserve())
	}
	r.turn(refusedPauseMin)
	r.s.Complete(r.next(OpWrite, 20).Token, 0, nil)
	r.turn(0)
	r.s.Complete(r.next(OpWrite, 20).Token, 0, nil)
	if done := r.turn(0); len(done) != 1 || frees.Err != nil || r.s.Space().WantsReserve() {
		t.Fatalf("when there is room: %d answers, %v, wants the reserve: %v", len(done), frees.Err, r.s.Space().WantsReserve())
	}

	r, _, _ = refusedOnce(t, syscall.ENOSPC)
	closing := &Request{Kind: ReqClose, Log: 1} // its retirement is committed, and it has nothing in flight
	if done := r.turn(0, closing); len(done) != 1 || closing.Err != nil || !r.s.Space().WantsReserve() {
		t.Fatalf("a log is closed: %d answers, %v, wants the reserve: %v", len(done), closing.Err, r.s.Space().WantsReserve())
	}
	late := command(2, true)
	if done := r.turn(0, late); len(done) > 0 {
		t.Fatalf("what frees space does not wait: %v", late.Err)
	}
	r.turn(refusedPatience)
	r.s.Complete(r.next(OpFdatasync, 30).Token, 0, nil)
	r.turn(refusedPauseMax)
	r.s.Complete(r.next(OpWrite, 20).Token, 0, syscall.ENOSPC)
	if later := command(3, true); len(r.turn(0, later)) != 1 || !errors.Is(later.Err, ErrNoSpace) {
		t.Fatalf("after so long: %v", later.Err)
	}
}

// TestOnlyARefusedWriteIsTriedAgain: another error, and one of the sync that says whether more was lost, stop the journal for good.
func TestOnlyARefusedWriteIsTriedAgain(t *testing.T) {
	if r, _, _ := refusedOnce(t, syscall.EIO); !errors.Is(r.s.Failed(), syscall.EIO) {
		t.Errorf("after EIO: %v", r.s.Failed())
	}
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
		r, first, _ := refusedOnce(t, syscall.ENOSPC)
		r.s.Complete(r.next(OpFdatasync, 30).Token, 0, errno)
		if done := r.turn(refusedPauseMax); len(done) > 0 || !errors.Is(r.s.Failed(), errno) {
			t.Errorf("%d answers, %v; the journal failed: %v", len(done), first.Err, r.s.Failed())
		}
		r.none()
	}
}

// TestDeletionsGoOnWhileOnlyBlocksAreRefused: a log can't be closed while one of its blocks has no room. It takes nothing new, and is closed when
// there is room. That says nothing of the journal, which still takes the deletion of another.
func TestDeletionsGoOnWhileOnlyBlocksAreRefused(t *testing.T) {
	r := newShortRig(t)
	r.s.OpenLog(LogConfig{ID: 2, Level: LevelPersisted, OffsetLevel: LevelPersisted, SegmentSize: 1 << 20})
	l, full := r.s.Log(1), true
	// all is done at once, but for what is written to the segment
	settle := func() (done []*Request) {
		for range 20 {
			ops := r.ops
			r.ops = nil
			for _, op := range ops {
				switch {
				case op.Kind == OpOpen:
					r.s.Complete(op.Token, 100, nil)
				case op.Kind == OpWrite && op.FD == 100 && op.Pos > 0 && full:
					r.s.Complete(op.Token, 0, syscall.ENOSPC)
				default:
					r.s.Complete(op.Token, int64(len(op.Buf)), nil)
				}
			}
			done = append(done, r.turn(refusedPauseMax/10)...)
		}
		return done
	}
	large := &Request{Kind: ReqAppend, Log: 1, Batch: oneRecord(t, DirectMin)}
	if done := append(r.turn(0, large), settle()...); len(done) > 0 || r.s.Space().Refused() == nil || l.tail.refused == 0 {
		t.Fatalf("%d answers, refused: %v", len(done), r.s.Space().Refused())
	}
	closing := &Request{Kind: ReqClose, Log: 1}
	done := r.turn(0, closing)
	for range 10 {
		done = append(done, settle()...)
	}
	if len(done) > 0 {
		t.Fatalf("%d answers, %v: what is in flight has not ended", len(done), closing.Err)
	}
	other := &Request{Kind: ReqClose, Log: 2}
	if done := append(r.turn(0, other), settle()...); len(done) != 1 || other.Err != nil {
		t.Errorf("another log is closed to be deleted: %d answers, %v", len(done), other.Err)
	}
	frees := command(1, true)
	if done := append(r.turn(0, frees), settle()...); len(done) != 1 || frees.Err != nil {
		t.Errorf("a command that frees space: %d answers, %v; the journal can be written: %v", len(done), frees.Err, !r.s.journal.stuck())
	}
	late := &Request{Kind: ReqAppend, Log: 1, Batch: oneRecord(t, 10)}
	if done := append(r.turn(0, late), settle()...); len(done) != 1 || late.Err == nil {
		t.Errorf("an append to a log that is closing: %d answers, %v", len(done), late.Err)
	}
	full, done = false, nil
	for i := 0; i < 10 && len(done) < 2; i++ {
		done = append(done, settle()...)
	}
	if len(done) != 2 || large.Err != nil || closing.Err != nil {
		t.Errorf("when there is room: %d answers, the append %v, the close %v", len(done), large.Err, closing.Err)
	}
}

// TestCommitsWhileRefusedLeaveRoomForALap: automatic commits of new consumers, which take nothing of the journal while it has no room, do not
// make the next lap larger than what is left of its file.
func TestCommitsWhileRefusedLeaveRoomForALap(t *testing.T) {
	r := newShortRig(t)
	for id := LogID(2); id <= 8; id++ {
		r.s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, OffsetLevel: LevelPersisted, SegmentSize: 1 << 20})
	}
	j := &r.s.journal
	refuse := false
	settle := func() {
		for len(r.ops) > 0 {
			op := r.ops[0]
			r.ops = r.ops[1:]
			if refuse && op.Kind == OpWrite {
				r.s.Complete(op.Token, 0, syscall.ENOSPC)
				continue
			}
			r.s.Complete(op.Token, int64(len(op.Buf)), nil)
		}
		r.turn(0)
	}
	index := uint64(0)
	give := func() {
		index++
		r.turn(0, command(index, false))
		settle()
		r.s.Room().MetaSnapshotted(index)
	}
	for j.files[0].Size-j.lapRoom()-j.pos >= 2*BlockSize {
		give()
	}
	refuse = true
	index++
	r.turn(0, command(index, false))
	for range 4 { // its check too
		settle()
	}
	if r.s.Space().Refused() == nil {
		t.Fatal("the journal has room")
	}
	r.ops = nil
	noted := 0
	for log := LogID(1); log <= 8; log++ {
		for user := range uint32(16) {
			for id := range uint32(2000) {
				if r.s.Log(log).autoCommit(ConsumerKey{ID: user*2000 + id}, User{Number: user}, 0) == nil {
					noted++
				}
			}
		}
	}
	refuse = false
	for range 10 {
		r.turn(refusedPauseMax)
		settle()
	}
	if r.s.Space().SetShort(false); r.s.Space().Refused() != nil || r.s.Space().Short() {
		t.Fatalf("refused: %v", r.s.Space().Refused())
	}
	for range 4 {
		give()
	}
	if noted == 0 || r.s.Failed() != nil || r.s.stats.Laps == 0 {
		t.Errorf("%d offsets noted, %d laps; the journal failed: %v", noted, r.s.stats.Laps, r.s.Failed())
	}
}
