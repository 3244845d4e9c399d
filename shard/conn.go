package shard

import (
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire/vsr"
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
	opened  bool // sent at least one request
	eof     bool // the peer sends no more

	recv, send uring.Handle // in flight
	busy       *request     // being handled or answered
	vec        [][]byte     // of the send in flight

	// Received and not yet looked at.
	stashed bool
	stash   uring.Recv
	kept    []byte // of recvPool; bytes before the next frame's end, keptLen of them
	keptLen int

	// A frame that did not come in one piece.
	frame    []byte // of recvPool
	frameLen int    // bytes that are there
	wanted   int    // frame's size while there is no memory for it
	strange  int    // bytes of recvPool that it got before login

	idleSince int64 // end of the last request
	deadline  int64 // monotonic time by which what is awaited must be there; 0: none

	session  session
	lastMeta uint64    // highest request number of a metadata command of this session
	move     *connMove // on its way to another shard

	bodyDue   bool // in Shard.bodies
	sendBegan int64
	slow      bool // its send was cancelled to give memory back
}

// acceptedConn is a socket on its way to its shard, new or moved.
type acceptedConn struct {
	fd       int32
	id       uint32
	opened   bool
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
		s.b.connEnded(s.id)
		return
	}
	var c *conn
	if k := len(s.connFree); k > 0 {
		c = s.conns[s.connFree[k-1]]
		s.connFree = s.connFree[:k-1]
	} else {
		c = &conn{slot: uint32(len(s.conns))}
		s.conns = append(s.conns, c)
	}
	*c = conn{fd: a.fd, id: a.id, slot: c.slot, gen: c.gen + 1, peer: uring.PeerName(a.fd), idleSince: s.mono, vec: c.vec[:0],
		opened: a.opened, session: a.session, lastMeta: a.lastMeta}
	s.connCount++
	_ = uring.SetNoDelay(a.fd)
	s.await(c)
}

// armRecv has the next bytes of the connection come in.
func (s *Shard) armRecv(c *conn) {
	if c.recv == 0 && !c.closing && !c.stashed && !c.eof {
		c.recv = s.submit(uring.Op{Kind: uring.KindRecv, FD: c.fd, Len: recvBufBytes, Token: c.token(connRecv)})
	}
}

// connCompleted takes a completion of one of c's operations.
func (s *Shard) connCompleted(done *uring.Completion) {
	slot := uint32(done.Token & 0xffffff)
	op := done.Token >> 48 & 0xff
	if int(slot) >= len(s.conns) {
		panic("BUG: completion for a connection that never was")
	}
	c := s.conns[slot]
	if c.gen&0xffffff != uint32(done.Token>>24&0xffffff) {
		panic("BUG: completion for a connection that is gone")
	}
	switch op {
	case connRecv:
		c.recv = 0
		s.received1(c, done)
	case connBody:
		c.recv = 0
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
		s.held++
	}
	if c.move != nil && s.moveStep(c, done) {
		return
	}
	switch {
	case c.closing:
		s.releaseRecv(done.Recv.ID)
		s.tryClose(c)
	case done.Err == syscall.ENOBUFS:
		s.noBuffer = append(s.noBuffer, c)
		c.stashed = true // nothing is armed until there is a buffer
	case done.Err != 0:
		s.closeConn(c, "receive failed", done.Err)
	case done.Res == 0 && c.busy != nil:
		c.eof = true // what it asked for is answered first
	case done.Res == 0:
		s.peerClosed(c)
	case c.busy != nil && s.held > recvBufs/2 && s.keep(c, done.Recv.Data): // it may be long until they are looked at
		s.releaseRecv(done.Recv.ID)
	case c.busy != nil:
		c.stashed, c.stash = true, done.Recv
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
		s.held--
	}
}

