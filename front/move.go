package front

import (
	"github.com/galgo-mq/galgo/uring"
)

// A connection moves between two requests: nothing is handled, sent or kept. Its receive is cancelled and the last completion awaited;
// bytes that came meanwhile call the move off. Then the socket goes to the other Front with its session, as a new connection does.

// Move begins to move the connection of that number. News says whether it did: Moves or Stays. False: it is not here, or not idle.
func (f *Front) Move(id uint32, to int) bool {
	c := f.conns.byID[id]
	if c == nil || !c.idle() || c.moveTo >= 0 || f.stopping {
		return false
	}
	c.moveTo = to
	f.ops.cancel(c.in.recv)
	return true
}

// moved takes the last completion of a connection that is to move, and reports whether it was nothing but that.
func (c *conn) moved(done *uring.Completion) bool {
	f := c.f
	to := c.moveTo
	c.moveTo = -1
	if c.closing || done.Err != uring.ErrCanceled || done.Recv.ID != 0 || f.stopping {
		c.tell(News{Kind: Stays, To: to})
		if c.closing || done.Err != uring.ErrCanceled {
			return false
		}
		f.in.arm(c)
		return true // nothing came
	}
	c.tell(News{Kind: Moves, FD: c.fd, To: to})
	f.conns.put(c)
	return true
}
