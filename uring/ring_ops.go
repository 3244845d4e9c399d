package uring

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const transferMax = 1 << 30 // bytes of one read or write; the kernel takes a little less than 2 GiB

const atFDCWD = uint32(0xffffff9c) // AT_FDCWD

// start fills e with what is left to do of the operation.
func (r *ring) start(e *sqe, s *ringSlot) {
	op := &s.op
	e.fd = op.FD
	switch op.Kind {
	case KindAccept:
		e.opcode, e.opFlags = opAccept, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC
		if r.have.acceptMulti {
			e.ioprio = acceptMultishot
		}
	case KindRecv:
		r.startRecv(e, s)
	case KindRecvInto:
		e.opcode, e.opFlags = opRecv, unix.MSG_WAITALL
		e.setBuf(op.Buf[s.done:])
	case KindSend:
		r.startSend(e, s)
	case KindRead, KindWrite:
		e.opcode = opRead
		if op.Kind == KindWrite {
			e.opcode = opWrite
		}
		if op.Flags&FlagDSync != 0 {
			e.opFlags = unix.RWF_DSYNC
		}
		e.off = uint64(op.Pos + s.done)
		e.setBuf(op.Buf[s.done:min(int64(len(op.Buf)), s.done+transferMax)])
	case KindFdatasync:
		e.opcode, e.opFlags = opFsync, fsyncDatasync
	case KindFallocate:
		e.opcode, e.off, e.addr = opFallocate, uint64(op.Pos), uint64(op.Len)
		if op.Flags&FlagKeepSize != 0 {
			e.len = unix.FALLOC_FL_KEEP_SIZE
		}
	case KindTruncate:
		e.opcode, e.off = opFtruncate, uint64(op.Pos)
	case KindClose, KindCloseSocket:
		e.opcode = opClose
	case KindCancel:
		e.opcode, e.fd, e.addr = opAsyncCancel, -1, uint64(op.Target)
	case KindNop:
		e.opcode = opNop
	default:
		r.startPath(e, s)
	}
}

func (e *sqe) setBuf(p []byte) { e.addr, e.len = uint64(addressOf(p)), uint32(len(p)) }

func (r *ring) startRecv(e *sqe, s *ringSlot) {
	op := &s.op
	e.opcode = opRecv
	size := r.cfg.RecvBufBytes
	if op.Flags&FlagMulti == 0 && op.Len > 0 {
		size = min(size, int(op.Len))
	}
	switch {
	case !r.recv.provided:
		if !r.recv.takeFor(s) {
			e.opcode = opNop // completed answers ENOBUFS
			return
		}
		e.setBuf(r.recv.bufs.bytes(s.bufID)[:size])
	case op.Flags&FlagMulti != 0 && r.have.recvMulti:
		e.flags, e.bufGroup, e.ioprio = sqeBufferSelect, recvGroup, recvMultishot
	default:
		e.flags, e.bufGroup, e.len = sqeBufferSelect, recvGroup, uint32(size)
	}
}

func (r *ring) startSend(e *sqe, s *ringSlot) {
	e.opFlags = unix.MSG_NOSIGNAL | unix.MSG_WAITALL
	if s.block == 0 {
		e.opcode = opSend
		e.setBuf(s.op.Buf[s.done:])
		return
	}
	iov := r.memory.iovecs(s)
	m := r.memory.message(s)
	*m = msghdr{iov: uint64(uintptr(unsafe.Pointer(&iov[0]))), iovLen: uint64(len(iov))}
	e.opcode, e.addr, e.len = opSendmsg, uint64(uintptr(unsafe.Pointer(m))), 1
}

// startPath fills e for an operation on paths. A directory is synced in three steps: open, sync, close.
func (r *ring) startPath(e *sqe, s *ringSlot) {
	op := &s.op
	mem := r.memory.paths.bytes(s.block - 1)
	path, path2, stat := uint64(addressOf(mem)), uint64(addressOf(mem[pathBytes:])), uint64(addressOf(mem[2*pathBytes:]))
	e.fd, e.addr = unix.AT_FDCWD, path
	switch op.Kind {
	case KindOpen:
		e.opcode, e.len, e.opFlags = opOpenat, fileMode, uint32(op.OpenFlags|unix.O_CLOEXEC)
	case KindRename:
		e.opcode, e.len, e.off = opRenameat, atFDCWD, path2
	case KindUnlink:
		e.opcode = opUnlinkat
		if op.Flags&FlagDir != 0 {
			e.opFlags = unix.AT_REMOVEDIR
		}
	case KindMkdir:
		e.opcode, e.len = opMkdirat, dirMode
	case KindStat:
		e.opcode, e.len, e.off = opStatx, statxMask, stat
	case KindSyncDir:
		switch s.step {
		case 0:
			e.opcode, e.opFlags = opOpenat, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC
		case 1:
			e.opcode, e.fd, e.addr = opFsync, s.dirFD, 0
		default:
			e.opcode, e.fd, e.addr = opClose, s.dirFD, 0
		}
	}
}

