package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

var _ uring.IO = (*Ring)(nil)

// Ring is the IO of one shard: its sockets are those of a Net, its files those of a Disk. Operations progress when Wait is called, each as
// chance has it. It checks what the broker owes the kernel: bytes that are being sent or written stay as they are, a socket has one
// send and one receive at a time, a buffer is given back once, and a socket is closed when nothing of it is in flight.
type Ring struct {
	rng   *rand.Rand
	net   *Net
	disk  *Disk
	owner int
	peers []*Ring // of all shards, by owner

	ops   map[uring.Handle]*netOp
	order []*netOp // in flight, in the order of Submit
	files map[uint64]fileOp
	last  uint64 // handle given out

	ready    []uring.Completion
	out      []uring.Completion
	bufs     [][]byte // made when they are used first
	bufBytes int
	held     []bool
	free     []uint32

	Asked int // operations since the last Wait
}

// netOp is an operation on a socket in flight.
type netOp struct {
	op   uring.Op
	h    uring.Handle
	sock *Socket
	done int    // bytes
	sum  uint64 // of what is being sent
	over bool
}

// fileOp is an operation on a file in flight.
type fileOp struct {
	token uint64
	h     uring.Handle
	kind  uring.Kind
}

// NewRing makes the IO of one shard, with so many buffers to receive into. All rings of a broker are in peers, which is filled by then.
func NewRing(rng *rand.Rand, net *Net, disk *Disk, owner int, peers []*Ring, bufs, bufBytes int) *Ring {
	r := &Ring{rng: rng, net: net, disk: disk, owner: owner, peers: peers, ops: map[uring.Handle]*netOp{}, files: map[uint64]fileOp{}}
	r.bufs, r.held, r.bufBytes = make([][]byte, bufs), make([]bool, bufs), bufBytes
	for i := range bufs {
		r.free = append(r.free, uint32(bufs-i))
	}
	return r
}

// Held is how many receive buffers the broker has.
func (r *Ring) Held() int { return len(r.bufs) - len(r.free) }

// InFlight is how many operations on sockets have not completed.
func (r *Ring) InFlight() int { return len(r.order) }

var simKinds = map[uring.Kind]storage.OpKind{
	uring.KindRead: storage.OpRead, uring.KindWrite: storage.OpWrite, uring.KindFdatasync: storage.OpFdatasync, uring.KindFallocate: storage.OpFallocate,
	uring.KindOpen: storage.OpOpen, uring.KindClose: storage.OpClose, uring.KindUnlink: storage.OpUnlink, uring.KindMkdir: storage.OpMkdir,
	uring.KindSyncDir: storage.OpSyncDir, uring.KindRename: storage.OpRename, uring.KindTruncate: storage.OpTruncate, uring.KindList: storage.OpList,
}

// Submit implements uring.IO.
func (r *Ring) Submit(op *uring.Op) uring.Handle {
	r.last++
	r.Asked++
	h := uring.Handle(r.last)
	switch op.Kind {
	case uring.KindAccept, uring.KindRecv, uring.KindRecvInto, uring.KindSend:
		r.begin(op, h)
	case uring.KindCloseSocket:
		r.closeSocket(op, h)
	case uring.KindCancel:
		r.cancel(op, h)
	case uring.KindNop:
		r.finish(uring.Completion{Token: op.Token, Handle: h, Kind: op.Kind})
	default:
		r.file(op, h)
	}
	return h
}

func (r *Ring) file(op *uring.Op, h uring.Handle) {
	kind, known := simKinds[op.Kind]
	if !known {
		panic(fmt.Sprintf("sim: no such operation: %d", op.Kind))
	}
	if op.Kind == uring.KindUnlink && op.Flags&uring.FlagDir != 0 {
		kind = storage.OpRmdir
	}
	r.files[uint64(h)] = fileOp{op.Token, h, op.Kind}
	create, direct := uring.OpenMode(op.OpenFlags)
	r.disk.Submit(r.owner, storage.Op{Kind: kind, FD: op.FD, Pos: op.Pos, Len: op.Len, Buf: op.Buf, Path: op.Path, Path2: op.Path2, Token: uint64(h),
		DSync: op.Flags&uring.FlagDSync != 0, Inline: op.Flags&uring.FlagInline != 0, Create: create, Direct: direct})
}

