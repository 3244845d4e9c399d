package shard

import (
	"syscall"

	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/uring"
)

// A connection moves between two requests: nothing is handled, sent or kept. Its receive is cancelled and the last
// completion awaited; bytes that came meanwhile call the move off. Then the socket goes to the other shard with its
// session, as a new connection comes from the acceptor.

// connMove is a move that waits for the connection's last completion.
type connMove struct {
	to   router.ShardID
	done func(moved bool)
}

// moveConn begins to move c to another shard. done hears whether it did; false at once when c is not idle.
func (s *Shard) moveConn(c *conn, to router.ShardID, done func(moved bool)) {
	if !c.idle() || c.move != nil || to == s.id || s.stopping || s.port.ControlRoom(to) <= 4 {
		done(false)
		return
	}
	c.move = &connMove{to, done}
	s.submit(uring.Op{Kind: uring.KindCancel, Target: c.recv, Token: tokNone})
}

// idle reports whether c waits for a request and nothing else.
func (c *conn) idle() bool {
	return c.fd >= 0 && !c.closing && !c.eof && !c.stashed && c.busy == nil && c.send == 0 && c.recv != 0 && c.keptLen == 0 && c.frame == nil && c.wanted == 0
}

// moveStep takes the last completion of a connection that is to move, and reports whether it has moved.
func (s *Shard) moveStep(c *conn, done *uring.Completion) bool {
	m := c.move
	c.move = nil
	if c.closing || done.Err != syscall.ECANCELED || done.Recv.ID != 0 || s.stopping || s.port.ControlRoom(m.to) <= 4 {
		if done.Err == syscall.ECANCELED && !c.closing {
			done.Err = 0
			m.done(false)
			s.armRecv(c)
			return true // nothing came
		}
		m.done(false)
		return false
	}
	b := s.b
	b.loads[s.id].conns.Add(-1)
	b.loads[m.to].conns.Add(1)
	s.port.Control(m.to, message{kind: msgConn, conn: acceptedConn{fd: c.fd, id: c.id, opened: c.opened, session: c.session, lastMeta: c.lastMeta}})
	c.fd, c.peer, c.session = -1, "", session{}
	s.connFree = append(s.connFree, c.slot)
	s.connCount--
	m.done(true)
	return true
}
