package shard

import (
	"cmp"
	"syscall"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// conn is one client's connection. Requests are handled one at a time: the next frame is looked at when the reply to the
// last one is in the kernel. One receive is armed while it waits, and already while a reply is being sent.
//
//	waiting --data--> (part of a frame: kept) --> body --> handling --> sending --> waiting
type conn struct {
	fd      int32
	slot    uint32
	gen     uint32
	id      uint32 // number of the connection in the broker
	peer    string
	closing bool
	shut    bool // its socket is being closed
	opened  bool // sent at least one request
	known   bool // its first bytes told what it speaks
	pings   uint8
	eof     bool // the peer sends no more

	recv, body, send uring.Handle // in flight
	busy             *request     // being handled or answered
	vec              [][]byte     // of the send in flight

	// Received and not yet looked at.
	multi   bool  // recv is armed until it is cancelled
	ending  bool  // and that was asked for
	bulk    bool  // frames are large
	small   uint8 // frames since the last large one
	stashed bool
	stash   uring.Recv
	kept    []byte // of recvPool; bytes before the next frame's end, keptLen of them
	keptLen int
	tiny    bool // kept is memory of the heap, of a connection before login

	// A frame that did not come in one piece.
	frame    []byte // of recvPool
	frameLen int    // bytes that are there
	wanted   int    // frame's size while there is no memory for it
	strange  int    // bytes of recvPool that it got before login

	idleSince int64 // end of the last request
	deadline  int64 // monotonic time by which what is awaited must be there; 0: none

	dialect  wire.Dialect
	session  session
	lastMeta uint64    // highest request number of a metadata command of this session
	move     *connMove // on its way to another shard

	bodyDue   bool // in Shard.bodies
	sendBegan int64
	acked     uint64 // bytes that the peer had acknowledged at the last look
	unheld    bool   // the poll in busy must not wait: something else has come
	ended     bool   // the session was ended unasked: nothing is read any more
	slow      bool   // its send was cancelled to give memory back
}

// acceptedConn is a socket on its way to its shard, new or moved.
type acceptedConn struct {
	fd       int32
	id       uint32
	peer     string // as it was when the address was counted: a peer that has reset has no name any more
	opened   bool
	dialect  wire.Dialect
	session  session
	lastMeta uint64
}

const (
	connRecv uint64 = iota + 1
	connSend
	connBody
	connClose
)

func (c *conn) token(op uint64) uint64 {
	return tokConn | op<<48 | uint64(c.gen&0xffffff)<<24 | uint64(c.slot)
}

// adopt takes a new connection in.
func (s *Shard) adopt(a acceptedConn) {
	if s.stopping {
		s.submit(uring.Op{Kind: uring.KindCloseSocket, FD: a.fd, Token: tokNone})
		s.g.registry.leave(host(a.peer))
		s.g.connEnded(s.id)
		return
	}
	c := s.conns.take()
	c.fd, c.id, c.peer, c.idleSince, c.dialect = a.fd, a.id, a.peer, s.mono, cmp.Or(a.dialect, today)
	c.known = a.opened
	c.opened, c.session, c.lastMeta = a.opened, a.session, a.lastMeta
	if c.session.bound() && !s.g.registry.owns(c.id, c.session.client) { // its client id has logged in elsewhere on the way
		c.session = session{}
	}
	if s.due(evConnectionOpened) {
		s.logEvent(evConnectionOpened, zap.String("peer", c.peer))
	}
	_ = s.io.SetNoDelay(a.fd)
	s.await(c)
}

// armRecv has the next bytes of the connection come in. A connection of small frames has one receive armed for its life;
// one of large frames arms a receive for the head of each, so that the rest can come straight into its place.
func (s *Shard) armRecv(c *conn) {
	if c.recv != 0 || c.body != 0 || c.bodyDue || c.closing || c.stashed || c.eof {
		return
	}
	op := uring.Op{Kind: uring.KindRecv, FD: c.fd, Token: c.token(connRecv)}
	if c.multi = !c.bulk; c.multi {
		op.Flags = uring.FlagMulti
	} else {
		op.Len = RecvBufBytes
	}
	c.recv = s.submit(op)
}

// endRecv ends a receive that is armed for good: the rest of a frame is to come into its place, or the peer sends more
// than it may while it is not answered. resumeRecv goes on with the last completion.
func (s *Shard) endRecv(c *conn) {
	if c.recv != 0 && !c.ending {
		c.ending = true
		s.submit(uring.Op{Kind: uring.KindCancel, Target: c.recv, Token: tokNone})
	}
}

func (s *Shard) resumeRecv(c *conn) {
	switch {
	case c.frame != nil:
		s.receiveBody(c)
	case c.busy == nil && c.wanted == 0:
		s.armRecv(c)
	}
}

// connCompleted takes a completion of one of c's operations.
func (s *Shard) connCompleted(done *uring.Completion) {
	c := s.conns.of(done)
	switch done.Token >> 48 & 0xff {
	case connRecv:
		if !done.More {
			c.recv, c.ending = 0, false
		}
		s.received1(c, done)
	case connBody:
		c.body = 0
		s.bodyReceived(c, done)
	case connSend:
		c.send = 0
		s.sent(c, done)
	case connClose:
		s.freeConn(c)
	}
}

func (s *Shard) received1(c *conn, done *uring.Completion) {
	if done.Recv.ID != 0 {
		s.intake.held++
	}
	if c.move != nil && s.moveStep(c, done) {
		return
	}
	switch {
	case c.closing:
		s.releaseRecv(done.Recv.ID)
		s.tryClose(c)
	case done.Err == syscall.ENOBUFS:
		s.intake.noBuffer = append(s.intake.noBuffer, c)
		c.stashed = true // nothing is armed until there is a buffer
	case done.Err == syscall.ECANCELED:
		s.resumeRecv(c)
	case done.Err != 0:
		s.closeConn(c, "receive failed", done.Err)
	case done.Res == 0 && c.ended && c.send == 0:
		s.closeConn(c, "", nil)
	case done.Res == 0 && c.busy != nil:
		c.eof = true // what it asked for is answered first: who sends no more may still read, and a close looks the same until something is sent
		s.unhold(c)
	case done.Res == 0:
		s.peerClosed(c)
	case c.frame != nil:
		s.fillFrame(c, done.Recv)
	case c.wanted != 0 || c.busy != nil && (c.multi || s.intake.held > RecvBufs/2): // it may be long until they are looked at
		s.keepAhead(c, done.Recv)
		s.unhold(c)
	case c.busy != nil:
		c.stashed, c.stash = true, done.Recv
		s.unhold(c)
	default:
		s.feed(c, done.Recv)
	}
}

// peerClosed ends a connection in order, or reports a frame that was cut.
func (s *Shard) peerClosed(c *conn) {
	if c.keptLen > 0 || c.frame != nil {
		s.closeConn(c, "peer closed in the middle of a frame", nil)
		return
	}
	s.closeConn(c, "", nil)
}

func (s *Shard) releaseRecv(id uint32) {
	if id != 0 {
		s.io.Release(id)
		s.intake.held--
	}
}

// await waits for the next request.
func (s *Shard) await(c *conn) {
	if c.deadline = 0; !c.session.bound() {
		c.deadline = s.mono + int64(s.cfg.HandshakeTimeout)
	}
	s.armRecv(c)
}
