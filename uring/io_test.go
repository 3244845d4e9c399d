package uring

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests in io_*test.go say what an IO does, and every backend has to pass them.

// eachBackend runs f for every backend that this machine has, on a thread of its own, with small buffers.
func eachBackend(t *testing.T, f func(t *testing.T, r *rig)) {
	eachBackendWith(t, Config{RecvBufs: 16, RecvBufBytes: 4096}, f)
}

func eachBackendWith(t *testing.T, cfg Config, f func(t *testing.T, r *rig)) {
	for _, mode := range []string{"uring", "epoll"} {
		t.Run(mode, func(t *testing.T) {
			onThread(t)
			r := newRig(t, mode, cfg)
			f(t, r)
			r.close()
		})
	}
}

// rig drives one IO: it hands out operations and keeps completions until a test asks for them.
type rig struct {
	t      testing.TB
	io     IO
	done   map[Handle][]Completion
	closed bool
}

func newRig(t testing.TB, mode string, cfg Config) *rig {
	t.Helper()
	io, _, err := Open(mode, cfg)
	if err != nil {
		t.Skipf("this machine refuses %s: %v", mode, err)
	}
	r := &rig{t: t, io: io, done: make(map[Handle][]Completion)}
	t.Cleanup(r.close)
	return r
}

func (r *rig) close() {
	if r.closed {
		return
	}
	r.closed = true
	if err := r.io.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) submit(op Op) Handle { return r.io.Submit(&op) }

// patience is how long a test waits for what must come. Nothing depends on how soon it does.
const patience = 20 * time.Second

// turn waits a little and keeps what is done.
func (r *rig) turn(timeout time.Duration) int {
	out := r.io.Wait(timeout)
	for _, c := range out {
		r.done[c.Handle] = append(r.done[c.Handle], c)
	}
	return len(out)
}

// next gives the next completion of h, whenever it comes.
func (r *rig) next(h Handle) Completion {
	r.t.Helper()
	for deadline := time.Now().Add(patience); len(r.done[h]) == 0; {
		if time.Now().After(deadline) {
			r.t.Fatalf("no completion of %#x within %v", h, patience)
		}
		r.turn(10 * time.Millisecond)
	}
	c := r.done[h][0]
	r.done[h] = r.done[h][1:]
	if !c.More {
		if len(r.done[h]) > 0 {
			r.t.Fatalf("operation %#x goes on after its end: %+v", h, r.done[h])
		}
		delete(r.done, h)
	}
	return c
}

// last gives the completion that ends h. There must be none before it.
func (r *rig) last(h Handle) Completion {
	r.t.Helper()
	c := r.next(h)
	if c.More {
		r.t.Fatalf("unexpected part of %#x: %+v", h, c)
	}
	return c
}

// do performs one operation.
func (r *rig) do(op Op) Completion {
	r.t.Helper()
	return r.last(r.submit(op))
}

// must performs one operation that must succeed, and gives its result.
func (r *rig) must(op Op) int64 {
	r.t.Helper()
	c := r.do(op)
	if c.Err != 0 {
		r.t.Fatalf("operation of kind %d: %v", op.Kind, c.Err)
	}
	return c.Res
}

// settle takes turns until nothing has come for a while: what an operation can do by itself, it has done.
func (r *rig) settle() {
	for quiet := 0; quiet < 5; {
		if quiet++; r.turn(2*time.Millisecond) > 0 {
			quiet = 0
		}
	}
}

// memory gives n bytes outside the Go heap that live as long as the test.
func memory(t testing.TB, n int) []byte {
	t.Helper()
	a, err := NewArena(max(n, 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a.Bytes()[:n]
}

// fill makes p random.
func fill(rnd *rand.Rand, p []byte) {
	for i := range p {
		p[i] = byte(rnd.Uint32())
	}
}

func TestNopsBeyondTheQueue(t *testing.T) {
	eachBackendWith(t, Config{Entries: 8, RecvBufs: 2, RecvBufBytes: 4096}, func(t *testing.T, r *rig) {
		const count = 1000
		seen := make(map[uint64]Handle)
		handles := make(map[Handle]uint64)
		for token := uint64(1); token <= count; token++ {
			h := r.submit(Op{Kind: KindNop, Token: token})
			if _, twice := handles[h]; twice || h == 0 {
				t.Fatalf("handle %#x given out twice", h)
			}
			handles[h] = token
		}
		for deadline := time.Now().Add(patience); len(seen) < count; {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d completions", len(seen), count)
			}
			for _, c := range r.io.Wait(10 * time.Millisecond) {
				if c.Kind != KindNop || c.Err != 0 || c.Res != 0 || c.More || handles[c.Handle] != c.Token {
					t.Fatalf("%+v, want token %d", c, handles[c.Handle])
				}
				seen[c.Token] = c.Handle
			}
		}
	})
}

func TestKindNoneIsRefused(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		if c := r.do(Op{}); c.Err != syscall.EINVAL {
			t.Fatalf("%+v", c)
		}
	})
}

