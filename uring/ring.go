package uring

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is the io_uring backend. Every turn of its owner is one io_uring_enter, which submits what was queued and
// collects what is ready. Operations are named by slot and generation; the kernel never sees a pointer of the Go heap.
//
// With DEFER_TASKRUN nothing completes but in our own enter with GETEVENTS, and one enter runs a bounded number of items:
// the flags word of the submission queue says when there is more, and then the ring does not sleep.
type ring struct {
	sockets
	cfg        Config
	fd         int32
	enterFD    int32 // fd, or its index among the registered ones
	setupFlags uint32
	have       support
	enter      func(submit, wait uint32, flags uintptr, arg uintptr, size uintptr) (uintptr, syscall.Errno)

	queueMem, sqeMem           []byte
	sqHead, sqTail, sqFlags    *uint32
	cqHead, cqTail, cqOverflow *uint32
	sqes                       []sqe
	cqes                       []cqe
	sqMask, cqMask             uint32
	filled                     uint32 // tail of the entries filled
	submitted                  uint32 // tail of the entries that the kernel took

	waitMem *Arena
	waitArg *geteventsArg
	waitTS  *timespec

	pbufMem  []byte
	pbufs    []pbuf
	pbufMask uint16
	pbufTail uint16
	pbufNews bool // buffers were provided and not yet published
	bufs     *recvBufs

	slots []ringSlot
	free  []uint32
	queue handleQueue // want an entry, in order
	peers []uint32    // rings to be woken: indexes of known
	known []*ring     // rings that were ever woken from here
	live  int         // slots in use

	sends blocks // of messages with several spans
	paths blocks // of operations with paths

	helpers  *helpers
	inHelper int
	out      []Completion
	local    []Completion // done without the kernel's queue
	helped   []Completion

	waker      waker
	eventArmed bool // the ring watches the waker's event
	counters   Counters
}

// User data that is no slot.
const (
	wakeUserData  = 1<<63 | 1
	eventUserData = 1<<63 | 2
	peerUserData  = 1<<63 | 3
)

// sweepMax bounds the completions of one Wait.
const sweepMax = 256

// ringSlot is an operation in flight.
type ringSlot struct {
	op        Op
	gen       uint32
	state     ringState
	cancelled bool
	step      uint8
	spans     uint8  // left in the block of a send
	spanAt    uint8  // first of them
	block     uint32 // of sends or paths, +1; 0: none
	bufID     uint32 // receive buffer taken at start; 0: none
	dirFD     int32
	done      int64 // bytes transferred
}

type ringState uint8

const (
	ringFree     ringState = iota
	ringQueued             // wants an entry
	ringInFlight           // the kernel has it, or it lies in an entry
	ringHelper             // a helper goroutine has it
)

// handleQueue is a queue that reuses its memory.
type handleQueue struct {
	items []Handle
	head  int
}

func (q *handleQueue) push(h Handle) {
	if q.head > 0 && len(q.items) == cap(q.items) {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, h)
}

func (q *handleQueue) len() int     { return len(q.items) - q.head }
func (q *handleQueue) peek() Handle { return q.items[q.head] }
func (q *handleQueue) pop() {
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
}

func (r *ring) Mode() string { return "uring" }

func (r *ring) Counters() Counters {
	c := r.counters
	if r.cqOverflow != nil {
		c.Overflows = uint64(atomic.LoadUint32(r.cqOverflow))
	}
	return c
}

// slotOf returns the slot that h names, or nil if it is dead.
func (r *ring) slotOf(h Handle) *ringSlot {
	i := uint32(h)
	if int(i) >= len(r.slots) {
		return nil
	}
	s := &r.slots[i]
	if s.state == ringFree || s.gen != uint32(h>>32) {
		return nil
	}
	return s
}

func (r *ring) newSlot() (Handle, *ringSlot) {
	var i uint32
	if k := len(r.free); k > 0 {
		i = r.free[k-1]
		r.free = r.free[:k-1]
	} else {
		r.slots = append(r.slots, ringSlot{})
		i = uint32(len(r.slots) - 1)
	}
	s := &r.slots[i]
	gen := (s.gen + 1) & 0x7fffffff
	*s = ringSlot{gen: max(gen, 1)}
	r.live++
	return Handle(s.gen)<<32 | Handle(i), s
}

func (r *ring) freeSlot(h Handle, s *ringSlot) {
	if s.block != 0 {
		r.blocksOf(s).give(s.block - 1)
	}
	*s = ringSlot{gen: s.gen}
	r.live--
	r.free = append(r.free, uint32(h))
}

