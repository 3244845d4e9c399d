package uring

import (
	"fmt"
	"math/bits"
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
	cfg      Config
	have     support
	kernel   kernelRing
	queues   queues
	slots    ringSlots
	memory   opMemory
	recv     recvRing
	wakes    ringWakes
	help     ringHelp
	out      []Completion
	local    []Completion // done without the kernel's queue
	counters Counters
	writer   inlineWriter
	received int64     // bytes into provided buffers with the last sweep: so much may come with the next call
	began    time.Time // what its clock counts from: the monotonic clock alone is half the cost of time.Now
}

// User data that is no slot.
const (
	wakeUserData  = 1<<63 | 1
	eventUserData = 1<<63 | 2
	peerUserData  = 1<<63 | 3
)

// sweepMax bounds the completions of one Wait.
const sweepMax = 256

func (r *ring) Mode() string { return "uring" }

func (r *ring) Counters() Counters {
	c := r.counters
	c.Overflows = r.queues.cq.overflows()
	return c
}

// String says what the ring uses, for the log.
func (r *ring) String() string {
	return fmt.Sprintf("io_uring flags %#x (%d), provided buffers %t, multishot receive %t and accept %t, message ring %t",
		r.kernel.setupFlags, bits.OnesCount32(r.kernel.setupFlags), r.recv.provided, r.have.recvMulti, r.have.acceptMulti, r.have.msgRing)
}

// Submit implements IO. Inline writes are done here; everything else waits for the next Wait.
func (r *ring) Submit(op *Op) Handle {
	h, s := r.slots.take()
	s.op = *op
	s.bytes = op.bytes()
	r.slots.bytes += s.bytes
	s.dirFD = -1
	switch {
	case op.Kind == KindCancel:
		r.cancel(h, s)
	case op.Kind == KindWrite && op.Flags&FlagInline != 0, op.Kind == KindSend && len(op.Vec) == 0,
		op.Kind == KindRecvInto && len(op.Buf) == 0:
		r.inline(h, s)
	case !r.have.kind(op.Kind):
		s.state = ringHelper
		r.help.submit(h, op)
	default:
		if errno := r.memory.prepare(s); errno != 0 {
			s.state = ringInFlight
			r.finishLocal(h, s, errno)
			break
		}
		r.slots.enqueue(h, s)
	}
	return h
}

// inline does an operation at once.
func (r *ring) inline(h Handle, s *ringSlot) {
	s.state = ringInFlight
	var c Completion
	if s.op.Kind == KindWrite {
		r.counters.Syscalls++
		c.Res, c.Err = r.writer.write(&s.op)
	}
	s.done = c.Res
	r.finishLocal(h, s, c.Err)
}

// finishLocal ends an operation that the kernel's queue says nothing of; its completion comes with the next Wait.
func (r *ring) finishLocal(h Handle, s *ringSlot, errno syscall.Errno) {
	c := Completion{Token: s.op.Token, Handle: h, Kind: s.op.Kind, Err: errno, Res: s.done}
	r.local = append(r.local, c)
	r.ended(h, s, &c)
}

// ended counts the last completion of an operation and gives back what it had.
func (r *ring) ended(h Handle, s *ringSlot, c *Completion) {
	r.counters.add(c, s.op.Flags)
	r.memory.give(s)
	r.slots.give(h, s)
}

// cancel asks for the end of another operation. One that the kernel has not seen ends here.
func (r *ring) cancel(h Handle, s *ringSlot) {
	t := r.slots.of(s.op.Target)
	switch {
	case t == nil || t.state == ringHelper || t == s:
		s.state = ringInFlight
		r.finishLocal(h, s, 0)
	case t.state == ringQueued && t.step == 0:
		r.recv.dropFrom(t)
		r.finishLocal(s.op.Target, t, syscall.ECANCELED)
		s.state, s.done = ringInFlight, 1
		r.finishLocal(h, s, 0)
	default:
		t.cancelled = true
		r.slots.enqueue(h, s)
	}
}

// Release implements IO.
func (r *ring) Release(id uint32) { r.recv.release(id) }

// Wake implements IO.
func (r *ring) Wake() { r.wakes.waker.wake() }

// WakePeer implements IO: by a message through the kernel, which leaves with our next enter.
func (r *ring) WakePeer(peer IO) {
	p, ok := peer.(*ring)
	if !ok || !r.have.msgRing || p == r {
		peer.Wake()
		return
	}
	r.wakes.want(p)
}

// Wait implements IO.
func (r *ring) Wait(timeout time.Duration) []Completion {
	clear(r.out)
	r.out = r.out[:0]
	if r.recv.news {
		r.recv.show()
	}
	r.fill()
	left, waker := r.waiting(), &r.wakes.waker
	if timeout != 0 && (len(r.local) > 0 || r.queues.ready() || left > 0 || !waker.sleep()) {
		timeout = 0
	}
	if timeout != 0 {
		if !r.wakes.arm(&r.queues.sq) {
			timeout = 0 // nobody could wake us: submit what fills the queue, and come again
		}
		r.call(timeout)
		waker.rise()
	} else {
		waker.rise()
		if r.queues.sq.filled != r.queues.sq.submitted || r.queues.ready() {
			r.call(0)
		}
	}
	r.sweep()
	for len(r.out) < sweepMax && left > 0 { // more was asked for than the queue holds
		before := r.queues.sq.submitted
		left -= r.fill()
		r.call(0)
		r.sweep()
		if r.queues.sq.submitted == before {
			break // the kernel takes nothing now: next turn
		}
	}
	r.collect()
	r.invariants()
	return r.out
}

