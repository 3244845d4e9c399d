package uring

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// epoll is the backend for machines that refuse io_uring: it makes completions out of readiness.
//
// An operation on a socket is tried at once, in Submit; only when the kernel has nothing to give does it wait for an
// event. Each socket is registered once, edge-triggered for both directions, and what the events said is kept in bits of
// our own, so that a request costs no epoll_ctl. What a turn's bound cut off goes on with the next Wait. Files are always
// "ready" for epoll: what may block goes to the helpers, reads of the page cache and inline writes are done at once.
type epoll struct {
	sockets
	fd       int
	waker    waker
	helpers  *helpers
	bufs     *recvBufs
	ops      pendings
	socks    []sock // by descriptor
	ready    []int32
	resumed  []int32 // what ready was when the turn began
	turn     uint32
	moved    int // bytes moved from and to sockets in this turn
	out      []Completion
	returned int // so many of out went to the caller with the last Wait
	helped   []Completion
	events   []unix.EpollEvent
	msg      unix.Msghdr
	noPwait2 bool // the kernel has no epoll_pwait2
	sleeper  sleeper
	writer   inlineWriter
	began    time.Time // what its clock counts from: the monotonic clock alone is half the cost of time.Now
	counters Counters
}

// Bounds of one Wait. What exceeds them waits for the next.
const (
	completionsMax  = 256
	eventsMax       = 256
	turnBytesMax    = 4 << 20 // of all sockets together
	sockBytesMax    = 1 << 20 // of one socket, each way
	sockCallsMax    = 32      // receives, or sends, of one socket
	acceptsMax      = 64
	inlineReadMax   = 1 << 20 // a longer read is the helpers' affair, even if the page cache has it
	orphanEventsMax = 3
)

func newEpoll(cfg Config) (*epoll, error) {
	cfg.defaults()
	e := &epoll{fd: -1, waker: waker{fd: -1}, sleeper: sleeper{keeps: cfg.KeepProc}, writer: newInlineWriter(), began: time.Now(), events: make([]unix.EpollEvent, eventsMax)}
	var err error
	if e.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		e.fd = -1
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	if e.bufs, err = newRecvBufs(cfg.RecvBufs, cfg.RecvBufBytes); err != nil {
		e.release()
		return nil, err
	}
	if e.waker.fd, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		e.waker.fd = -1
		e.release()
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	if errno := e.ctl(unix.EPOLL_CTL_ADD, int32(e.waker.fd), unix.EPOLLIN|unix.EPOLLET); errno != 0 {
		e.release()
		return nil, fmt.Errorf("watch the eventfd: %w", errno)
	}
	e.helpers = newHelpers(cfg.Helpers, func() { e.waker.wake() })
	return e, nil
}

// release gives back all that the kernel lent.
func (e *epoll) release() {
	e.waker.close()
	if e.fd >= 0 {
		_ = unix.Close(e.fd)
		e.fd = -1
	}
	if e.bufs != nil {
		e.bufs.close()
		e.bufs = nil
	}
}

// Mode implements IO.
func (e *epoll) Mode() string { return "epoll" }

// Counters implements IO.
func (e *epoll) Counters() Counters { return e.counters }

// HoldLock implements IO. The kernel has no operation of ours in flight once the process is gone.
func (e *epoll) HoldLock(int32) error { return nil }

// Release implements IO.
func (e *epoll) Release(id uint32) { e.bufs.give(id) }

// Wake implements IO.
func (e *epoll) Wake() { e.waker.wake() }

// WakePeer implements IO.
func (e *epoll) WakePeer(peer IO) {
	p, ok := peer.(*epoll)
	switch {
	case !ok:
		peer.Wake()
	case p.waker.wake():
		e.counters.Syscalls++
	}
}

// Submit implements IO.
func (e *epoll) Submit(op *Op) Handle {
	i := e.ops.take(op)
	h := e.ops.handle(i)
	switch op.Kind {
	case KindNop:
		e.end(i, 0, 0)
	case KindCancel:
		e.cancel(i, op.Target)
	case KindAccept, KindRecv, KindRecvInto, KindSend:
		e.startSocket(i, op)
	case KindCloseSocket:
		e.end(i, e.closeSocket(op.FD), 0)
	case KindRead:
		e.read(i, op)
	case KindWrite:
		e.write(i, op)
	case KindFdatasync, KindFallocate, KindTruncate, KindOpen, KindClose, KindRename, KindUnlink, KindMkdir, KindSyncDir, KindList, KindStat:
		e.helpers.submit(h, *op)
	default:
		e.end(i, syscall.EINVAL, 0)
	}
	return h
}