func (r *ring) blocksOf(s *ringSlot) *blocks {
	if s.op.Kind == KindSend {
		return &r.sends
	}
	return &r.paths
}

// Submit implements IO. Inline writes are done here; everything else waits for the next Wait.
func (r *ring) Submit(op *Op) Handle {
	h, s := r.newSlot()
	s.op = *op
	s.dirFD = -1
	switch {
	case op.Kind == KindCancel:
		r.cancel(h, s)
	case op.Kind == KindWrite && op.Flags&FlagInline != 0, op.Kind == KindSend && len(op.Vec) == 0,
		op.Kind == KindRecvInto && len(op.Buf) == 0:
		r.inline(h, s)
	case r.byHelper(op.Kind):
		s.state = ringHelper
		r.inHelper++
		r.helpers.submit(h, *op)
	default:
		if errno := r.prepare(s); errno != 0 {
			s.state = ringInFlight
			r.finishLocal(h, s, errno)
			break
		}
		s.state = ringQueued
		r.queue.push(h)
	}
	return h
}

// byHelper reports whether an operation has no code in this kernel.
func (r *ring) byHelper(k Kind) bool {
	switch k {
	case KindList:
		return true
	case KindTruncate:
		return !r.have.op[opFtruncate]
	case KindRename:
		return !r.have.op[opRenameat]
	case KindUnlink:
		return !r.have.op[opUnlinkat]
	case KindMkdir:
		return !r.have.op[opMkdirat]
	case KindStat:
		return !r.have.op[opStatx]
	}
	return false
}

// inline does an operation at once.
func (r *ring) inline(h Handle, s *ringSlot) {
	s.state = ringInFlight
	var c Completion
	if s.op.Kind == KindWrite {
		r.counters.Syscalls++
		fileOp(&s.op, &c)
	}
	s.done = c.Res
	r.finishLocal(h, s, c.Err)
}

// finishLocal ends an operation that the kernel's queue says nothing of; its completion comes with the next Wait.
func (r *ring) finishLocal(h Handle, s *ringSlot, errno syscall.Errno) {
	c := Completion{Token: s.op.Token, Handle: h, Kind: s.op.Kind, Err: errno, Res: s.done}
	r.counters.add(&c, s.op.Flags)
	r.freeSlot(h, s)
	r.local = append(r.local, c)
}

// cancel asks for the end of another operation. One that the kernel has not seen ends here.
func (r *ring) cancel(h Handle, s *ringSlot) {
	t := r.slotOf(s.op.Target)
	switch {
	case t == nil || t.state == ringHelper || t == s:
		s.state = ringInFlight
		r.finishLocal(h, s, 0)
	case t.state == ringQueued && t.step == 0:
		r.dropBuffer(t)
		r.finishLocal(s.op.Target, t, syscall.ECANCELED)
		s.state, s.done = ringInFlight, 1
		r.finishLocal(h, s, 0)
	default:
		t.cancelled = true
		s.state = ringQueued
		r.queue.push(h)
	}
}

// Release implements IO.
func (r *ring) Release(id uint32) {
	if !r.have.pbufRing {
		r.bufs.give(id)
		return
	}
	r.bufs.returned(id)
	r.provide(id)
	r.pbufNews = true
}

// provide puts a buffer into the kernel's ring; publishBufs shows it.
func (r *ring) provide(id uint32) {
	p := &r.pbufs[r.pbufTail&r.pbufMask]
	buf := r.bufs.bytes(id)
	p.addr, p.len = uint64(addressOf(buf)), uint32(len(buf))
	if r.pbufTail&r.pbufMask != 0 {
		p.bid = uint16(id - 1)
	} else { // its last two bytes are the tail: written as one word with it
		r.pbufFirst(uint16(id - 1))
	}
	r.pbufTail++
}

// pbufFirst changes the buffer id of slot 0 and leaves the tail beside it as the kernel knows it.
func (r *ring) pbufFirst(bid uint16) {
	word := (*uint32)(unsafe.Pointer(&r.pbufs[0].bid))
	old := atomic.LoadUint32(word)
	atomic.StoreUint32(word, old&0xffff0000|uint32(bid))
}

func (r *ring) publishBufs() {
	word := (*uint32)(unsafe.Pointer(&r.pbufs[0].bid))
	old := atomic.LoadUint32(word)
	atomic.StoreUint32(word, old&0xffff|uint32(r.pbufTail)<<16)
	r.pbufNews = false
}