// TestTimeouts: Wait comes back by itself, and does not come back at once each time.
func TestTimeouts(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		for range 100 {
			if out := r.io.Wait(0); len(out) != 0 {
				t.Fatalf("%+v out of nothing", out)
			}
		}
		slept := 0
		for _, timeout := range []time.Duration{time.Nanosecond, 50 * time.Microsecond, 2 * time.Millisecond, 1200 * time.Microsecond} {
			for range 20 {
				begin := time.Now()
				if out := r.io.Wait(timeout); len(out) != 0 {
					t.Fatalf("%+v out of nothing", out)
				}
				if time.Since(begin) >= timeout {
					slept++
				}
			}
		}
		if slept < 60 {
			t.Fatalf("only %d of 80 waits lasted as long as asked: the rest is spinning", slept)
		}
	})
}

func TestHandlesOfTheDead(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		dead := r.submit(Op{Kind: KindNop})
		r.last(dead)
		live := r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
		for _, h := range []Handle{0, dead, dead + 9<<32, live + 9<<32, live + 1000, 1<<63 | 1, ^Handle(0)} {
			if c := r.do(Op{Kind: KindCancel, Target: h}); c.Err != 0 || c.Res != 0 {
				t.Fatalf("cancel of %#x: %+v", h, c)
			}
		}
		write(t, peer, []byte("still there"))
		if c := r.next(live); string(c.Recv.Data) != "still there" {
			t.Fatalf("%+v", c)
		}
		if c := r.do(Op{Kind: KindCancel, Target: live}); c.Err != 0 || c.Res != 1 {
			t.Fatalf("cancel of an armed receive: %+v", c)
		}
		if c := r.last(live); c.Err != syscall.ECANCELED || c.Recv.ID != 0 {
			t.Fatalf("the cancelled receive: %+v", c)
		}
		if c := r.do(Op{Kind: KindCancel, Target: live}); c.Res != 0 {
			t.Fatalf("cancelled twice: %+v", c)
		}
	})
}

// TestCancelInTheTurnOfItsTarget: an operation that has not even started can be cancelled.
func TestCancelInTheTurnOfItsTarget(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, _ := socketPair(t)
		for range 50 {
			target := r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
			cancel := r.submit(Op{Kind: KindCancel, Target: target})
			if c := r.last(target); c.Err != syscall.ECANCELED {
				t.Fatalf("%+v", c)
			}
			if c := r.last(cancel); c.Err != 0 || c.Res != 1 {
				t.Fatalf("%+v", c)
			}
		}
	})
}

// watch ends the process when progress stands still for long: a lost wake-up would hang the test otherwise.
func watch(t *testing.T, progress *atomic.Uint64) {
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		last := progress.Load()
		tick := time.NewTicker(patience)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			now := progress.Load()
			if now == last {
				panic("a wake-up was lost: no progress")
			}
			last = now
		}
	}()
}

// TestNoWakeIsLost wakes an owner in every phase: running, about to sleep, asleep, rising. The waker goes on only when
// the owner has seen the one before, and the owner mostly sleeps without a timeout.
func TestNoWakeIsLost(t *testing.T) {
	rnd := testSeed(t)
	count := uint64(100_000)
	if testing.Short() || raceOn {
		count = 20_000
	}
	eachBackend(t, func(t *testing.T, r *rig) {
		var asked, seen atomic.Uint64
		watch(t, &seen)
		waker := rand.New(rand.NewPCG(rnd.Uint64(), 1))
		var wakers sync.WaitGroup
		wakers.Go(func() {
			for n := uint64(1); n <= count; n++ {
				for seen.Load() != n-1 {
					runtime.Gosched()
				}
				spin(waker.IntN(3000))
				asked.Store(n)
				for range 1 + waker.IntN(8)/7 {
					r.io.Wake()
				}
			}
		})
		for seen.Load() < count {
			timeout := time.Duration(-1)
			switch rnd.IntN(16) {
			case 0:
				timeout = 0
			case 1:
				timeout = time.Duration(rnd.IntN(50_000))
			}
			spin(rnd.IntN(300))
			if asked.Load() == seen.Load() {
				r.io.Wait(timeout)
			}
			seen.Store(asked.Load())
		}
		wakers.Wait()
	})
}

