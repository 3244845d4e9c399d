package shard

import (
	"github.com/galgo-mq/galgo/uring"
)

// respond sends the reply of q, which lies in vec[0:], and looks at the next frame when it is out.
func (s *Shard) respond(c *conn, q *request, vec [][]byte) {
	if c.closing {
		s.requestEnded(c)
		s.tryClose(c)
		return
	}
	s.vacate(q)
	s.startSend(c, vec)
	if c.keptLen == 0 {
		s.armRecv(c)
	}
}

// startSend sends vec. Its memory stays until sent.
func (s *Shard) startSend(c *conn, vec [][]byte) {
	c.sendBegan, c.deadline, c.acked = s.mono, s.mono+int64(s.cfg.SendTimeout), 0
	c.send = s.submit(uring.Op{Kind: uring.KindSend, FD: c.fd, Vec: vec, Token: c.token(connSend)})
}

// sent goes on when a reply is out.
func (s *Shard) sent(c *conn, done *uring.Completion) {
	if s.owesMore(c, done) || s.listOwes(c, done.Err != 0) {
		return
	}
	if done.Err != 0 && !c.closing {
		s.requestEnded(c)
		s.closeConn(c, "send failed", done.Err)
		return
	}
	if c.ended && !c.closing {
		s.endSent(c)
		return
	}
	s.sentAll(c)
}

// sentAll ends the request whose reply is out, and looks at the next frame.
func (s *Shard) sentAll(c *conn) {
	s.requestEnded(c)
	switch {
	case c.closing:
		s.tryClose(c)
	case s.stopping:
		s.closeConn(c, "", nil)
	default:
		s.next(c)
	}
}

// requestEnded gives back everything of the request that c handled.
func (s *Shard) requestEnded(c *conn) {
	q := c.busy
	c.busy = nil
	c.idleSince = s.mono
	s.finish(q)
}

// next looks at what came in while a request was handled.
func (s *Shard) next(c *conn) {
	if c.stashed && c.stash.ID != 0 {
		r := c.stash
		c.stashed, c.stash = false, uring.Recv{}
		s.feed(c, r)
		return
	}
	s.feedKept(c)
}
