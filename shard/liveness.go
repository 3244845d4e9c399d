package shard

import (
	"github.com/galgo-mq/galgo/board"
	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// A member of a consumer group that is silent for too long is taken for dead: it loses its partitions and its session, and is
// told so by a frame that it reads as the answer to its next request. That request must not be answered as well, so nothing
// is read from the connection any more, and it is closed a little later. Who is in no group may be idle for ever.
const silenceShare = 1.2 // of the interval in which members have to be heard of

// sessions are those of a shard's connections.
type sessions struct {
	front   *front.Front
	calls   *call.Room
	meta    *metadata.Machine
	clients *board.Clients // of all shards
	news    *controlNews
	silent  int64 // nanoseconds after which a member is; 0: never
}

// tend ends sessions of connections that rest: those of silent members, and those that are not good any more. What calls then has is to
// be carried out.
func (x *sessions) tend() {
	for r := range x.front.Resting {
		switch {
		case x.silent > 0 && r.Idle > x.silent && x.meta.MembershipCount(r.Peer.Session.Client) > 0:
			if said := x.front.Say(r, "silent for too long"); said != nil {
				x.calls.Silence(&said.Holder.(*request).call)
			}
		case x.calls.Orphaned(r.Peer):
			x.over(r.Peer) // what its memberships own is for others; its next request is told
			x.front.Orphan(r)
		}
	}
}

// over says that the session of a connection has ended, and has its memberships ended.
func (x *sessions) over(p *wire.Peer) {
	if x.meta.MembershipCount(p.Session.Client) > 0 {
		x.news.dropMember(p.Session.Client)
	}
	x.clients.Logout(p.ID)
}
