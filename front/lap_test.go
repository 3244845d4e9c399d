package front

import (
	"testing"
	"time"
)

const lapPeers = 10_000

// inSteps turns until count has reached all connections, and sees to it that no turn does more than its share.
func (r *rig) inSteps(what string, count func() int) {
	r.t.Helper()
	if n := count(); n > 0 {
		r.t.Fatalf("%s: %d at once, and a step follows in the same turn", what, n)
	}
	for turns, before := 0, 0; before < lapPeers; turns++ {
		now := count()
		if now-before > lapStep {
			r.t.Fatalf("%s: %d in one step", what, now-before)
		}
		if turns > lapPeers/lapStep+1 || now < lapPeers && !r.f.Ready() && !r.f.Waiting() {
			r.t.Fatalf("%s: %d in %d turns; another turn is wanted: %v", what, now, turns, r.f.Ready())
		}
		before = now
		r.turn()
	}
	if r.f.Ready() {
		r.t.Fatalf("%s: goes on without end", what)
	}
}

// TestSweepGoesInSteps: of many connections that are late at once, each turn closes a few.
func TestSweepGoesInSteps(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	for range lapPeers {
		r.connect(false)
	}
	r.turn()
	r.now += int64(11 * time.Second)
	r.turn()
	r.f.Sweep()
	r.inSteps("closed", func() int { r.serve(); return r.newsOf(Closed) })
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	r.nothingLeft()
}

// TestCutSlowGoesInSteps: of many replies that are not taken, each turn cuts off a few.
func TestCutSlowGoesInSteps(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	r.hold = true
	var socks []*sock
	for i := range lapPeers {
		k, _ := r.connect(true)
		k.in, k.deaf = toyFrame(uint64(i+1), 20), true
		socks = append(socks, k)
	}
	r.until("all have asked", func() bool { return len(r.ready) == lapPeers })
	for _, a := range r.ready {
		a.size, a.Resumable = 100, true
		r.give(a, a.size)
		r.f.Reply(&a.Exchange)
	}
	r.ready = nil
	r.turn()
	r.now += int64(SlowAfter)
	r.turn()
	r.f.CutSlow()
	r.inSteps("cut off", func() int { return int(r.f.Counts().Slow) })
	for _, k := range socks {
		k.deaf, k.ended = false, true
	}
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	r.nothingLeft()
}

// TestStopGoesInSteps: of many connections that rest, each turn closes a few; one that has a request under way is closed when that is answered.
func TestStopGoesInSteps(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	r.hold = true
	for range lapPeers {
		r.connect(true)
	}
	busy, _ := r.connect(true)
	busy.in = toyFrame(1, 20)
	r.until("one has asked", func() bool { return len(r.ready) == 1 })
	r.f.Stop()
	r.inSteps("closed", func() int { r.serve(); return r.newsOf(Closed) })
	r.until("the others are closed", func() bool { return r.f.Count() == 1 })
	a := r.ready[0]
	r.ready = nil
	r.reply(a)
	r.until("the last one is closed", func() bool { return r.f.Count() == 0 })
	if of, _, err := answers(busy.out); err != nil || len(of) != 1 {
		t.Errorf("the request under way: %v, %v", of, err)
	}
	r.nothingLeft()
}

// TestGivenUpSends: a Front that stops gives replies up that nobody takes, with the next sweep.
func TestGivenUpSends(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	deaf, _ := r.connect(true)
	deaf.in, deaf.deaf = toyFrame(1, 20), true
	r.until("its reply is on the way", func() bool { return deaf.send != nil })
	r.f.Stop()
	r.f.Sweep()
	r.turns(3)
	if r.f.Count() != 1 {
		t.Fatal("a reply is given up at once")
	}
	r.f.GiveUpSends()
	r.f.Sweep()
	r.until("it is closed", func() bool { return r.f.Count() == 0 })
	if why := r.why(); len(why) != 1 || why[0] != "stopping, and the peer does not read its reply" {
		t.Errorf("closed for %q", why)
	}
	r.nothingLeft()
}

// TestRestingInSteps: each of many connections that rest is seen once, a few in each turn.
func TestRestingInSteps(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	for range lapPeers {
		r.connect(true)
	}
	r.turn()
	seen := map[uint32]bool{}
	look := func() int {
		for x := range r.f.Resting {
			if seen[x.Peer.ID] {
				t.Fatalf("connection %d is seen twice", x.Peer.ID)
			}
			seen[x.Peer.ID] = true
		}
		return len(seen)
	}
	if look() != 0 {
		t.Fatal("somebody is seen, and nobody is sought")
	}
	r.f.SeekResting()
	for turns, before := 0, 0; len(seen) < lapPeers; turns++ {
		if now := look(); now-before > lapStep || now == before {
			t.Fatalf("%d are seen in one step", now-before)
		}
		before = len(seen)
	}
	if r.f.Ready() {
		t.Error("goes on without end")
	}
}

// TestRefusedReceivesGoInSteps: of many receives that found no buffer, each turn arms a few again, in their order.
func TestRefusedReceivesGoInSteps(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	r.hold = true
	var socks []*sock
	for range lapPeers {
		k, _ := r.connect(true)
		k.refused = 1
		socks = append(socks, k)
	}
	r.f.Begin(r.now)
	for _, done := range r.io.turn() {
		r.f.Completed(&done)
	}
	r.serve()
	armed := func() (n int) {
		for i, k := range socks {
			if k.recv != nil {
				if n++; i >= n {
					t.Fatalf("connection %d is armed before one in front of it", i)
				}
			}
		}
		return n
	}
	r.inSteps("armed", armed)
	for _, k := range socks {
		k.ended = true
	}
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	r.nothingLeft()
}

// TestReceivesThatFindNoBufferSpinNot: receives that are to be tried again want no turn at once while no buffer is free.
func TestReceivesThatFindNoBufferSpinNot(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	r.hold = true
	var socks []*sock
	for range lapPeers {
		k, _ := r.connect(true)
		k.refused = 1
		socks = append(socks, k)
	}
	r.f.Begin(r.now)
	for _, done := range r.io.turn() {
		r.f.Completed(&done)
	}
	r.f.Tend() // the first step
	if !r.f.Ready() {
		t.Fatal("the next step wants no turn")
	}
	held := r.f.in.held
	r.f.in.held = RecvBufs
	if r.f.Tend(); r.f.Ready() {
		t.Error("a turn is wanted at once, and can do nothing")
	}
	if r.f.in.held = held; !r.f.Ready() {
		t.Error("a buffer was given back, and the next step wants no turn")
	}
	for _, k := range socks {
		k.ended = true
	}
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	r.nothingLeft()
}
