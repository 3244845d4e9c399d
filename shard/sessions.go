package shard

import (
	"sync/atomic"

	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/metadata"
)

const (
	sessionsAhead = 65536
	sessionsLow   = sessionsAhead / 2
)

// sessionNumbers gives out the numbers of sessions: each is larger than all before, across restarts. Blocks of numbers
// are reserved in the metadata log, so that a login is no sync.
type sessionNumbers struct {
	next     atomic.Uint64 // last number given out
	reserved atomic.Uint64 // numbers below it may be given out
	asked    atomic.Bool   // a reservation is on its way
}

// take returns a new number. False: none is reserved at the moment.
func (n *sessionNumbers) take() (uint64, bool) {
	for {
		k := n.next.Load()
		if k+1 >= n.reserved.Load() {
			return 0, false
		}
		if n.next.CompareAndSwap(k, k+1) {
			return k + 1, true
		}
	}
}

func (n *sessionNumbers) low() bool { return n.next.Load()+sessionsLow >= n.reserved.Load() }

// openSession opens a session that a login has asked for, on any shard, at the connection of that number.
func (g *Group) openSession(conn uint32, a *call.Ask) call.Answer {
	number, ok := g.sessions.take()
	if g.sessions.low() {
		g.wantSessions()
	}
	if !ok {
		return call.Answer{Busy: true}
	}
	before, ok := g.clients.Bind(conn, a.Client, a.User)
	if before != 0 {
		g.unbind(before, a.Client)
	}
	return call.Answer{OK: ok, Number: number}
}

// unbind takes the session from a connection whose client id has logged in elsewhere.
func (g *Group) unbind(id uint32, key metadata.MemberKey) {
	for _, o := range g.shards {
		o.Post(func(s *Shard) { s.front.Evict(id, key) })
	}
}
