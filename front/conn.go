package front

import (
	"fmt"

	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// conn is one peer's connection. Its frames are looked at as long as its window has room; one receive is armed while it has, and
// already while a reply is being sent.
//
//	waiting --data--> (part of a frame: kept) --> body --> handling --> sending --> waiting
type conn struct {
	f    *Front
	fd   int32
	slot uint32
	gen  uint32

	peer   wire.Peer
	speaks *Protocol // by its first bytes; nil: they are too few, or another Front has looked at them
	met    bool      // it was told if that is not served
	frames uint64    // that were whole
	window window
	in     inbound
	out    outbound
	moveTo int // where it is to move; below 0: nowhere

	idleSince int64 // end of the last request
	opened    bool  // sent at least one request
	ended     bool  // the last reply was given: nothing is read any more
	closing   bool
	shut      bool // its socket is being closed
}

// inbound is what comes in.
type inbound struct {
	recv, body uring.Handle // in flight

	multi   bool  // recv is armed until it is cancelled
	ending  bool  // and that was asked for
	bulk    bool  // frames are large
	small   uint8 // frames since the last large one
	eof     bool  // the peer sends no more
	bodyDue bool  // in intake.bodies

	unbuffered bool // its receive found no buffer: nothing is armed until there is one

	// Received and not yet looked at: kept, and behind it stash.
	kept     []byte // memory; keptLen bytes of it
	keptLen  int
	keptFrom *uring.Pool // of which kept is; nil: it is of the heap
	stash    []uring.Recv
	stashLen int           // bytes in stash
	stashOne [1]uring.Recv // where stash begins, so that most need no memory for it

	// A frame that did not come in one piece.
	frame    []byte // of the pool
	frameLen int    // bytes that are there
	wanted   int    // its size while there is no memory for it
	strange  int    // bytes of the pool that it got before login

	deadline int64 // by which what is awaited must be there; 0: none
	wholeBy  int64 // by which the frame that comes in must be whole, or have memory if it waits for that; 0: none comes in
}

// outbound is what goes out.
type outbound struct {
	send  uring.Handle // in flight
	of    *Exchange    // whose reply has begun to leave; no other one is sent before it is out
	began int64        // the send
	acked uint64       // bytes that the peer had acknowledged at the last look; 0: there was none, or it has acknowledged nothing
	slow  bool         // the send was cancelled to give memory back
	since int64        // the peer has taken nothing of it, as far as is known; 0: it has with the last send
}

const (
	opRecv uint64 = iota + 1
	opSend
	opBody
	opClose
	opAccept
)

// token names an operation of c.
func (c *conn) token(tokens, op uint64) uint64 {
	return tokens | op<<48 | uint64(c.gen&0xffffff)<<24 | uint64(c.slot)
}

// full reports whether no frame is to be looked at: enough are under way, or the last reply was given.
func (c *conn) full() bool { return c.ended || c.window.under >= max(1, c.window.most) }

// idle reports whether c waits for a request and nothing else.
func (c *conn) idle() bool {
	return c.fd >= 0 && !c.closing && !c.ended && !c.in.eof && !c.in.unbuffered && c.window.under == 0 && c.in.recv != 0 && c.in.unseen() == 0 &&
		c.in.frame == nil && c.in.wanted == 0
}

// atRest reports whether c neither has a request under way nor one coming in, whose answer would be a second one, nor moves.
func (c *conn) atRest() bool {
	return c.fd >= 0 && !c.closing && c.window.under == 0 && c.in.frame == nil && c.in.wanted == 0 && c.moveTo < 0 && !c.ended
}

// table holds the connections by slot. A slot is used again with the next generation, so that a completion of an operation names
// the connection it was asked for and no later one.
type table struct {
	all   []*conn // a free one has no descriptor
	free  []uint32
	byID  map[uint32]*conn // those in use, by their number in the broker
	count int              // in use
}

// take returns a place for a new connection, empty but for its slot and generation.
func (t *table) take(f *Front) *conn {
	t.count++
	if k := len(t.free); k > 0 {
		c := t.all[t.free[k-1]]
		t.free = t.free[:k-1]
		*c = conn{f: f, slot: c.slot, gen: c.gen + 1, moveTo: -1}
		return c
	}
	c := &conn{f: f, slot: uint32(len(t.all)), gen: 1, moveTo: -1}
	t.all = append(t.all, c)
	return c
}

// put gives the place of a connection back that has nothing in flight.
func (t *table) put(c *conn) {
	if c.in.recv != 0 || c.in.body != 0 || c.out.send != 0 || c.window.under != 0 {
		panic(fmt.Sprintf("BUG: connection %d given up with something in flight", c.peer.ID))
	}
	delete(t.byID, c.peer.ID)
	c.fd, c.peer = -1, wire.Peer{}
	t.free = append(t.free, c.slot)
	t.count--
}

// of returns the connection that a completion belongs to.
func (t *table) of(done *uring.Completion) *conn {
	slot, gen := uint32(done.Token&0xffffff), uint32(done.Token>>24&0xffffff)
	if int(slot) >= len(t.all) {
		panic("BUG: completion for a connection that never was")
	}
	c := t.all[slot]
	if c.gen&0xffffff != gen {
		panic(fmt.Sprintf("BUG: completion for generation %d of a connection, which is at %d", gen, c.gen))
	}
	return c
}

// speak gives the connection its dialect.
func (c *conn) speak(d wire.Dialect) {
	c.peer.Dialect = d
	c.window.most, c.window.inOrder = d.Window()
}
