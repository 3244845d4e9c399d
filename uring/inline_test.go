package uring

import (
	"syscall"
	"testing"
	"time"
)

// TestInlineWritesKeepProcessor: a write is raw behind many short ones, unless it is large; after a long one the next ones are not.
func TestInlineWritesKeepProcessor(t *testing.T) {
	w := newInlineWriter()
	takes, raws := time.Duration(0), 0
	w.pwrite = func(_ int32, p []byte, _ int64, raw bool) (int, syscall.Errno) {
		if raw {
			raws++
		}
		w.began = w.began.Add(-takes) // as if it had taken so long
		return len(p), 0
	}
	writes := func(n, size int) int {
		t.Helper()
		raws = 0
		for range n {
			if done, errno := w.write(&Op{Kind: KindWrite, Buf: make([]byte, size)}); done != int64(size) || errno != 0 {
				t.Fatalf("%d bytes, %v", done, errno)
			}
		}
		return raws
	}
	if n := writes(rawWritesAfter, 100); n != 0 {
		t.Errorf("%d raw writes at the start", n)
	}
	if n := writes(10, rawBytesMax); n != 10 {
		t.Errorf("%d of 10 writes behind short ones are raw", n)
	}
	if n := writes(1, rawBytesMax+1); n != 0 {
		t.Error("a large write is raw")
	}
	takes = rawWriteUsual + time.Microsecond
	if n := writes(10, 100); n != 1 {
		t.Errorf("%d raw writes among long ones, want 1", n)
	}
	takes = 0
	if n := writes(rawWritesAfter+1, 100); n != 1 {
		t.Errorf("%d raw writes, want 1 behind %d", n, rawWritesAfter)
	}
}

// TestInlineWritesAreWhole: what is short or interrupted goes on; an error, or no progress, ends it.
func TestInlineWritesAreWhole(t *testing.T) {
	type answer struct {
		n     int
		errno syscall.Errno
	}
	for _, c := range []struct {
		answers []answer
		res     int64
		errno   syscall.Errno
	}{
		{[]answer{{3, 0}, {0, syscall.EINTR}, {7, 0}}, 10, 0},
		{[]answer{{0, syscall.EINTR}, {10, 0}}, 10, 0},
		{[]answer{{4, 0}, {0, syscall.ENOSPC}}, 0, syscall.ENOSPC},
		{[]answer{{4, 0}, {0, 0}}, 0, syscall.EIO},
	} {
		w, at := newInlineWriter(), int64(100)
		left := c.answers
		w.pwrite = func(_ int32, p []byte, pos int64, _ bool) (int, syscall.Errno) {
			if pos != at || int64(len(p)) != 110-at {
				t.Fatalf("%d bytes at %d, want those from %d on", len(p), pos, at)
			}
			a := left[0]
			left = left[1:]
			at += int64(a.n)
			return a.n, a.errno
		}
		if res, errno := w.write(&Op{Kind: KindWrite, Buf: make([]byte, 10), Pos: 100}); res != c.res || errno != c.errno || len(left) > 0 {
			t.Errorf("%v: %d, %v, want %d, %v", c.answers, res, errno, c.res, c.errno)
		}
	}
}