// feed takes received bytes. c handles no request.
func (s *Shard) feed(c *conn, r uring.Recv) {
	if c.keptLen > 0 {
		ok := s.keep(c, r.Data)
		s.releaseRecv(r.ID)
		if !ok {
			s.closeConn(c, "no memory for received bytes", nil)
			return
		}
		s.feedKept(c)
		return
	}
	n, ok := s.frameSize(c, r.Data)
	if !ok {
		s.releaseRecv(r.ID)
		return
	}
	if n == 0 || n > len(r.Data) {
		fits := s.keep(c, r.Data)
		s.releaseRecv(r.ID)
		if !fits {
			s.closeConn(c, "no memory for received bytes", nil)
			return
		}
		s.feedKept(c)
		return
	}
	if len(r.Data) > n && !s.keep(c, r.Data[n:]) {
		s.releaseRecv(r.ID)
		s.closeConn(c, "no memory for received bytes", nil)
		return
	}
	s.begin(c, r.Data[:n], r.ID, nil)
}

// frameSize returns the size of the frame that p begins with, 0 if that is not known yet. False: c is being closed.
func (s *Shard) frameSize(c *conn, p []byte) (int, bool) {
	if len(p) < vsr.HeaderSize {
		return 0, true
	}
	_, n, err := vsr.DecodeHeader(p, s.cfg.FrameBytesMax)
	if err != nil {
		s.closeConn(c, "not a frame of the protocol", err)
		return 0, false
	}
	if n > preLoginBytesMax && !c.session.bound() {
		s.closeConn(c, "frame too large before login", nil)
		return 0, false
	}
	return n, true
}

// keep appends p to the bytes that wait.
func (s *Shard) keep(c *conn, p []byte) bool {
	if need := c.keptLen + len(p); need > len(c.kept) {
		buf := s.frameMemory(c, need)
		if buf == nil {
			return false
		}
		buf = buf[:cap(buf)]
		copy(buf, c.kept[:c.keptLen])
		if c.kept != nil {
			s.putFrameMemory(c, c.kept)
		}
		c.kept = buf
	}
	c.keptLen += copy(c.kept[c.keptLen:], p)
	s.copied(len(p))
	return true
}

// frameMemory gets memory for received bytes. Connections before login share a small part of it, so that they can't keep
// others from being served.
func (s *Shard) frameMemory(c *conn, n int) []byte {
	if !c.session.bound() && s.strange+n > s.b.strangersMax {
		return nil
	}
	buf := s.recvPool.Get(n)
	if buf != nil && !c.session.bound() {
		c.strange += cap(buf)
		s.strange += cap(buf)
	}
	return buf
}

func (s *Shard) putFrameMemory(c *conn, buf []byte) {
	s.known(c, cap(buf))
	s.recvPool.Put(buf)
}

// known counts n bytes no longer as those of a connection before login.
func (s *Shard) known(c *conn, n int) {
	n = min(n, c.strange)
	c.strange -= n
	s.strange -= n
}

func (s *Shard) copied(n int) {
	s.stats.copies++
	s.stats.copiedBytes += uint64(n)
}

// feedKept looks for a frame in the bytes that wait, and has the rest of it come in.
func (s *Shard) feedKept(c *conn) {
	if c.eof && c.keptLen == 0 {
		s.peerClosed(c)
		return
	}
	if c.keptLen == 0 {
		s.await(c)
		return
	}
	n, ok := s.frameSize(c, c.kept[:c.keptLen])
	if !ok {
		return
	}
	if c.eof && (n == 0 || n > c.keptLen) {
		s.peerClosed(c)
		return
	}
	if n == 0 || n > c.keptLen {
		uring.QuickAck(c.fd)
	}
	if n == 0 {
		c.deadline = s.pieceDeadline(c)
		s.armRecv(c)
		return
	}
	c.wanted = n
	s.takeFrame(c)
}

// takeFrame gets memory for the frame that the kept bytes begin with, and receives what is missing straight into it.
func (s *Shard) takeFrame(c *conn) {
	buf := s.frameMemory(c, c.wanted)
	if buf == nil && !c.session.bound() {
		s.closeConn(c, "no memory for a request before login", nil)
		return
	}
	if buf == nil {
		if c.deadline == 0 || len(s.starving) == 0 || !s.isStarving(c) {
			c.deadline = s.mono + int64(s.cfg.RequestTimeout)
			s.starving = append(s.starving, c)
		}
		return
	}
	c.frame, c.wanted = buf, 0
	c.frameLen = copy(buf, c.kept[:c.keptLen])
	s.copied(c.frameLen)
	rest := copy(c.kept, c.kept[c.frameLen:c.keptLen])
	c.keptLen = rest
	if rest == 0 {
		s.putFrameMemory(c, c.kept)
		c.kept = nil
	}
	s.receiveBody(c)
}