// completed takes one completion of the kernel: what is short or interrupted goes on, what is whole is answered.
func (r *ring) completed(h Handle, s *ringSlot, res int32, flags uint32) {
	op := &s.op
	errno := syscall.Errno(0)
	if res < 0 {
		errno = syscall.Errno(-res)
	}
	closes := op.Kind == KindClose || op.Kind == KindCloseSocket // is done whatever it says
	if (errno == syscall.EINTR || errno == syscall.EAGAIN) && op.Kind != KindCancel && !closes {
		r.again(h, s)
		return
	}
	switch op.Kind {
	case KindRecv:
		r.receivedSome(h, s, res, errno, flags)
	case KindAccept:
		r.accepted(h, s, res, errno, flags)
	case KindRecvInto, KindRead, KindWrite, KindSend:
		r.transferred(h, s, res, errno)
	case KindSyncDir:
		r.dirSynced(h, s, res, errno)
	case KindOpen:
		if errno == syscall.EINVAL && op.OpenFlags&unix.O_DIRECT != 0 {
			op.OpenFlags &^= unix.O_DIRECT // this filesystem has none: through the page cache then
			r.again(h, s)
			return
		}
		r.finish(h, s, int64(res), errno)
	case KindStat:
		r.finish(h, s, 0, errno)
	case KindCancel:
		found := int64(1)
		if errno == syscall.ENOENT {
			found = 0
		}
		r.finish(h, s, found, 0)
	default:
		r.finish(h, s, int64(res), errno)
	}
}

// again has an operation start once more, unless somebody wants its end.
func (r *ring) again(h Handle, s *ringSlot) {
	if s.cancelled && s.step == 0 {
		r.recv.dropFrom(s)
		r.finish(h, s, s.done, syscall.ECANCELED)
		return
	}
	r.slots.enqueue(h, s)
}

// finish answers the operation for good.
func (r *ring) finish(h Handle, s *ringSlot, res int64, errno syscall.Errno) {
	c := Completion{Token: s.op.Token, Handle: h, Kind: s.op.Kind, Err: errno, Res: res}
	if errno != 0 && s.done == 0 {
		c.Res = 0
	}
	if s.op.Kind == KindStat && errno == 0 {
		c.Stat = r.memory.stat(s)
	}
	r.out = append(r.out, c)
	r.ended(h, s, &c)
}

// transferred goes on with what a read, write or send left, and answers when all is done, the file or stream ends, or it
// failed.
func (r *ring) transferred(h Handle, s *ringSlot, res int32, errno syscall.Errno) {
	op := &s.op
	if errno != 0 {
		r.finish(h, s, s.done, errno)
		return
	}
	s.done += int64(res)
	whole := int64(len(op.Buf))
	if s.block != 0 {
		if r.memory.advance(s, uint64(res)) {
			whole = s.done
		} else {
			whole = s.done + 1
		}
	}
	switch {
	case s.done == whole:
		r.finish(h, s, s.done, 0)
	case res == 0 && (op.Kind == KindRead || op.Kind == KindRecvInto):
		r.finish(h, s, s.done, 0)
	case res == 0:
		r.finish(h, s, s.done, syscall.EIO) // a write that takes nothing
	default:
		r.again(h, s)
	}
}

func (r *ring) receivedSome(h Handle, s *ringSlot, res int32, errno syscall.Errno, flags uint32) {
	op := &s.op
	if !r.recv.provided && s.bufID == 0 && errno == 0 { // the NOP in place of a receive without a buffer
		errno = syscall.ENOBUFS
	}
	c := Completion{Token: op.Token, Handle: h, Kind: KindRecv, Err: errno}
	if errno == 0 {
		c.Res = int64(res)
		r.received += int64(res)
	}
	id := r.recv.filled(s, res, flags)
	if id != 0 && res > 0 {
		c.Recv = Recv{Data: r.recv.bufs.bytes(id)[:res], ID: id}
	} else if id != 0 {
		r.recv.release(id)
	}
	multi := op.Flags&FlagMulti != 0
	switch {
	case flags&cqeMore != 0:
		c.More = true
	case multi && res > 0 && !s.cancelled: // the kernel ended it, nobody asked
		c.More = true
		r.slots.enqueue(h, s)
	case multi && errno == syscall.EINVAL && r.have.recvMulti:
		r.have.recvMulti = false
		r.again(h, s)
		return
	}
	r.out = append(r.out, c)
	if c.More {
		r.counters.add(&c, s.op.Flags)
		return
	}
	r.recv.dropFrom(s)
	r.ended(h, s, &c)
}

func (r *ring) accepted(h Handle, s *ringSlot, res int32, errno syscall.Errno, flags uint32) {
	if errno == syscall.EINVAL && r.have.acceptMulti {
		r.have.acceptMulti = false
		r.again(h, s)
		return
	}
	if errno != 0 {
		r.finish(h, s, 0, errno)
		return
	}
	more := true
	switch {
	case flags&cqeMore != 0:
	case s.cancelled:
		more = false
	default:
		r.slots.enqueue(h, s)
	}
	c := Completion{Token: s.op.Token, Handle: h, Kind: KindAccept, More: more, Res: int64(res)}
	r.out = append(r.out, c)
	if !more {
		r.ended(h, s, &c)
	}
}

// dirSynced takes a step of a directory's sync. What the sync said counts, whatever close says.
func (r *ring) dirSynced(h Handle, s *ringSlot, res int32, errno syscall.Errno) {
	switch s.step {
	case 0:
		if errno != 0 {
			r.finish(h, s, 0, errno)
			return
		}
		s.dirFD = res
	case 1:
		s.done = int64(errno) // kept until the descriptor is closed
	default:
		failed := syscall.Errno(s.done)
		s.done = 0
		r.finish(h, s, 0, failed)
		return
	}
	s.step++
	r.slots.enqueue(h, s) // not to be cancelled any more: an open descriptor must be closed
}
