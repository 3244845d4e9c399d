package uring

import (
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waker ends the sleep of an owner from any thread, and costs a system call only when there is a sleep to end.
//
//	owner                                     any thread
//	1 sleep: awake -> sleeping                a state = woken; was it sleeping?
//	    was it woken? then do not block         then write the eventfd
//	2 block in the kernel
//	3 rise: state = awake
//
// No wake-up is lost: whatever a comes upon, either 1 finds woken and does not block, or a finds sleeping and writes,
// and the written event is due when 2 blocks, or 3 has been reached and the Wait returns anyway. A write that comes late,
// after 3, makes a later Wait return for nothing, which is allowed.
//
// With epoll the eventfd is watched edge-triggered: each write is an edge, so nobody has to read it, and the counter overflows
// after 2^64 wake-ups. A ring reads it when its watch goes off.
type waker struct {
	state atomic.Uint32
	mu    sync.Mutex // a late write must not hit another file that got the number
	fd    int
}

const (
	wakerAwake uint32 = iota
	wakerSleeping
	wakerWoken
)

// wake may be called by any thread, also after close. It reports whether it made a system call.
func (w *waker) wake() bool {
	if w.state.Swap(wakerWoken) != wakerSleeping {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fd < 0 {
		return false
	}
	one := [8]byte{0: 1} // the counter is in the machine's byte order; any number but 0 will do
	for {
		_, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(w.fd), uintptr(unsafe.Pointer(&one[0])), uintptr(len(one)))
		if errno != syscall.EINTR {
			return true
		}
	}
}

// sleep announces that the owner is about to block. False: a wake-up is due, do not.
func (w *waker) sleep() bool { return w.state.CompareAndSwap(wakerAwake, wakerSleeping) }

// rise ends the sleep and takes the wake-up that is due, if there is one.
func (w *waker) rise() { w.state.Store(wakerAwake) }

func (w *waker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fd >= 0 {
		_ = unix.Close(w.fd)
		w.fd = -1
	}
}