// Wake implements IO.
func (r *ring) Wake() { r.waker.wake() }

// WakePeer implements IO: by a message through the kernel, which leaves with our next enter.
func (r *ring) WakePeer(peer IO) {
	p, ok := peer.(*ring)
	if !ok || !r.have.msgRing || p == r {
		peer.Wake()
		return
	}
	for i, k := range r.known {
		if k == p {
			r.peers = append(r.peers, uint32(i))
			return
		}
	}
	r.known = append(r.known, p)
	r.peers = append(r.peers, uint32(len(r.known)-1))
}

// Wait implements IO.
func (r *ring) Wait(timeout time.Duration) []Completion {
	clear(r.out)
	r.out = r.out[:0]
	if r.pbufNews {
		r.publishBufs()
	}
	r.fill()
	left := r.queue.len() + len(r.peers)
	if timeout != 0 && (len(r.local) > 0 || r.ready() || left > 0 || !r.waker.sleep()) {
		timeout = 0
	}
	if timeout != 0 {
		if !r.armEvent() {
			timeout = 0 // nobody could wake us: submit what fills the queue, and come again
		}
		r.call(timeout)
		r.waker.rise()
	} else {
		r.waker.rise()
		if r.filled != r.submitted || r.ready() {
			r.call(0)
		}
	}
	r.sweep()
	for len(r.out) < sweepMax && left > 0 { // more was asked for than the queue holds
		before := r.submitted
		left -= r.fill()
		r.call(0)
		r.sweep()
		if r.submitted == before {
			break // the kernel takes nothing now: next turn
		}
	}
	r.collect()
	return r.out
}

// ready reports whether the kernel has something for us without waiting.
func (r *ring) ready() bool {
	return atomic.LoadUint32(r.cqTail) != *r.cqHead || atomic.LoadUint32(r.sqFlags)&(sqTaskrun|sqCQOverflow) != 0
}

// call enters the kernel: it submits what was filled, and waits for one completion if asked. What it returns says only
// how many entries went; the completion queue is looked at whatever it was.
func (r *ring) call(timeout time.Duration) {
	n := r.filled - r.submitted
	atomic.StoreUint32(r.sqTail, r.filled)
	flags, wait, arg, size := uintptr(enterGetEvents), uint32(0), uintptr(0), uintptr(0)
	if r.have.ringFD {
		flags |= enterRegisteredRing
	}
	if timeout != 0 {
		wait = 1
		if r.have.noIOWait {
			flags |= enterNoIOWait
		}
	}
	if timeout > 0 {
		*r.waitTS = timespec{int64(timeout / time.Second), int64(timeout % time.Second)}
		*r.waitArg = geteventsArg{ts: uint64(uintptr(unsafe.Pointer(r.waitTS)))}
		flags |= enterExtArg
		arg, size = uintptr(unsafe.Pointer(r.waitArg)), geteventsArgSize
	}
	begin := time.Now()
	took, errno := r.enter(n, wait, flags, arg, size)
	spent := time.Since(begin)
	r.counters.Syscalls++
	r.counters.Enters++
	r.counters.InEnter += spent
	if timeout != 0 {
		r.counters.Slept += spent
	}
	switch errno {
	case 0:
		r.submitted += uint32(took)
	case syscall.EINTR:
		r.counters.Interrupted++
	case syscall.ETIME, syscall.EAGAIN, syscall.EBUSY, syscall.ENOMEM:
		// Nothing was taken; what is done is collected, and the next turn tries again.
	case syscall.EBADR:
		panic("FATAL: the kernel lost a completion for want of memory: restart the server, give the machine more")
	default:
		panic(fmt.Sprintf("BUG: io_uring_enter: %v (submit %d, wait %d, flags %#x)", errno, n, wait, flags))
	}
}

// enterKernel is the real system call. It goes through Syscall also when it does not wait: with DEFER_TASKRUN it copies
// what sockets brought, and stop-the-world must not wait for that.
func (r *ring) enterKernel(submit, wait uint32, flags, arg, size uintptr) (uintptr, syscall.Errno) {
	n, _, errno := syscall.Syscall6(sysEnter, uintptr(r.enterFD), uintptr(submit), uintptr(wait), flags, arg, size)
	return n, errno
}

// entry returns the next free submission entry, zeroed, or nil when the queue is full.
func (r *ring) entry() *sqe {
	if r.filled-atomic.LoadUint32(r.sqHead) > r.sqMask {
		return nil
	}
	e := &r.sqes[r.filled&r.sqMask]
	*e = sqe{}
	r.filled++
	return e
}