// Wait implements IO.
func (e *epoll) Wait(timeout time.Duration) []Completion {
	left := copy(e.out, e.out[e.returned:])
	clear(e.out[left:])
	e.out, e.returned = e.out[:left], 0
	e.turn++
	e.moved = 0
	e.resume()
	if len(e.out) > 0 || len(e.ready) > 0 {
		timeout = 0
	}
	for _, ev := range e.events[:e.poll(timeout)] {
		e.event(ev.Fd, ev.Events)
	}
	e.collect()
	e.returned = min(len(e.out), completionsMax)
	return e.out[:e.returned:e.returned]
}

// poll asks for events, and sleeps for at most timeout until there is one; below zero: as long as it takes.
func (e *epoll) poll(timeout time.Duration) int {
	if timeout != 0 && !e.waker.sleep() {
		timeout = 0
	}
	var n int
	var errno syscall.Errno
	if timeout == 0 {
		n, errno = e.wait(0, true)
	} else {
		n, errno = e.sleep(timeout)
	}
	e.waker.rise()
	e.counters.Enters++
	switch errno {
	case 0:
		return n
	case syscall.EINTR:
		e.counters.Interrupted++
		return 0
	}
	panic(fmt.Sprintf("BUG: epoll_wait: %v (timeout %v)", errno, timeout))
}

// sleep waits for events, and counts for how long.
func (e *epoll) sleep(timeout time.Duration) (int, syscall.Errno) {
	timeout, raw := e.sleeper.bound(timeout)
	begin := time.Since(e.began)
	n, errno := e.wait(timeout, raw)
	spent := time.Since(e.began) - begin
	e.counters.Slept += spent
	e.sleeper.slept(spent)
	return n, errno
}

// collect takes what the helpers have done.
func (e *epoll) collect() {
	e.helped = e.helpers.drain(e.helped[:0])
	for k := range e.helped {
		c := &e.helped[k]
		i := e.ops.find(c.Handle)
		if i == 0 {
			panic(fmt.Sprintf("BUG: a helper answers %#x, which is not in flight", c.Handle))
		}
		e.counters.add(c, e.ops.all[i].flags)
		e.ops.release(i)
		e.out = append(e.out, *c)
	}
	clear(e.helped)
}

// cancel ends target with what it has done so far. What a helper does cannot be stopped.
func (e *epoll) cancel(i uint32, target Handle) {
	t := e.ops.find(target)
	if t == 0 || t == i {
		e.end(i, 0, 0)
		return
	}
	switch o := &e.ops.all[t]; o.kind {
	case KindAccept, KindRecv, KindRecvInto, KindSend:
		e.unqueue(t)
		e.end(t, syscall.ECANCELED, o.done)
		e.end(i, 0, 1)
	default:
		e.end(i, 0, 0)
	}
}

// more answers operation i and leaves it in flight.
func (e *epoll) more(i uint32, res int64, r Recv) {
	o := &e.ops.all[i]
	e.out = append(e.out, Completion{Token: o.token, Handle: e.ops.handle(i), Kind: o.kind, More: true, Res: res, Recv: r})
	e.counters.add(&e.out[len(e.out)-1], o.flags)
}

// end answers operation i for the last time.
func (e *epoll) end(i uint32, errno syscall.Errno, res int64) { e.endRecv(i, errno, res, Recv{}) }

func (e *epoll) endRecv(i uint32, errno syscall.Errno, res int64, r Recv) {
	o := &e.ops.all[i]
	e.out = append(e.out, Completion{Token: o.token, Handle: e.ops.handle(i), Kind: o.kind, Err: errno, Res: res, Recv: r})
	e.counters.add(&e.out[len(e.out)-1], o.flags)
	e.ops.release(i)
}

// Close implements IO. Operations on sockets just end: between our calls the kernel knows nothing of them.
func (e *epoll) Close() error {
	if e.fd < 0 {
		return nil
	}
	e.helpers.close()
	e.collect()
	for _, c := range e.out[e.returned:] {
		if c.Err == 0 && (c.Kind == KindAccept || c.Kind == KindOpen) {
			_ = unix.Close(int(c.Res)) // nobody will ever learn of it
		}
	}
	e.out, e.returned = nil, 0
	e.release()
	return nil
}
