package front

import "github.com/galgo-mq/galgo/uring"

// Reply gives the reply to x, which is in Vec. It leaves when those before it have, if the order matters.
func (f *Front) Reply(x *Exchange) {
	x.expect("Reply", stateTaken, stateTaken)
	c := x.conn
	if c.closing {
		c.end(x)
		c.tryClose()
		return
	}
	if x.Final {
		c.ended = true
	}
	f.places.leave(x)
	x.state = stateReplied
	c.sendReady()
	if c.in.unseen() == 0 {
		f.in.arm(c)
	}
}

// Send sends the next part of a reply, behind a Part.
func (f *Front) Send(x *Exchange) {
	x.expect("Send", statePart, statePart)
	if c := x.conn; c.closing {
		c.end(x)
		c.tryClose()
	} else {
		c.startSend(x)
	}
}

// End says, behind a Part, that the reply ended there.
func (f *Front) End(x *Exchange) {
	x.expect("End", statePart, statePart)
	c := x.conn
	c.end(x)
	c.goOn()
}

// Drop ends x without a reply, or the rest of one, and closes its connection.
func (f *Front) Drop(x *Exchange, why string, err error) {
	x.expect("Drop", stateTaken, statePart)
	c := x.conn
	c.end(x)
	c.close(why, err)
	c.tryClose()
}

// sendReady begins to send the reply that is to leave next, if there is one and none is leaving.
func (c *conn) sendReady() {
	if c.out.of != nil || c.closing {
		return
	}
	if x := c.window.ready(); x != nil {
		c.startSend(x)
	}
}

// startSend sends what x has in Vec. Its memory stays until sent. A peer that has taken nothing of the send before has no more time for this one.
func (c *conn) startSend(x *Exchange) {
	f := c.f
	x.state = stateSending
	o := &c.out
	if o.of != x || o.since == 0 {
		o.of, o.since, o.acked = x, f.now, 0
	}
	o.began = f.now
	o.send = f.ops.submit(uring.Op{Kind: uring.KindSend, FD: c.fd, Vec: x.Vec, Token: c.token(f.ops.tokens, opSend)})
}

// sent goes on when a reply is out, or a part of it, or will never be.
func (c *conn) sent(done *uring.Completion) {
	f := c.f
	x, cut := c.out.of, c.out.slow && done.Err == uring.ErrCanceled
	if c.out.slow = false; !cut || done.Res > 0 {
		c.out.since = 0
	}
	switch {
	case c.closing:
		c.end(x)
		c.tryClose()
	case cut || x.Partial && done.Err == 0:
		x.state, x.Out = statePart, int(done.Res)
		f.queue.tell(x, Part)
	case done.Err != 0:
		c.end(x)
		c.close("send failed", done.Err)
	case x.Final:
		x.state = stateSent
		c.out.of = nil
		c.lastSent()
	default:
		c.end(x)
		c.goOn()
	}
}

// lastSent waits for the peer to read why, with the connection still taken.
func (c *conn) lastSent() {
	if c.in.deadline = c.f.now + int64(endGrace); c.in.eof {
		c.close("", nil) // it has gone already
		return
	}
	c.sendReady()
}

// end lets go of x: its reply is out, or will never be. Put follows when that was taken.
func (c *conn) end(x *Exchange) {
	if c.out.of == x {
		c.out.of = nil
	}
	c.window.remove(x)
	c.idleSince = c.f.now
	x.conn, x.state, x.Closing = nil, stateOver, true
	c.f.queue.tell(x, Ended)
}

// goOn sends the next reply, and looks at what came in while the window was full.
func (c *conn) goOn() {
	switch {
	case c.closing:
		c.tryClose()
	case c.f.stopping && c.window.under == 0:
		c.close("", nil)
	default:
		c.sendReady()
		if !c.full() && !c.closing {
			c.came(c.more())
		}
	}
}

// Part takes an exchange for a part of what x asks: it has a Top and the peer of x and no connection, and nothing is told of it. Put follows.
// nil: there is no memory.
func (f *Front) Part(x *Exchange) *Exchange {
	p := f.pool.get()
	if p != nil {
		p.Peer = x.Peer
	}
	return p
}

// Put takes an exchange back that is over, or was never begun. Nothing in flight may name its memory.
func (f *Front) Put(x *Exchange) {
	x.expect("Put", stateOver, stateFree)
	f.DropFrame(x)
	f.places.leave(x)
	f.pool.put(x)
}

// DropFrame gives the memory of a frame back: its bytes are not needed any more.
func (f *Front) DropFrame(x *Exchange) { f.in.dropFrame(x) }

// Vacate gives up the place of x, which may wait for what others send.
func (f *Front) Vacate(x *Exchange) { f.places.leave(x) }

// CutSlow begins to cut off replies that may be, whose memory others want and which nobody has taken for a while: some in each Tend, until all
// were looked at. A connection that has others, which hold such memory, ends if its peer has taken nothing for pinMax.
func (f *Front) CutSlow() { f.slow.begin(&f.conns) }

// cutSlow looks at the next connections that CutSlow is for.
func (f *Front) cutSlow() {
	for _, c := range f.slow.step(&f.conns) {
		o := &c.out
		switch {
		case o.send == 0 || o.slow || c.closing || f.now-o.began < int64(SlowAfter):
		case c.window.pins(o.of) && c.stalls(pinMax):
			f.counts.Slow++
			c.close("peer does not read its reply, and others wait for its memory", nil)
		case o.of.Resumable:
			o.slow = true
			f.counts.Slow++
			f.ops.cancel(o.send)
		}
	}
}
