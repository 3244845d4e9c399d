package owner

import (
	"testing"
	"time"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// parked starts polls that find nothing.
func (x *rig) parked(polls ...*Part) {
	x.t.Helper()
	x.turn(0, func() {
		for _, p := range polls {
			x.o.Start(p)
		}
	})
	for _, p := range polls {
		if x.answered(p) {
			x.t.Fatalf("a poll of log %d is answered with %d records, %v", p.Log, p.Records, p.Err)
		}
	}
}

func TestAPollIsAnsweredWhenAMessageLands(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 2)
	first, second, other := x.poll(a, 0, 0), x.poll(a, 0, 0), x.poll(a, 1, 0)
	x.parked(first, second, other)
	if n := x.o.Parked(); n != 3 {
		t.Errorf("%d polls wait, want 3", n)
	}
	x.send(a, 0, 2)
	x.turn(0, nil)
	for _, p := range []*Part{first, second} {
		if p.Records != 2 || p.Err != nil {
			t.Errorf("a poll that waited has %d records, %v", p.Records, p.Err)
		}
	}
	if x.answered(other) || x.o.Parked() != 1 {
		t.Errorf("the poll of another log is answered: %v; %d wait", x.answered(other), x.o.Parked())
	}
}

// TestAPollWaitsNoLongerThanItMay: what lands does not count for a poll from further on, however often it looks again, and others that came
// later do not put it off.
func TestAPollWaitsNoLongerThanItMay(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 2)
	early, late := x.poll(a, 0, 1000), x.poll(a, 1, 0)
	x.parked(early)
	x.turn(600*time.Millisecond, func() { x.o.Start(late) })
	for range 3 {
		x.send(a, 0, 1)
	}
	if x.o.Parked() != 2 {
		t.Fatalf("%d polls wait, want 2", x.o.Parked())
	}
	if d := x.o.Deadline(); d > 1+int64(time.Second) {
		t.Errorf("the room wants a turn after %v", time.Duration(d-1))
	}
	x.turn(399*time.Millisecond, nil)
	if x.answered(early) {
		t.Error("a poll is answered before its time")
	}
	x.turn(2*time.Millisecond, nil)
	if !x.answered(early) || early.Records != 0 || early.Err != nil {
		t.Errorf("a poll whose time is over is answered: %v, %d records, %v", x.answered(early), early.Records, early.Err)
	}
	x.turn(597*time.Millisecond, nil)
	if x.answered(late) {
		t.Error("the other poll is answered before its time")
	}
	x.turn(3*time.Millisecond, nil)
	if !x.answered(late) || x.o.Parked() != 0 {
		t.Errorf("the other poll is answered: %v; %d wait", x.answered(late), x.o.Parked())
	}
}

// TestParkedPollsLeaveNothing polls a log where nothing lands again and again: what was kept of polls that were answered goes, also behind one
// that still waits.
func TestParkedPollsLeaveNothing(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 2)
	x.parked(x.poll(a, 1, 0))
	p := x.poll(a, 0, 0)
	for range 500 {
		x.parked(p)
		x.turn(0, func() { x.o.Hurry(p) })
		if !x.answered(p) {
			t.Fatal("a poll whose client sends something else is not answered")
		}
		p.AtOnce = false
	}
	k, spare := &x.o.parking, 0
	for s := k.spare; s != nil; s = s.after {
		spare++
	}
	if len(k.in) != 1 || len(k.at) != 1 || k.first != k.last || spare > 1 {
		t.Errorf("%d polls, %d logs, %d spare slots are kept", len(k.in), len(k.at), spare)
	}
}

// TestAHurriedPollDoesNotWait: its client sends something else before it waits, while it waits, and while the store looks again.
func TestAHurriedPollDoesNotWait(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 1)
	p := x.poll(a, 0, 1000)
	p.AtOnce = true
	x.turn(0, func() { x.o.Start(p) })
	if !x.answered(p) {
		t.Error("a poll that is not to wait waits")
	}
	p.AtOnce = false
	x.parked(p)
	x.o.parking.wake(p.Log)
	x.turn(0, func() { x.o.Hurry(p) })
	if !x.answered(p) || x.o.Parked() != 0 {
		t.Error("a poll that the store looks at again waits once more")
	}
	x.turn(0, func() {
		x.o.Start(p)
		x.o.Hurry(p)
	})
	if !x.answered(p) || x.o.Parked() != 0 {
		t.Error("a poll that came in the same turn waits")
	}
	p.AtOnce = false
	x.turn(0, func() { x.o.Hurry(p) }) // it is not here any more
	if x.answered(p) {
		t.Error("a poll is answered twice")
	}
	x.parked(p) // another one, by the same request
}

// TestPollsOfOtherShardsLeaveCredits: as many may wait as the credits of their shard allow; those of this shard take none.
func TestPollsOfOtherShardsLeaveCredits(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 1)
	var polls []*Part
	for range 9 {
		p := x.poll(a, 0, 0)
		p.From = 1
		polls = append(polls, p)
	}
	x.parked(polls[:8]...)
	x.turn(0, func() { x.o.Start(polls[8]) })
	if !x.answered(polls[8]) {
		t.Error("a poll too many waits")
	}
	x.parked(x.poll(a, 0, 0))
	x.turn(0, func() { x.o.Hurry(polls[3]) })
	x.parked(polls[8])
}

// TestAPollThatWaitedIsJudgedAgain: the session may be over when something lands.
func TestAPollThatWaitedIsJudgedAgain(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 1)
	p := x.poll(a, 0, 0)
	x.parked(p)
	x.apply(metadata.EncodeResetPassword(nil, 1, metadata.ByNumber(x.user.User), "$other"))
	x.send(a, 0, 1)
	x.turn(0, nil)
	if p.Err != metadata.ErrNoSession || p.Records != 0 || x.o.Parked() != 0 {
		t.Errorf("the poll has %d records, %v; %d wait", p.Records, p.Err, x.o.Parked())
	}
}

// TestPollsThatDoNotWait: the others could find something elsewhere, or ask for nothing.
func TestPollsThatDoNotWait(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 1)
	f := func(name string, change func(p *Part)) {
		t.Helper()
		p := x.poll(a, 0, 0)
		change(p)
		x.turn(0, func() { x.o.Start(p) })
		if !x.answered(p) {
			t.Errorf("%s: it waits", name)
		}
	}
	f("from the first record", func(p *Part) { p.Strategy = storage.FromFirst })
	f("the last records", func(p *Part) { p.Strategy = storage.FromLast })
	f("no records", func(p *Part) { p.Count = 0 })
	f("of a log that is not here", func(p *Part) { p.Log = 1000 })
	x.parked(x.poll(a, 0, 0))
	x.turn(0, x.o.StopParking)
	if x.o.Parked() != 0 || len(x.done) != 1 {
		t.Errorf("%d polls wait at the end", x.o.Parked())
	}
	f("at the end", func(*Part) {})
}

// TestAPollDoesNotWaitAtALogThatIsGone: it comes in the turn in which the log is closed, behind that.
func TestAPollDoesNotWaitAtALogThatIsGone(t *testing.T) {
	x := newRig(t, nil)
	late := x.poll(x.topic("a", 1), 0, 0)
	index, logs := x.delete("a")
	x.turn(0, func() {
		x.o.Retire(index, logs)
		x.o.Start(late)
	})
	if x.o.store.Log(late.Log) != nil {
		t.Fatal("the log is still there: the test shows nothing")
	}
	if !x.answered(late) || x.o.Parked() != 0 {
		t.Errorf("the poll is answered: %v; %d wait", x.answered(late), x.o.Parked())
	}
}
