package shard

import (
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/classic"
	"github.com/galgo-mq/galgo/wire/peek"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// What a shard does with its front: it takes frames and gives replies, and carries to the lists and counts of all shards what happens to
// connections.

// The dialects. A connection gets its own when its first bytes tell which it speaks.
var (
	today  wire.Dialect = vsr.Dialect{}
	former wire.Dialect = classic.Dialect{}
)

// frontConfig is what the shard's front needs to know.
func (s *Shard) frontConfig() front.Config {
	c := s.cfg
	return front.Config{FrameBytesMax: c.FrameBytesMax, ConnectionBytesMax: c.Limits.ConnectionBytesMax, StrangersBytesMax: s.g.lines.Strangers,
		InFlightMax: c.Limits.inFlightOfShard, HandshakeTimeout: c.HandshakeTimeout, RequestTimeout: c.RequestTimeout, SendTimeout: c.SendTimeout,
		Dialects: map[peek.Kind]wire.Dialect{peek.Today: today, peek.Former: former}, Tokens: tokFront, NoNews: tokNone, New: s.newExchange}
}

// serve takes what the front has, and reports whether there was an exchange.
func (s *Shard) serve() (any bool) {
	s.takeNews()
	for x, e := s.front.Take(); x != nil; x, e = s.front.Take() {
		any = true
		q := x.Holder.(*request)
		if e&front.Ended != 0 {
			q.finish()
		}
		if e&front.Whole != 0 {
			s.calls.Dispatch(&q.call)
			s.carry()
		}
		if e&front.Part != 0 {
			q.partOut()
		}
		if e&front.Hurried != 0 {
			q.hurried()
		}
		if e&front.Gone != 0 {
			q.abandon()
		}
		s.takeNews() // of the next exchange's connection, before that is handled
	}
	return any
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
		s.accepted(n.FD)
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
		s.connMoves(n)
	case front.Stays:
		s.connMoved(n.Peer.ID, false)
	}
}

// adopt takes a connection in, a new one or one of another shard.
func (s *Shard) adopt(n front.Newcomer) {
	if x := &n.Peer.Session; x.Bound() && !s.g.clients.Owns(n.Peer.ID, x.Client) { // its client id has logged in elsewhere on the way
		*x = wire.Session{}
	}
	s.front.Adopt(n)
}

// door is a shard's side of its front, and of the connections that have none.
type door struct {
	front     *front.Front
	counted   front.Refusals // of the front, in the counters of all shards
	nextSweep int64
	nextSlow  int64
	moves     map[uint32]func(moved bool) // connections that are to move, by number: who asked

	listener int32    // the listening socket, of shard 0
	accept   acceptor // the same
}

// acceptor hands the connections that shard 0 accepts each to the shard with the fewest.
type acceptor struct {
	pending fifo.Queue[front.Newcomer] // wait for room in a mailbox
}

// accepted gives a new socket to a shard, or refuses it when there are too many.
func (s *Shard) accepted(fd int32) {
	g := s.g
	if s.stopping || g.conns.Load() >= int64(s.cfg.ConnectionsMax) {
		if !s.stopping {
			g.limits.connections.Add(1)
		}
		if !s.stopping && s.due(evConnectionRefused) {
			s.logEvent(evConnectionRefused, zap.String("peer", s.io.PeerName(fd)), zap.String("limit", "connections_max"),
				zap.Int("max", s.cfg.ConnectionsMax))
		}
		s.front.Door.Refuse(fd)
		return
	}
	peer := s.io.PeerName(fd)
	if !g.clients.Arrive(host(peer), s.cfg.Limits.ConnectionsPerAddressMax) {
		g.limits.connectionsPerAddress.Add(1)
		if s.due(evAddressRefused) {
			s.logEvent(evAddressRefused, zap.String("peer", peer), zap.String("limit", "limits.connections_per_address"),
				zap.Int("max", s.cfg.Limits.ConnectionsPerAddressMax))
		}
		s.front.Door.Refuse(fd)
		return
	}
	g.conns.Add(1)
	s.accept.assign(s, front.Newcomer{FD: fd, Peer: wire.Peer{ID: g.connIDs.Add(1), Address: peer}})
}

func (a *acceptor) assign(s *Shard, n front.Newcomer) {
	g := s.g
	best := s
	for _, o := range g.shards {
		if g.loads[o.id].conns.Load() < g.loads[best.id].conns.Load() {
			best = o
		}
	}
	if best != s && s.port.ControlRoom(best.id) <= controlReserve {
		a.pending.Push(n)
		return
	}
	g.loads[best.id].conns.Add(1)
	if best == s {
		s.adopt(n)
		return
	}
	s.port.Control(best.id, message{kind: msgConn, conn: &n})
}

// retry hands over what waited.
func (a *acceptor) retry(s *Shard) {
	for k := a.pending.Len(); k > 0; k-- {
		a.assign(s, a.pending.Pop())
	}
}

// stop ends accepting, and closes what waits to be handed over.
func (a *acceptor) stop(s *Shard) {
	s.front.Door.Stop()
	for a.pending.Len() > 0 {
		n := a.pending.Pop()
		s.front.Door.Refuse(n.FD)
		s.g.clients.Leave(host(n.Peer.Address))
		s.g.conns.Add(-1)
	}
}

// moveConn begins to move a connection to another shard. done hears whether it did; false at once when it is not idle, or not here.
func (s *Shard) moveConn(id uint32, to router.ShardID, done func(moved bool)) {
	if to == s.id || s.stopping || s.port.ControlRoom(to) <= controlReserve || !s.front.Move(id, int(to)) {
		done(false)
		return
	}
	if s.moves == nil {
		s.moves = make(map[uint32]func(moved bool))
	}
	s.moves[id] = done
}

// connMoves hands a connection that has come to rest to the shard that it moves to, or takes it back.
func (s *Shard) connMoves(n *front.News) {
	c, to := front.Newcomer{FD: n.FD, Opened: n.Opened, Peer: n.Peer}, router.ShardID(n.To)
	if s.stopping || s.port.ControlRoom(to) <= controlReserve {
		s.adopt(c)
		s.connMoved(n.Peer.ID, false)
		return
	}
	s.g.loads[s.id].conns.Add(-1)
	s.g.loads[to].conns.Add(1)
	s.port.Control(to, message{kind: msgConn, conn: &c})
	s.connMoved(n.Peer.ID, true)
}

// connMoved says to who asked for a move what became of it.
func (s *Shard) connMoved(id uint32, moved bool) {
	done := s.moves[id]
	delete(s.moves, id)
	done(moved)
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
	s.sessions.tend()
	s.carry()
	if s.stopping && s.mono > s.stopSends {
		s.front.GiveUpSends()
	}
	s.front.Sweep()
}

// countRefusals adds to the counters of all shards what limits have refused.
func (s *Shard) countRefusals() {
	if n := s.front.Counts().Refusals; n != s.counted {
		s.g.limits.addFront(n, s.counted)
		s.counted = n
	}
	if n := s.calls.TakeRefusals(); n != (call.Refusals{}) {
		s.g.limits.addCalls(n)
	}
}

// host is the address of a peer without its port.
func host(peer string) string {
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return peer
	}
	return at.Addr().String()
}
