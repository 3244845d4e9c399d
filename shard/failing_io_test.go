package shard_test

import (
	"syscall"
	"time"

	"github.com/galgo-mq/galgo/uring"
)

// failingIO is an IO in which those operations fail that doomed says: nothing is done, and the answer is err.
type failingIO struct {
	uring.IO
	doomed func(op *uring.Op) bool
	err    syscall.Errno
	failed map[uring.Handle]bool
}

func (x *failingIO) Submit(op *uring.Op) uring.Handle {
	if !x.doomed(op) {
		return x.IO.Submit(op)
	}
	if x.failed == nil {
		x.failed = make(map[uring.Handle]bool)
	}
	h := x.IO.Submit(&uring.Op{Kind: uring.KindNop, Token: op.Token})
	x.failed[h] = true
	return h
}

func (x *failingIO) Wait(timeout time.Duration) []uring.Completion {
	cs := x.IO.Wait(timeout)
	for i := range cs {
		if x.failed[cs[i].Handle] {
			delete(x.failed, cs[i].Handle)
			cs[i].Err = x.err
		}
	}
	return cs
}
