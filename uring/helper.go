package uring

import (
	"math"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// helpers are a few ordinary goroutines for file operations that may block: all of them for epoll, and those for which
// the kernel has no opcode for io_uring. The owner hands over and takes back without ever waiting for one of them.
//
// What is queued is bounded by the operations that the owner has in flight. Operations end in any order, also those on
// one file: the seam promises none.
//
// Helpers without work sleep in the kernel, on posted, and not in the runtime. A goroutine that an owner makes ready is put on the
// owner's processor, which the owner keeps while it sleeps; another thread has to come and steal it, and waits some 50 µs before it does.
type helpers struct {
	mu      sync.Mutex
	posted  atomic.Uint32 // counts what may end the sleep of a helper
	idle    atomic.Int32  // helpers that sleep, or are about to
	queue   []request
	head    int // the first of queue not yet taken
	done    []Completion
	ended   atomic.Int32 // len(done), so that looking costs no lock
	closing bool
	running sync.WaitGroup
	wake    func()
}

type request struct {
	handle Handle
	op     Op
}

// newHelpers starts n goroutines. wake is called by one of them whenever it has put an answer where drain finds it.
func newHelpers(n int, wake func()) *helpers {
	h := &helpers{wake: wake}
	for range n {
		h.running.Go(h.run)
	}
	return h
}

// submit hands op over. Its completion carries handle; the owner fills in what it keeps itself.
func (h *helpers) submit(handle Handle, op Op) {
	h.mu.Lock()
	if h.head > 0 && len(h.queue) == cap(h.queue) {
		n := copy(h.queue, h.queue[h.head:])
		clear(h.queue[n:])
		h.queue, h.head = h.queue[:n], 0
	}
	h.queue = append(h.queue, request{handle, op})
	h.mu.Unlock()
	h.post(1)
}

// drain appends to dst what has ended since the last call. Token, Handle, Kind, Err, Res, Entries and Stat are set.
func (h *helpers) drain(dst []Completion) []Completion {
	if h.ended.Load() == 0 {
		return dst
	}
	h.mu.Lock()
	dst = append(dst, h.done...)
	clear(h.done)
	h.done = h.done[:0]
	h.ended.Store(0)
	h.mu.Unlock()
	return dst
}

// close returns when all that was submitted has ended; drain still has it.
func (h *helpers) close() {
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	h.post(math.MaxInt32)
	h.running.Wait()
}

func (h *helpers) run() {
	for {
		r, ok := h.take()
		if !ok {
			return
		}
		c := Completion{Token: r.op.Token, Handle: r.handle, Kind: r.op.Kind}
		fileOp(&r.op, &c)
		h.mu.Lock()
		h.done = append(h.done, c)
		h.ended.Store(int32(len(h.done)))
		h.mu.Unlock()
		h.wake()
	}
}

// take waits for a request. False: there will be no more.
func (h *helpers) take() (request, bool) {
	for {
		posted := h.posted.Load() // before the look, so that what is posted after it ends the sleep
		r, found, closing := h.next()
		if found || closing {
			return r, found
		}
		h.sleep(posted)
	}
}

// next takes the first request, if there is one; without one it reports whether there will be others.
func (h *helpers) next() (r request, found, closing bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.head == len(h.queue) {
		return request{}, false, h.closing
	}
	r = h.queue[h.head]
	h.queue[h.head] = request{}
	h.head++
	if h.head == len(h.queue) {
		h.queue, h.head = h.queue[:0], 0
	}
	return r, true, false
}

// post ends the sleep of up to n helpers.
func (h *helpers) post(n int) {
	h.posted.Add(1)
	if h.idle.Load() > 0 {
		_, _, _ = syscall.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&h.posted)), futexWakePrivate, uintptr(n), 0, 0, 0)
	}
}

// sleep returns when something has been posted since posted was read, or for nothing.
func (h *helpers) sleep(posted uint32) {
	h.idle.Add(1)
	_, _, _ = syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&h.posted)), futexWaitPrivate, uintptr(posted), 0, 0, 0)
	h.idle.Add(-1)
}

// FUTEX_WAIT and FUTEX_WAKE of linux/futex.h, with FUTEX_PRIVATE_FLAG: between threads of this process.
const (
	futexWaitPrivate = 128
	futexWakePrivate = 129
)

// ringHelp is what a ring has helpers for: operations for which the kernel has no code.
type ringHelp struct {
	helpers *helpers
	out     int // operations that they have
	done    []Completion
}

func (a *ringHelp) submit(h Handle, op *Op) {
	a.out++
	a.helpers.submit(h, *op)
}

// collect returns what has ended since the last call, good until the next. Where nothing is out it asks nobody.
func (a *ringHelp) collect() []Completion {
	if a.out == 0 {
		return nil
	}
	a.done = a.helpers.drain(a.done[:0])
	a.out -= len(a.done)
	return a.done
}

func (a *ringHelp) close() {
	if a.helpers != nil {
		a.helpers.close()
	}
}