// fileDone takes a completion of the disk.
func (r *Ring) fileDone(c Completion) {
	f := r.files[c.Token]
	delete(r.files, c.Token)
	u := uring.Completion{Token: f.token, Handle: f.h, Kind: f.kind, Res: c.Res}
	if c.Err != nil {
		u.Res, u.Err = 0, errnoOf(c.Err)
	}
	if f.kind == uring.KindList && c.Err == nil {
		u.Entries = make([]uring.Entry, 0, len(c.Names))
		for _, n := range c.Names {
			u.Entries = append(u.Entries, uring.Entry{Name: n})
		}
	}
	r.finish(u)
}

func (r *Ring) begin(op *uring.Op, h uring.Handle) {
	o := &netOp{op: *op, h: h}
	o.op.Vec = slices.Clone(op.Vec)
	if op.Kind != uring.KindAccept {
		if o.sock = r.net.sockets[op.FD]; o.sock == nil {
			r.finish(uring.Completion{Token: op.Token, Handle: h, Kind: op.Kind, Err: syscall.EBADF})
			return
		}
		slot := &o.sock.recv
		if op.Kind == uring.KindSend {
			slot, o.sum = &o.sock.send, vecSum(op.Vec)
		}
		if *slot != nil {
			panic(fmt.Sprintf("sim: two operations of kind %d at a time on %s", op.Kind, o.sock.name))
		}
		*slot = o
	}
	r.ops[h] = o
	r.order = append(r.order, o)
}

func vecSum(vec [][]byte) uint64 {
	h := xxh3.New()
	for _, p := range vec {
		_, _ = h.Write(p)
	}
	return h.Sum64()
}

func (r *Ring) closeSocket(op *uring.Op, h uring.Handle) {
	c := uring.Completion{Token: op.Token, Handle: h, Kind: op.Kind}
	switch s := r.net.sockets[op.FD]; {
	case s != nil:
		if s.recv != nil || s.send != nil {
			panic("sim: a socket is closed with an operation in flight: " + s.name)
		}
		s.closed = true
		delete(r.net.sockets, op.FD)
	case op.FD != ListenFD:
		c.Err = syscall.EBADF
	}
	r.finish(c)
}

func (r *Ring) cancel(op *uring.Op, h uring.Handle) {
	c := uring.Completion{Token: op.Token, Handle: h, Kind: op.Kind}
	if o := r.ops[op.Target]; o != nil {
		c.Res = 1
		r.end(o, uring.Completion{Res: int64(o.done), Err: syscall.ECANCELED})
	}
	r.finish(c)
}

// end completes o for the last time.
func (r *Ring) end(o *netOp, c uring.Completion) {
	c.Token, c.Handle, c.Kind = o.op.Token, o.h, o.op.Kind
	o.over = true
	delete(r.ops, o.h)
	if s := o.sock; s != nil {
		if s.recv == o {
			s.recv = nil
		}
		if s.send == o {
			s.send = nil
		}
	}
	r.finish(c)
}

func (r *Ring) finish(c uring.Completion) { r.ready = append(r.ready, c) }

// Wait implements uring.IO. It never sleeps.
func (r *Ring) Wait(time.Duration) []uring.Completion {
	r.Asked = 0
	for _, o := range r.order {
		if !o.over && r.rng.IntN(3) > 0 {
			r.progress(o)
		}
	}
	r.order = slices.DeleteFunc(r.order, func(o *netOp) bool { return o.over })
	for range r.rng.IntN(6) {
		c, any := r.disk.Complete()
		if !any {
			break
		}
		r.peers[c.Owner].fileDone(c)
	}
	n := len(r.ready)
	if r.rng.IntN(4) == 0 {
		n = r.rng.IntN(n + 1)
	}
	r.out = append(r.out[:0], r.ready[:min(n, waitMax)]...)
	r.ready = append(r.ready[:0], r.ready[len(r.out):]...)
	return r.out
}

const waitMax = 64 // completions that Wait returns

func (r *Ring) progress(o *netOp) {
	switch o.op.Kind {
	case uring.KindAccept:
		r.accept(o)
	case uring.KindRecv:
		r.receive(o)
	case uring.KindRecvInto:
		r.receiveInto(o)
	case uring.KindSend:
		r.send(o)
	}
}

func (r *Ring) accept(o *netOp) {
	if len(r.net.backlog) == 0 {
		return
	}
	s := r.net.backlog[0]
	r.net.backlog = r.net.backlog[1:]
	s.fd = r.net.next
	r.net.next++
	r.net.sockets[s.fd] = s
	r.finish(uring.Completion{Token: o.op.Token, Handle: o.h, Kind: o.op.Kind, Res: int64(s.fd), More: true})
}