func spin(n int) {
	for i := range n {
		spinSink.Store(uint32(i))
	}
}

var spinSink atomic.Uint32

func TestWakeBeforeWait(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		var steps atomic.Uint64
		watch(t, &steps)
		for range 100 {
			r.io.Wake()
			r.io.Wake()
			r.io.Wait(-1)
			steps.Add(1)
		}
	})
}

// TestWakePeer has two owners wake each other in turn; each sleeps without a timeout.
func TestWakePeer(t *testing.T) {
	const rounds = 2000
	eachBackend(t, func(t *testing.T, r *rig) {
		var turn atomic.Uint64
		watch(t, &turn)
		mode := r.io.Mode()
		peers := make(chan IO)
		var other sync.WaitGroup
		other.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			io, _, err := Open(mode, Config{RecvBufs: 2, RecvBufBytes: 4096})
			if err != nil {
				panic(err)
			}
			peers <- io
			pingPong(io, r.io, &turn, 1, rounds)
			peers <- nil
			<-peers // both have taken their last turn
			if err := io.Close(); err != nil {
				panic(err)
			}
		})
		peer := <-peers
		pingPong(r.io, peer, &turn, 0, rounds)
		<-peers
		peers <- nil
		other.Wait()
	})
}

// pingPong moves turn on whenever its parity is mine, until it has gone round.
func pingPong(io, peer IO, turn *atomic.Uint64, mine, rounds uint64) {
	for {
		n := turn.Load()
		if n >= 2*rounds {
			break
		}
		if n%2 != mine {
			io.Wait(-1)
			continue
		}
		turn.Store(n + 1)
		io.WakePeer(peer)
		if n%5 == 0 {
			io.Wait(0)
		}
	}
	io.Wait(0) // the last wake-up leaves with it
}

func TestWakeDuringAndAfterClose(t *testing.T) {
	for _, mode := range []string{"uring", "epoll"} {
		t.Run(mode, func(t *testing.T) {
			onThread(t)
			for range 20 {
				r := newRig(t, mode, Config{RecvBufs: 2, RecvBufBytes: 4096})
				var stop atomic.Bool
				var wakers sync.WaitGroup
				wakers.Go(func() {
					for !stop.Load() {
						r.io.Wake()
					}
				})
				for range 20 {
					r.io.Wait(time.Millisecond)
				}
				r.close()
				stop.Store(true)
				wakers.Wait()
				r.io.Wake()
			}
		})
	}
}

func TestCloseWithOperationsInFlight(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		listener, addr := listen(t)
		r.submit(Op{Kind: KindAccept, FD: listener})
		dial(t, addr)
		buf := memory(t, 8<<20)
		a, _ := socketPair(t)
		b, _ := socketPair(t)
		path := filepath.Join(t.TempDir(), "f")
		file := int32(r.must(Op{Kind: KindOpen, Path: path, OpenFlags: unix.O_RDWR | unix.O_CREAT}))
		t.Cleanup(func() { _ = unix.Close(int(file)) })
		r.submit(Op{Kind: KindRecv, FD: a, Flags: FlagMulti})
		r.submit(Op{Kind: KindRecvInto, FD: b, Buf: buf[:100]})
		r.submit(Op{Kind: KindSend, FD: a, Vec: [][]byte{buf[4096:]}})
		r.io.Wait(time.Millisecond)
		for i := range 50 {
			r.submit(Op{Kind: KindWrite, FD: file, Pos: int64(i) * 4096, Buf: buf[:4096], Flags: FlagDSync})
			r.submit(Op{Kind: KindRead, FD: file, Buf: buf[4096*i : 4096*i+4096]})
			r.submit(Op{Kind: KindFdatasync, FD: file})
			r.submit(Op{Kind: KindList, Path: filepath.Dir(path)})
		}
		r.close() // fails the test if it does not end well
	})
}

