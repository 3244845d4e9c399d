package shard

import (
	"time"

	"github.com/galgo-mq/galgo/front"
)

// What a shard does with its front: it takes frames and gives replies, and carries to the lists and counts of all shards what happens to
// connections.

// newFront makes the front of a shard that has its IO.
func newFront(s *Shard) *front.Front {
	c := s.cfg
	return front.New(front.Config{FrameBytesMax: c.FrameBytesMax, ConnectionBytesMax: c.Limits.ConnectionBytesMax, StrangersBytesMax: s.g.lines.Strangers,
		InFlightMax: c.Limits.inFlightOfShard, HandshakeTimeout: c.HandshakeTimeout, RequestTimeout: c.RequestTimeout, SendTimeout: c.SendTimeout,
		Protocols: c.Protocols, Tokens: tokFront, NoNews: tokNone, New: func() *front.Exchange { return newExchange(s) }}, s.io)
}

// takeNews takes what has happened to connections.
func (s *Shard) takeNews() {
	for s.front.HasNews() {
		n := s.front.TakeNews()
		s.connNews(&n)
	}
}

func (s *Shard) connNews(n *front.News) {
	switch n.Kind {
	case front.Accepted:
		s.conns.accepted(n.FD)
	case front.AcceptFailed:
		s.reports.acceptFailed(n.Err)
	case front.Opened:
		s.reports.connOpened(n)
	case front.Served:
		s.g.clients.Open(n.Peer.ID, n.Peer.Address)
	case front.Foreign:
		s.reports.connForeign(n)
	case front.Closed:
		s.reports.connClosed(n)
	case front.Over:
		s.sessions.over(&n.Peer)
	case front.Left:
		if n.Opened {
			s.g.clients.Close(n.Peer.ID)
		}
		s.g.clients.Leave(host(n.Peer.Address))
		s.g.connEnded(s.id)
	case front.Moves:
		s.conns.moves(n)
	case front.Stays:
		s.conns.moved(n.Peer.ID, false)
	}
}

// door is a shard's side of its front.
type door struct {
	front     *front.Front
	conns     connections
	counted   front.Refusals // of the front, in the counters of all shards
	nextSweep int64
	nextSlow  int64
	listener  int32 // the listening socket, of shard 0
}

// sweepEvery is how often the shard looks for what nobody waits for any more.
const sweepEvery = int64(time.Second)

// sweep closes connections that let their deadline pass, ends sessions, and gives memory back that was not used.
func (s *Shard) sweep() {
	if s.mono < s.nextSweep {
		return
	}
	s.nextSweep = s.mono + sweepEvery
	s.reports.tokens = logsPerSecond
	s.memory.trim()
	s.front.Trim()
	s.front.SeekResting()
	if s.stopping && s.mono > s.stopSends {
		s.front.GiveUpSends()
	}
	s.front.Sweep()
}

// countRefusals adds to the counters of all shards what limits have refused.
func (s *Shard) countRefusals() {
	if n := &s.front.Counts().Refusals; n.Sum() != s.counted.Sum() { // they only rise
		s.g.limits.addFront(*n, s.counted)
		s.counted = *n
	}
	if s.calls.HasRefusals() {
		s.g.limits.addCalls(s.calls.TakeRefusals())
	}
}
