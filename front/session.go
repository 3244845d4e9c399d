package front

import (
	"github.com/galgo-mq/galgo/wire"
)

// Evict takes the session from the connection of that number, if it is here and has the session of that client: it has logged in
// elsewhere.
func (f *Front) Evict(id uint32, client [16]byte) {
	if c := f.conns.byID[id]; c != nil && c.peer.Session.Client == client { // and not another that has come since
		c.estrange()
	}
}

// estrange takes the session from a connection, which has to log in again in time.
func (c *conn) estrange() {
	c.peer.Session = wire.Session{}
	if c.in.deadline == 0 {
		c.in.deadline = c.f.now + int64(c.f.cfg.HandshakeTimeout)
	}
}

// Resting is a connection that has a session, no request under way and none coming in.
type Resting struct {
	Peer *wire.Peer
	Idle int64 // nanoseconds since its last request
	conn *conn
}

// SeekResting begins to look for connections that rest: Resting has some in each turn, until all were looked at.
func (f *Front) SeekResting() { f.rests.begin(&f.conns) }

// Resting yields, of the next connections that SeekResting is for, those that rest. Orphan and Say may be called meanwhile.
func (f *Front) Resting(yield func(Resting) bool) {
	for _, c := range f.rests.step(&f.conns) {
		if c.atRest() && c.peer.Session.Bound() && !yield(Resting{&c.peer, f.now - c.idleSince, c}) {
			return
		}
	}
}

// Orphan takes the session from a connection that rests. Its next request is told.
func (f *Front) Orphan(r Resting) { r.conn.estrange() }

// Say begins an exchange that nobody has asked for, on a connection that rests. nil: there is no memory, and the connection is closed,
// for why.
func (f *Front) Say(r Resting, why string) *Exchange {
	x := f.pool.get()
	if x == nil {
		r.conn.close(why, nil)
		return nil
	}
	r.conn.attach(x)
	x.state = stateTaken
	return x
}

// LocalName is the address at which the peer of x has reached this side; empty when it is gone already.
func (f *Front) LocalName(x *Exchange) string { return f.ops.io.LocalName(x.conn.fd) }
