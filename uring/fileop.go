package uring

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Modes of what KindOpen and KindMkdir make.
const (
	fileMode = 0o640
	dirMode  = 0o750
)

// DoFile performs one operation on files at once, by plain system calls, on the caller's thread, for as long as the disk takes.
func DoFile(op *Op) (c Completion) {
	c.Kind, c.Token = op.Kind, op.Token
	fileOp(op, &c)
	return c
}

// fileOp performs one whole file operation by plain system calls and fills Err, Res, Entries and Stat of c. It blocks
// as long as the disk does.
func fileOp(op *Op, c *Completion) {
	switch op.Kind {
	case KindRead:
		c.Res, c.Err = readWhole(op)
	case KindWrite:
		c.Res, c.Err = writeWhole(op)
	case KindFdatasync:
		c.Err = again(func() error { return unix.Fdatasync(int(op.FD)) })
	case KindFallocate:
		mode := uint32(0)
		if op.Flags&FlagKeepSize != 0 {
			mode = unix.FALLOC_FL_KEEP_SIZE
		}
		c.Err = again(func() error { return unix.Fallocate(int(op.FD), mode, op.Pos, op.Len) })
	case KindTruncate:
		c.Err = again(func() error { return unix.Ftruncate(int(op.FD), op.Pos) })
	case KindOpen:
		c.Res, c.Err = openFile(op)
	case KindClose:
		c.Err = closeFD(op.FD)
	case KindRename:
		c.Err = again(func() error { return unix.Rename(op.Path, op.Path2) })
	case KindUnlink:
		c.Err = again(func() error {
			if op.Flags&FlagDir != 0 {
				return unix.Rmdir(op.Path)
			}
			return unix.Unlink(op.Path)
		})
	case KindMkdir:
		c.Err = again(func() error { return unix.Mkdir(op.Path, dirMode) })
	case KindSyncDir:
		c.Err = syncDir(op.Path)
	case KindList:
		c.Entries, c.Err = list(op.Path)
	case KindStat:
		c.Stat, c.Err = stat(op.Path)
	default:
		c.Err = syscall.EINVAL
	}
}

// again repeats call while a signal interrupts it.
func again(call func() error) syscall.Errno {
	for {
		errno := errnoOf(call())
		if errno != syscall.EINTR {
			return errno
		}
	}
}

// errnoOf gives the errno inside err; 0 for none. All errors here come from system calls, so one without is a bug of
// ours and shows as EIO.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errno, ok := err.(syscall.Errno); ok {
		return errno
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EIO
}

// directUnit is the smallest unit of direct I/O anywhere.
const directUnit = 512

func readWhole(op *Op) (int64, syscall.Errno) {
	done := 0
	for done < len(op.Buf) {
		n, err := unix.Pread(int(op.FD), op.Buf[done:], op.Pos+int64(done))
		errno := errnoOf(err)
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EINVAL && done%directUnit != 0:
			return int64(done), 0 // a direct read that ends inside a block ends at the end of the file
		case errno != 0:
			return 0, errno
		case n == 0:
			return int64(done), 0
		default:
			done += n
		}
	}
	return int64(done), 0
}

func writeWhole(op *Op) (int64, syscall.Errno) {
	dsync := op.Flags&FlagDSync != 0
	done, syncAfter := 0, false
	for done < len(op.Buf) {
		n, errno := pwrite(op.FD, op.Buf[done:], op.Pos+int64(done), dsync && !syncAfter)
		switch {
		case errno == syscall.EINTR:
		case dsync && !syncAfter && (errno == syscall.EOPNOTSUPP || errno == syscall.ENOSYS):
			syncAfter = true // the kernel or the file system does not know RWF_DSYNC
		case errno != 0:
			return 0, errno
		case n == 0:
			return 0, syscall.EIO // neither progress nor a reason
		default:
			done += n
		}
	}
	if syncAfter {
		if errno := again(func() error { return unix.Fdatasync(int(op.FD)) }); errno != 0 {
			return 0, errno
		}
	}
	return int64(done), 0
}

func pwrite(fd int32, p []byte, pos int64, dsync bool) (int, syscall.Errno) {
	if !dsync {
		return pwriteNow(fd, p, pos, false)
	}
	return vectored(unix.SYS_PWRITEV2, fd, p, pos, unix.RWF_DSYNC)
}

// pwriteNow is pwrite. p is not empty. raw: it keeps the runtime's processor, see sleeper.
func pwriteNow(fd int32, p []byte, pos int64, raw bool) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if raw {
		n, _, errno = syscall.RawSyscall6(unix.SYS_PWRITE64, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(pos), 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_PWRITE64, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(pos), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// preadNoWait reads what lies in the page cache. EAGAIN: some of it does not.
func preadNoWait(fd int32, p []byte, pos int64) (int, syscall.Errno) {
	return vectored(unix.SYS_PREADV2, fd, p, pos, unix.RWF_NOWAIT)
}

// vectored is preadv2 or pwritev2 of one span. The kernel takes the position as two words of which a 64-bit machine
// uses the first. p is not empty.
func vectored(trap uintptr, fd int32, p []byte, pos int64, flags uintptr) (int, syscall.Errno) {
	iov := unix.Iovec{Base: &p[0], Len: uint64(len(p))}
	n, _, errno := syscall.Syscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&iov)), 1, uintptr(pos), 0, flags)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// openFile opens without O_DIRECT where the file system refuses it.
func openFile(op *Op) (int64, syscall.Errno) {
	flags := int(op.OpenFlags) | unix.O_CLOEXEC
	for {
		fd, err := unix.Open(op.Path, flags, fileMode)
		errno := errnoOf(err)
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EINVAL && flags&unix.O_DIRECT != 0:
			flags &^= unix.O_DIRECT
		case errno != 0:
			return 0, errno
		default:
			return int64(fd), 0
		}
	}
}

// closeFD closes fd. Linux has let go of the number also when it says EINTR; closing again could hit another file.
func closeFD(fd int32) syscall.Errno {
	errno := errnoOf(unix.Close(int(fd)))
	if errno == syscall.EINTR {
		return 0
	}
	return errno
}

func syncDir(path string) syscall.Errno {
	fd, errno := openFile(&Op{Path: path, OpenFlags: unix.O_RDONLY | unix.O_DIRECTORY})
	if errno != 0 {
		return errno
	}
	errno = again(func() error { return unix.Fsync(int(fd)) })
	if closed := closeFD(int32(fd)); errno == 0 {
		errno = closed
	}
	return errno
}

func list(path string) ([]Entry, syscall.Errno) {
	found, err := os.ReadDir(path) // in byte order of names
	if err != nil {
		return nil, errnoOf(err)
	}
	entries := make([]Entry, len(found))
	for i, f := range found {
		entries[i] = Entry{Name: f.Name(), Dir: f.IsDir()}
	}
	return entries, 0
}

func stat(path string) (Stat, syscall.Errno) {
	var st unix.Stat_t
	if errno := again(func() error { return unix.Stat(path, &st) }); errno != 0 {
		return Stat{}, errno
	}
	return Stat{Size: st.Size, Dir: st.Mode&unix.S_IFMT == unix.S_IFDIR}, 0
}