// fill makes entries of what waits, as far as the queue has room, and returns how many.
func (r *ring) fill() (n int) {
	for ; len(r.peers) > 0; n++ {
		e := r.entry()
		if e == nil {
			return n
		}
		i := r.peers[len(r.peers)-1]
		r.peers = r.peers[:len(r.peers)-1]
		e.opcode, e.fd, e.off, e.flags, e.userData = opMsgRing, r.known[i].fd, wakeUserData, sqeCQESkipSuccess, peerUserData|uint64(i)<<8
	}
	for ; r.queue.len() > 0; n++ {
		h := r.queue.peek()
		s := r.slotOf(h)
		if s == nil || s.state != ringQueued { // cancelled meanwhile
			r.queue.pop()
			continue
		}
		e := r.entry()
		if e == nil {
			return n
		}
		r.queue.pop()
		s.state = ringInFlight
		r.start(e, s)
		e.userData = uint64(h)
	}
	return n
}

// armEvent has the ring wake up when the event descriptor is written. False: the queue has no room for that.
func (r *ring) armEvent() bool {
	if r.eventArmed {
		return true
	}
	e := r.entry()
	if e == nil {
		return false
	}
	e.opcode, e.fd, e.opFlags, e.userData = opPollAdd, int32(r.waker.fd), unix.POLLIN, eventUserData
	r.eventArmed = true
	return true
}

// sweep takes completions off the queue, at most sweepMax.
func (r *ring) sweep() {
	head, tail := *r.cqHead, atomic.LoadUint32(r.cqTail)
	tail = head + min(tail-head, sweepMax)
	for ; head != tail; head++ {
		e := r.cqes[head&r.cqMask]
		if e.userData>>63 != 0 {
			r.special(e)
			continue
		}
		h := Handle(e.userData)
		s := r.slotOf(h)
		if s == nil {
			r.counters.StaleCompletions++
			continue
		}
		r.completed(h, s, e.res, e.flags)
	}
	atomic.StoreUint32(r.cqHead, head)
}

// special handles completions that belong to no operation.
func (r *ring) special(e cqe) {
	switch {
	case e.userData == eventUserData:
		r.eventArmed = false
		var p [8]byte
		_, _ = unix.Read(r.waker.fd, p[:])
		r.counters.Syscalls++
	case e.userData&0xff == peerUserData&0xff && e.res < 0:
		r.known[uint32(e.userData>>8)].Wake() // its queue is full, or it has not begun: the other way then
	}
}

// collect adds what is done without the kernel's queue.
func (r *ring) collect() {
	if r.inHelper > 0 {
		r.helped = r.helpers.drain(r.helped[:0])
		for i := range r.helped {
			c := r.helped[i]
			s := r.slotOf(c.Handle)
			r.inHelper--
			c.Token, c.Kind = s.op.Token, s.op.Kind
			r.counters.add(&c, s.op.Flags)
			r.freeSlot(c.Handle, s)
			r.out = append(r.out, c)
		}
		clear(r.helped)
	}
	r.out = append(r.out, r.local...)
	clear(r.local)
	r.local = r.local[:0]
}

// HoldLock implements IO: a registered file lives until the ring's last operation has ended.
func (r *ring) HoldLock(fd int32) error {
	if err := r.register(registerFiles, unsafe.Pointer(&fd), 1); err != nil {
		return fmt.Errorf("register the locked file: %w", err)
	}
	return nil
}

// closeTimeout is how long Close waits for operations to end.
const closeTimeout = 5 * time.Second

// Close implements IO.
func (r *ring) Close() error {
	deadline := time.Now().Add(closeTimeout)
	for i := range r.slots {
		if s := &r.slots[i]; (s.state == ringQueued || s.state == ringInFlight) && s.op.Kind != KindClose && s.op.Kind != KindCloseSocket && s.op.Kind != KindCancel {
			r.Submit(&Op{Kind: KindCancel, Target: Handle(s.gen)<<32 | Handle(i)})
		}
	}
	for r.live > 0 {
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %d", errClosing, r.live) // their memory stays mapped: the kernel may still use it
		}
		for _, c := range r.Wait(10 * time.Millisecond) {
			if c.Kind == KindAccept && c.Err == 0 {
				_ = unix.Close(int(c.Res))
			}
		}
	}
	_ = r.register(unregisterFiles, nil, 0) // fails if there are none; else the lock would outlive us by a moment
	r.destroy()
	return nil
}
