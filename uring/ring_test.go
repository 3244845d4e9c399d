package uring

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// onThread locks the test to its thread, as SINGLE_ISSUER wants its owner.
func onThread(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
}

func openRing(t *testing.T, cfg Config) *ring {
	t.Helper()
	onThread(t)
	cfg.defaults()
	r, err := newRing(cfg, false)
	if err != nil {
		t.Skipf("this machine refuses io_uring, so the ring can't be tested: %v", explain(err))
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestABI(t *testing.T) {
	check := func(name string, got, want uintptr) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, the kernel has %d", name, got, want)
		}
	}
	var s sqe
	var p setupParams
	var g geteventsArg
	var b bufReg
	var pb pbuf
	var m msghdr
	check("sqe", unsafe.Sizeof(s), 64)
	check("sqe.off", unsafe.Offsetof(s.off), 8)
	check("sqe.addr", unsafe.Offsetof(s.addr), 16)
	check("sqe.len", unsafe.Offsetof(s.len), 24)
	check("sqe.opFlags", unsafe.Offsetof(s.opFlags), 28)
	check("sqe.userData", unsafe.Offsetof(s.userData), 32)
	check("sqe.bufGroup", unsafe.Offsetof(s.bufGroup), 40)
	check("sqe.fileIdx", unsafe.Offsetof(s.fileIdx), 44)
	check("sqe.addr3", unsafe.Offsetof(s.addr3), 48)
	check("cqe", unsafe.Sizeof(cqe{}), 16)
	check("params", unsafe.Sizeof(p), 120)
	check("params.sqOff", unsafe.Offsetof(p.sqOff), 40)
	check("params.cqOff", unsafe.Offsetof(p.cqOff), 80)
	check("getevents", unsafe.Sizeof(g), geteventsArgSize)
	check("getevents.ts", unsafe.Offsetof(g.ts), 16)
	check("bufReg", unsafe.Sizeof(b), 40)
	check("pbuf", unsafe.Sizeof(pb), 16)
	check("pbuf.tail", unsafe.Offsetof(pb.tail), 14)
	check("msghdr", unsafe.Sizeof(m), unsafe.Sizeof(unix.Msghdr{}))
	check("msghdr.iov", unsafe.Offsetof(m.iov), unsafe.Offsetof(unix.Msghdr{}.Iov))
	check("msghdr.flags", unsafe.Offsetof(m.flags), unsafe.Offsetof(unix.Msghdr{}.Flags))
	check("timespec", unsafe.Sizeof(timespec{}), 16)
	check("probe", unsafe.Sizeof(probe{}), 16+256*8)
}

