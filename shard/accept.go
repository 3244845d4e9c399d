package shard

import (
	"errors"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/uring"
)

// acceptor takes connections from the listening socket, on shard 0, and hands each to the shard with the fewest.
type acceptor struct {
	fd      int32
	armed   uring.Handle
	again   int64                    // when to arm again after an error; 0: not
	pending fifo.Queue[acceptedConn] // wait for room in a mailbox
	closed  bool
}

// arm begins to accept, or goes on.
func (a *acceptor) arm(s *Shard) {
	a.again = 0
	a.armed = s.submit(uring.Op{Kind: uring.KindAccept, FD: a.fd, Token: tokAccept})
}

func (a *acceptor) waiting() bool { return a.again != 0 || a.pending.Len() > 0 }

// acceptPause is how long the shard waits after accept failed for want of descriptors or memory.
const acceptPause = 100 * time.Millisecond

func (a *acceptor) completed(s *Shard, c *uring.Completion) {
	if c.Kind == uring.KindCloseSocket {
		return
	}
	if !c.More {
		a.armed = 0
	}
	switch {
	case c.Err == 0 && c.Res >= 0:
		a.take(s, int32(c.Res))
	case s.stopping:
	case s.logAllowed():
		why := "accept failed"
		if errors.Is(c.Err, syscall.EMFILE) || errors.Is(c.Err, syscall.ENFILE) {
			why = "out of file descriptors: raise the limit (ulimit -n, LimitNOFILE) or lower connections_max"
		}
		s.log.Error(why, zap.String("event", "accept_failed"), zap.Error(c.Err))
	}
	switch {
	case s.stopping:
		a.tryClose(s)
	case a.armed == 0 && c.Err == 0:
		a.arm(s)
	case a.armed == 0:
		a.again = s.mono + int64(acceptPause)
	}
}

// take gives a new socket to a shard, or refuses it when there are too many.
func (a *acceptor) take(s *Shard, fd int32) {
	g := s.g
	if s.stopping || g.conns.Load() >= int64(s.cfg.ConnectionsMax) {
		if !s.stopping {
			g.limits.connections.Add(1)
		}
		if !s.stopping && s.due(evConnectionRefused) {
			s.logEvent(evConnectionRefused, zap.String("peer", s.io.PeerName(fd)), zap.String("limit", "connections_max"),
				zap.Int("max", s.cfg.ConnectionsMax))
		}
		s.submit(uring.Op{Kind: uring.KindCloseSocket, FD: fd, Token: tokNone})
		return
	}
	peer := s.io.PeerName(fd)
	if !g.registry.arrive(host(peer), s.cfg.Limits.ConnectionsPerAddressMax) {
		g.limits.connectionsPerAddress.Add(1)
		if s.due(evAddressRefused) {
			s.logEvent(evAddressRefused, zap.String("peer", peer), zap.String("limit", "limits.connections_per_address"),
				zap.Int("max", s.cfg.Limits.ConnectionsPerAddressMax))
		}
		s.submit(uring.Op{Kind: uring.KindCloseSocket, FD: fd, Token: tokNone})
		return
	}
	g.conns.Add(1)
	a.assign(s, acceptedConn{fd: fd, id: g.connIDs.Add(1), peer: peer})
}

func (a *acceptor) assign(s *Shard, n acceptedConn) {
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
	s.port.Control(best.id, message{kind: msgConn, conn: n})
}

// retry hands over what waited, and accepts again after a pause.
func (a *acceptor) retry(s *Shard) {
	if a.again != 0 && a.again <= s.mono && !s.stopping {
		a.arm(s)
	}
	for k := a.pending.Len(); k > 0; k-- {
		a.assign(s, a.pending.Pop())
	}
}

// stop ends accepting; tryClose closes the listening socket when nothing uses it any more.
func (a *acceptor) stop(s *Shard) {
	if a.armed != 0 {
		s.submit(uring.Op{Kind: uring.KindCancel, Target: a.armed, Token: tokNone})
	}
	a.tryClose(s)
}

func (a *acceptor) tryClose(s *Shard) {
	if a.armed != 0 || a.closed {
		return
	}
	a.closed = true
	for a.pending.Len() > 0 {
		n := a.pending.Pop()
		s.submit(uring.Op{Kind: uring.KindCloseSocket, FD: n.fd, Token: tokNone})
		s.g.registry.leave(host(n.peer))
		s.g.conns.Add(-1)
	}
	if a.fd > 0 {
		s.submit(uring.Op{Kind: uring.KindCloseSocket, FD: a.fd, Token: tokNone})
	}
}
