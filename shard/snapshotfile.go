package shard

import (
	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// snapshotFile writes the metadata's snapshot as the control room says, from memory of its own: it must not wait for what clients use.
type snapshotFile struct {
	memory *uring.Pool
	piece  []byte // off-heap; the snapshot goes through it
	fd     int32
	opens  bool // the step in progress does
}

// ready reports whether there is memory to write one.
func (x *snapshotFile) ready() bool {
	if x.piece == nil {
		x.piece = x.memory.Get(control.SnapshotPiece)
	}
	return x.piece != nil
}

// step is the operation of a step.
func (x *snapshotFile) step(dataDir string, e *control.Effect) uring.Op {
	dir := dataDir + "/state"
	path := dir + "/" + storage.SnapshotName
	op := uring.Op{Token: tokSnapshot, FD: x.fd}
	x.opens = e.Step == control.SnapshotOpen
	switch e.Step {
	case control.SnapshotOpen:
		op.Kind, op.Path, op.OpenFlags = uring.KindOpen, path+".tmp", uring.OpenFlags(true, false)
	case control.SnapshotTruncate:
		op.Kind = uring.KindTruncate
	case control.SnapshotWrite:
		op.Kind, op.Pos, op.Buf = uring.KindWrite, e.At, x.piece[:copy(x.piece, e.Data)]
	case control.SnapshotSync:
		op.Kind = uring.KindFdatasync
	case control.SnapshotClose:
		op.Kind = uring.KindClose
		x.fd = 0
	case control.SnapshotRename:
		op.Kind, op.Path, op.Path2 = uring.KindRename, path+".tmp", path
	case control.SnapshotSyncDir:
		op.Kind, op.Path = uring.KindSyncDir, dir
	}
	return op
}

// completed takes the completion of a step.
func (x *snapshotFile) completed(c *uring.Completion) control.Event {
	err := errnoErr(c)
	if x.opens && err == nil {
		x.fd = int32(c.Res)
	}
	return control.Event{Kind: control.EventSnapshot, Err: err}
}

// end gives the memory back.
func (x *snapshotFile) end() {
	x.memory.Put(x.piece)
	x.piece, x.fd = nil, 0
}
