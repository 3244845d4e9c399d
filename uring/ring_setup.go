package uring

import (
	"errors"
	"fmt"
	"math/bits"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ladder lists the set-up flags to try, best first: what the kernel does not know is EINVAL. The first two make the ring
// worth while; the others serve a caller that asks for a ring whatever it is.
var ladder = []uint32{
	setupClamp | setupCQSize | setupSubmitAll | setupCoopTaskrun | setupTaskrunFlag | setupSingleIssuer | setupDeferTaskrun | setupNoSQArray,
	setupClamp | setupCQSize | setupSubmitAll | setupCoopTaskrun | setupTaskrunFlag | setupSingleIssuer | setupDeferTaskrun,
	setupClamp | setupCQSize | setupSubmitAll | setupCoopTaskrun | setupTaskrunFlag,
	setupClamp | setupCQSize,
}

const (
	ladderGood   = 2 // steps that auto takes
	cqPerEntry   = 8 // multishot completions come without a submission
	recvGroup    = 0 // of the provided buffers
	probeTimeout = 100 * 1e6
)

// support says what the running kernel can do, found by asking and trying, never by its version.
type support struct {
	op          [opLast + 1]bool
	recvMulti   bool
	acceptMulti bool
	msgRing     bool
	pbufRing    bool
	noIOWait    bool
	ringFD      bool
}

// setupRing makes the kernel's ring with the best flags it takes.
func setupRing(cfg Config, onlyGood bool) (fd int, p setupParams, err error) {
	for step, flags := range ladder {
		if onlyGood && step == ladderGood {
			return -1, p, errTooOld
		}
		if flags&cfg.DisabledFlags != 0 {
			err = syscall.EINVAL
			continue
		}
		p = setupParams{flags: flags, cqEntries: uint32(cfg.Entries * cqPerEntry)}
		n, _, errno := syscall.Syscall(sysSetup, uintptr(cfg.Entries), uintptr(unsafe.Pointer(&p)), 0)
		if errno == 0 {
			if p.features&featuresNeeded != featuresNeeded {
				_ = unix.Close(int(n))
				return -1, p, fmt.Errorf("features %#x, %#x are needed: %w", p.features, featuresNeeded, errTooOld)
			}
			return int(n), p, nil
		}
		err = errno
		if errno != syscall.EINVAL {
			return -1, p, fmt.Errorf("io_uring_setup: %w", errno)
		}
	}
	return -1, p, fmt.Errorf("io_uring_setup: %w", err)
}

// newRing makes a ring owned by the calling thread. With onlyGood it fails where epoll serves as well.
func newRing(cfg Config, onlyGood bool) (*ring, error) {
	fd, p, err := setupRing(cfg, onlyGood)
	if err != nil {
		return nil, err
	}
	r := &ring{cfg: cfg, fd: int32(fd), enterFD: int32(fd), setupFlags: p.flags}
	r.waker.fd = -1
	r.enter = r.enterKernel
	if err := r.build(&p); err != nil {
		r.destroy()
		return nil, err
	}
	return r, nil
}

func (r *ring) build(p *setupParams) error {
	if err := r.mapQueues(p); err != nil {
		return err
	}
	arena, err := NewArena(pageSize)
	if err != nil {
		return err
	}
	r.waitMem = arena
	r.waitArg = (*geteventsArg)(unsafe.Pointer(&arena.mem[0]))
	r.waitTS = (*timespec)(unsafe.Pointer(&arena.mem[64]))
	r.have.noIOWait = p.features&featNoIOWait != 0
	r.registerRingFD()
	r.boundWorkers()
	if r.bufs, err = newRecvBufs(r.cfg.RecvBufs, r.cfg.RecvBufBytes); err != nil {
		return err
	}
	r.provideBuffers()
	if err := r.probeOps(); err != nil {
		return err
	}
	if r.waker.fd, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	r.helpers = newHelpers(1, r.Wake)
	if err := r.tryOps(); err != nil {
		return err
	}
	r.counters = Counters{}
	return nil
}

// mapQueues maps what the kernel shares with us. With NO_SQARRAY there is no index array, and its offset, 0, must not
// be written.
func (r *ring) mapQueues(p *setupParams) error {
	size := int(max(p.sqOff.array+p.sqEntries*4, p.cqOff.cqes+p.cqEntries*uint32(unsafe.Sizeof(cqe{}))))
	mem, err := unix.Mmap(int(r.fd), mapRing, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("map the ring: %w", err)
	}
	r.queueMem = mem
	mem, err = unix.Mmap(int(r.fd), mapSQEs, int(p.sqEntries)*int(unsafe.Sizeof(sqe{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("map the ring's entries: %w", err)
	}
	r.sqeMem = mem
	word := func(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.queueMem[at])) }
	r.sqHead, r.sqTail, r.sqFlags = word(p.sqOff.head), word(p.sqOff.tail), word(p.sqOff.flags)
	r.cqHead, r.cqTail, r.cqOverflow = word(p.cqOff.head), word(p.cqOff.tail), word(p.cqOff.overflow)
	r.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&r.sqeMem[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*cqe)(unsafe.Pointer(&r.queueMem[p.cqOff.cqes])), p.cqEntries)
	r.sqMask, r.cqMask = p.sqEntries-1, p.cqEntries-1
	if p.flags&setupNoSQArray == 0 {
		array := unsafe.Slice(word(p.sqOff.array), p.sqEntries)
		for i := range array {
			array[i] = uint32(i)
		}
	}
	return nil
}

func (r *ring) register(code uintptr, arg unsafe.Pointer, n int) error {
	for {
		_, _, errno := syscall.Syscall6(sysRegister, uintptr(r.fd), code, uintptr(arg), uintptr(n), 0, 0)
		if errno == 0 {
			return nil
		}
		if errno != syscall.EINTR {
			return errno
		}
	}
}

// registerRingFD saves the look-up of the ring's descriptor in every enter, where the kernel can do that.
func (r *ring) registerRingFD() {
	u := rsrcUpdate{offset: ^uint32(0), data: uint64(r.fd)}
	n, _, errno := syscall.Syscall6(sysRegister, uintptr(r.fd), registerRingFDs, uintptr(unsafe.Pointer(&u)), 1, 0, 0)
	if errno == 0 && n == 1 {
		r.enterFD, r.have.ringFD = int32(u.offset), true
	}
}

// boundWorkers gives the kernel's workers their CPUs, so that they don't take the shard's by inheritance, and a bound.
// Older kernels have neither; then they stay as they are.
func (r *ring) boundWorkers() {
	if len(r.cfg.WorkerCPUs) > 0 {
		var set unix.CPUSet
		for _, cpu := range r.cfg.WorkerCPUs {
			set.Set(cpu)
		}
		_ = r.register(registerIOWQAff, unsafe.Pointer(&set), int(unsafe.Sizeof(set)))
	}
	most := [2]uint32{uint32(r.cfg.WorkersMax), uint32(r.cfg.WorkersMax)}
	_ = r.register(registerIOWQMax, unsafe.Pointer(&most), 2)
}

// provideBuffers hands all receive buffers to the kernel. Without provided-buffer rings a receive takes one when it
// starts.
func (r *ring) provideBuffers() {
	n := r.cfg.RecvBufs
	mem, err := mapMemory(roundUp(n*int(unsafe.Sizeof(pbuf{})), pageSize), unix.MAP_POPULATE)
	if err != nil {
		return
	}
	reg := bufReg{ringAddr: uint64(addressOf(mem)), ringEntries: uint32(n), bgid: recvGroup}
	if err := r.register(registerPbufRing, unsafe.Pointer(&reg), 1); err != nil {
		unmapMemory(mem)
		return
	}
	r.have.pbufRing = true
	r.pbufMem = mem
	r.pbufs = unsafe.Slice((*pbuf)(unsafe.Pointer(&mem[0])), n)
	r.pbufMask = uint16(n - 1)
	for id := uint32(1); id <= uint32(n); id++ {
		r.provide(id)
	}
	r.publishBufs()
}

// probeOps asks which operations the kernel knows.
func (r *ring) probeOps() error {
	p := new(probe)
	if err := r.register(registerProbe, unsafe.Pointer(p), len(p.ops)); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	for _, o := range p.ops[:min(int(p.opsLen), len(p.ops))] {
		if int(o.op) < len(r.have.op) {
			r.have.op[o.op] = o.flags&probeSupported != 0
		}
	}
	for _, need := range []int{opNop, opFsync, opPollAdd, opSendmsg, opAccept, opAsyncCancel, opFallocate, opOpenat, opClose, opRead, opWrite, opSend, opRecv} {
		if !r.have.op[need] {
			return fmt.Errorf("operation %d: %w", need, errTooOld)
		}
	}
	r.have.msgRing = r.have.op[opMsgRing]
	return nil
}

// tryOps runs what a probe cannot see once: a round trip through the ring, and the multishot operations.
func (r *ring) tryOps() error {
	h := r.Submit(&Op{Kind: KindNop})
	if c := r.await(h); c == nil || c.Err != 0 {
		return fmt.Errorf("a NOP does not come back: %w", syscall.ENOSYS)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	r.have.recvMulti = r.have.pbufRing && r.tryRecv(pair)
	r.have.acceptMulti = r.tryAccept()
	return nil
}

func (r *ring) tryRecv(pair [2]int) bool {
	if _, err := unix.Write(pair[1], []byte{1}); err != nil {
		return false
	}
	r.have.recvMulti = true // for this attempt
	h := r.Submit(&Op{Kind: KindRecv, Flags: FlagMulti, FD: int32(pair[0])})
	c := r.await(h)
	works := c != nil && c.Err == 0 && c.Res == 1
	if works {
		r.Release(c.Recv.ID)
	}
	if works && c.More {
		r.Submit(&Op{Kind: KindCancel, Target: h})
		r.await(h)
	}
	return works
}

// tryAccept accepts once on a socket of the machine's own namespace, with a name that the kernel chooses.
func (r *ring) tryAccept() bool {
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(l)
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(s)
	if unix.Bind(l, &unix.SockaddrUnix{}) != nil || unix.Listen(l, 1) != nil {
		return false
	}
	name, err := unix.Getsockname(l)
	if err != nil || unix.Connect(s, name) != nil {
		return false
	}
	r.have.acceptMulti = true // for this attempt
	h := r.Submit(&Op{Kind: KindAccept, FD: int32(l)})
	c := r.await(h)
	works := c != nil && c.Err == 0 && r.have.acceptMulti
	if c != nil && c.Err == 0 {
		_ = unix.Close(int(c.Res))
	}
	if c != nil && c.More {
		r.Submit(&Op{Kind: KindCancel, Target: h})
		r.await(h)
	}
	return works
}

// await returns the next completion of h, or nil when none comes in time.
func (r *ring) await(h Handle) *Completion {
	for range 32 {
		cs := r.Wait(probeTimeout)
		for i := range cs {
			if cs[i].Handle == h {
				return &cs[i]
			}
		}
	}
	return nil
}

// blocks are equal pieces of off-heap memory, made as they are needed and kept.
type blocks struct {
	size   int
	arenas []*Arena
	free   []uint32
}

const blocksPerArena = 64

// take returns the number of a free block, or false when there is no memory for more.
func (b *blocks) take() (uint32, bool) {
	if len(b.free) == 0 {
		a, err := NewArena(b.size * blocksPerArena)
		if err != nil {
			return 0, false
		}
		b.arenas = append(b.arenas, a)
		for i := blocksPerArena; i > 0; i-- {
			b.free = append(b.free, uint32((len(b.arenas)-1)*blocksPerArena+i-1))
		}
	}
	k := len(b.free) - 1
	n := b.free[k]
	b.free = b.free[:k]
	return n, true
}

func (b *blocks) bytes(n uint32) []byte {
	at := int(n%blocksPerArena) * b.size
	return b.arenas[n/blocksPerArena].mem[at : at+b.size : at+b.size]
}

func (b *blocks) give(n uint32) { b.free = append(b.free, n) }

func (b *blocks) close() {
	for _, a := range b.arenas {
		_ = a.Close()
	}
	b.arenas, b.free = nil, nil
}

// destroy gives back what build made. Nothing is in flight.
func (r *ring) destroy() {
	if r.helpers != nil {
		r.helpers.close()
	}
	_ = unix.Close(int(r.fd))
	r.waker.close()
	for _, m := range [][]byte{r.queueMem, r.sqeMem} {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
	unmapMemory(r.pbufMem)
	if r.bufs != nil {
		r.bufs.close()
	}
	if r.waitMem != nil {
		_ = r.waitMem.Close()
	}
	r.sends.close()
	r.paths.close()
	r.queueMem, r.sqeMem, r.pbufMem = nil, nil, nil
}

// String says what the ring uses, for the log.
func (r *ring) String() string {
	return fmt.Sprintf("io_uring flags %#x (%d), provided buffers %t, multishot receive %t and accept %t, message ring %t",
		r.setupFlags, bits.OnesCount32(r.setupFlags), r.have.pbufRing, r.have.recvMulti, r.have.acceptMulti, r.have.msgRing)
}

var errClosing = errors.New("uring: operations did not end")