// pieceDeadline is when the next piece of a frame must be there.
func (s *Shard) pieceDeadline(c *conn) int64 {
	d := s.mono + int64(s.cfg.RequestTimeout)
	if !c.session.bound() {
		d = min(d, c.idleSince+int64(s.cfg.HandshakeTimeout))
	}
	return d
}

func (s *Shard) isStarving(c *conn) bool {
	for _, o := range s.starving {
		if o == c {
			return true
		}
	}
	return false
}

// retryStarving tries again what waited for memory or receive buffers.
func (s *Shard) retryStarving() {
	if s.held < recvBufs && len(s.noBuffer) > 0 { // not only when one was given back: that may have been before the refusal
		list := s.noBuffer
		s.noBuffer = s.noBuffer[:0]
		for i, c := range list {
			list[i] = nil
			c.stashed = false
			if c.closing {
				s.tryClose(c)
			} else {
				s.armRecv(c)
			}
		}
	}
	for k := len(s.starving); k > 0; k-- {
		c := s.starving[0]
		s.starving = append(s.starving[:0], s.starving[1:]...)
		if c.wanted == 0 || c.closing {
			continue
		}
		s.takeFrame(c)
		if c.wanted != 0 {
			break
		}
	}
}

// bodyPiece is how much of a body is received at a time: each piece has its own deadline.
const bodyPiece = 1 << 20

// receiveBody has the next piece of the frame come in, or begins to handle it when it is whole.
func (s *Shard) receiveBody(c *conn) {
	if c.frameLen == len(c.frame) {
		p := c.frame
		c.frame = nil
		s.known(c, cap(p))
		s.begin(c, p, 0, p)
		return
	}
	c.deadline = s.pieceDeadline(c)
	c.bodyDue = true
	s.bodies = append(s.bodies, c)
}

// bodyTurnMax bounds the bytes of large bodies that a turn begins to receive: the kernel copies them inside our next
// call, and small requests wait for that.
const bodyTurnMax = 1 << 20

// armBodies begins to receive the bodies that are due, as far as one turn may.
func (s *Shard) armBodies() {
	n, left := 0, bodyTurnMax
	for ; n < len(s.bodies) && left > 0; n++ {
		c := s.bodies[n]
		if !c.bodyDue || c.closing {
			continue // closed meanwhile; its place may be another connection's already
		}
		c.bodyDue = false
		p := c.frame[c.frameLen:min(len(c.frame), c.frameLen+bodyPiece)]
		c.recv = s.submit(uring.Op{Kind: uring.KindRecvInto, FD: c.fd, Buf: p, Token: c.token(connBody)})
		left -= len(p)
	}
	rest := copy(s.bodies, s.bodies[n:])
	clear(s.bodies[rest:])
	s.bodies = s.bodies[:rest]
}

func (s *Shard) bodyReceived(c *conn, done *uring.Completion) {
	want := min(len(c.frame), c.frameLen+bodyPiece) - c.frameLen
	switch {
	case c.closing:
		s.tryClose(c)
	case done.Err != 0:
		s.closeConn(c, "receive failed", done.Err)
	case int(done.Res) < want:
		c.frameLen += int(done.Res)
		s.closeConn(c, "peer closed in the middle of a frame", nil)
	default:
		c.frameLen += want
		s.receiveBody(c)
	}
}

// begin handles one whole frame. Its bytes lie in receive buffer id, or in buf.
func (s *Shard) begin(c *conn, p []byte, id uint32, buf []byte) {
	c.deadline = 0
	if !c.opened {
		c.opened = true
		s.b.clients.Add(1)
	}
	q := s.newRequest()
	if q == nil {
		s.releaseRecv(id)
		if buf != nil {
			s.recvPool.Put(buf)
		}
		s.closeConn(c, "no memory for another request", nil)
		return
	}
	if id != 0 && s.held > recvBufs/2 { // others need the receive buffers
		if own := s.recvPool.Get(len(p)); own != nil {
			copy(own, p)
			s.releaseRecv(id)
			p, id, buf = own, 0, own
		}
	}
	q.conn, q.recvID, q.frame = c, id, buf
	c.busy = q
	s.dispatch(c, q, p)
}

