package front

import "github.com/galgo-mq/galgo/uring"

// Bytes that a connection has received and that are not looked at yet wait in two places: kept, which is memory, and behind it stash, which
// is receive buffers as they came. They are moved from stash to kept where the connection has to wait, as others need the buffers. Where
// there is no memory they stay in stash: bytes that were on their way when a connection began to wait are no reason to close it.
//
// The memory of kept is not that of frames: else the beginnings of frames that wait could keep the first of them from having room.

// tiny reports whether kept is memory of the heap, of a connection before login.
func (in *inbound) tiny() bool { return in.kept != nil && in.keptFrom == nil }

// unseen is how many received bytes wait.
func (in *inbound) unseen() int { return in.keptLen + in.stashLen }

// hold puts received bytes behind those that wait. Their buffer is in use until they are moved or taken.
func (n *intake) hold(c *conn, r uring.Recv) {
	in := &c.in
	if in.stash == nil {
		in.stash = in.stashOne[:0]
	}
	in.stash = append(in.stash, r)
	in.stashLen += len(r.Data)
	n.stashed++
}

// shift takes the first receive buffer out of the stash. There must be one.
func (n *intake) shift(c *conn) uring.Recv {
	in := &c.in
	r := in.stash[0]
	k := copy(in.stash, in.stash[1:])
	in.stash[k] = uring.Recv{}
	if in.stash = in.stash[:k]; k == 0 {
		in.stash = nil // a longer list than most need is given up
	}
	in.stashLen -= len(r.Data)
	n.stashed--
	return r
}

// settle moves the bytes of a connection that has to wait out of receive buffers, as far as there is memory. False: those that are left may
// not stay, because too many buffers are in use so, or because the connection has no session.
func (n *intake) settle(c *conn) bool {
	in := &c.in
	for len(in.stash) > 0 && n.keep(c, in.stash[0].Data) {
		n.release(n.shift(c).ID)
	}
	return len(in.stash) == 0 || n.stashed <= stashMax && c.peer.Session.Bound()
}

// keep appends p to the bytes in kept. False: there is no memory.
func (n *intake) keep(c *conn, p []byte) bool {
	in := &c.in
	if need := in.keptLen + len(p); need > len(in.kept) {
		buf, from := n.keptMemory(c, need)
		if buf == nil {
			return false
		}
		buf = buf[:cap(buf)]
		copy(buf, in.kept[:in.keptLen])
		if in.kept != nil {
			n.dropKept(c)
		}
		in.kept, in.keptFrom = buf, from
	}
	in.keptLen += copy(in.kept[in.keptLen:], p)
	n.copied(len(p))
	return true
}

// keptMemory gets memory for kept, and says from where. Connections before login have no part of what the others share.
func (n *intake) keptMemory(c *conn, size int) (buf []byte, from *uring.Pool) {
	switch {
	case c.peer.Session.Bound():
		if buf = n.ahead.Get(size); buf == nil {
			n.counts.Memory++
		}
		return buf, n.ahead
	case size <= tinyFrame:
		return make([]byte, tinyFrame), nil
	}
	return n.get(c, size), n.memory
}

// dropKept gives the memory of kept back; its bytes are somewhere else now.
func (n *intake) dropKept(c *conn) {
	switch in := &c.in; in.keptFrom {
	case nil:
	case n.memory:
		n.put(c, in.kept)
	default:
		in.keptFrom.Put(in.kept)
	}
	c.in.kept, c.in.keptFrom = nil, nil
}

// draw moves the first of the bytes that wait to dst, as many as there are and fit, and returns how many.
func (n *intake) draw(c *conn, dst []byte) int {
	in := &c.in
	k := copy(dst, in.kept[:in.keptLen])
	if in.keptLen = copy(in.kept, in.kept[k:in.keptLen]); in.keptLen == 0 && in.kept != nil {
		n.dropKept(c)
	}
	for k < len(dst) && len(in.stash) > 0 {
		r := &in.stash[0]
		m := copy(dst[k:], r.Data)
		k += m
		r.Data = r.Data[m:]
		if in.stashLen -= m; len(r.Data) == 0 {
			n.release(n.shift(c).ID)
		}
	}
	n.copied(k)
	return k
}

// keptSize returns the size of the frame that the bytes which wait begin with, as frameSize does. There must be some.
func (n *intake) keptSize(c *conn) (int, came) {
	in := &c.in
	p := in.kept[:in.keptLen]
	if len(p) == 0 {
		p = in.stash[0].Data
	}
	size, g := n.frameSize(c, p)
	if size > 0 || g != cameNothing || len(p) == in.unseen() {
		return size, g
	}
	k := copy(n.head[:], in.kept[:in.keptLen])
	for i := range in.stash {
		k += copy(n.head[k:], in.stash[i].Data)
	}
	return n.frameSize(c, n.head[:k])
}

// keepAhead keeps bytes that came while the connection waits for something else. A receive that is armed for good ends where it
// would bring more than the connection may send ahead, or than there is memory for.
func (n *intake) keepAhead(c *conn, r uring.Recv) came {
	in := &c.in
	n.hold(c, r)
	switch {
	case !n.settle(c):
		return n.noMemory()
	case in.unseen() > AheadMax || !c.peer.Session.Bound():
		if !in.ending {
			n.counts.ConnectionMemory++
		}
		n.endReceive(c)
	case in.wanted != 0 || len(in.stash) > 0:
		n.endReceive(c)
	}
	return cameNothing
}

// forget gives back what waits.
func (n *intake) forget(c *conn) {
	in := &c.in
	if in.kept != nil {
		n.dropKept(c)
	}
	in.keptLen = 0
	for len(in.stash) > 0 {
		n.release(n.shift(c).ID)
	}
}