// TestLadder takes each rung away in turn: the next one serves, and the queue works.
func TestLadder(t *testing.T) {
	onThread(t)
	for step, without := range []uint32{0, setupNoSQArray, setupDeferTaskrun, setupCoopTaskrun} {
		cfg := Config{DisabledFlags: without}
		if step == 3 {
			cfg.DisabledFlags |= setupDeferTaskrun
		}
		cfg.defaults()
		r, err := newRing(cfg, false)
		if err != nil {
			t.Skipf("step %d: %v", step, explain(err))
		}
		if r.kernel.setupFlags&cfg.DisabledFlags != 0 {
			t.Errorf("step %d: flags %#x", step, r.kernel.setupFlags)
		}
		for range 3 * r.cfg.Entries {
			r.Submit(&Op{Kind: KindNop})
		}
		n := 0
		for n < 3*r.cfg.Entries {
			got := len(r.Wait(time.Second))
			if got == 0 {
				t.Fatalf("step %d: %d of %d NOPs", step, n, 3*r.cfg.Entries)
			}
			n += got
		}
		begin := time.Now()
		r.Wait(2 * time.Millisecond)
		if d := time.Since(begin); d < 2*time.Millisecond {
			t.Errorf("step %d: a wait of 2 ms took %v", step, d)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := newRing(cfg, true); step >= ladderGood && !errors.Is(err, errTooOld) {
			t.Errorf("step %d: auto takes a ring that is no better than epoll: %v", step, err)
		} else if step < ladderGood && err != nil {
			t.Error(err)
		}
	}
}

// TestRingLaps runs many laps of small queues: masks and counters hold.
func TestRingLaps(t *testing.T) {
	r := openRing(t, Config{Entries: 4})
	seen := map[uint64]bool{}
	for lap := range 5000 {
		for i := range 7 { // more than the queue holds
			r.Submit(&Op{Kind: KindNop, Token: uint64(lap*7 + i)})
		}
		for got := 0; got < 7; {
			cs := r.Wait(time.Second)
			if len(cs) == 0 {
				t.Fatal("a NOP is missing")
			}
			for _, c := range cs {
				if seen[c.Token] || c.Err != 0 {
					t.Fatalf("%+v twice, or failed", c)
				}
				seen[c.Token] = true
			}
			got += len(cs)
		}
	}
}

// TestRingOverflow has more completions than the queue holds: none is lost, and multishot operations go on.
func TestRingOverflow(t *testing.T) {
	r := openRing(t, Config{Entries: 4, RecvBufs: 256, RecvBufBytes: pageSize})
	const pairs = 40 // the queue holds 32
	var peers [pairs]int
	for i := range peers {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(p[0])
		defer unix.Close(p[1])
		peers[i] = p[1]
		r.Submit(&Op{Kind: KindRecv, Flags: FlagMulti, FD: int32(p[0]), Token: uint64(i)})
	}
	for range 8 {
		r.Wait(0)
	}
	for round := range 5 {
		for _, fd := range peers {
			if _, err := unix.Write(fd, []byte{byte(round)}); err != nil {
				t.Fatal(err)
			}
		}
		for got := 0; got < pairs; {
			cs := r.Wait(time.Second)
			if len(cs) == 0 {
				t.Fatalf("round %d: %d of %d bytes", round, got, pairs)
			}
			for _, c := range cs {
				if c.Err != 0 || !c.More || len(c.Recv.Data) != 1 || c.Recv.Data[0] != byte(round) {
					t.Fatalf("round %d: %+v", round, c)
				}
				r.Release(c.Recv.ID)
				got++
			}
		}
	}
}

// TestRingWithoutNewOps takes away what older kernels lack: the substitutes answer the same.
func TestRingWithoutNewOps(t *testing.T) {
	r := openRing(t, Config{RecvBufs: 4})
	for _, op := range []int{opFtruncate, opRenameat, opUnlinkat, opMkdirat, opStatx, opMsgRing} {
		r.have.op[op] = false
	}
	r.have.recvMulti, r.have.acceptMulti, r.have.msgRing = false, false, false
	one := func(op Op) Completion {
		t.Helper()
		h := r.Submit(&op)
		c := r.await(h)
		if c == nil {
			t.Fatalf("kind %d does not come back", op.Kind)
		}
		return *c
	}
	dir := t.TempDir()
	if c := one(Op{Kind: KindMkdir, Path: dir + "/d"}); c.Err != 0 {
		t.Fatal(c.Err)
	}
	c := one(Op{Kind: KindOpen, Path: dir + "/d/f", OpenFlags: unix.O_CREAT | unix.O_RDWR})
	if c.Err != 0 {
		t.Fatal(c.Err)
	}
	fd := int32(c.Res)
	if c := one(Op{Kind: KindTruncate, FD: fd, Pos: 12345}); c.Err != 0 {
		t.Fatal(c.Err)
	}
	if c := one(Op{Kind: KindRename, Path: dir + "/d/f", Path2: dir + "/d/g"}); c.Err != 0 {
		t.Fatal(c.Err)
	}
	if c := one(Op{Kind: KindStat, Path: dir + "/d/g"}); c.Err != 0 || c.Stat != (Stat{Size: 12345}) {
		t.Fatalf("%+v", c)
	}
	if c := one(Op{Kind: KindUnlink, Path: dir + "/d/g"}); c.Err != 0 {
		t.Fatal(c.Err)
	}
	one(Op{Kind: KindClose, FD: fd})
	l, addr, err := ListenTCP("127.0.0.1:0", 8)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(int(l))
	h := r.Submit(&Op{Kind: KindAccept, FD: l})
	for range 3 {
		peer, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c := r.await(h)
		if c == nil || c.Err != 0 || !c.More {
			t.Fatalf("accept: %+v", c)
		}
		s := int32(c.Res)
		hr := r.Submit(&Op{Kind: KindRecv, Flags: FlagMulti, FD: s})
		for i := range 5 {
			fmt.Fprintf(peer, "%d", i)
			c := r.await(hr)
			if c == nil || !c.More || string(c.Recv.Data) != fmt.Sprint(i) {
				t.Fatalf("receive %d: %+v", i, c)
			}
			r.Release(c.Recv.ID)
		}
		peer.Close()
		if c := r.await(hr); c == nil || c.More || c.Res != 0 || c.Err != 0 {
			t.Fatalf("end of stream: %+v", c)
		}
		one(Op{Kind: KindCloseSocket, FD: s})
	}
	r.Submit(&Op{Kind: KindCancel, Target: h})
	if c := r.await(h); c == nil || c.Err != syscall.ECANCELED || c.More {
		t.Fatalf("cancelled accept: %+v", c)
	}
}

// TestRingWithoutProvidedBuffers receives into buffers that are taken when the receive starts.
func TestRingWithoutProvidedBuffers(t *testing.T) {
	r := openRing(t, Config{RecvBufs: 2, RecvBufBytes: pageSize})
	r.recv.provided, r.have.recvMulti = false, false
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	recv := func() Completion {
		t.Helper()
		c := r.await(r.Submit(&Op{Kind: KindRecv, FD: int32(p[0])}))
		if c == nil {
			t.Fatal("nothing received")
		}
		return *c
	}
	unix.Write(p[1], []byte("a"))
	a := recv()
	unix.Write(p[1], []byte("b"))
	b := recv()
	if string(a.Recv.Data)+string(b.Recv.Data) != "ab" {
		t.Fatalf("%+v %+v", a, b)
	}
	unix.Write(p[1], []byte("c"))
	if c := recv(); c.Err != syscall.ENOBUFS {
		t.Fatalf("both buffers are held: %+v", c)
	}
	r.Release(a.Recv.ID)
	if c := recv(); string(c.Recv.Data) != "c" {
		t.Fatalf("%+v", c)
	} else {
		r.Release(c.Recv.ID)
	}
	r.Release(b.Recv.ID)
	if c := r.Counters(); c.NoBuffers != 1 {
		t.Fatalf("%+v", c)
	}
}

// script is a kernel that takes submissions and answers as told.
type script struct {
	r     *ring
	enter func(entries []sqe) (took int, errno syscall.Errno)
	seen  []sqe
}

// scriptRing is a ring over heap memory whose kernel is a script. Addresses in its entries are never followed.
func scriptRing(t testing.TB, enter func(s *script, e sqe)) (*ring, *script) {
	t.Helper()
	const n = 8
	words := make([]uint32, 16)
	r := &ring{cfg: Config{RecvBufs: 4, RecvBufBytes: pageSize}, queues: queues{
		sq: submissions{entries: make([]sqe, n), mask: n - 1, head: &words[0], tail: &words[1], flags: &words[2]},
		cq: completions{entries: make([]cqe, 4*n), mask: 4*n - 1, head: &words[3], tail: &words[4], overflow: &words[5]}}}
	sq, cq := &r.queues.sq, &r.queues.cq
	for i := range r.have.op {
		r.have.op[i] = true
	}
	if err := r.kernel.prepareWait(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.kernel.waitMem.Close() })
	r.wakes.waker.fd = -1
	s := &script{r: r}
	r.kernel.enter = func(_ bool, submit, wait uint32, flags, arg, size uintptr) (uintptr, syscall.Errno) {
		var batch []sqe
		for i := range submit {
			batch = append(batch, sq.entries[(*sq.head+i)&sq.mask])
		}
		if *cq.tail-*cq.head+submit > cq.mask+1 {
			return 0, syscall.EBUSY
		}
		if s.enter != nil {
			took, errno := s.enter(batch)
			if errno != 0 {
				return 0, errno
			}
			batch = batch[:took]
		}
		*sq.head += uint32(len(batch))
		for _, e := range batch {
			if e.userData == eventUserData {
				continue
			}
			s.seen = append(s.seen, e)
			enter(s, e)
		}
		return uintptr(len(batch)), 0
	}
	return r, s
}

