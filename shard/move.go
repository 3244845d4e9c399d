package shard

import (
	"errors"

	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
	"github.com/galgo-mq/galgo/router"
)

// Moving is what a balancer will do; until there is one, only tests ask for it.
//
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
	moving   *owner.Moving
	done     func(err error) // on shard 0
}

var (
	errNoLog  = errors.New("shard: no such log")
	errStayed = errors.New("shard: the log stays where it is")
)

// tell sends a control message, to the shard itself too.
func (x *coordinator) tell(to router.ShardID, m message) {
	s := x.s
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
		x.tell(from, message{kind: msgMoveOut, event: &metaEvent{move: move}})
	}
}

// movedOut hands a log that has left to its next owner.
func (n *controlNews) movedOut(x *owner.News) {
	if x.Err != nil {
		n.tellControl(control.Event{Kind: control.EventMoved, Err: x.Err})
		return
	}
	m := x.Of.(*logMove)
	m.moving = x.Moving
	n.mailbox.Control(m.to, message{kind: msgMoveIn, event: &metaEvent{move: m}})
}

// proposeMove asks for a log to be moved. done is called when it is, or not.
func (x *coordinator) proposeMove(log metadata.LogID, to router.ShardID, done func(err error)) {
	m := &control.Move{Log: log, To: int(to), Owner: &logMove{log: log, to: to, done: done}}
	x.take(control.Event{Kind: control.EventMove, Move: m})
}
