package front

import (
	"github.com/galgo-mq/galgo/uring"
)

// received takes a completion of a receive.
func (c *conn) received(done *uring.Completion) {
	f := c.f
	if done.Recv.ID != 0 {
		f.in.held++
	}
	if c.moveTo >= 0 && c.moved(done) {
		return
	}
	in := &c.in
	switch {
	case c.closing:
		f.in.release(done.Recv.ID)
		c.tryClose()
	case done.Err == uring.ErrNoBuffers:
		f.in.noBuffer.Push(c)
		in.unbuffered = true
	case done.Err == uring.ErrCanceled:
		c.came(f.in.resume(c))
	case done.Err != 0:
		c.close("receive failed", done.Err)
	case done.Res == 0 && c.ended && c.out.send == 0:
		c.close("", nil)
	case done.Res == 0 && (c.window.under > 0 || in.wanted != 0 && in.wanted <= in.unseen()):
		in.eof = true // what it asked for is answered first: who sends no more may still read, and a close looks the same until something is sent
		c.hurry()
	case done.Res == 0:
		c.peerClosed()
	case in.frame != nil:
		c.came(f.in.fill(c, done.Recv))
	case in.wanted != 0 || c.full() && (in.multi || f.in.crowded()): // it may be long until they are looked at
		c.came(f.in.keepAhead(c, done.Recv))
		c.hurry()
	case c.full():
		f.in.hold(c, done.Recv)
		c.hurry()
	default:
		c.came(f.in.feed(c, done.Recv))
	}
}

// peerClosed ends a connection in order, or reports a frame that was cut.
func (c *conn) peerClosed() {
	if c.in.unseen() > 0 || c.in.frame != nil {
		c.close("peer closed in the middle of a frame", nil)
		return
	}
	c.close("", nil)
}

// came goes on with what has come of received bytes, and looks at more as long as the window has room.
func (c *conn) came(g came) {
	for {
		if !c.met && c.peer.Dialect != nil {
			c.meet()
		}
		switch g {
		case cameFrame:
			c.begin(&c.f.in.frame)
		case cameEnd:
			if c.window.under == 0 { // else when all is answered
				c.peerClosed()
			}
		case cameUnfit:
			c.close(c.f.in.why, c.f.in.err)
		case cameForeign:
			c.turnAway()
		}
		if g != cameFrame || c.closing || c.full() {
			return
		}
		g = c.more()
	}
}

// more looks at what has come behind a frame, on a connection whose window has room for another one.
func (c *conn) more() came {
	if c.in.frame != nil || c.in.wanted != 0 {
		return cameNothing
	}
	return c.f.in.feedKept(c)
}

// begin has a whole frame handled.
func (c *conn) begin(g *whole) {
	f := c.f
	c.in.deadline, c.in.wholeBy = 0, 0
	if c.in.small++; len(g.data) > bulkMin {
		c.in.small = 0
	} else if c.in.small >= smallMany {
		c.in.bulk, c.in.small = false, smallMany
	}
	if !c.opened && c.peer.Dialect.Serves() {
		c.opened = true
		c.tell(News{Kind: Served})
	}
	x := f.pool.get()
	if x == nil {
		f.in.release(g.id)
		if g.buf != nil {
			f.in.memory.Put(g.buf)
		}
		c.close("no memory for another request", nil)
		return
	}
	if g.id != 0 && f.in.crowded() {
		if own := f.in.memory.Get(len(g.data)); own != nil {
			copy(own, g.data)
			f.in.release(g.id)
			*g = whole{own, 0, own}
		}
	}
	c.frames++
	x.Frame, x.recvID, x.buf, x.Number = g.data, g.id, g.buf, c.frames
	c.attach(x)
	if f.places.take(x, c.peer.Session.Bound()) {
		c.tellWhole(x)
		return
	}
	f.counts.InFlight++
	x.state = stateQueued
	f.places.queue.Push(x)
}

// attach makes x an exchange of c.
func (c *conn) attach(x *Exchange) {
	x.conn, x.Peer, x.Closing = c, &c.peer, c.closing
	c.window.add(x)
}

// tellWhole has x taken, and handled.
func (c *conn) tellWhole(x *Exchange) {
	in := &c.in
	x.state = stateWhole
	x.Hurried = c.window.inOrder && (in.unseen() > 0 || in.eof) // the next request is here already
	c.f.queue.tell(x, Whole)
}

// hurry notes that more has come on c behind what is under way: replies that others wait for are not to be held back.
func (c *conn) hurry() {
	if !c.window.inOrder {
		return
	}
	for x := c.window.first; x != nil; x = x.later {
		if x.state != stateTaken || x.Hurried {
			continue
		}
		if x.Hurried = true; x.Watched {
			c.f.queue.tell(x, Hurried)
		}
	}
}

func (c *conn) tell(n News) {
	n.Peer, n.Opened = c.peer, c.opened
	c.f.news.Push(n)
}
