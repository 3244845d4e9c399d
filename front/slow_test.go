package front

import (
	"testing"
	"time"
)

// look has as many looks at slow sends as memory that is short for so long asks for, and a sweep each second. It returns how many connections
// are closed.
func (r *rig) look(span time.Duration) int {
	for end := r.now + int64(span); r.now < end; {
		second := r.now / int64(time.Second)
		r.now += int64(SlowAfter)
		r.turn()
		if r.f.CutSlow(); r.now/int64(time.Second) != second {
			r.f.Sweep()
		}
		r.turns(3)
	}
	return r.newsOf(Closed)
}

// deafPeers are peers that have asked once each and read nothing.
func (r *rig) deafPeers(n int) (socks []*sock) {
	r.t.Helper()
	for i := range n {
		k, _ := r.connect(true)
		k.in, k.deaf = toyFrame(uint64(i+1), 20), true
		socks = append(socks, k)
	}
	r.until("all have asked", func() bool { return len(r.ready) == n })
	return socks
}

// end has peers read again, and end.
func (r *rig) end(socks []*sock) {
	r.t.Helper()
	for _, k := range socks {
		k.deaf, k.ended = false, true
	}
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	r.nothingLeft()
}

// TestCutRepliesHaveTheirTime: a reply that is cut off again and again, and of which the peer takes nothing, has the time of any other one. A peer
// that acknowledges something now and then stays, as does one whose socket takes something with each piece.
func TestCutRepliesHaveTheirTime(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	r.hold = true
	socks := r.deafPeers(4)
	nothing, before, acks, takes := socks[0], socks[1], socks[2], socks[3]
	before.acked, acks.acked, takes.takes = 500, 500, 1 // of earlier replies
	for _, a := range r.ready {
		a.size, a.Resumable = 900, true
		r.give(a, a.size)
		r.f.Reply(&a.Exchange)
	}
	r.ready = nil
	began := r.now
	var gone [2]time.Duration
	for range 60 {
		r.look(500 * time.Millisecond)
		if acks.acked++; r.newsOf(Closed) > 2 {
			t.Fatalf("%q: among them is one that takes its reply", r.why())
		}
		for i, k := range []*sock{nothing, before} {
			if k.closed && gone[i] == 0 {
				gone[i] = time.Duration(r.now - began)
			}
		}
	}
	for i, took := range gone {
		if most := r.f.cfg.SendTimeout; took < most || took > most+3*time.Second {
			t.Errorf("peer %d, which takes nothing, is gone after %v, want %v and a few looks", i, took, most)
		}
	}
	r.end(socks)
}

// TestSendsHaveTheirTime: so it is with a reply that is not cut off, of a peer that has read earlier ones.
func TestSendsHaveTheirTime(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	r.hold = true
	socks := r.deafPeers(2)
	socks[0].acked, socks[1].acked = 500, 500
	for _, a := range r.ready {
		r.give(a, a.size)
		r.f.Reply(&a.Exchange)
	}
	r.ready = nil
	for at := time.Duration(0); at < 3*r.f.cfg.SendTimeout; at += time.Second {
		socks[1].acked++
		switch n := r.look(time.Second); {
		case socks[1].closed:
			t.Fatalf("closed after %v: %q, and it takes its reply", at, r.why())
		case n > 0 && at < r.f.cfg.SendTimeout-time.Second, n == 0 && at > r.f.cfg.SendTimeout+2*time.Second:
			t.Fatalf("%d closed after %v", n, at)
		}
	}
	r.end(socks)
}

// TestResumedRepliesThatPin: memory of a reply that was cut off, and could not be given back, is not waited for when the peer takes nothing.
func TestResumedRepliesThatPin(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	r.hold = true
	socks := r.deafPeers(4)
	for i, a := range r.ready {
		a.size, a.Resumable, a.Pins = 900, true, i > 0
		r.give(a, a.size)
		r.f.Reply(&a.Exchange)
	}
	r.ready = nil
	socks[1].acked, socks[2].takes = 500, 1
	if n := r.look(pinMax - 2*SlowAfter); n != 0 {
		t.Fatalf("%d are closed before their time", n)
	}
	for range 8 {
		socks[1].acked++
		r.look(pinMax / 2)
	}
	if n := r.newsOf(Closed); n != 1 || !socks[3].closed {
		t.Errorf("%d are closed, among them the one that takes nothing: %v", n, socks[3].closed)
	}
	if r.f.Counts().Slow < 10 {
		t.Errorf("%d sends were cut off: what those have taken is not given back", r.f.Counts().Slow)
	}
	r.end(socks)
}

// TestWhatWaitsBehindPins: a reply that waits behind another one and holds memory of logs is not waited for either, whichever it is, when the peer takes
// nothing of the one that leaves. One that holds no such memory has its time.
func TestWhatWaitsBehindPins(t *testing.T) {
	f := func(what string, gone bool, give func(r *rig, behind []*asked)) {
		t.Helper()
		r := newRig(t, toy{4, false}, nil, 64<<20, nil)
		r.hold = true
		k, _ := r.connect(true)
		k.in, _ = requests(4)
		k.deaf, k.acked = true, 500
		r.until("all have asked", func() bool { return len(r.ready) == 4 })
		all := append([]*asked(nil), r.ready...)
		r.ready = nil
		r.give(all[0], all[0].size)
		r.f.Reply(&all[0].Exchange)
		r.turn()
		for _, a := range all[1:] {
			a.size = 900
		}
		give(r, all[1:])
		for _, a := range all[1:3] { // the last one is not answered
			if len(a.Vec) == 0 {
				r.give(a, a.size)
			}
			r.f.Reply(&a.Exchange)
		}
		if n := r.look(pinMax - 2*SlowAfter); n != 0 {
			t.Fatalf("%s: closed before its time", what)
		}
		if n := r.look(pinMax); (n == 1) != gone {
			t.Errorf("%s: %d are closed", what, n)
		}
		r.give(all[3], all[3].size)
		r.f.Reply(&all[3].Exchange)
		r.end([]*sock{k})
	}
	f("nothing pinned", false, func(*rig, []*asked) {})
	f("the second", true, func(_ *rig, behind []*asked) { behind[0].Pins = true })
	f("the third", true, func(_ *rig, behind []*asked) { behind[1].Pins = true })
	f("one that is not answered", false, func(_ *rig, behind []*asked) { behind[2].Pins = true })
	f("a poll without messages", false, func(_ *rig, behind []*asked) { behind[1].Resumable = true })
	f("a poll with messages", true, func(r *rig, behind []*asked) {
		behind[1].size, behind[1].Resumable = 3000, true
		r.give(behind[1], 3000)
	})
}