// reply puts a completion of e into the queue.
func (s *script) reply(e sqe, res int32, flags uint32) {
	cq := &s.r.queues.cq
	cq.entries[*cq.tail&cq.mask] = cqe{e.userData, res, flags}
	*cq.tail++
}

// TestScriptedShortTransfers has the kernel do a little at a time, refuse and be interrupted: above the seam an operation
// is whole, and positions and spans go on where they should.
func TestScriptedShortTransfers(t *testing.T) {
	arena, err := NewArena(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	mem := arena.Bytes()
	rnd := testSeed(t)
	for range 300 {
		type piece struct{ pos, addr, n uint64 }
		var moved []piece
		r, _ := scriptRing(t, func(s *script, e sqe) {
			switch rnd.IntN(4) {
			case 0:
				s.reply(e, -int32(syscall.EINTR), 0)
				return
			case 1:
				s.reply(e, -int32(syscall.EAGAIN), 0)
				return
			}
			addr, have := e.addr, uint64(e.len)
			if e.opcode == opSendmsg {
				m := (*msghdr)(s.r.addressed(e.addr))
				iov := unsafe.Slice((*iovec)(s.r.addressed(m.iov)), m.iovLen)
				n := 1 + uint64(rnd.IntN(3000))
				total := uint64(0)
				for _, v := range iov {
					take := min(v.len, n-total)
					moved = append(moved, piece{0, v.base, take})
					if total += take; total == n {
						break
					}
				}
				s.reply(e, int32(total), 0)
				return
			}
			n := 1 + uint64(rnd.IntN(int(have)))
			moved = append(moved, piece{e.off, addr, n})
			s.reply(e, int32(n), 0)
		})
		size := 1 + rnd.IntN(9000)
		op := Op{Pos: int64(rnd.IntN(1 << 20)), Buf: mem[:size]}
		switch rnd.IntN(4) {
		case 0:
			op.Kind = KindRead
		case 1:
			op.Kind = KindWrite
		case 2:
			op.Kind, op.Pos = KindRecvInto, 0
		default:
			op.Kind, op.Buf, op.Pos = KindSend, nil, 0
			at := 0
			for at < size {
				k := 1 + rnd.IntN(size-at)
				op.Vec = append(op.Vec, mem[at:at+k])
				if at += k; len(op.Vec) == VecMax {
					size = at
				}
			}
		}
		h := r.Submit(&op)
		op.Vec = nil
		c := r.await(h)
		for range 10000 {
			if c != nil {
				break
			}
			c = r.await(h)
		}
		if c == nil || c.Err != 0 || c.Res != int64(size) {
			t.Fatalf("kind %d, %d bytes: %+v", op.Kind, size, c)
		}
		at := uint64(0)
		for _, p := range moved {
			if p.n == 0 {
				continue
			}
			if p.addr != uint64(addressOf(mem))+at || (op.Kind == KindRead || op.Kind == KindWrite) && p.pos != uint64(op.Pos)+at {
				t.Fatalf("kind %d: %d bytes moved, the next %d from byte %d at %d", op.Kind, at, p.n, p.addr-uint64(addressOf(mem)), p.pos)
			}
			at += p.n
		}
		if at != uint64(size) {
			t.Fatalf("kind %d: %d of %d bytes moved", op.Kind, at, size)
		}
	}
}

// addressed turns an address that the ring gave to the kernel back into a pointer, through the mapping it lies in.
func (r *ring) addressed(addr uint64) unsafe.Pointer {
	for _, a := range r.memory.sends.arenas {
		if base := uint64(addressOf(a.mem)); addr >= base && addr < base+uint64(len(a.mem)) {
			return unsafe.Pointer(&a.mem[addr-base])
		}
	}
	panic("BUG: the ring named memory that is not its own")
}

// TestScriptedRefusals has enter fail and take a part: nothing is lost, nothing doubled.
func TestScriptedRefusals(t *testing.T) {
	rnd := testSeed(t)
	taken := map[uint64]int{}
	r, s := scriptRing(t, func(s *script, e sqe) {
		taken[e.userData]++
		s.reply(e, 0, 0)
	})
	s.enter = func(entries []sqe) (int, syscall.Errno) {
		switch rnd.IntN(6) {
		case 0:
			return 0, syscall.EINTR
		case 1:
			return 0, syscall.EAGAIN
		case 2:
			return 0, syscall.EBUSY
		case 3:
			return 0, syscall.ETIME
		}
		return rnd.IntN(len(entries) + 1), 0
	}
	open, answers := 0, map[uint64]int{}
	for turn := range 1000 {
		for range rnd.IntN(20) {
			r.Submit(&Op{Kind: KindNop, Token: uint64(turn)<<8 | uint64(open)})
			open++
		}
		for _, c := range r.Wait(0) {
			answers[uint64(c.Handle)]++
			open--
		}
	}
	for left := 100000; open > 0 && left > 0; left-- {
		open -= len(r.Wait(0))
	}
	if open != 0 {
		t.Fatalf("%d NOPs without an answer", open)
	}
	for h, n := range taken {
		if n != 1 {
			t.Fatalf("handle %#x was submitted %d times", h, n)
		}
	}
}

// TestScriptedStaleCompletion shows that a completion of an earlier generation is counted and nothing else.
func TestScriptedStaleCompletion(t *testing.T) {
	r, s := scriptRing(t, func(s *script, e sqe) { s.reply(e, 0, 0) })
	h := r.Submit(&Op{Kind: KindNop})
	if c := r.await(h); c == nil {
		t.Fatal("no NOP")
	}
	again := r.Submit(&Op{Kind: KindNop, Token: 7})
	if uint32(again) != uint32(h) || again == h {
		t.Fatalf("handles %#x and %#x should share a slot and not a generation", h, again)
	}
	s.reply(sqe{userData: uint64(h)}, -5, 0)
	cs := r.Wait(0)
	if len(cs) != 1 || cs[0].Token != 7 || cs[0].Err != 0 || r.counters.StaleCompletions != 1 {
		t.Fatalf("%+v, %d stale", cs, r.counters.StaleCompletions)
	}
}

// TestScriptedDirectRefused opens without O_DIRECT where the filesystem refuses it.
func TestScriptedDirectRefused(t *testing.T) {
	r, s := scriptRing(t, func(s *script, e sqe) {
		if e.opFlags&unix.O_DIRECT != 0 {
			s.reply(e, -int32(syscall.EINVAL), 0)
			return
		}
		s.reply(e, 42, 0)
	})
	c := r.await(r.Submit(&Op{Kind: KindOpen, Path: "/x", OpenFlags: unix.O_RDWR | unix.O_DIRECT}))
	if c == nil || c.Err != 0 || c.Res != 42 || len(s.seen) != 2 {
		t.Fatalf("%+v after %d tries", c, len(s.seen))
	}
}

// TestScriptedDirSync shows the three steps, that a failed sync is told, and that the descriptor is closed all the same.
func TestScriptedDirSync(t *testing.T) {
	for _, fail := range []int32{0, -int32(syscall.EIO)} {
		r, s := scriptRing(t, func(s *script, e sqe) {
			switch e.opcode {
			case opOpenat:
				s.reply(e, 42, 0)
			case opFsync:
				s.reply(e, fail, 0)
			default:
				s.reply(e, 0, 0)
			}
		})
		c := r.await(r.Submit(&Op{Kind: KindSyncDir, Path: "/x"}))
		if c == nil || c.Err != syscall.Errno(-fail) || len(s.seen) != 3 {
			t.Fatalf("%+v after %d steps", c, len(s.seen))
		}
		if s.seen[1].opcode != opFsync || s.seen[1].fd != 42 || s.seen[2].opcode != opClose || s.seen[2].fd != 42 {
			t.Fatalf("steps %+v", s.seen)
		}
	}
}

// TestScriptedMultishotEnds goes on with multishot operations that the kernel ends without being asked.
func TestScriptedMultishotEnds(t *testing.T) {
	starts := 0
	r, _ := scriptRing(t, func(s *script, e sqe) {
		starts++
		s.reply(e, int32(100+starts), 0) // without F_MORE
	})
	r.have.acceptMulti = true
	h := r.Submit(&Op{Kind: KindAccept, FD: 3})
	for i := range 10 {
		c := r.await(h)
		if c == nil || !c.More || c.Res != int64(101+i) {
			t.Fatalf("accept %d: %+v", i, c)
		}
	}
}

// TestRingSplitDirSync syncs a real directory.
func TestRingDirSync(t *testing.T) {
	r := openRing(t, Config{})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c := r.await(r.Submit(&Op{Kind: KindSyncDir, Path: dir})); c == nil || c.Err != 0 {
		t.Fatalf("%+v", c)
	}
	if c := r.await(r.Submit(&Op{Kind: KindSyncDir, Path: dir + "/none"})); c == nil || c.Err != syscall.ENOENT {
		t.Fatalf("%+v", c)
	}
	if n := r.Counters().Synced; n != 1 {
		t.Fatalf("%d synced operations counted, one succeeded", n)
	}
}

// TestRingHearsAWakeWithAFullQueue: when what was submitted fills the queue, there is no room to watch the event.
func TestRingHearsAWakeWithAFullQueue(t *testing.T) {
	r := openRing(t, Config{Entries: 8})
	for r.wakes.armed { // let the watch that is armed go off
		r.Wake()
		r.Wait(0)
		if r.wakes.armed {
			one := [8]byte{1}
			_, _ = unix.Write(r.wakes.waker.fd, one[:])
			r.Wait(time.Second)
		}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	for range len(r.queues.sq.entries) {
		r.Submit(&Op{Kind: KindRecv, FD: int32(pair[0])})
	}
	var woken atomic.Bool // before the wake: who sees it after a Wait has had that Wait end
	go func() {
		for r.wakes.waker.state.Load() != wakerSleeping {
			runtime.Gosched()
		}
		woken.Store(true)
		r.Wake()
	}()
	for begin := time.Now(); !woken.Load(); {
		r.Wait(20 * time.Second)
		if d := time.Since(begin); d > 10*time.Second {
			t.Fatalf("a wake was not heard for %v", d)
		}
	}
}