func TestHoldLock(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		path := filepath.Join(t.TempDir(), "lock")
		fd := int32(r.must(Op{Kind: KindOpen, Path: path, OpenFlags: unix.O_RDWR | unix.O_CREAT}))
		if err := r.io.HoldLock(fd); err != nil {
			t.Fatal(err)
		}
		r.must(Op{Kind: KindClose, FD: fd})
	})
}

// TestSignalStorm interrupts every call that can be, again and again: nothing of it may be seen.
func TestSignalStorm(t *testing.T) {
	rnd := testSeed(t)
	eachBackendWith(t, Config{RecvBufs: 16, RecvBufBytes: 4096, Helpers: 2}, func(t *testing.T, r *rig) {
		pid, tid := os.Getpid(), unix.Gettid()
		var stop atomic.Bool
		var storm sync.WaitGroup
		storm.Go(func() {
			for !stop.Load() {
				_ = unix.Tgkill(pid, tid, unix.SIGURG)
				spin(500)
			}
		})
		mixedTraffic(t, r, rnd, func(rounds int) bool { return rounds >= 300 })
		stop.Store(true)
		storm.Wait()
	})
}

// TestCollectionsDuringIO forces the collector through traffic: nothing that the kernel holds may lie in its way.
func TestCollectionsDuringIO(t *testing.T) {
	rnd := testSeed(t)
	count := uint32(1000)
	if testing.Short() {
		count = 100
	}
	eachBackend(t, func(t *testing.T, r *rig) {
		var collected atomic.Uint32
		var collector sync.WaitGroup
		collector.Go(func() {
			for range count {
				runtime.GC()
				collected.Add(1)
			}
		})
		mixedTraffic(t, r, rnd, func(int) bool { return collected.Load() >= count })
		collector.Wait()
	})
}

// mixedTraffic echoes random bytes over a socket and writes and reads them in a file, until done says so.
func mixedTraffic(t *testing.T, r *rig, rnd *rand.Rand, done func(rounds int) bool) {
	t.Helper()
	fd, peer := socketPair(t)
	path := filepath.Join(t.TempDir(), "f")
	file := int32(r.must(Op{Kind: KindOpen, Path: path, OpenFlags: unix.O_RDWR | unix.O_CREAT}))
	defer func() { r.must(Op{Kind: KindClose, FD: file}) }()
	mem := memory(t, 4*8192)
	sent, back, got := mem[:8192], mem[8192:2*8192], mem[2*8192:3*8192]
	echo := make([]byte, 8192)
	recv := r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
	for rounds := 0; !done(rounds); rounds++ {
		n := 1 + rnd.IntN(len(sent))
		fill(rnd, sent[:n])
		cut := rnd.IntN(n)
		write(t, peer, sent[:n])
		pos := int64(rnd.IntN(1 << 20))
		flags := []Flags{0, FlagInline, FlagDSync}[rnd.IntN(64)&rnd.IntN(64)%3]
		wrote := r.submit(Op{Kind: KindWrite, FD: file, Pos: pos, Buf: sent[:n], Flags: flags})
		for have := 0; have < n; {
			c := r.next(recv)
			if c.Err != 0 && c.Err != syscall.ENOBUFS {
				t.Fatalf("receive: %v", c.Err)
			}
			have += copy(got[have:], c.Recv.Data)
			if c.Recv.ID != 0 {
				r.io.Release(c.Recv.ID)
			}
			if !c.More {
				recv = r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
			}
		}
		if !bytes.Equal(got[:n], sent[:n]) {
			t.Fatal("other bytes received than sent")
		}
		if res := r.must(Op{Kind: KindSend, FD: fd, Vec: [][]byte{got[:cut], got[cut:n]}}); res != int64(n) {
			t.Fatalf("%d of %d bytes sent", res, n)
		}
		read(t, peer, echo[:n])
		if c := r.last(wrote); c.Err != 0 || c.Res != int64(n) {
			t.Fatalf("write: %+v, want %d", c, n)
		}
		if res := r.must(Op{Kind: KindRead, FD: file, Pos: pos, Buf: back[:n]}); res != int64(n) {
			t.Fatalf("%d of %d bytes read", res, n)
		}
		if !bytes.Equal(echo[:n], sent[:n]) || !bytes.Equal(back[:n], sent[:n]) {
			t.Fatal("other bytes came back")
		}
	}
	r.do(Op{Kind: KindCancel, Target: recv})
	for r.next(recv).More {
	}
}

