package shard

import (
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// Tokens of operations: what they belong to in the top byte.
const (
	tokStore    uint64 = 1 << 56
	tokFront    uint64 = 2 << 56
	tokNone     uint64 = 4 << 56
	tokSnapshot uint64 = 5 << 56
	tokMask     uint64 = 0xff << 56
)

// kernel is the shard's IO.
type kernel struct {
	io uring.IO
	op uring.Op // being submitted
}

// submit hands an operation to the kernel. It lies here while that looks at it: what an interface is given a pointer to would otherwise be
// allocated anew each time.
func (k *kernel) submit(op uring.Op) uring.Handle {
	k.op = op
	return k.io.Submit(&k.op)
}

// submitStore hands the store's operations to the kernel. A failed journal ends the process:
// see Host.Failed. It may fail where nothing is in flight whose completion would tell.
func (s *Shard) submitStore() {
	if f := s.logs.Store().Failed(); f != nil {
		s.g.host.Failed(s.id, f)
	}
	s.refused.note(s.logs.Store().Space())
	for _, op := range s.logs.Store().TakeOps() {
		u := uringOp(&op)
		u.Token = tokStore | op.Token
		s.submit(u)
	}
}

var opKinds = [...]uring.Kind{
	storage.OpRead: uring.KindRead, storage.OpWrite: uring.KindWrite, storage.OpFdatasync: uring.KindFdatasync,
	storage.OpFallocate: uring.KindFallocate, storage.OpOpen: uring.KindOpen, storage.OpClose: uring.KindClose,
	storage.OpUnlink: uring.KindUnlink, storage.OpMkdir: uring.KindMkdir, storage.OpRmdir: uring.KindUnlink,
	storage.OpSyncDir: uring.KindSyncDir, storage.OpRename: uring.KindRename, storage.OpTruncate: uring.KindTruncate, storage.OpList: uring.KindList,
}

// uringOp says the same in the words of the seam.
func uringOp(op *storage.Op) uring.Op {
	u := uring.Op{Kind: opKinds[op.Kind], FD: op.FD, Pos: op.Pos, Len: op.Len, Buf: op.Buf, Path: op.Path, Path2: op.Path2}
	if op.DSync {
		u.Flags |= uring.FlagDSync
	}
	if op.Inline {
		u.Flags |= uring.FlagInline
	}
	if op.Kind == storage.OpRmdir {
		u.Flags |= uring.FlagDir
	}
	if op.Kind == storage.OpOpen {
		u.OpenFlags = uring.OpenFlags(op.Create, op.Direct)
	}
	return u
}