// waiting is how much wants an entry.
func (r *ring) waiting() int { return r.slots.queue.len() + len(r.wakes.peers) }

// fill makes entries of what waits, as far as the queue has room, and returns by how much less waits.
func (r *ring) fill() int {
	waited := r.waiting()
	if !r.wakes.send(&r.queues.sq) {
		return waited - r.waiting()
	}
	for h, s := r.slots.next(); s != nil; h, s = r.slots.next() {
		e := r.queues.sq.entry()
		if e == nil {
			break
		}
		r.slots.queue.pop()
		s.state = ringInFlight
		r.start(e, s)
		e.userData = uint64(h)
	}
	return waited - r.waiting()
}

// call enters the kernel: it submits what was filled, and waits for one completion if asked. What it returns says only
// how many entries went; the completion queue is looked at whatever it was.
func (r *ring) call(timeout time.Duration) {
	n := r.queues.sq.show()
	var begin time.Duration
	if timeout != 0 {
		begin = time.Since(r.began)
	}
	took, errno := r.kernel.call(n, timeout, r.slots.bytes+r.received <= rawBytesMax)
	if timeout != 0 {
		spent := time.Since(r.began) - begin
		r.counters.Slept += spent
		r.kernel.sleeper.slept(spent)
	}
	r.counters.Syscalls++
	r.counters.Enters++
	switch errno {
	case 0:
		r.queues.sq.submitted += uint32(took)
	case syscall.EINTR:
		r.counters.Interrupted++
	case syscall.ETIME, syscall.EAGAIN, syscall.EBUSY, syscall.ENOMEM:
		// Nothing was taken; what is done is collected, and the next turn tries again.
	case syscall.EBADR:
		panic("FATAL: the kernel lost a completion for want of memory: restart the server, give the machine more")
	default:
		panic(fmt.Sprintf("BUG: io_uring_enter: %v (submit %d, timeout %v)", errno, n, timeout))
	}
}

// sweep takes completions off the queue, at most sweepMax.
func (r *ring) sweep() {
	cq := &r.queues.cq
	r.received = 0
	head, tail := cq.bounds()
	for ; head != tail; head++ {
		e := cq.entries[head&cq.mask]
		if e.userData>>63 != 0 {
			if r.wakes.came(e) {
				r.counters.Syscalls++
			}
			continue
		}
		h := Handle(e.userData)
		s := r.slots.of(h)
		if s == nil {
			r.counters.StaleCompletions++
			continue
		}
		r.completed(h, s, e.res, e.flags)
	}
	cq.taken(head)
}

// collect adds what is done without the kernel's queue.
func (r *ring) collect() {
	done := r.help.collect()
	for i := range done {
		c := &done[i]
		s := r.slots.of(c.Handle)
		c.Token, c.Kind = s.op.Token, s.op.Kind
		r.out = append(r.out, *c)
		r.ended(c.Handle, s, c)
	}
	clear(done)
	r.out = append(r.out, r.local...)
	clear(r.local)
	r.local = r.local[:0]
}

// HoldLock implements IO: a registered file lives until the ring's last operation has ended.
func (r *ring) HoldLock(fd int32) error {
	if err := r.kernel.register(registerFiles, unsafe.Pointer(&fd), 1); err != nil {
		return fmt.Errorf("register the locked file: %w", err)
	}
	return nil
}

// closeTimeout is how long Close waits for operations to end.
const closeTimeout = 5 * time.Second

// Close implements IO.
func (r *ring) Close() error {
	deadline := time.Now().Add(closeTimeout)
	for i := range r.slots.all {
		if s := &r.slots.all[i]; (s.state == ringQueued || s.state == ringInFlight) && s.op.Kind != KindClose && s.op.Kind != KindCloseSocket && s.op.Kind != KindCancel {
			r.Submit(&Op{Kind: KindCancel, Target: Handle(s.gen)<<32 | Handle(i)})
		}
	}
	for r.slots.live > 0 {
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %d", errClosing, r.slots.live) // their memory stays mapped: the kernel may still use it
		}
		for _, c := range r.Wait(10 * time.Millisecond) {
			if c.Kind == KindAccept && c.Err == 0 {
				_ = unix.Close(int(c.Res))
			}
		}
	}
	_ = r.kernel.register(unregisterFiles, nil, 0) // fails if there are none; else the lock would outlive us by a moment
	r.destroy()
	return nil
}

// invariants: every operation in flight has one place, and so has the memory that is lent to it.
func (r *ring) invariants() {
	if !invariantsOn {
		return
	}
	r.slots.invariants(r.help.out)
	r.memory.invariants(r.slots.all)
	r.queues.sq.invariants()
}
