package shard

import (
	"errors"
	"syscall"

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

// A log moves in the order of the metadata commands, so that nobody creates, deletes or purges meanwhile:
//
//	lead       old owner                       new owner
//	MoveOut -> detach: in flight ends, tail
//	           to the segment, log leaves  --> MoveIn: attach, journaled and synced
//	MoveDone <------------------------------------'
//	Moved  --> every shard changes its map; the old owner's laps forget the log
//
// Requests that come to a shard that does not have the log answer "try again", which clients do.

// logMove is a log on its way.
type logMove struct {
	log      metadata.LogID
	from, to router.ShardID
	moving   *storage.Log
	sent     map[metadata.GroupID]delivery // what its groups were sent last
	err      error
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

// moveLog begins to move a log to another owner.
func (l *lead) moveLog(e *metaEvent, m *logMove) {
	e.move = m
	from, ok := l.s.owners.Owner(router.LogID(m.log))
	switch {
	case !ok:
		e.q.err = errNoLog
	case from == m.to || int(m.to) >= len(l.s.g.shards):
		e.q.err = errStayed
	}
	if e.q.err != nil {
		l.answer()
		return
	}
	m.from = from
	l.s.tell(from, message{kind: msgMoveOut, event: e})
}

func (s *Shard) moveOut(e *metaEvent) {
	q := &request{home: s, internal: func(s *Shard, q *request) {
		if e.move.err = q.Err; q.Err != nil {
			s.tell(0, message{kind: msgMoveDone, event: e})
			return
		}
		e.move.moving, q.Moved = q.Moved, nil
		s.landed(q.Log)
		e.move.sent = s.delivered[q.Log]
		delete(s.delivered, q.Log)
		s.tell(e.move.to, message{kind: msgMoveIn, event: e})
	}}
	q.Owner, q.Kind, q.Log = q, storage.ReqDetach, storage.LogID(e.move.log)
	s.askStore(q)
}

func (s *Shard) moveIn(e *metaEvent) {
	q := &request{home: s, internal: func(s *Shard, q *request) {
		e.move.err = q.Err
		s.tell(0, message{kind: msgMoveDone, event: e})
	}}
	q.Owner = q
	if e.move.sent != nil {
		s.delivered[storage.LogID(e.move.log)] = e.move.sent
	}
	s.store.Attach(e.move.moving, &q.Request)
	e.move.moving = nil
}

// moveDone has the map changed everywhere when the new owner has the log. A journal that failed on the way ends the
// process, and the next start finds the log in one place or the other.
func (l *lead) moveDone(e *metaEvent) {
	if e.move.err != nil {
		e.q.err = e.move.err
		l.answer()
		return
	}
	e.waiting = len(l.s.g.shards)
	for _, o := range l.s.g.shards {
		l.s.tell(o.id, message{kind: msgMoved, event: e})
	}
}

// moved changes the map of this shard.
func (s *Shard) moved(e *metaEvent) {
	s.owners.Set(router.LogID(e.move.log), e.move.to)
	if e.move.from == s.id {
		s.store.Released(storage.LogID(e.move.log))
	}
}

// proposeMove asks for a log to be moved, on shard 0. done is called there.
func (s *Shard) proposeMove(log metadata.LogID, to router.ShardID, done func(err error)) {
	q := &request{home: s, move: &logMove{log: log, to: to}, judgement: judgement{broker: true}, internal: func(_ *Shard, q *request) { done(q.err) }}
	q.Owner = q
	s.lead.enqueue(q)
}
