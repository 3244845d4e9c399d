package shard

import (
	"net/netip"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// connections is how connections come to a shard and leave it: shard 0 accepts them and hands each to the shard with the fewest, and one that rests
// may move to another shard.
type connections struct {
	all     *Group // whose counts of connections are kept
	at      shardID
	io      uring.IO
	front   *front.Front
	out     *router.Port[message]
	say     *reports
	stopped bool // the shard ends: nothing comes or moves

	pending fifo.Queue[front.Newcomer]  // accepted, and wait for room in a mailbox
	asked   map[uint32]func(moved bool) // who wants the connection of that number moved
}

// adopt takes a connection in, a new one or one of another shard.
func (c *connections) adopt(n front.Newcomer) {
	if x := &n.Peer.Session; x.Bound() && !c.all.clients.Owns(n.Peer.ID, x.Client) { // its client id has logged in elsewhere on the way
		*x = wire.Session{}
	}
	c.front.Adopt(n)
}

// accepted gives a new socket to a shard, or refuses it when there are too many.
func (c *connections) accepted(fd int32) {
	g := c.all
	if c.stopped || g.conns.Load() >= int64(g.cfg.ConnectionsMax) {
		if !c.stopped {
			g.limits.connections.Add(1)
		}
		if !c.stopped && c.say.due(evConnectionRefused) {
			c.say.logEvent(evConnectionRefused, zap.String("peer", c.io.PeerName(fd)), zap.String("limit", "connections_max"),
				zap.Int("max", g.cfg.ConnectionsMax))
		}
		c.front.Door.Refuse(fd)
		return
	}
	peer := c.io.PeerName(fd)
	if !g.clients.Arrive(host(peer), g.cfg.Limits.ConnectionsPerAddressMax) {
		g.limits.connectionsPerAddress.Add(1)
		if c.say.due(evAddressRefused) {
			c.say.logEvent(evAddressRefused, zap.String("peer", peer), zap.String("limit", "limits.connections_per_address"),
				zap.Int("max", g.cfg.Limits.ConnectionsPerAddressMax))
		}
		c.front.Door.Refuse(fd)
		return
	}
	g.conns.Add(1)
	c.assign(front.Newcomer{FD: fd, Peer: wire.Peer{ID: g.connIDs.Add(1), Address: peer}})
}

// assign hands a connection to the shard with the fewest.
func (c *connections) assign(n front.Newcomer) {
	g := c.all
	best := c.at
	for i := range g.loads {
		if g.loads[i].conns.Load() < g.loads[best].conns.Load() {
			best = shardID(i)
		}
	}
	if best != c.at && c.out.ControlRoom(best) <= controlReserve {
		c.pending.Push(n)
		return
	}
	g.loads[best].conns.Add(1)
	if best == c.at {
		c.adopt(n)
		return
	}
	c.out.Control(best, message{kind: msgConn, conn: &n})
}

// retry hands over what waited.
func (c *connections) retry() {
	for k := c.pending.Len(); k > 0; k-- {
		c.assign(c.pending.Pop())
	}
}

// stopAccepting ends that, and closes what waits to be handed over.
func (c *connections) stopAccepting() {
	c.front.Door.Stop()
	for c.pending.Len() > 0 {
		n := c.pending.Pop()
		c.front.Door.Refuse(n.FD)
		c.all.clients.Leave(host(n.Peer.Address))
		c.all.conns.Add(-1)
	}
}

// move begins to move a connection to another shard. done hears whether it did; false at once when it is not idle, or not here.
func (c *connections) move(id uint32, to router.ShardID, done func(moved bool)) {
	if to == c.at || c.stopped || c.out.ControlRoom(to) <= controlReserve || !c.front.Move(id, int(to)) {
		done(false)
		return
	}
	if c.asked == nil {
		c.asked = make(map[uint32]func(moved bool))
	}
	c.asked[id] = done
}

// moves hands a connection that has come to rest to the shard that it moves to, or takes it back.
func (c *connections) moves(n *front.News) {
	x, to := front.Newcomer{FD: n.FD, Opened: n.Opened, Peer: n.Peer}, router.ShardID(n.To)
	if c.stopped || c.out.ControlRoom(to) <= controlReserve {
		c.adopt(x)
		c.moved(n.Peer.ID, false)
		return
	}
	c.all.loads[c.at].conns.Add(-1)
	c.all.loads[to].conns.Add(1)
	c.out.Control(to, message{kind: msgConn, conn: &x})
	c.moved(n.Peer.ID, true)
}

// moved says to who asked for a move what became of it.
func (c *connections) moved(id uint32, moved bool) {
	done := c.asked[id]
	delete(c.asked, id)
	done(moved)
}

// host is the address of a peer without its port.
func host(peer string) string {
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return peer
	}
	return at.Addr().String()
}
