package front

import (
	"testing"
	"time"
)

const lapPeers = 10_000

// inSteps turns until count has reached all connections, and sees to it that no turn does more than its share.
func (r *rig) inSteps(what string, count func() int) {
	r.t.Helper()
	for turns, before := 0, 0; before < lapPeers; turns++ {
		now := count()
		if now-before > lapStep {
			r.t.Fatalf("%s: %d in one step", what, now-before)
		}
		if turns > lapPeers/lapStep+1 || now < lapPeers && !r.f.Ready() {
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
