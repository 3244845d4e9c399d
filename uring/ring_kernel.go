package uring

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelRing is the kernel's end of a ring: its descriptor, and what is said to it by system calls.
type kernelRing struct {
	fd         int32
	enterFD    int32 // fd, or its index among the registered ones
	setupFlags uint32
	registered bool // enterFD is an index
	noIOWait   bool // the kernel can leave our sleep out of its figures of waiting for disks
	sleeper    sleeper
	enter      func(raw bool, submit, wait uint32, flags, arg, size uintptr) (uintptr, syscall.Errno)
	waitMem    *Arena // of the next two
	waitArg    *geteventsArg
	waitTS     *timespec
}

// prepareWait gets the memory that says how long to sleep.
func (k *kernelRing) prepareWait() error {
	arena, err := NewArena(pageSize)
	if err != nil {
		return err
	}
	k.waitMem = arena
	k.waitArg = (*geteventsArg)(unsafe.Pointer(&arena.mem[0]))
	k.waitTS = (*timespec)(unsafe.Pointer(&arena.mem[64]))
	return nil
}

// call submits so many entries, collects, and waits for one completion if there is a timeout: below zero, as long as it takes. little: what
// is in flight copies little.
func (k *kernelRing) call(submit uint32, timeout time.Duration, little bool) (uintptr, syscall.Errno) {
	flags, wait, arg, size, raw := uintptr(enterGetEvents), uint32(0), uintptr(0), uintptr(0), little
	if k.registered {
		flags |= enterRegisteredRing
	}
	if timeout != 0 {
		wait = 1
		if k.noIOWait {
			flags |= enterNoIOWait
		}
		if little {
			timeout, raw = k.sleeper.bound(timeout)
		}
	}
	if timeout > 0 {
		*k.waitTS = timespec{int64(timeout / time.Second), int64(timeout % time.Second)}
		*k.waitArg = geteventsArg{ts: uint64(uintptr(unsafe.Pointer(k.waitTS)))}
		flags |= enterExtArg
		arg, size = uintptr(unsafe.Pointer(k.waitArg)), geteventsArgSize
	}
	return k.enter(raw, submit, wait, flags, arg, size)
}

// enterKernel is the real system call. raw: it keeps the runtime's processor, see sleeper. With DEFER_TASKRUN it copies what sockets brought, so it is
// not raw also when it doesn't wait where that may be much.
func (k *kernelRing) enterKernel(raw bool, submit, wait uint32, flags, arg, size uintptr) (n uintptr, errno syscall.Errno) {
	if raw {
		n, _, errno = syscall.RawSyscall6(sysEnter, uintptr(k.enterFD), uintptr(submit), uintptr(wait), flags, arg, size)
	} else {
		n, _, errno = syscall.Syscall6(sysEnter, uintptr(k.enterFD), uintptr(submit), uintptr(wait), flags, arg, size)
	}
	return n, errno
}

func (k *kernelRing) register(code uintptr, arg unsafe.Pointer, n int) error {
	for {
		_, _, errno := syscall.Syscall6(sysRegister, uintptr(k.fd), code, uintptr(arg), uintptr(n), 0, 0)
		if errno == 0 {
			return nil
		}
		if errno != syscall.EINTR {
			return errno
		}
	}
}

// registerFD saves the look-up of the ring's descriptor in every enter, where the kernel can do that.
func (k *kernelRing) registerFD() {
	u := rsrcUpdate{offset: ^uint32(0), data: uint64(k.fd)}
	n, _, errno := syscall.Syscall6(sysRegister, uintptr(k.fd), registerRingFDs, uintptr(unsafe.Pointer(&u)), 1, 0, 0)
	if errno == 0 && n == 1 {
		k.enterFD, k.registered = int32(u.offset), true
	}
}

// boundWorkers gives the kernel's workers their CPUs, so that they don't take the shard's by inheritance, and a bound.
// Older kernels have neither; then they stay as they are.
func (k *kernelRing) boundWorkers(cpus []int, workersMax int) {
	if len(cpus) > 0 {
		var set unix.CPUSet
		for _, cpu := range cpus {
			set.Set(cpu)
		}
		_ = k.register(registerIOWQAff, unsafe.Pointer(&set), int(unsafe.Sizeof(set)))
	}
	most := [2]uint32{uint32(workersMax), uint32(workersMax)}
	_ = k.register(registerIOWQMax, unsafe.Pointer(&most), 2)
}

