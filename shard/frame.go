package shard

import (
	"github.com/galgo-mq/galgo/uring"
)

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
	if !c.known && !s.speaksOurs(c, p) {
		return 0, !c.ended && !c.closing
	}
	n, err := c.dialect.Frame(p, s.cfg.FrameBytesMax)
	if err != nil {
		s.g.limits.frameSize.Add(1)
		s.closeConn(c, "not a frame of the protocol", err)
		return 0, false
	}
	if n > s.cfg.Limits.ConnectionBytesMax-aheadMax {
		s.g.limits.connectionMemory.Add(1)
		s.closeConn(c, "frame too large for limits.connection_memory", nil)
		return 0, false
	}
	if n > preLoginFrameMax && !c.session.bound() {
		s.g.limits.frameSize.Add(1)
		s.closeConn(c, "frame too large before login", nil)
		return 0, false
	}
	return n, true
}

// keep appends p to the bytes that wait.
func (s *Shard) keep(c *conn, p []byte) bool {
	if need := c.keptLen + len(p); need > len(c.kept) {
		buf, tiny := s.keptMemory(c, need)
		if buf == nil {
			return false
		}
		buf = buf[:cap(buf)]
		copy(buf, c.kept[:c.keptLen])
		if c.kept != nil {
			s.dropKept(c)
		}
		c.kept, c.tiny = buf, tiny
	}
	c.keptLen += copy(c.kept[c.keptLen:], p)
	s.copied(len(p))
	return true
}

// tinyFrame is how large a frame of a connection before login may be to have memory of its own, if it does not come in one
// piece: a login always has, however many others have come and wait.
const tinyFrame = 512

// keptMemory gets memory for the beginning of a frame.
func (s *Shard) keptMemory(c *conn, n int) (buf []byte, tiny bool) {
	if n <= tinyFrame && !c.session.bound() {
		return make([]byte, tinyFrame), true
	}
	return s.frameMemory(c, n), false
}

// dropKept gives the memory of what was kept back; its bytes are somewhere else now.
func (s *Shard) dropKept(c *conn) {
	if !c.tiny {
		s.putFrameMemory(c, c.kept)
	}
	c.kept, c.tiny = nil, false
}

// aheadMax bounds what a connection may send ahead while its requests wait for their turn: the last receive may go beyond it.
const aheadMax = 64 << 10

// keepAhead keeps bytes that came while the connection waits for something else.
func (s *Shard) keepAhead(c *conn, r uring.Recv) {
	ok := s.keep(c, r.Data)
	s.releaseRecv(r.ID)
	switch {
	case !ok:
		s.closeConn(c, "no memory for received bytes", nil)
	case c.keptLen > aheadMax || !c.session.bound():
		if !c.ending {
			s.g.limits.connectionMemory.Add(1)
		}
		s.endRecv(c)
	}
}

// fillFrame adds received bytes to the frame that is coming in; what is beyond it is kept.
func (s *Shard) fillFrame(c *conn, r uring.Recv) {
	n := copy(c.frame[c.frameLen:], r.Data)
	s.copied(n)
	if c.frameLen/bodyPiece != (c.frameLen+n)/bodyPiece {
		c.deadline = s.pieceDeadline(c)
	}
	c.frameLen += n
	ok := n == len(r.Data) || s.keep(c, r.Data[n:])
	s.releaseRecv(r.ID)
	switch {
	case !ok:
		s.closeConn(c, "no memory for received bytes", nil)
	case c.frameLen == len(c.frame) || c.recv == 0:
		s.receiveBody(c)
	}
}

// frameMemory gets memory for received bytes. Connections before login share a small part of it, so that they can't keep
// others from being served.
func (s *Shard) frameMemory(c *conn, n int) []byte {
	if !c.session.bound() && s.intake.strange+n > s.g.lines.Strangers {
		s.g.limits.memory.Add(1)
		return nil
	}
	buf := s.recvPool.Get(n)
	if buf == nil {
		s.g.limits.memory.Add(1)
	}
	if buf != nil && !c.session.bound() {
		c.strange += cap(buf)
		s.intake.strange += cap(buf)
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
	s.intake.strange -= n
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
		s.io.QuickAck(c.fd)
	}
	if n == 0 || n > c.keptLen && n <= tinyFrame && c.tiny {
		c.deadline = s.pieceDeadline(c)
		s.armRecv(c)
		return
	}
	if n <= c.keptLen && c.tiny {
		p, rest := c.kept[:n], c.kept[n:c.keptLen]
		c.kept, c.tiny, c.keptLen = nil, false, 0
		if len(rest) > 0 && !s.keep(c, rest) {
			s.closeConn(c, "no memory for received bytes", nil)
			return
		}
		s.begin(c, p, 0, nil)
		return
	}
	c.wanted, c.deadline = n, s.pieceDeadline(c)
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
		s.intake.starving.Push(c)
		return
	}
	c.frame, c.wanted = buf, 0
	c.frameLen = copy(buf, c.kept[:c.keptLen])
	s.copied(c.frameLen)
	rest := copy(c.kept, c.kept[c.frameLen:c.keptLen])
	c.keptLen = rest
	if rest == 0 {
		s.dropKept(c)
	}
	s.receiveBody(c)
}

// pieceDeadline is when the next piece of a frame must be there.
func (s *Shard) pieceDeadline(c *conn) int64 {
	d := s.mono + int64(s.cfg.RequestTimeout)
	if !c.session.bound() {
		d = min(d, c.idleSince+int64(s.cfg.HandshakeTimeout))
	}
	if !c.known {
		d = min(d, s.mono+int64(peekMax))
	}
	return d
}

