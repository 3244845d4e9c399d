package shard

import (
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/wire"
)

// A member of a consumer group that is silent for too long is taken for dead: it loses its partitions and its session, and is
// told so by a frame that it reads as the answer to its next request. That request must not be answered as well, so nothing
// is read from the connection any more, and it is closed a little later. Who is in no group may be idle for ever.
const silenceShare = 1.2 // of the interval in which members have to be heard of

// tendSessions ends sessions of connections that rest: those of silent members, and those that are not good any more.
func (s *Shard) tendSessions() {
	limit := int64(silenceShare * float64(s.cfg.HeartbeatInterval))
	for r := range s.front.Resting {
		switch {
		case limit > 0 && r.Idle > limit && s.meta.MembershipCount(r.Peer.Session.Client) > 0:
			s.endSilent(r)
		case s.calls.Orphaned(r.Peer):
			s.sessionOver(r.Peer) // what its memberships own is for others; its next request is told
			s.front.Orphan(r)
		}
	}
}

// endSilent tells a member that its session is over, and has its connection closed soon.
func (s *Shard) endSilent(r front.Resting) {
	x := s.front.Say(r, "silent for too long")
	if x == nil {
		return
	}
	s.calls.Silence(&x.Holder.(*request).call)
	s.carry()
}

// sessionOver says that the session of a connection has ended, and has its memberships ended.
func (s *Shard) sessionOver(p *wire.Peer) {
	if s.meta.MembershipCount(p.Session.Client) > 0 {
		s.dropMember(p.Session.Client)
	}
	s.g.registry.logout(p.ID)
}
