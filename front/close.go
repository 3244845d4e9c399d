package front

import (
	"time"

	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// Adopt takes a connection in, a new one or one that comes from another Front.
func (f *Front) Adopt(n Newcomer) {
	if f.stopping {
		f.ops.closeSocket(n.FD)
		f.news.Push(News{Kind: Left, Peer: n.Peer, Opened: n.Opened})
		return
	}
	c := f.conns.take(f)
	c.fd, c.peer, c.opened, c.idleSince = n.FD, n.Peer, n.Opened, f.now
	f.conns.byID[c.peer.ID] = c
	if d := c.peer.Dialect; d != nil {
		c.speak(d)
		c.met = true
	}
	c.tell(News{Kind: Opened})
	_ = f.ops.io.SetNoDelay(c.fd)
	f.in.await(c)
}

// Close closes the connection of x. The reply that is due is still to be given, and goes nowhere.
func (f *Front) Close(x *Exchange, why string, err error) {
	if x.conn != nil {
		x.conn.close(why, err)
	}
}

// close ends a connection. why is what the log says, empty for the ordinary end.
func (c *conn) close(why string, err error) {
	f := c.f
	if c.closing {
		return
	}
	c.closing = true
	c.tell(News{Kind: Closed, Why: why, Err: err})
	for x := c.window.first; x != nil; {
		later := x.later
		x.Closing = true
		c.letGo(x)
		x = later
	}
	for _, h := range [...]uring.Handle{c.in.recv, c.in.body, c.out.send} {
		f.ops.cancel(h)
	}
	f.in.forget(c)
	c.tryClose()
}

// letGo ends an exchange of a closing connection that nobody works on, and says to who works on it that nobody will read the reply.
func (c *conn) letGo(x *Exchange) {
	f := c.f
	switch x.state {
	case stateQueued:
		f.places.gone++ // it is found there
	case stateWhole, stateReplied, stateSent:
		c.end(x)
	case stateTaken, statePart:
		if e := Gone; x.Watched {
			if x.state == stateTaken && !x.Hurried {
				x.Hurried = true
				e |= Hurried
			}
			f.queue.tell(x, e)
		}
	}
}

// tryClose closes the socket of a closing connection when nothing of it is in flight.
func (c *conn) tryClose() {
	f := c.f
	if c.shut || c.in.recv != 0 || c.in.body != 0 || c.out.send != 0 || c.window.under != 0 || c.in.unbuffered {
		return
	}
	c.shut = true
	f.in.drop(c)
	if c.peer.Session.Bound() {
		c.tell(News{Kind: Over})
		c.peer.Session = wire.Session{}
	}
	f.ops.submit(uring.Op{Kind: uring.KindCloseSocket, FD: c.fd, Token: c.token(f.ops.tokens, opClose)})
}

// free takes a connection out whose socket is closed.
func (c *conn) free() {
	c.tell(News{Kind: Left})
	c.f.conns.put(c)
}

// Sweep begins to close connections that let their deadline pass: some in each Tend, until all were looked at. It runs once a second.
func (f *Front) Sweep() { f.late.begin(&f.conns) }

// closeLate looks at the next connections that Sweep is for.
func (f *Front) closeLate() {
	for _, c := range f.late.step(&f.conns) {
		if c.fd >= 0 && !c.closing {
			c.judge()
		}
	}
}

// judge closes c if its peer has let a deadline pass.
func (c *conn) judge() {
	f := c.f
	if c.out.send != 0 && f.givesUp {
		c.close("stopping, and the peer does not read its reply", nil)
		return
	}
	if c.out.send != 0 && c.stalls(f.cfg.SendTimeout) {
		c.close("peer does not read its reply", nil)
		return
	}
	if c.in.deadline == 0 || c.in.deadline > f.now || c.out.send != 0 && c.full() { // what comes in is not awaited
		return
	}
	switch {
	case c.ended:
		c.close("", nil)
	case c.in.wanted != 0:
		c.close("no memory for the request in time", nil)
	case c.in.frame != nil || c.in.unseen() > 0:
		c.close("request too slow", nil)
	default:
		c.close("no login in time", nil)
	}
}

// stalls reports whether the peer has taken nothing of its reply for so long. What it had acknowledged before is known from the first look at
// the reply, which is soon: a peer that has acknowledged something by then has its time from there.
func (c *conn) stalls(most time.Duration) bool {
	o, f := &c.out, c.f
	idle := f.now - o.since
	if idle < int64(SlowAfter) || o.acked > 0 && idle < int64(most) {
		return false
	}
	if acked := f.ops.io.Acknowledged(c.fd); acked > o.acked {
		o.acked, o.since = acked, f.now
		return false
	}
	return idle >= int64(most)
}

// Stop begins to close the connections, some in each Tend; those that have requests under way when these are answered. No others are adopted any more.
func (f *Front) Stop() {
	f.stopping = true
	f.ends.begin(&f.conns)
}

// closeIdle looks at the next connections that Stop is for.
func (f *Front) closeIdle() {
	for _, c := range f.ends.step(&f.conns) {
		if c.fd >= 0 && c.window.under == 0 {
			c.close("", nil)
		}
	}
}

// GiveUpSends has each Sweep close connections, of a Front that is stopping, whose peers do not read their replies.
func (f *Front) GiveUpSends() { f.givesUp = true }

// Sockets takes the descriptors that are open where nothing is in flight any more, the listening one too. The caller closes them.
func (f *Front) Sockets() (fds []int32) {
	for _, c := range f.conns.all {
		if c.fd >= 0 {
			fds = append(fds, c.fd)
			c.fd = -1
		}
	}
	if l := &f.Door; l.fd > 0 && !l.closed {
		l.closed = true
		fds = append(fds, l.fd)
	}
	return fds
}
