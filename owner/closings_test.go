package owner

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// delete has a topic deleted, and returns the index of the command and the topic's logs.
func (x *rig) delete(name string) (index uint64, logs []metadata.LogID) {
	x.t.Helper()
	res := x.apply(metadata.EncodeDeleteTopic(nil, 1, nameOfStream, named(name)))
	for _, r := range res.Retired {
		if !x.foreign[r.Log] {
			logs = append(logs, r.Log)
		}
	}
	return x.m.Revision(), logs
}

func ofJournal(op *storage.Op) bool { return op.Kind == storage.OpWrite && op.DSync }

// TestLogsAreClosedInSteps: a command may retire thousands of logs. Some are closed in each turn, which follow one another at once, and the answer
// goes when all are.
func TestLogsAreClosedInSteps(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 1000)
	waiting := x.poll(a, 999, 0)
	x.parked(waiting)
	index, logs := x.delete("a")
	turns := 0
	for before := x.o.store.Logs(); x.o.store.Logs() > 0; turns++ {
		if turns > 0 && x.o.Deadline() > x.o.mono {
			t.Fatalf("logs are to be closed, and the room wants no turn before %d", x.o.Deadline())
		}
		if x.o.Closed() {
			t.Fatalf("%d logs are there, and the command is said to be done", x.o.store.Logs())
		}
		x.turn(0, func() {
			if turns == 0 {
				x.o.Retire(index, slices.Clone(logs))
			}
		})
		if n := before - x.o.store.Logs(); n > closedPerTurn || n == 0 {
			t.Fatalf("%d logs are closed in a turn", n)
		}
		before = x.o.store.Logs()
	}
	x.turn(0, nil)
	if x.o.Parked() != 0 || waiting.Err != storage.ErrUnknownLog {
		t.Errorf("a poll that waited at a log that goes: %v", waiting.Err)
	}
	if turns != 4 {
		t.Errorf("1000 logs are closed in %d turns", turns)
	}
	if got := x.o.TakeClosed(); !slices.Equal(got, []uint64{index}) || x.o.Closed() {
		t.Errorf("commands whose logs are closed: %v, want %d", got, index)
	}
	for range 3000 {
		x.turn(0, nil)
	}
	gone := x.o.Files.TakeGone(10)
	if len(gone) != 10 {
		t.Fatalf("%d at a time, want 10", len(gone))
	}
	gone = append(gone, x.o.Files.TakeGone(5000)...)
	slices.Sort(gone)
	if !slices.Equal(gone, logs) || x.o.Files.Gone() != 0 {
		t.Errorf("the files of %d logs are gone, want %d", len(gone), len(logs))
	}
	if len(x.o.closings.spare) != 0 {
		t.Errorf("%d requests are kept", len(x.o.closings.spare))
	}
}

// TestALogThatIsBusyHoldsUpNoOther: one of the first logs has an append in flight. All others are closed, and their files go; the command is
// done when that one is closed too.
func TestALogThatIsBusyHoldsUpNoOther(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 600)
	x.send(a, 0, 1)
	x.settle()
	x.slow = ofJournal
	p := x.part(a, 0, storage.ReqAppend)
	p.Batch = x.batch(1)
	x.turn(0, func() { x.o.Start(p) })
	index, logs := x.delete("a")
	x.turn(0, func() { x.o.Retire(index, slices.Clone(logs)) })
	for range 3000 {
		x.turn(0, nil)
	}
	if x.o.store.Logs() != 1 || x.o.Files.Gone() != 599 || x.o.Closed() {
		t.Errorf("%d logs are there, the files of %d are gone; the command is done: %v", x.o.store.Logs(), x.o.Files.Gone(), x.o.Closed())
	}
	late := x.part(a, 0, storage.ReqAppend)
	late.Batch = x.batch(1)
	x.turn(0, func() { x.o.Start(late) })
	if late.Err != storage.ErrClosed {
		t.Errorf("an append to a log that is being closed: %v", late.Err)
	}
	x.slow = nil
	if done := x.settle(); !slices.Contains(done, p) || p.Err != nil {
		t.Errorf("the append that was in flight: %v", p.Err)
	}
	if got := x.o.TakeClosed(); !slices.Equal(got, []uint64{index}) || x.o.store.Logs() != 0 {
		t.Errorf("commands whose logs are closed: %v, want %d", got, index)
	}
}

// TestNoRoomEndsThePatience: there is no room for what is in flight, so the command is answered after a while, once, and another one behind it at
// its own time. All their logs are closed meanwhile.
func TestNoRoomEndsThePatience(t *testing.T) {
	x := newRig(t, nil)
	a, b := x.topic("a", 300), x.topic("b", 1)
	x.send(a, 0, 1)
	x.send(b, 0, 1)
	x.settle()
	x.slow = ofJournal
	x.turn(0, func() {
		for _, to := range []*metadata.Topic{a, b} {
			p := x.part(to, 0, storage.ReqAppend)
			p.Batch = x.batch(1)
			x.o.Start(p)
		}
	})
	short := func() { x.o.store.Space().SetShort(true) }
	first, logs := x.delete("a")
	x.turn(0, func() { short(); x.o.Retire(first, logs) })
	second, logs := x.delete("b")
	x.turn(time.Second, func() { short(); x.o.Retire(second, logs) })
	x.turn(0, short)
	if x.o.store.Logs() != 2 || x.o.Closed() {
		t.Errorf("%d logs are there, want those with something in flight; a command is done: %v", x.o.store.Logs(), x.o.Closed())
	}
	if d := x.o.Deadline(); d <= x.o.mono || d > x.o.mono+int64(closePatience-time.Second) {
		t.Errorf("the room wants a turn in %v", time.Duration(d-x.o.mono))
	}
	x.turn(closePatience-time.Second, short)
	if got := x.o.TakeClosed(); !slices.Equal(got, []uint64{first}) {
		t.Errorf("commands that are not waited for: %v, want %d", got, first)
	}
	x.slow = nil
	x.settle()
	if got := x.o.TakeClosed(); !slices.Equal(got, []uint64{second}) || x.o.store.Logs() != 0 {
		t.Errorf("commands whose logs are closed: %v, want %d; %d logs are there", got, second, x.o.store.Logs())
	}
}

// TestFilesThatStay: what can't be removed is for the log, and the next start.
func TestFilesThatStay(t *testing.T) {
	x := newRig(t, nil)
	x.o.Files.removed(7, syscall.EIO)
	n, ok := x.o.Files.TakeNotRemoved()
	if _, more := x.o.Files.TakeNotRemoved(); !ok || more || n.Log != 7 || !errors.Is(n.Err, syscall.EIO) || x.o.Files.Gone() != 0 {
		t.Errorf("log %d: %v, %v; %d are said to be gone", n.Log, n.Err, ok, x.o.Files.Gone())
	}
}

// TestARunInMemoryForgetsNoLogs: the start that follows begins from the state before, and finds that their files are gone.
func TestARunInMemoryForgetsNoLogs(t *testing.T) {
	for _, late := range []func(uint64, [][]byte) error{nil, func(uint64, [][]byte) error { return nil }} {
		x := newRig(t, func(c *Config) { c.Store.Late = late })
		x.turn(0, func() { x.o.Files.Remove([]storage.LogID{1000}) })
		x.settle()
		if want := late == nil; x.o.Files.Gone() > 0 != want {
			t.Errorf("in memory %v: %d logs are to be forgotten", !want, x.o.Files.Gone())
		}
	}
}
