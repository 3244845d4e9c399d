package front

import (
	"time"

	"github.com/galgo-mq/galgo/uring"
)

// Config is what a Front needs to know.
type Config struct {
	FrameBytesMax      int // the largest frame
	ConnectionBytesMax int // received by a connection and not answered
	StrangersBytesMax  int // of frames that connections before login have, all together
	InFlightMax        int // requests of connections that are logged in; 0: one window for each connection

	HandshakeTimeout time.Duration // until a connection that sends nothing useful is closed
	RequestTimeout   time.Duration // for each MiB of a large request, and for the rest of a small one; for a whole one, at frameRateMin beside it
	SendTimeout      time.Duration // for a peer to read its reply

	Protocols []Protocol // what peers may speak; recognisers are asked in this order

	Tokens uint64           // which of the IO's tokens are for this Front: the highest eight bits
	NoNews uint64           // a token whose completions nobody waits for
	New    func() *Exchange // makes an exchange for the pool: Holder and nothing else is set
}

// Receive buffers that the IO of a Front has.
const (
	RecvBufs     = 512
	RecvBufBytes = 16 << 10
)

// SlowAfter is how long a send may be under way before CutSlow takes its memory back.
const SlowAfter = 100 * time.Millisecond

// pinMax is how long a peer may take nothing of a reply that can't be cut off while others want its memory.
const pinMax = time.Second

// AheadMax bounds what a connection may send ahead while its requests wait for their turn: the last receive may go beyond it.
const AheadMax = 64 << 10

const (
	preLoginFrameMax = 32 << 10 // with as much again that was sent ahead: 64 KiB a connection before login

	// tinyFrame is how large a frame of a connection before login may be to have memory of its own, if it does not come in one
	// piece: a login always has, however many others have come and wait.
	tinyFrame = 512

	// stashMax bounds the receive buffers in which bytes stay for want of memory. A connection that would have more is closed: the rest is
	// for those who need none.
	stashMax = RecvBufs / 4 * 3

	bulkMin   = 2 * RecvBufBytes // a frame that is larger makes its connection one of large frames
	smallMany = 32               // so many others in a row make it one of small frames again

	// bodyPiece is how much of a body is received at a time: each piece has its own deadline.
	bodyPiece = 1 << 20
	// frameRateMin is how many bytes of a frame must come in a second, on an average of all beyond what RequestTimeout is for: a frame of
	// 64 MiB has memory for less than five minutes at 30 s, which takes a link of 2 Mbit/s.
	frameRateMin = 256 << 10
	// bodyTurnMax bounds the bytes of large bodies that a turn begins to receive: the kernel copies them inside our next
	// call, and small requests wait for that.
	bodyTurnMax = 1 << 20

	// peekMax is how long a connection may leave what it speaks undecided, from its first byte.
	peekMax = 5 * time.Second
	// endGrace is for the peer to read why its session was ended.
	endGrace = 2 * time.Second
	// acceptPause is how long nothing is accepted after that failed for want of descriptors or memory.
	acceptPause = 100 * time.Millisecond
)

// Counts are what a Front has counted since it was made.
type Counts struct {
	Refusals
	Slow                uint64 // sends ended to give memory back
	Copies, CopiedBytes uint64 // of bytes before a frame was whole
}

// Refusals count what limits have refused.
type Refusals struct {
	FrameSize        uint64 // sizes beyond the limit, or that no frame has
	ConnectionMemory uint64 // frames that were refused, and times that a connection had to stop sending ahead
	Memory           uint64 // requests that had to wait, or were refused, because the memory for requests was used up
	InFlight         uint64 // requests that had to wait for a place
}

// Sum is how many there are of all limits.
func (n *Refusals) Sum() uint64 { return n.FrameSize + n.ConnectionMemory + n.Memory + n.InFlight }

// ops gives operations to the IO. The operation lies in it while the IO looks at it: what an interface is given a pointer to would
// otherwise be allocated anew each time.
type ops struct {
	io     uring.IO
	op     uring.Op
	tokens uint64
	noNews uint64
}

func (o *ops) submit(op uring.Op) uring.Handle {
	o.op = op
	return o.io.Submit(&o.op)
}

// cancel asks an operation to end; its own completion says what became of it.
func (o *ops) cancel(h uring.Handle) {
	if h != 0 {
		o.submit(uring.Op{Kind: uring.KindCancel, Target: h, Token: o.noNews})
	}
}

// closeSocket closes a socket that nothing is in flight on, and of which nothing is told.
func (o *ops) closeSocket(fd int32) {
	o.submit(uring.Op{Kind: uring.KindCloseSocket, FD: fd, Token: o.noNews})
}