// respond sends the reply of q, which lies in vec[0:], and looks at the next frame when it is out.
func (s *Shard) respond(c *conn, q *request, vec [][]byte) {
	if c.closing {
		s.requestEnded(c)
		s.tryClose(c)
		return
	}
	s.startSend(c, vec)
	if c.keptLen == 0 {
		s.armRecv(c)
	}
}

// startSend sends vec. Its memory stays until sent.
func (s *Shard) startSend(c *conn, vec [][]byte) {
	c.sendBegan, c.deadline = s.mono, s.mono+int64(s.cfg.SendTimeout)
	c.send = s.submit(uring.Op{Kind: uring.KindSend, FD: c.fd, Vec: vec, Token: c.token(connSend)})
}

// sent goes on when a reply is out.
func (s *Shard) sent(c *conn, done *uring.Completion) {
	if s.owesMore(c, done) {
		return
	}
	if done.Err != 0 && !c.closing {
		s.requestEnded(c)
		s.closeConn(c, "send failed", done.Err)
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

// await waits for the next request.
func (s *Shard) await(c *conn) {
	if c.deadline = 0; !c.session.bound() {
		c.deadline = s.mono + int64(s.cfg.HandshakeTimeout)
	}
	s.armRecv(c)
}

// closeConn ends a connection. why is what the log says, empty for the ordinary end.
func (s *Shard) closeConn(c *conn, why string, err error) {
	if c.closing {
		return
	}
	c.closing = true
	if why != "" && s.logAllowed() {
		fields := []zap.Field{zap.String("peer", c.peer), zap.String("why", why)}
		if err != nil {
			fields = append(fields, zap.Error(err))
		}
		s.log.Warn("connection closed", fields...)
	}
	for _, h := range []uring.Handle{c.recv, c.send} {
		if h != 0 {
			s.submit(uring.Op{Kind: uring.KindCancel, Target: h, Token: tokNone})
		}
	}
	if c.stash.ID != 0 {
		s.releaseRecv(c.stash.ID)
		c.stashed, c.stash = false, uring.Recv{}
	}
	s.tryClose(c)
}

// tryClose closes the socket when nothing of the connection is in flight.
func (s *Shard) tryClose(c *conn) {
	if c.recv != 0 || c.send != 0 || c.busy != nil || c.stashed {
		return
	}
	if c.kept != nil {
		s.putFrameMemory(c, c.kept)
	}
	if c.frame != nil {
		s.putFrameMemory(c, c.frame)
	}
	c.kept, c.frame, c.keptLen, c.wanted, c.deadline = nil, nil, 0, 0, 0
	s.logout(c)
	s.submit(uring.Op{Kind: uring.KindCloseSocket, FD: c.fd, Token: c.token(connClose)})
}

func (s *Shard) freeConn(c *conn) {
	if c.opened {
		s.b.clients.Add(-1)
	}
	c.peer = ""
	c.fd = -1
	s.connFree = append(s.connFree, c.slot)
	s.connCount--
	s.b.connEnded(s.id)
}

// sweep closes connections that let their deadline pass, and gives memory back that was not used. It runs once a second.
func (s *Shard) sweep() {
	if s.mono < s.nextSweep {
		return
	}
	s.nextSweep = s.mono + int64(time.Second)
	s.logTokens = logsPerSecond
	for _, p := range s.pools {
		p.Trim()
	}
	for _, c := range s.conns {
		if c.fd < 0 || c.closing || c.deadline == 0 || c.deadline > s.mono {
			continue
		}
		switch {
		case c.send != 0:
			s.closeConn(c, "peer does not read its reply", nil)
		case c.wanted != 0:
			s.closeConn(c, "no memory for the request in time", nil)
		case c.frame != nil || c.keptLen > 0:
			s.closeConn(c, "request too slow", nil)
		default:
			s.closeConn(c, "no login in time", nil)
		}
	}
}

// logAllowed bounds what peers can make the log grow by.
func (s *Shard) logAllowed() bool {
	if s.logTokens == 0 {
		return false
	}
	s.logTokens--
	return true
}
