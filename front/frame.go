package front

import "github.com/galgo-mq/galgo/uring"

// feed takes received bytes of a connection that may have another request under way.
func (n *intake) feed(c *conn, r uring.Recv) came {
	if c.in.unseen() == 0 { // mostly they are one frame
		size, g := n.frameSize(c, r.Data)
		if g != cameNothing {
			n.release(r.ID)
			return g
		}
		if size == len(r.Data) {
			return n.whole(r.Data, r.ID, nil)
		}
	}
	n.hold(c, r)
	return n.feedKept(c)
}

// frameSize returns the size of the frame that p begins with, 0 if that is not known yet, or that p begins none.
func (n *intake) frameSize(c *conn, p []byte) (int, came) {
	if c.peer.Dialect == nil {
		if !n.identify(c, p) {
			return 0, cameNothing
		}
		if c.peer.Dialect == nil {
			return 0, cameForeign
		}
	}
	size, err := c.peer.Dialect.Frame(p, n.cfg.FrameBytesMax)
	switch {
	case err != nil:
		n.counts.FrameSize++
		return 0, n.unfit("not a frame of the protocol", err)
	case size > n.cfg.ConnectionBytesMax-AheadMax:
		n.counts.ConnectionMemory++
		return 0, n.unfit("frame too large for limits.connection_memory", nil)
	case size > preLoginFrameMax && !c.peer.Session.Bound():
		n.counts.FrameSize++
		return 0, n.unfit("frame too large before login", nil)
	}
	return size, cameNothing
}

// feedKept looks for a frame in the bytes that wait, and has the rest of it come in.
func (n *intake) feedKept(c *conn) came {
	in := &c.in
	if in.unseen() == 0 {
		if in.eof {
			return cameEnd
		}
		n.await(c)
		return cameNothing
	}
	size, g := n.keptSize(c)
	if g != cameNothing {
		return g
	}
	part := size == 0 || size > in.unseen()
	if part && in.eof {
		return cameEnd
	}
	if part {
		n.ops.io.QuickAck(c.fd)
	}
	tiny := size <= tinyFrame && (in.tiny() || !c.peer.Session.Bound())
	switch {
	case size == 0 || part && tiny:
		return n.awaitRest(c)
	case !part && n.takeStash(c, size):
		return cameFrame
	case !part && tiny && in.tiny():
		p := make([]byte, size)
		n.draw(c, p)
		if !n.settle(c) {
			return n.noMemory()
		}
		return n.whole(p, 0, nil)
	}
	n.begins(c, 0) // to wait
	in.wanted, in.deadline = size, n.pieceDeadline(c)
	g = n.takeFrame(c) // also while others wait for more than there is: a few clients with the largest frames would hold up everybody else
	if n.starves(c, g) {
		return n.wait(c)
	}
	return g
}

// awaitRest has more come in of a frame that has no memory of its own yet.
func (n *intake) awaitRest(c *conn) came {
	if c.in.wholeBy == 0 {
		n.begins(c, 0)
	}
	c.in.deadline = n.pieceDeadline(c)
	if !n.settle(c) {
		return n.noMemory()
	}
	n.arm(c)
	return cameNothing
}

// takeStash takes a frame in the receive buffer that it came in. False: it is not whole there, or there is no memory to keep what came
// behind it.
func (n *intake) takeStash(c *conn, size int) bool {
	in := &c.in
	if in.keptLen > 0 || size > len(in.stash[0].Data) {
		return false
	}
	if p := in.stash[0].Data; size < len(p) && !n.keep(c, p[size:]) {
		return false
	}
	r := n.shift(c)
	n.whole(r.Data[:size], r.ID, nil)
	return true
}

// wait has c wait for memory for a frame. Its bytes are not received meanwhile: there would be no memory for them either.
func (n *intake) wait(c *conn) came {
	n.starving.Push(c)
	if c.in.wanted > bulkMin {
		c.in.bulk = true
	}
	n.endReceive(c)
	if !n.settle(c) {
		return n.noMemory()
	}
	return cameNothing
}

// starves reports whether c, with what came of takeFrame, still waits for memory.
func (n *intake) starves(c *conn, g came) bool { return c.in.wanted != 0 && g == cameNothing }

// takeFrame gets memory for the frame that the bytes which wait begin with, and receives what is missing straight into it.
func (n *intake) takeFrame(c *conn) came {
	in := &c.in
	buf := n.get(c, in.wanted)
	if buf == nil && !c.peer.Session.Bound() {
		return n.unfit("no memory for a request before login", nil)
	}
	if buf == nil {
		return cameNothing
	}
	n.begins(c, in.wanted)
	in.frame, in.wanted = buf, 0
	in.frameLen = n.draw(c, buf)
	if !n.settle(c) {
		return n.noMemory()
	}
	return n.receiveBody(c)
}

// fill adds received bytes to the frame that is coming in; what is beyond it waits.
func (n *intake) fill(c *conn, r uring.Recv) came {
	in := &c.in
	size := copy(in.frame[in.frameLen:], r.Data)
	n.copied(size)
	if in.frameLen/bodyPiece != (in.frameLen+size)/bodyPiece {
		in.deadline = n.pieceDeadline(c)
	}
	in.frameLen += size
	if r.Data = r.Data[size:]; len(r.Data) > 0 {
		n.hold(c, r)
	} else {
		n.release(r.ID)
	}
	switch {
	case !n.settle(c):
		return n.noMemory()
	case in.frameLen == len(in.frame) || in.recv == 0:
		return n.receiveBody(c)
	}
	return cameNothing
}

// receiveBody has the next piece of the frame come in, unless it is whole.
func (n *intake) receiveBody(c *conn) came {
	in := &c.in
	if in.frameLen == len(in.frame) {
		p := in.frame
		in.frame = nil
		n.known(c, cap(p))
		return n.whole(p, 0, p)
	}
	if in.bodyDue || in.body != 0 {
		return cameNothing
	}
	in.deadline = n.pieceDeadline(c)
	if in.recv != 0 { // bytes come into receive buffers until that has ended
		if len(in.frame) > bulkMin {
			in.bulk = true
			n.endReceive(c)
		}
		return cameNothing
	}
	in.bodyDue = true
	n.bodies = append(n.bodies, c)
	return cameNothing
}

// armBodies begins to receive the bodies that are due, as far as one turn may.
func (n *intake) armBodies() {
	k, left := 0, bodyTurnMax
	for ; k < len(n.bodies) && left > 0; k++ {
		c := n.bodies[k]
		if !c.in.bodyDue || c.closing {
			continue // closed meanwhile; its place may be another connection's already
		}
		c.in.bodyDue = false
		p := c.in.frame[c.in.frameLen:min(len(c.in.frame), c.in.frameLen+bodyPiece)]
		c.in.body = n.ops.submit(uring.Op{Kind: uring.KindRecvInto, FD: c.fd, Buf: p, Token: c.token(n.ops.tokens, opBody)})
		left -= len(p)
	}
	rest := copy(n.bodies, n.bodies[k:])
	clear(n.bodies[rest:])
	n.bodies = n.bodies[:rest]
}

// bodyReceived takes the next piece of a frame.
func (n *intake) bodyReceived(c *conn, done *uring.Completion) came {
	in := &c.in
	want := min(len(in.frame), in.frameLen+bodyPiece) - in.frameLen
	switch {
	case done.Err != 0:
		return n.unfit("receive failed", done.Err)
	case int(done.Res) < want:
		in.frameLen += int(done.Res)
		return n.unfit("peer closed in the middle of a frame", nil)
	}
	in.frameLen += want
	return n.receiveBody(c)
}
