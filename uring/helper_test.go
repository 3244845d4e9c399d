package uring

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestHelpersLoseNoRequest hands requests over one at a time and in bursts, so that helpers are busy, asleep, or about to sleep when the next one comes.
// A request that nobody takes is never answered.
func TestHelpersLoseNoRequest(t *testing.T) {
	h := newHelpers(2, func() {})
	var got []Completion
	await := func(n int) { // turns, so that the next request comes as soon as a helper looks for one
		t.Helper()
		begin := time.Now()
		for got = h.drain(got[:0]); len(got) < n; got = h.drain(got) {
			if time.Since(begin) > time.Minute {
				t.Fatalf("%d of %d requests are answered", len(got), n)
			}
		}
	}
	for i := range 100_000 {
		n := 1
		if i%8 == 0 {
			n = 5 // more than there are helpers
		}
		for k := range n {
			h.submit(Handle(k+1), Op{Kind: KindClose, FD: -1})
		}
		await(n)
		seen := 0
		for _, c := range got {
			seen |= 1 << c.Handle
		}
		if len(got) != n || seen != 1<<(n+1)-2 {
			t.Fatalf("%d answers to %d requests: %v", len(got), n, got)
		}
	}
	if n := h.idle.Load(); n < 0 || n > 2 {
		t.Errorf("%d of 2 helpers sleep", n)
	}
	h.close()
}

// TestHelpersEndWithWork closes helpers that have requests, and helpers that sleep.
func TestHelpersEndWithWork(t *testing.T) {
	for n := range 40 {
		var wakes atomic.Int32
		h := newHelpers(3, func() { wakes.Add(1) })
		for k := range n {
			h.submit(Handle(k+1), Op{Kind: KindClose, FD: -1})
		}
		h.close()
		if got := h.drain(nil); len(got) != n || int(wakes.Load()) != n {
			t.Fatalf("%d answers and %d wake-ups for %d requests", len(got), wakes.Load(), n)
		}
	}
}
