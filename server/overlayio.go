package server

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// overlayIO is a shard's IO whose files are those of an overlay. They are read and written while they are asked for: a disk without room
// is no place for speed.
type overlayIO struct {
	uring.IO
	files   *overlay
	retired func(log storage.LogID) bool // its files go on the disk as well
	ready   []uring.Completion           // for the next Wait
	all     []uring.Completion
	handles uint64
}

// overlayHandle marks the handles of what an overlayIO did itself.
const overlayHandle = uring.Handle(1) << 63

// Submit implements uring.IO.
func (o *overlayIO) Submit(op *uring.Op) uring.Handle {
	c := uring.Completion{Token: op.Token, Kind: op.Kind}
	if !o.files.does(op, &c) {
		return o.IO.Submit(op)
	}
	if op.Kind == uring.KindUnlink && c.Err == 0 && o.retired(logOf(op.Path)) {
		c.Err = uring.DoFile(op).Err
	}
	o.handles++
	c.Handle = overlayHandle | uring.Handle(o.handles)
	o.ready = append(o.ready, c)
	return c.Handle
}

// Wait implements uring.IO.
func (o *overlayIO) Wait(timeout time.Duration) []uring.Completion {
	if len(o.ready) == 0 {
		return o.IO.Wait(timeout)
	}
	o.all = append(append(o.all[:0], o.ready...), o.IO.Wait(0)...)
	o.ready = o.ready[:0]
	return o.all
}

// WakePeer implements uring.IO.
func (o *overlayIO) WakePeer(peer uring.IO) { o.IO.WakePeer(peer.(*overlayIO).IO) }

// logOf is the log that a path in the data directory belongs to; 0: none.
func logOf(path string) storage.LogID {
	for ; filepath.Base(path) != path && path != "/"; path = filepath.Dir(path) {
		if filepath.Base(filepath.Dir(path)) == "logs" {
			id, err := strconv.ParseUint(filepath.Base(path), 16, 48)
			if err != nil {
				return 0
			}
			return storage.LogID(id)
		}
	}
	return 0
}
