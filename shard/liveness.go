package shard

import (
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/wire"
)

// A member of a consumer group that is silent for too long is taken for dead: it loses its partitions and its session, and is
// told so by a frame that it reads as the answer to its next request. That request must not be answered as well, so nothing
// is read from the connection any more, and it is closed a little later. Who is in no group may be idle for ever.
const (
	silenceShare = 1.2             // of the interval in which members have to be heard of
	endGrace     = 2 * time.Second // for the peer to read why
)

// silent reports whether c's session is a member that was not heard of for too long.
func (s *Shard) silent(c *conn) bool {
	limit := int64(silenceShare * float64(s.cfg.HeartbeatInterval))
	return limit > 0 && c.session.bound() && c.atRest() && s.mono-c.idleSince > limit && s.meta.MembershipCount(c.session.client) > 0
}

// atRest reports whether c neither handles a request nor has one coming in, whose answer would be a second one, nor moves.
func (c *conn) atRest() bool {
	return c.busy == nil && c.frame == nil && c.wanted == 0 && c.move == nil && !c.ended
}

// endSession tells c that its session is over, and closes it soon.
func (s *Shard) endSession(c *conn) {
	q := s.newRequest()
	if q == nil {
		s.closeConn(c, "silent for too long", nil)
		return
	}
	if s.due(evMemberSilent) {
		s.logEvent(evMemberSilent, zap.String("peer", c.peer), zap.String("user", s.userOf(c)), zap.Uint64("session", c.session.number))
	}
	client := c.session.client
	s.logout(c)
	q.conn, q.dialect, c.busy, c.ended = c, c.dialect, q, true
	q.handle.Client = client
	s.putHead(q, wire.StatusStaleClient, wire.EndedSession, nil)
	s.respondHead(c, q)
}

// endOrphan ends a session that is not good any more, with its memberships: what it owns is for others. Its next request is told.
func (s *Shard) endOrphan(c *conn) {
	s.logout(c)
	if c.deadline == 0 {
		c.deadline = s.mono + int64(s.cfg.HandshakeTimeout)
	}
}

// endSent waits for the peer to read why, with the connection still taken.
func (s *Shard) endSent(c *conn) {
	if c.deadline = s.mono + int64(endGrace); c.eof {
		s.closeConn(c, "", nil) // it has gone already
	}
}
