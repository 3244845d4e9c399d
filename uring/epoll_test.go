package uring

import (
	"bytes"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func openEpoll(t *testing.T, cfg Config) (*rig, *epoll) {
	t.Helper()
	onThread(t)
	r := newRig(t, "epoll", cfg)
	return r, r.io.(*epoll)
}

// TestEpollCallsPerRequest: a request costs three system calls (wait, receive, send) and no epoll_ctl.
func TestEpollCallsPerRequest(t *testing.T) {
	r, e := openEpoll(t, Config{RecvBufs: 4, RecvBufBytes: 4096})
	fd, peer := socketPair(t)
	reply := memory(t, 100)
	h := r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
	r.settle()
	got := make([]byte, 100)
	const rounds = 50
	before := e.counters
	for range rounds {
		write(t, peer, []byte("request"))
		c := r.next(h)
		r.io.Release(c.Recv.ID)
		r.submit(Op{Kind: KindSend, FD: fd, Vec: [][]byte{reply}})
		read(t, peer, got)
	}
	waits := e.counters.Enters - before.Enters
	if calls := e.counters.Syscalls - before.Syscalls - waits; calls != 2*rounds {
		t.Fatalf("%d calls beside %d waits for %d requests", calls, waits, rounds)
	}
}

// TestEpollTurnIsBounded: whatever is ready, one Wait returns and does a bounded part of it, and nothing is forgotten.
func TestEpollTurnIsBounded(t *testing.T) {
	r, e := openEpoll(t, Config{RecvBufs: 512, RecvBufBytes: 4096})
	const count = 3 * completionsMax
	for range count {
		e.Submit(&Op{Kind: KindNop})
	}
	for seen := 0; seen < count; {
		out := e.Wait(-1)
		if len(out) == 0 || len(out) > completionsMax {
			t.Fatalf("%d completions in one Wait", len(out))
		}
		seen += len(out)
	}
	fd, peer := socketPair(t)
	mem := memory(t, 8<<20)
	var writer sync.WaitGroup
	writer.Go(func() {
		if err := writeAll(peer, make([]byte, 8<<20)); err != nil {
			panic(err)
		}
	})
	h := r.submit(Op{Kind: KindRecvInto, FD: fd, Buf: mem})
	last := e.counters.BytesReceived
	for len(r.done[h]) == 0 {
		had := int64(0)
		if i := e.ops.find(h); i != 0 {
			had = e.ops.all[i].done
		}
		r.turn(-1)
		if i := e.ops.find(h); i != 0 && e.ops.all[i].done-had > 2*sockBytesMax {
			t.Fatalf("%d bytes in one turn", e.ops.all[i].done-had)
		}
	}
	writer.Wait()
	if c := r.last(h); c.Res != 8<<20 || e.counters.BytesReceived-last != 8<<20 {
		t.Fatalf("%+v", c)
	}
}

// TestEpollFairness: a socket that never runs dry does not keep another from being served.
func TestEpollFairness(t *testing.T) {
	r, _ := openEpoll(t, Config{RecvBufs: 8, RecvBufBytes: 4096})
	flood, flooder := socketPair(t)
	quiet, caller := socketPair(t)
	var stop atomic.Bool
	var writer sync.WaitGroup
	writer.Go(func() {
		for !stop.Load() {
			if writeAll(flooder, make([]byte, 256<<10)) != nil {
				return
			}
		}
	})
	mem := memory(t, 64<<20)
	body := r.submit(Op{Kind: KindRecvInto, FD: flood, Buf: mem})
	for range 20 {
		h := r.submit(Op{Kind: KindRecv, FD: quiet})
		write(t, caller, []byte("x"))
		c := r.last(h)
		r.io.Release(c.Recv.ID)
		if len(r.done[body]) > 0 {
			r.last(body)
			body = r.submit(Op{Kind: KindRecvInto, FD: flood, Buf: mem})
		}
	}
	stop.Store(true)
	r.do(Op{Kind: KindCancel, Target: body})
	_ = unix.Shutdown(int(flooder), unix.SHUT_RDWR)
	writer.Wait()
}

// TestEpollWithoutPwait2 takes the older call, with its milliseconds.
func TestEpollWithoutPwait2(t *testing.T) {
	r, e := openEpoll(t, Config{RecvBufs: 4, RecvBufBytes: 4096})
	e.noPwait2 = true
	for _, timeout := range []time.Duration{0, 1, time.Microsecond, time.Millisecond, 1500 * time.Microsecond} {
		slept := 0
		for range 20 {
			begin := time.Now()
			r.turn(timeout)
			if time.Since(begin) >= timeout {
				slept++
			}
		}
		if slept < 15 {
			t.Fatalf("%d of 20 waits lasted %v", slept, timeout)
		}
	}
	fd, peer := socketPair(t)
	h := r.submit(Op{Kind: KindRecv, FD: fd})
	write(t, peer, []byte("x"))
	if c := r.last(h); c.Res != 1 {
		t.Fatalf("%+v", c)
	}
	e.Wake()
	e.Wait(-1)
}

// TestEpollForgetsWhoMovedAway: events of a connection that another shard serves now stop after a few.
func TestEpollForgetsWhoMovedAway(t *testing.T) {
	r, e := openEpoll(t, Config{RecvBufs: 4, RecvBufBytes: 4096})
	fd, peer := socketPair(t)
	h := r.submit(Op{Kind: KindRecv, FD: fd})
	write(t, peer, []byte("x"))
	r.io.Release(r.last(h).Recv.ID)
	for range 2 * orphanEventsMax { // served elsewhere
		write(t, peer, []byte("y"))
		for deadline := time.Now().Add(patience); ; {
			if n, err := unix.Read(int(fd), make([]byte, 1)); n == 1 {
				break
			} else if err != syscall.EAGAIN || time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		r.settle()
	}
	if e.socks[fd].registered {
		t.Fatal("still watched")
	}
	h = r.submit(Op{Kind: KindRecv, FD: fd}) // and back again
	r.settle()
	write(t, peer, []byte("z"))
	if c := r.last(h); string(c.Recv.Data) != "z" {
		t.Fatalf("%+v", c)
	}
}

// TestEpollClosedUnderOperations, against the rule: they end, and nothing is left of them.
func TestEpollClosedUnderOperations(t *testing.T) {
	r, _ := openEpoll(t, Config{RecvBufs: 4, RecvBufBytes: 4096})
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	first := r.submit(Op{Kind: KindRecv, FD: int32(pair[0])})
	second := r.submit(Op{Kind: KindRecv, FD: int32(pair[0])})
	r.must(Op{Kind: KindCloseSocket, FD: int32(pair[0])})
	for _, h := range []Handle{first, second} {
		if c := r.last(h); c.Err != syscall.ECANCELED {
			t.Fatalf("%+v", c)
		}
	}
}

// TestEpollCloseKeepsNoDescriptor: what was accepted or opened and not yet told of is closed with the IO.
func TestEpollCloseKeepsNoDescriptor(t *testing.T) {
	r, e := openEpoll(t, Config{RecvBufs: 4, RecvBufBytes: 4096})
	listener, addr := listen(t)
	dial(t, addr)
	before := descriptors(t)
	r.submit(Op{Kind: KindAccept, FD: listener})
	r.submit(Op{Kind: KindOpen, Path: "/dev/null", OpenFlags: unix.O_RDONLY})
	if len(e.out) == 0 {
		t.Fatal("nothing accepted: nothing was tested")
	}
	r.close()
	if after := descriptors(t); after != before-2 { // the epoll and the eventfd
		t.Fatalf("%d descriptors before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// TestWakerCallsOnlyWhoSleeps: no system call for an owner that is awake, one for all wakers of one sleep, none after
// the end.
func TestWakerCallsOnlyWhoSleeps(t *testing.T) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	w := waker{fd: fd}
	if w.wake() || w.wake() {
		t.Fatal("a call for an owner that is awake")
	}
	if w.sleep() {
		t.Fatal("asleep in spite of a wake-up")
	}
	w.rise()
	if !w.sleep() {
		t.Fatal("the wake-up counted twice")
	}
	if !w.wake() || w.wake() {
		t.Fatal("not one call for one sleep")
	}
	w.rise()
	if !w.sleep() {
		t.Fatal("no sleep after the wake-up was taken")
	}
	w.close()
	if w.wake() {
		t.Fatal("a call after the end")
	}
}

func TestPendingsNamesAreNotReused(t *testing.T) {
	var p pendings
	seen := make(map[Handle]bool)
	for range 100 {
		i, j := p.take(&Op{Kind: KindNop}), p.take(&Op{Kind: KindRecv})
		for _, h := range []Handle{p.handle(i), p.handle(j)} {
			if h == 0 || seen[h] || p.find(h) == 0 {
				t.Fatalf("handle %#x", h)
			}
			seen[h] = true
		}
		p.release(i)
		p.release(j)
		for h := range seen {
			if p.find(h) != 0 {
				t.Fatalf("%#x is dead and found", h)
			}
		}
	}
	if len(p.all) != 3 {
		t.Fatalf("%d places for two at a time", len(p.all))
	}
	p.all[1].gen = ^uint32(0)
	i := p.take(&Op{Kind: KindNop})
	for i != 1 {
		i = p.take(&Op{Kind: KindNop})
	}
	p.release(1)
	if p.all[1].gen != 1 {
		t.Fatalf("generation %d follows the last", p.all[1].gen)
	}
}

// TestOpQueueAgainstTwin pushes and removes at random.
func TestOpQueueAgainstTwin(t *testing.T) {
	rnd := testSeed(t)
	var p pendings
	var q opQueue
	var twin []uint32
	for range 20_000 {
		if len(twin) == 0 || len(twin) < 20 && rnd.IntN(2) == 0 {
			i := p.take(&Op{Kind: KindNop})
			p.push(&q, i)
			twin = append(twin, i)
		} else {
			k := rnd.IntN(len(twin))
			p.remove(&q, twin[k])
			p.release(twin[k])
			twin = slices.Delete(twin, k, k+1)
		}
		var got []uint32
		for i := q.head; i != 0; i = p.all[i].next {
			got = append(got, i)
		}
		if !slices.Equal(got, twin) || (len(twin) > 0 && q.tail != twin[len(twin)-1]) || (len(twin) == 0 && q.tail != 0) {
			t.Fatalf("%v (tail %d), want %v", got, q.tail, twin)
		}
	}
}

// TestSendVecAgainstTwin sends random windows of random spans; put together they are the spans.
func TestSendVecAgainstTwin(t *testing.T) {
	rnd := testSeed(t)
	mem := memory(t, 10_000)
	fill(rnd, mem)
	var p pendings
	for range 500 {
		size := 1 + rnd.IntN(len(mem))
		v := p.takeVec()
		v.set(spans(rnd, mem[:size], 1+rnd.IntN(VecMax)))
		var got []byte
		for !v.empty() {
			limit := 1 + rnd.IntN(3000)
			window, last := v.window(limit)
			var bytes []byte
			for _, s := range window {
				bytes = append(bytes, unsafe.Slice(s.Base, s.Len)...)
			}
			if len(bytes) == 0 || len(bytes) > limit {
				t.Fatalf("window of %d bytes, limit %d", len(bytes), limit)
			}
			window[len(window)-1].Len = last
			n := rnd.IntN(len(bytes) + 1)
			v.sent(n)
			got = append(got, bytes[:n]...)
		}
		if !bytes.Equal(got, mem[:size]) {
			t.Fatalf("%d bytes, want %d, or others", len(got), size)
		}
		v.next, p.freeVecs = p.freeVecs, v
	}
}

// TestHelpers: everything that is handed over comes back once, also what was not drained before close.
func TestHelpers(t *testing.T) {
	rnd := testSeed(t)
	for _, n := range []int{1, 3} {
		woken := make(chan struct{}, 1)
		h := newHelpers(n, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
		const count = 5000
		seen := make(map[Handle]bool)
		var dst []Completion
		check := func() {
			dst = h.drain(dst[:0])
			for _, c := range dst {
				if seen[c.Handle] || c.Handle == 0 || uint64(c.Handle) != c.Token || c.Kind != KindStat || c.Err != 0 || !c.Stat.Dir {
					t.Fatalf("%+v", c)
				}
				seen[c.Handle] = true
			}
		}
		for i := 1; i <= count; i++ {
			h.submit(Handle(i), Op{Kind: KindStat, Path: "/", Token: uint64(i)})
			if rnd.IntN(50) == 0 {
				check()
			}
			if rnd.IntN(500) == 0 { // until all is back: a lost wake-up would stop here
				for len(seen) < i {
					check()
					if len(seen) < i {
						<-woken
					}
				}
			}
		}
		h.close()
		check()
		if len(seen) != count {
			t.Fatalf("%d of %d came back", len(seen), count)
		}
		if n := cap(h.queue); n > 2*count {
			t.Fatalf("a queue of %d", n)
		}
	}
}

func TestFileOpRefusesOthers(t *testing.T) {
	for _, k := range []Kind{KindNone, KindRecv, KindSend, KindCancel, KindNop, 200} {
		var c Completion
		fileOp(&Op{Kind: k}, &c)
		if c.Err != syscall.EINVAL {
			t.Errorf("kind %d: %v", k, c.Err)
		}
	}
}