// retryStarving tries again what waited for memory or receive buffers.
func (s *Shard) retryStarving() {
	if s.intake.held < RecvBufs && len(s.intake.noBuffer) > 0 { // not only when one was given back: that may have been before the refusal
		list := s.intake.noBuffer
		s.intake.noBuffer = s.intake.noBuffer[:0]
		for i, c := range list {
			list[i] = nil
			c.stashed = false
			if c.closing {
				s.tryClose(c)
			} else {
				s.resumeRecv(c)
			}
		}
	}
	for k := s.intake.starving.Len(); k > 0; k-- {
		c := s.intake.starving.Pop()
		if c.wanted == 0 || c.closing {
			continue
		}
		s.takeFrame(c)
		if c.wanted != 0 {
			break
		}
	}
}

const (
	bulkMin   = 2 * RecvBufBytes // a frame that is larger makes its connection one of large frames
	smallMany = 32               // so many others in a row make it one of small frames again
)

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
	if c.bodyDue || c.body != 0 {
		return
	}
	c.deadline = s.pieceDeadline(c)
	if c.recv != 0 { // bytes come into receive buffers until that has ended
		if len(c.frame) > bulkMin {
			c.bulk = true
			s.endRecv(c)
		}
		return
	}
	c.bodyDue = true
	s.intake.bodies = append(s.intake.bodies, c)
}

// bodyTurnMax bounds the bytes of large bodies that a turn begins to receive: the kernel copies them inside our next
// call, and small requests wait for that.
const bodyTurnMax = 1 << 20

// armBodies begins to receive the bodies that are due, as far as one turn may.
func (s *Shard) armBodies() {
	n, left := 0, bodyTurnMax
	for ; n < len(s.intake.bodies) && left > 0; n++ {
		c := s.intake.bodies[n]
		if !c.bodyDue || c.closing {
			continue // closed meanwhile; its place may be another connection's already
		}
		c.bodyDue = false
		p := c.frame[c.frameLen:min(len(c.frame), c.frameLen+bodyPiece)]
		c.body = s.submit(uring.Op{Kind: uring.KindRecvInto, FD: c.fd, Buf: p, Token: c.token(connBody)})
		left -= len(p)
	}
	rest := copy(s.intake.bodies, s.intake.bodies[n:])
	clear(s.intake.bodies[rest:])
	s.intake.bodies = s.intake.bodies[:rest]
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
	if c.small++; len(p) > bulkMin {
		c.small = 0
	} else if c.small >= smallMany {
		c.bulk, c.small = false, smallMany
	}
	if !c.opened && c.dialect.Serves() {
		c.opened = true
		s.g.registry.open(c.id, c.peer)
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
	if id != 0 && s.intake.held > RecvBufs/2 { // others need the receive buffers
		if own := s.recvPool.Get(len(p)); own != nil {
			copy(own, p)
			s.releaseRecv(id)
			p, id, buf = own, 0, own
		}
	}
	q.conn, q.recvID, q.frame = c, id, buf
	c.busy = q
	if s.occupy(q) {
		s.handle(c, q, p)
		return
	}
	s.g.limits.requestsInFlight.Add(1)
	q.queued = true
	s.intake.queued.Push(queued{q, p})
}

// handle has the frame p of q answered.
func (s *Shard) handle(c *conn, q *request, p []byte) {
	if c.unheld = c.keptLen > 0 || c.stash.ID != 0 || c.eof; c.unheld {
		q.holdUntil = -1 // the next request is here already
	}
	s.dispatch(c, q, p)
}

// queued is a request whose turn has not come, as too many are being handled, and its frame.
type queued struct {
	q     *request
	frame []byte
}

// occupy gives q one of the places for requests in flight, unless all are taken or others wait for one. Logins need none, so
// that passwords that are tried keep nobody from working.
func (s *Shard) occupy(q *request) bool {
	most := s.cfg.Limits.inFlightOfShard
	if most == 0 || !q.conn.session.bound() || s.store.Short() { // who has a place may wait for room on the disk
		return true
	}
	if s.intake.inFlight >= most || s.intake.queued.Len() > 0 {
		return false
	}
	s.place(q)
	return true
}

func (s *Shard) place(q *request) {
	s.intake.inFlight++
	q.placed = true
}

// vacate gives the place of q back: it is answered, or may wait for a message that others send.
func (s *Shard) vacate(q *request) {
	if q.placed {
		q.placed = false
		s.intake.inFlight--
	}
}

// mayPlace reports whether a request may have a place. While the disk has no room those who have one may wait for long.
func (s *Shard) mayPlace() bool {
	return s.intake.inFlight < s.cfg.Limits.inFlightOfShard || s.store.Short()
}

// queuedMayStart reports whether startQueued has something to do.
func (s *Shard) queuedMayStart() bool {
	return s.intake.queued.Len() > 0 && (s.mayPlace() || s.intake.gone > 0)
}

// startQueued begins requests that have waited for a place, in order, and lets go of those whose connection is closing.
func (s *Shard) startQueued() {
	if !s.queuedMayStart() {
		return
	}
	x := &s.intake
	for x.queued.Len() > 0 && s.mayPlace() {
		w := x.queued.Pop()
		c := w.q.conn
		w.q.queued = false
		if c.closing {
			x.gone--
			s.sentAll(c)
			continue
		}
		s.place(w.q)
		s.handle(c, w.q, w.frame) // which begins no other: its reply is on its way, at the least
	}
	if x.gone == 0 {
		return
	}
	for k := x.queued.Len(); k > 0; k-- { // what is left keeps its order
		w := x.queued.Pop()
		if c := w.q.conn; c.closing {
			x.gone--
			w.q.queued = false
			s.sentAll(c)
			continue
		}
		x.queued.Push(w)
	}
}
