package uring

import "golang.org/x/sys/unix"

// read gives what the page cache has at once. What it has not, or not all of, a helper reads from the start: the second
// copy costs little beside the disk. Some kernels answer 0 in the middle of a file, so a short answer is never taken for
// its end here. Direct reads would wait for the disk in spite of RWF_NOWAIT.
func (e *epoll) read(i uint32, op *Op) {
	if len(op.Buf) > 0 && len(op.Buf) <= inlineReadMax && !e.direct(op.FD) {
		n, errno := preadNoWait(op.FD, op.Buf, op.Pos)
		e.counters.Syscalls++
		if errno == 0 && n == len(op.Buf) {
			e.end(i, 0, int64(n))
			return
		}
	}
	e.helpers.submit(e.ops.handle(i), *op)
}

// direct reports whether fd was opened with O_DIRECT. It asks each time: the number may name another file by now.
func (e *epoll) direct(fd int32) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	e.counters.Syscalls++
	return err == nil && flags&unix.O_DIRECT != 0
}

func (e *epoll) write(i uint32, op *Op) {
	if op.Flags&FlagInline == 0 {
		e.helpers.submit(e.ops.handle(i), *op)
		return
	}
	res, errno := e.writer.write(op)
	e.counters.Syscalls++
	e.end(i, errno, res)
}
