package shard

import (
	"errors"
	"syscall"

	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// Moving is what a balancer will do; until there is one, only tests ask for it.
//
// A connection moves between two requests: nothing is handled, sent or kept. Its receive is cancelled and the last
// completion awaited; bytes that came meanwhile call the move off. Then the socket goes to the other shard with its
// session, as a new connection comes from the acceptor.

// connMove is a move that waits for the connection's last completion.
type connMove struct {
	to   router.ShardID
	done func(moved bool)
}

// moveConn begins to move c to another shard. done hears whether it did; false at once when c is not idle.
func (s *Shard) moveConn(c *conn, to router.ShardID, done func(moved bool)) {
	if !c.idle() || c.move != nil || to == s.id || s.stopping || s.port.ControlRoom(to) <= controlReserve {
		done(false)
		return
	}
	c.move = &connMove{to, done}
	s.submit(uring.Op{Kind: uring.KindCancel, Target: c.recv, Token: tokNone})
}

// idle reports whether c waits for a request and nothing else.
func (c *conn) idle() bool {
	return c.fd >= 0 && !c.closing && !c.ended && !c.eof && !c.stashed && c.busy == nil && c.send == 0 && c.recv != 0 && c.keptLen == 0 && c.frame == nil && c.wanted == 0
}

// moveStep takes the last completion of a connection that is to move, and reports whether it has moved.
func (s *Shard) moveStep(c *conn, done *uring.Completion) bool {
	m := c.move
	c.move = nil
	if c.closing || done.Err != syscall.ECANCELED || done.Recv.ID != 0 || s.stopping || s.port.ControlRoom(m.to) <= controlReserve {
		if done.Err == syscall.ECANCELED && !c.closing {
			done.Err = 0
			m.done(false)
			s.armRecv(c)
			return true // nothing came
		}
		m.done(false)
		return false
	}
	s.g.loads[s.id].conns.Add(-1)
	s.g.loads[m.to].conns.Add(1)
	s.port.Control(m.to, message{kind: msgConn, conn: acceptedConn{fd: c.fd, id: c.id, peer: c.peer, opened: c.opened, dialect: c.dialect, session: c.session, lastMeta: c.lastMeta}})
	s.conns.put(c)
	m.done(true)
	return true
}

// A log moves in the order of the metadata commands, as package control says:
//
//	coordinator   old owner                       new owner
//	MoveOut   --> detach: in flight ends, tail
//	              to the segment, log leaves  --> MoveIn: attach, journaled and synced
//	EventMoved <------------------------------'
//	Moved     --> every shard changes its map; the old owner's laps forget the log
//
// Requests that come to a shard that does not have the log answer "try again", which clients do.

// logMove is a log on its way. It belongs to the shard that has it.
type logMove struct {
	log      metadata.LogID
	from, to router.ShardID
	moving   *storage.Log
	sent     map[metadata.GroupID]delivery // what its groups were sent last
	done     func(err error)               // on shard 0
}

var (
	errNoLog  = errors.New("shard: no such log")
	errStayed = errors.New("shard: the log stays where it is")
)

// tell sends a control message, to the shard itself too.
func (s *Shard) tell(to router.ShardID, m message) {
	if to == s.id {
		s.message(s.id, &m)
		return
	}
	s.port.Control(to, m)
}

// move begins to move a log to another owner.
func (x *coordinator) move(m *control.Move) {
	move := m.Owner.(*logMove)
	from, ok := x.s.owners.Owner(router.LogID(m.Log))
	switch {
	case !ok:
		x.take(control.Event{Kind: control.EventMoved, Err: errNoLog})
	case from == move.to:
		x.take(control.Event{Kind: control.EventMoved, Err: errStayed})
	default:
		move.from = from
		x.s.tell(from, message{kind: msgMoveOut, event: &metaEvent{move: move}})
	}
}

func (s *Shard) moveOut(m *logMove) {
	q := &request{home: s, internal: func(s *Shard, q *request) {
		if q.Err != nil {
			s.tellControl(control.Event{Kind: control.EventMoved, Err: q.Err})
			return
		}
		m.moving, q.Moved = q.Moved, nil
		s.landed(q.Log)
		m.sent = s.delivered[q.Log]
		delete(s.delivered, q.Log)
		s.tell(m.to, message{kind: msgMoveIn, event: &metaEvent{move: m}})
	}}
	q.Owner, q.Kind, q.Log = q, storage.ReqDetach, storage.LogID(m.log)
	s.askStore(q)
}

func (s *Shard) moveIn(m *logMove) {
	q := &request{home: s, internal: func(s *Shard, q *request) {
		s.tellControl(control.Event{Kind: control.EventMoved, Err: q.Err})
	}}
	q.Owner = q
	if m.sent != nil {
		s.delivered[storage.LogID(m.log)] = m.sent
	}
	s.store.Attach(m.moving, &q.Request)
	m.moving = nil
}

// moved changes the map of this shard.
func (s *Shard) moved(m *logMove) {
	s.owners.Set(router.LogID(m.log), m.to)
	if m.from == s.id {
		s.store.Released(storage.LogID(m.log))
	}
	s.tellControl(control.Event{Kind: control.EventMapped})
}

// proposeMove asks for a log to be moved, on shard 0. done is called there.
func (s *Shard) proposeMove(log metadata.LogID, to router.ShardID, done func(err error)) {
	m := &control.Move{Log: log, To: int(to), Owner: &logMove{log: log, to: to, done: done}}
	s.coordinator.take(control.Event{Kind: control.EventMove, Move: m})
}