func (k *kernelRing) close() {
	_ = unix.Close(int(k.fd))
	if k.waitMem != nil {
		_ = k.waitMem.Close()
	}
}

// submissions is the queue of entries that the kernel takes. Its tail is shown to the kernel only when it is entered.
//
//	head (kernel's) <= submitted <= filled <= head + entries
type submissions struct {
	mem               []byte
	head, tail, flags *uint32 // words that the kernel shares
	entries           []sqe
	mask              uint32
	filled            uint32 // tail of the entries filled
	submitted         uint32 // tail of the entries that the kernel took
}

// entry returns the next free entry, zeroed, or nil when the queue is full.
func (q *submissions) entry() *sqe {
	if q.filled-atomic.LoadUint32(q.head) > q.mask {
		return nil
	}
	e := &q.entries[q.filled&q.mask]
	*e = sqe{}
	q.filled++
	return e
}

// show lets the kernel see what is filled, and returns how many entries it has not taken.
func (q *submissions) show() uint32 {
	atomic.StoreUint32(q.tail, q.filled)
	return q.filled - q.submitted
}

// invariants: the kernel has not taken more than was filled, and no entry was written over.
func (q *submissions) invariants() {
	left, used := q.filled-q.submitted, q.filled-atomic.LoadUint32(q.head)
	if n := uint32(len(q.entries)); left > n || used > n {
		panic(fmt.Sprintf("BUG: of %d submission entries %d were not taken and %d are used", n, left, used))
	}
}

// completions is the queue of answers that the kernel fills.
type completions struct {
	head, tail, overflow *uint32 // words that the kernel shares
	entries              []cqe
	mask                 uint32
}

func (q *completions) empty() bool { return atomic.LoadUint32(q.tail) == *q.head }

// bounds are the first answer that was not taken, and the end of what may be taken in one go.
func (q *completions) bounds() (head, end uint32) {
	head = *q.head
	return head, head + min(atomic.LoadUint32(q.tail)-head, sweepMax)
}

// taken gives the room of the answers before head back to the kernel.
func (q *completions) taken(head uint32) { atomic.StoreUint32(q.head, head) }

// overflows counts the answers that had no room. The kernel keeps them and gives them later.
func (q *completions) overflows() uint64 {
	if q.overflow == nil {
		return 0
	}
	return uint64(atomic.LoadUint32(q.overflow))
}

// queues are both queues of one ring. They lie in one mapping, which the kernel shares; the submission entries have their own.
type queues struct {
	sq  submissions
	cq  completions
	mem []byte
}

// open maps what the kernel shares with us. With NO_SQARRAY there is no index array, and its offset, 0, must not
// be written.
func (q *queues) open(fd int, p *setupParams) (err error) {
	size := int(max(p.sqOff.array+p.sqEntries*4, p.cqOff.cqes+p.cqEntries*uint32(unsafe.Sizeof(cqe{}))))
	if q.mem, err = unix.Mmap(fd, mapRing, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return fmt.Errorf("map the ring: %w", err)
	}
	sq, cq := &q.sq, &q.cq
	if sq.mem, err = unix.Mmap(fd, mapSQEs, int(p.sqEntries)*int(unsafe.Sizeof(sqe{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return fmt.Errorf("map the ring's entries: %w", err)
	}
	word := func(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&q.mem[at])) }
	sq.head, sq.tail, sq.flags = word(p.sqOff.head), word(p.sqOff.tail), word(p.sqOff.flags)
	cq.head, cq.tail, cq.overflow = word(p.cqOff.head), word(p.cqOff.tail), word(p.cqOff.overflow)
	sq.entries = unsafe.Slice((*sqe)(unsafe.Pointer(&sq.mem[0])), p.sqEntries)
	cq.entries = unsafe.Slice((*cqe)(unsafe.Pointer(&q.mem[p.cqOff.cqes])), p.cqEntries)
	sq.mask, cq.mask = p.sqEntries-1, p.cqEntries-1
	if p.flags&setupNoSQArray == 0 {
		array := unsafe.Slice(word(p.sqOff.array), p.sqEntries)
		for i := range array {
			array[i] = uint32(i)
		}
	}
	return nil
}

// ready reports whether the kernel has something for us without waiting.
func (q *queues) ready() bool {
	return !q.cq.empty() || atomic.LoadUint32(q.sq.flags)&(sqTaskrun|sqCQOverflow) != 0
}

func (q *queues) close() {
	for _, m := range [][]byte{q.mem, q.sq.mem} {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
	q.mem, q.sq.mem = nil, nil
}
