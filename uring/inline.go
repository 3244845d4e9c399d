package uring

import (
	"syscall"
	"time"
)

// inlineWriter does writes at once, mostly into the page cache. Such a write ends within some microseconds, but may wait for the disk: where memory has too many
// unwritten pages, the kernel holds each writer for up to 200 ms. A write goes by a raw call, see sleeper, when many before it were short. So of
// writes that are held one after the other, or one among several, few are raw, and who stops the world rarely waits for one.
type inlineWriter struct {
	short  int       // so many were, the last ones; at most rawWritesAfter
	began  time.Time // what its clock counts from
	pwrite func(fd int32, p []byte, pos int64, raw bool) (int, syscall.Errno)
}

const (
	rawWriteUsual  = time.Millisecond
	rawWritesAfter = 64
)

func newInlineWriter() inlineWriter { return inlineWriter{began: time.Now(), pwrite: pwriteNow} }

// write writes the whole buffer of op.
func (w *inlineWriter) write(op *Op) (int64, syscall.Errno) {
	if op.Flags&FlagDSync != 0 {
		return writeWhole(op)
	}
	raw := w.short == rawWritesAfter && len(op.Buf) <= rawBytesMax
	begin := time.Since(w.began)
	done, errno := 0, syscall.Errno(0)
	for done < len(op.Buf) && (errno == 0 || errno == syscall.EINTR) {
		n := 0
		if n, errno = w.pwrite(op.FD, op.Buf[done:], op.Pos+int64(done), raw); errno == 0 && n == 0 {
			errno = syscall.EIO // neither progress nor a reason
		}
		done += n
	}
	if spent := time.Since(w.began) - begin; spent > rawWriteUsual {
		w.short = 0
	} else if w.short < rawWritesAfter {
		w.short++
	}
	if errno != 0 && errno != syscall.EINTR {
		return 0, errno
	}
	return int64(done), 0
}
