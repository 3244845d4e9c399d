package shard

import (
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/uring"
)

// closeConn ends a connection. why is what the log says, empty for the ordinary end.
func (s *Shard) closeConn(c *conn, why string, err error) {
	if c.closing {
		return
	}
	c.closing = true
	if c.busy != nil && c.busy.queued {
		s.intake.gone++
	}
	s.unhold(c)
	s.abandon(c)
	if c.ended && c.busy != nil && c.send == 0 {
		s.requestEnded(c)
	}
	if why != "" && s.due(evConnectionClosed) {
		fields := []zap.Field{zap.String("peer", c.peer), zap.String("user", s.userOf(c)), zap.String("why", why)}
		if err != nil {
			fields = append(fields, zap.Error(err))
		}
		s.logEvent(evConnectionClosed, fields...)
	}
	if why == "" && s.due(evConnectionEnded) {
		s.logEvent(evConnectionEnded, zap.String("peer", c.peer), zap.String("user", s.userOf(c)))
	}
	for _, h := range []uring.Handle{c.recv, c.body, c.send} {
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
	if c.shut || c.recv != 0 || c.body != 0 || c.send != 0 || c.busy != nil || c.stashed {
		return
	}
	c.shut = true
	if c.kept != nil {
		s.dropKept(c)
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
		s.g.registry.close(c.id)
	}
	s.g.registry.leave(host(c.peer))
	s.conns.put(c)
	s.g.connEnded(s.id)
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
	s.requests.trim()
	for _, c := range s.conns.all {
		if c.fd >= 0 && !c.closing && s.silent(c) {
			s.endSession(c)
		}
		if c.fd >= 0 && !c.closing && c.atRest() && s.orphaned(c) {
			s.endOrphan(c)
		}
		if c.fd >= 0 && !c.closing && c.send != 0 && s.stopping && s.mono > s.stopSends {
			s.closeConn(c, "stopping, and the peer does not read its reply", nil)
		}
		if c.fd < 0 || c.closing || c.deadline == 0 || c.deadline > s.mono {
			continue
		}
		switch {
		case c.ended && c.send == 0:
			s.closeConn(c, "", nil)
		case c.send != 0 && s.sendMoves(c):
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
	if s.logTokens == 0 || !s.log.Core().Enabled(zap.WarnLevel) {
		return false
	}
	s.logTokens--
	return true
}

// sendMoves reports whether the peer has taken something of its reply since the last look, and gives it more time then.
func (s *Shard) sendMoves(c *conn) bool {
	acked := s.io.Acknowledged(c.fd)
	moves := acked > c.acked
	c.acked, c.deadline = acked, s.mono+int64(s.cfg.SendTimeout)
	return moves
}
