package shard

import (
	"fmt"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/uring"
)

// connTable holds the connections of a shard by slot. A slot is used again with the next generation, so that a
// completion of an operation names the connection it was asked for and no later one.
type connTable struct {
	all   []*conn // a free one has no descriptor
	free  []uint32
	count int // in use
}

// take returns a place for a new connection, empty but for its slot, its generation and the memory it keeps.
func (t *connTable) take() *conn {
	t.count++
	if k := len(t.free); k > 0 {
		c := t.all[t.free[k-1]]
		t.free = t.free[:k-1]
		*c = conn{slot: c.slot, gen: c.gen + 1, vec: c.vec[:0]}
		return c
	}
	c := &conn{slot: uint32(len(t.all)), gen: 1}
	t.all = append(t.all, c)
	return c
}

// put gives the place of a connection back that has nothing in flight.
func (t *connTable) put(c *conn) {
	if c.recv != 0 || c.body != 0 || c.send != 0 || c.busy != nil {
		panic(fmt.Sprintf("BUG: connection %d given up with something in flight", c.id))
	}
	c.fd, c.peer, c.session = -1, "", session{}
	t.free = append(t.free, c.slot)
	t.count--
}

// of returns the connection that a completion belongs to.
func (t *connTable) of(done *uring.Completion) *conn {
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

// intake is what connections wait for while frames come in, and the receive buffers they hold.
type intake struct {
	bodies   []*conn            // want to receive the next piece of a frame
	starving fifo.Queue[*conn]  // want memory for a frame
	noBuffer []*conn            // want a receive buffer
	queued   fifo.Queue[queued] // want a place for their request
	gone     int                // of queued: those whose connection is closing
	held     int                // receive buffers in use
	inFlight int                // requests that hold a place, where those are limited
	strange  int                // bytes of frames that connections before login have
}
