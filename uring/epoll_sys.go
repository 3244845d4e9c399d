package uring

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ctl changes what epoll watches.
func (e *epoll) ctl(what int, fd int32, events uint32) syscall.Errno {
	ev := unix.EpollEvent{Events: events, Fd: fd}
	e.counters.Syscalls++
	return errnoOf(unix.EpollCtl(e.fd, what, int(fd), &ev))
}

// wait is epoll_pwait2, whose timeout has nanoseconds, or epoll_wait where the kernel or its seccomp profile does not
// know the new call; then the timeout is rounded up to milliseconds. raw: it keeps the runtime's processor, see sleeper.
func (e *epoll) wait(timeout time.Duration, raw bool) (int, syscall.Errno) {
	e.counters.Syscalls++
	if !e.noPwait2 {
		var ts *unix.Timespec
		if timeout >= 0 {
			ts = &unix.Timespec{Sec: int64(timeout / time.Second), Nsec: int64(timeout % time.Second)}
		}
		n, errno := pwait2(raw, e.fd, e.events, ts)
		if errno != syscall.ENOSYS && errno != syscall.EPERM {
			return n, errno
		}
		e.noPwait2 = true
	}
	ms := -1
	if timeout >= 0 {
		ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, 1<<30))
	}
	n, err := unix.EpollWait(e.fd, e.events, ms)
	return n, errnoOf(err)
}

func pwait2(raw bool, fd int, events []unix.EpollEvent, ts *unix.Timespec) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if raw {
		n, _, errno = syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(ts)), 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(ts)), 0, 0)
	}
	return int(n), errno
}

// recvNow is recv without waiting. p is not empty.
func recvNow(fd int32, p []byte) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if len(p) <= rawBytesMax {
		n, _, errno = syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// sendNow is sendmsg without waiting, and without a signal when the peer is gone. One small span goes by sendto: that has less for the kernel to read.
func sendNow(fd int32, msg *unix.Msghdr) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if size := spansBytes(msg); size <= rawBytesMax && msg.Iovlen == 1 {
		n, _, errno = syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(msg.Iov.Base)), uintptr(size), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	} else if size <= rawBytesMax {
		n, _, errno = syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	} else {
		n, _, errno = syscall.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// spansBytes is how much a message has.
func spansBytes(msg *unix.Msghdr) (n uint64) {
	for _, s := range unsafe.Slice(msg.Iov, msg.Iovlen) {
		n += s.Len
	}
	return n
}

// acceptNow takes one connection off the backlog of the non-blocking listener fd.
func acceptNow(fd int32) (int32, syscall.Errno) {
	n, _, errno := syscall.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int32(n), 0
}