// TestSteadyStateDoesNotAllocate pins what a request costs the collector: nothing.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	if raceOn {
		t.Skip("the race detector allocates")
	}
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		file := int32(r.must(Op{Kind: KindOpen, Path: filepath.Join(t.TempDir(), "f"), OpenFlags: unix.O_RDWR | unix.O_CREAT}))
		defer func() { r.must(Op{Kind: KindClose, FD: file}) }()
		mem := memory(t, 8192)
		into := memory(t, 64)
		vec := [][]byte{mem[:100], mem[4096:5000], mem[5000:5001]}
		recv, send := Op{Kind: KindRecv, FD: fd, Flags: FlagMulti}, Op{Kind: KindSend, FD: fd, Vec: vec}
		single, body := Op{Kind: KindRecv, FD: fd, Len: 10}, Op{Kind: KindRecvInto, FD: fd, Buf: into}
		inline := Op{Kind: KindWrite, FD: file, Buf: mem[:512], Flags: FlagInline}
		cached := Op{Kind: KindRead, FD: file, Buf: mem[512:1024]}
		cancel := Op{Kind: KindCancel}
		request, reply := make([]byte, 64), make([]byte, 100+904+1)
		await := func(h Handle) {
			for {
				for _, c := range r.io.Wait(-1) {
					if c.Recv.ID != 0 {
						r.io.Release(c.Recv.ID)
					}
					if c.Handle == h {
						return
					}
				}
			}
		}
		round := func() {
			armed := r.io.Submit(&recv)
			_, _ = unix.Write(int(peer), request)
			await(armed)
			cancel.Target = armed
			await(r.io.Submit(&cancel))
			armed = r.io.Submit(&single)
			_, _ = unix.Write(int(peer), request[:10])
			await(armed)
			armed = r.io.Submit(&body)
			_, _ = unix.Write(int(peer), request)
			await(armed)
			await(r.io.Submit(&send))
			for n := 0; n < len(reply); {
				k, _ := unix.Read(int(peer), reply[n:])
				n += k
			}
			await(r.io.Submit(&inline))
			await(r.io.Submit(&cached))
		}
		for range 50 {
			round()
		}
		if n := testing.AllocsPerRun(200, round); n != 0 {
			t.Fatalf("%v allocations per request", n)
		}
	})
}

// TestCounters follows a few operations through the counters.
func TestCounters(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		mem := memory(t, 4096)
		before := r.io.Counters()
		write(t, peer, make([]byte, 300))
		r.must(Op{Kind: KindRecvInto, FD: fd, Buf: mem[:300]})
		r.must(Op{Kind: KindSend, FD: fd, Vec: [][]byte{mem[:100], mem[:50]}})
		file := int32(r.must(Op{Kind: KindOpen, Path: filepath.Join(t.TempDir(), "f"), OpenFlags: unix.O_RDWR | unix.O_CREAT}))
		r.must(Op{Kind: KindWrite, FD: file, Buf: mem[:1000]})
		r.must(Op{Kind: KindWrite, FD: file, Buf: mem[:1000], Flags: FlagDSync})
		r.must(Op{Kind: KindFdatasync, FD: file})
		r.must(Op{Kind: KindSyncDir, Path: t.TempDir()})
		r.must(Op{Kind: KindRead, FD: file, Buf: mem})
		r.must(Op{Kind: KindClose, FD: file})
		c := r.io.Counters()
		f := func(name string, got, want uint64) {
			if got != want {
				t.Errorf("%s: %d, want %d", name, got, want)
			}
		}
		f("Sends", c.Sends-before.Sends, 1)
		f("BytesSent", c.BytesSent-before.BytesSent, 150)
		f("Recvs", c.Recvs-before.Recvs, 1)
		f("BytesReceived", c.BytesReceived-before.BytesReceived, 300)
		f("Writes", c.Writes-before.Writes, 2)
		f("BytesWritten", c.BytesWritten-before.BytesWritten, 2000)
		f("Reads", c.Reads-before.Reads, 1)
		f("BytesRead", c.BytesRead-before.BytesRead, 1000)
		f("Synced", c.Synced-before.Synced, 3)
		if c.Syscalls == before.Syscalls || c.Enters == before.Enters || c.Slept == 0 {
			t.Errorf("%+v", c)
		}
		if c.StaleCompletions != 0 || c.Overflows != 0 {
			t.Errorf("%+v", c)
		}
	})
}
