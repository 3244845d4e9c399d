package front

import (
	"time"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/uring"
)

// intake makes frames of what comes in. It has the receive buffers that are in use and the memory of frames, and what waits for either.
// What comes of received bytes it returns: it knows no request.
type intake struct {
	ops    *ops
	cfg    *Config
	counts *Counts
	memory *uring.Pool // of frames that are larger than a receive buffer, or come in pieces
	ahead  *uring.Pool // of bytes before their frame has memory, see kept.go
	now    int64

	bodies   []*conn           // want to receive the next piece of a frame
	starving fifo.Queue[*conn] // want memory for a frame
	noBuffer fifo.Queue[*conn] // want a receive buffer
	untried  int               // of them, not tried again in this round
	held     int               // receive buffers in use
	stashed  int               // of them, with bytes that are not looked at yet
	strange  int               // bytes of frames that connections before login have

	// What has come last: it lies here until it is taken, as it would be copied several times on its way otherwise.
	frame whole  // behind cameFrame
	why   string // behind cameUnfit: for the log
	err   error

	head [tinyFrame]byte // where the beginning of a frame is put together that came in several pieces
}

// whole is a whole frame, and where it lies.
type whole struct {
	data []byte
	id   uint32 // its receive buffer; 0: none
	buf  []byte // its memory of the pool; nil: none
}

// came is what has come of received bytes.
type came uint8

const (
	cameNothing came = iota // that is whole
	cameFrame               // a whole frame
	cameEnd                 // the connection is to be closed, in order
	cameUnfit               // it is to be closed, for why
	cameForeign             // its peer speaks nothing that is spoken here
)

func (n *intake) whole(p []byte, id uint32, buf []byte) came {
	n.frame = whole{p, id, buf}
	return cameFrame
}

func (n *intake) unfit(why string, err error) came {
	n.why, n.err = why, err
	return cameUnfit
}

func (n *intake) noMemory() came { return n.unfit("no memory for received bytes", nil) }

// release gives a receive buffer back; 0: there is none.
func (n *intake) release(id uint32) {
	if id != 0 {
		n.ops.io.Release(id)
		n.held--
	}
}

// crowded reports whether others need the receive buffers.
func (n *intake) crowded() bool { return n.held > RecvBufs/2 }

// arm has the next bytes of the connection come in. A connection of small frames has one receive armed for its life; one of large
// frames arms a receive for the head of each, so that the rest can come straight into its place.
func (n *intake) arm(c *conn) {
	in := &c.in
	if in.recv != 0 || in.body != 0 || in.bodyDue || c.closing || in.unbuffered || in.eof {
		return
	}
	op := uring.Op{Kind: uring.KindRecv, FD: c.fd, Token: c.token(n.ops.tokens, opRecv)}
	if in.multi = !in.bulk; in.multi {
		op.Flags = uring.FlagMulti
	} else {
		op.Len = RecvBufBytes
	}
	in.recv = n.ops.submit(op)
}

// endReceive ends a receive that is armed for good: the rest of a frame is to come into its place, or waits for memory, or the peer
// sends more than it may while it is not answered. resume goes on with the last completion.
func (n *intake) endReceive(c *conn) {
	if c.in.recv != 0 && !c.in.ending {
		c.in.ending = true
		n.ops.cancel(c.in.recv)
	}
}

// resume goes on when a receive has ended without the connection.
func (n *intake) resume(c *conn) came {
	switch {
	case c.in.frame != nil:
		return n.receiveBody(c)
	case !c.full() && c.in.wanted == 0:
		n.arm(c)
	}
	return cameNothing
}

// await waits for the next request.
func (n *intake) await(c *conn) {
	if c.in.deadline, c.in.wholeBy = 0, 0; !c.peer.Session.Bound() {
		c.in.deadline = n.now + int64(n.cfg.HandshakeTimeout)
	}
	n.arm(c)
}

// begins has a frame of that size come in from now on, or a part of one: it must be whole in time, however many pieces it comes in.
func (n *intake) begins(c *conn, size int) {
	c.in.wholeBy = n.now + int64(n.cfg.RequestTimeout) + int64(size)*int64(time.Second)/frameRateMin
}

// pieceDeadline is when the next piece of a frame must be there.
func (n *intake) pieceDeadline(c *conn) int64 {
	d := min(n.now+int64(n.cfg.RequestTimeout), c.in.wholeBy)
	if !c.peer.Session.Bound() {
		d = min(d, c.idleSince+int64(n.cfg.HandshakeTimeout))
	}
	if c.peer.Dialect == nil {
		d = min(d, n.now+int64(peekMax))
	}
	return d
}

// get gets memory for received bytes. Connections before login share a small part of it, so that they can't keep others from being
// served.
func (n *intake) get(c *conn, size int) []byte {
	strange := !c.peer.Session.Bound()
	if strange && n.strange+size > n.cfg.StrangersBytesMax {
		n.counts.Memory++
		return nil
	}
	buf := n.memory.Get(size)
	if buf == nil {
		n.counts.Memory++
	}
	if buf != nil && strange {
		c.in.strange += cap(buf)
		n.strange += cap(buf)
	}
	return buf
}

func (n *intake) put(c *conn, buf []byte) {
	n.known(c, cap(buf))
	n.memory.Put(buf)
}

// known counts so many bytes no longer as those of a connection before login.
func (n *intake) known(c *conn, size int) {
	size = min(size, c.in.strange)
	c.in.strange -= size
	n.strange -= size
}

func (n *intake) copied(size int) {
	n.counts.Copies++
	n.counts.CopiedBytes += uint64(size)
}

// drop gives back what a connection has received, and which nobody will look at.
func (n *intake) drop(c *conn) {
	in := &c.in
	n.forget(c)
	if in.frame != nil {
		n.put(c, in.frame)
	}
	in.frame, in.wanted, in.deadline, in.wholeBy = nil, 0, 0, 0
}

// dropFrame gives the memory of an exchange's frame back: its bytes are not needed any more.
func (n *intake) dropFrame(x *Exchange) {
	if x.Frame == nil {
		return
	}
	n.release(x.recvID)
	if x.buf != nil {
		n.memory.Put(x.buf)
	}
	x.recvID, x.buf, x.Frame = 0, nil, nil
}
