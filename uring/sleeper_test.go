package uring

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSleeper: a sleep keeps the processor after a short one, for a bounded time, and only where that is asked for.
func TestSleeper(t *testing.T) {
	const short, long = rawSleepUsual, rawSleepUsual + 1
	for _, c := range []struct {
		keeps         bool
		last          time.Duration
		timeout, want time.Duration
		raw           bool
	}{
		{true, short, -1, rawSleepMax, true},
		{true, short, time.Hour, rawSleepMax, true},
		{true, short, time.Microsecond, time.Microsecond, true},
		{true, long, -1, -1, false},
		{true, rawSleepMax, time.Hour, time.Hour, false},
		{false, short, -1, -1, false},
		{false, short, time.Hour, time.Hour, false},
	} {
		s := sleeper{keeps: c.keeps}
		if got, raw := s.bound(c.timeout); got != c.timeout || raw {
			t.Errorf("the first sleep of %v: %v, raw %t", c.timeout, got, raw)
		}
		s.slept(c.last)
		if got, raw := s.bound(c.timeout); got != c.want || raw != c.raw {
			t.Errorf("%+v: a sleep of %v, raw %t", c, got, raw)
		}
	}
}

// TestRingKeepsProcessor: calls that neither wait nor copy much keep the processor, whatever the configuration; a sleep does so after a short one; none does while
// operations in flight may copy much.
func TestRingKeepsProcessor(t *testing.T) {
	r, _ := scriptRing(t, func(s *script, e sqe) { s.reply(e, int32(e.len), 0) })
	script := r.kernel.enter
	var raws []bool
	r.kernel.enter = func(raw bool, submit, wait uint32, flags, arg, size uintptr) (uintptr, syscall.Errno) {
		raws = append(raws, raw)
		return script(raw, submit, wait, flags, arg, size)
	}
	turn := func(op Op, timeout time.Duration) bool {
		t.Helper()
		raws = raws[:0]
		r.Submit(&op)
		r.Wait(timeout)
		if len(raws) != 1 {
			t.Fatalf("%d calls in a turn", len(raws))
		}
		return raws[0]
	}
	mem := make([]byte, rawBytesMax+1)
	little := Op{Kind: KindRead, Buf: mem[:rawBytesMax]}
	if !turn(little, 0) {
		t.Error("a call that does not wait gives the processor away")
	}
	if turn(Op{Kind: KindRead, Buf: mem}, 0) {
		t.Error("a call that copies much keeps the processor")
	}
	r.received = rawBytesMax // by the last call
	if turn(little, 0) || !turn(little, 0) {
		t.Error("a call after one that received much keeps the processor, or one after that does not")
	}
	if turn(little, -1) || turn(little, -1) {
		t.Error("a sleep keeps the processor where nobody asked for that")
	}
	r.kernel.sleeper.keeps = true
	r.kernel.sleeper.slept(0)
	if !turn(little, -1) || *r.kernel.waitTS != (timespec{0, int64(rawSleepMax)}) {
		t.Errorf("a sleep after a short one: raw %t, bound %v", raws[0], *r.kernel.waitTS)
	}
	r.kernel.sleeper.slept(0)
	if turn(Op{Kind: KindRead, Buf: mem}, -1) {
		t.Error("a sleep in which much may be copied keeps the processor")
	}
	r.kernel.sleeper.slept(rawSleepMax)
	if turn(little, -1) {
		t.Error("a sleep after a long one keeps the processor")
	}
	if r.slots.bytes != 0 {
		t.Errorf("with nothing in flight %d bytes are counted", r.slots.bytes)
	}
}

// TestSpansBytes: what a send may copy is the sum of its spans.
func TestSpansBytes(t *testing.T) {
	var v sendVec
	v.set([][]byte{make([]byte, 3), nil, make([]byte, rawBytesMax)})
	if n := spansBytes(&unix.Msghdr{Iov: &v.iov[0], Iovlen: uint64(v.count)}); n != rawBytesMax+3 {
		t.Errorf("%d bytes", n)
	}
}

// TestStopOfTheWorldEndsSleep: who stops the world does not wait for the bound of a sleep that keeps its processor; the signal ends it.
func TestStopOfTheWorldEndsSleep(t *testing.T) {
	eachBackendWith(t, Config{KeepProc: true}, func(t *testing.T, r *rig) {
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			var m runtime.MemStats
			for {
				select {
				case <-stop:
					return
				default:
					runtime.ReadMemStats(&m) // stops the world
				}
			}
		}()
		for begin := time.Now(); r.io.Counters().Interrupted == 0; {
			if time.Since(begin) > patience {
				t.Fatal("no stop of the world has ended a sleep")
			}
			shorten(r.io)
			if out := r.io.Wait(-1); len(out) > 0 {
				t.Fatalf("completions of nothing: %v", out)
			}
		}
		close(stop)
		<-stopped
	})
}

// shorten has the next sleep taken for one that follows a short one.
func shorten(io IO) {
	switch io := io.(type) {
	case *epoll:
		io.sleeper.slept(0)
	case *ring:
		io.kernel.sleeper.slept(0)
	}
}