func (r *Ring) receive(o *netOp) {
	if o.sock.reset {
		r.end(o, uring.Completion{Err: syscall.ECONNRESET})
		return
	}
	if len(o.sock.in) > 0 && len(r.free) == 0 {
		r.end(o, uring.Completion{Err: syscall.ENOBUFS})
		return
	}
	most := r.bufBytes
	if o.op.Len > 0 {
		most = min(most, int(o.op.Len))
	}
	p, end, errno := o.sock.received(most)
	switch {
	case errno != 0:
		r.end(o, uring.Completion{Err: errno})
	case end:
		r.end(o, uring.Completion{})
	case len(p) > 0:
		id := r.free[len(r.free)-1]
		r.free = r.free[:len(r.free)-1]
		if r.bufs[id-1] == nil {
			r.bufs[id-1] = make([]byte, r.bufBytes)
		}
		r.held[id-1] = true
		buf := r.bufs[id-1]
		n := copy(buf, p)
		c := uring.Completion{Res: int64(n), Recv: uring.Recv{ID: id, Data: buf[:n:n]}}
		if o.op.Flags&uring.FlagMulti == 0 {
			r.end(o, c)
			return
		}
		c.Token, c.Handle, c.Kind, c.More = o.op.Token, o.h, o.op.Kind, true
		r.finish(c)
	}
}

func (r *Ring) receiveInto(o *netOp) {
	p, end, errno := o.sock.received(len(o.op.Buf) - o.done)
	o.done += copy(o.op.Buf[o.done:], p)
	if errno != 0 || end || o.done == len(o.op.Buf) {
		r.end(o, uring.Completion{Res: int64(o.done), Err: errno})
	}
}

// send moves some of the bytes to where the client can read them.
func (r *Ring) send(o *netOp) {
	if o.sock.reset {
		r.end(o, uring.Completion{Res: int64(o.done), Err: syscall.ECONNRESET})
		return
	}
	size := 0
	for _, p := range o.op.Vec {
		size += len(p)
	}
	k := min(size-o.done, o.sock.outMax-len(o.sock.out))
	if k > 0 && r.rng.IntN(3) == 0 {
		k = 1 + r.rng.IntN(k)
	}
	skip := o.done
	for _, p := range o.op.Vec {
		switch {
		case skip >= len(p):
			skip -= len(p)
			continue
		case k <= 0:
		default:
			n := min(k, len(p)-skip)
			o.sock.out = append(o.sock.out, p[skip:skip+n]...)
			o.done, k, skip = o.done+n, k-n, 0
		}
	}
	if o.done < size {
		return
	}
	if vecSum(o.op.Vec) != o.sum {
		panic("sim: bytes were changed while they were being sent to " + o.sock.name)
	}
	r.end(o, uring.Completion{Res: int64(size)})
}

// Release implements uring.IO.
func (r *Ring) Release(id uint32) {
	if !r.held[id-1] {
		panic(fmt.Sprintf("sim: receive buffer %d is given back twice", id))
	}
	r.held[id-1] = false
	clear(r.bufs[id-1]) // whoever still reads it sees that
	r.free = append(r.free, id)
}

// Wake implements uring.IO.
func (r *Ring) Wake() {}

// WakePeer implements uring.IO.
func (r *Ring) WakePeer(uring.IO) {}

// Mode implements uring.IO.
func (r *Ring) Mode() string { return "sim" }

// Counters implements uring.IO. Nothing is counted.
func (r *Ring) Counters() uring.Counters { return uring.Counters{} }

// HoldLock implements uring.IO.
func (r *Ring) HoldLock(int32) error { return nil }

// Close implements uring.IO.
func (r *Ring) Close() error { return nil }

// PeerName implements uring.IO.
func (r *Ring) PeerName(fd int32) string {
	if s := r.net.sockets[fd]; s != nil {
		return s.name
	}
	return "unknown"
}

// LocalName implements uring.IO.
func (r *Ring) LocalName(int32) string { return "10.0.0.1:8090" }

// SetNoDelay implements uring.IO.
func (r *Ring) SetNoDelay(int32) error { return nil }

// Acknowledged implements uring.IO.
func (r *Ring) Acknowledged(fd int32) uint64 {
	if s := r.net.sockets[fd]; s != nil {
		return s.read
	}
	return 0
}

// QuickAck implements uring.IO.
func (r *Ring) QuickAck(int32) {}

// ListenFD is the listening socket.
const ListenFD = socketFDs - 1

func errnoOf(err error) syscall.Errno {
	for e := err; e != nil; {
		if n, is := e.(syscall.Errno); is {
			return n
		}
		u, is := e.(interface{ Unwrap() error })
		if !is {
			break
		}
		e = u.Unwrap()
	}
	return syscall.EIO
}
