package uring

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelSigaction is struct sigaction as rt_sigaction(2) takes it on 64-bit Linux.
type kernelSigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// EndIn has the kernel end the process by SIGALRM after d, whatever its threads do then: the runtime prints a panic's stack with
// all other goroutines stopped, and would wait for ever where nobody reads it. It cannot be taken back.
func EndIn(d time.Duration) {
	var byDefault kernelSigaction
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGALRM), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
	if errno != 0 {
		return
	}
	_, _ = unix.Setitimer(unix.ItimerReal, unix.Itimerval{Value: unix.NsecToTimeval(int64(d))})
}
