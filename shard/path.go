package shard

import (
	"github.com/galgo-mq/galgo/board"
	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// The path of a request: from the frame that the front has, through the room of commands and the logs of the shard that owns its log, to the
// reply.

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

// carry does what is to be done with commands on their way.
func (s *Shard) carry() {
	for {
		for s.calls.HasNews() {
			n := s.calls.TakeNews()
			s.reports.callNews(&n)
		}
		c, e := s.calls.Take()
		if c == nil {
			return
		}
		c.Holder.(*request).carryOut(e)
	}
}

// carryOut does e, in the order of the effects.
func (q *request) carryOut(e call.Effect) {
	s := q.home
	if e&call.FrameDone != 0 {
		s.front.DropFrame(&q.Exchange)
	}
	if e&call.LoggedOut != 0 {
		s.g.clients.Logout(q.Peer.ID)
	}
	if e&call.Leaves != 0 {
		s.dropMember(q.call.Member)
	}
	if e&call.Splits != 0 {
		s.splits.add(q, s.mono)
	}
	if e&call.Closes != 0 {
		s.front.Close(&q.Exchange, q.call.Why, nil)
	}
	switch {
	case e&call.Drops != 0:
		s.front.Drop(&q.Exchange, q.call.Why, q.call.Cause)
	case e&call.Asks != 0:
		q.asked()
	case e&call.Part != 0:
		q.toOwner()
	case e&call.Proposed != 0:
		q.send(0, msgMeta)
	case e&call.Replied != 0:
		s.front.Reply(&q.Exchange)
	case e&call.More != 0:
		s.front.Send(&q.Exchange)
	}
}

// toOwner hands q to the shard that owns its log. The reply comes to answered.
func (q *request) toOwner() {
	s := q.home
	owner, ok := s.owners.Owner(router.LogID(q.Log))
	if !ok {
		q.Err = storage.ErrUnknownLog
		q.answered()
		return
	}
	c := &q.call
	q.Stream, q.Topic, q.Partition, q.Subject, q.AtOnce = c.Stream, c.Topic, c.Partition, c.Subject, c.AtOnce
	q.Member.Group, q.Member.Key = c.Group, c.Member
	if q.Kind == storage.ReqPoll && s.cfg.PollHold > 0 { // it may be held, for what is sent meanwhile
		s.front.Vacate(&q.Exchange)
	}
	q.send(owner, msgRequest)
}

// send gives q to a shard, its home included. Without a credit it waits; its connection is not read meanwhile.
func (q *request) send(owner router.ShardID, kind messageKind) {
	s := q.home
	q.owner = owner
	switch {
	case owner != s.id && q.call.IsPart():
		q.sendPart()
	case owner != s.id:
		q.remote = true
		q.unsent = !s.credits.send(q, kind)
	case kind == msgMeta:
		s.coordinator.proposed(q)
	default:
		s.start(q)
	}
}

// start gives a request to the logs of this shard, which has its log.
func (s *Shard) start(q *request) {
	s.calls.OthersCame()
	s.logs.Start(&q.Part)
}

// answerStore sends on what the logs of this shard have answered.
func (s *Shard) answerStore() {
	for again := true; again; {
		for p := s.logs.TakeAnswered(); p != nil; p = s.logs.TakeAnswered() {
			s.partAnswered(p.Of.(*request))
		}
		for l := s.logs.TakeChanged(); l != nil; l = s.logs.TakeChanged() {
			l.Tag.(*board.Counters).Show(l.Stats())
		}
		if again = s.logs.Restart(); again {
			s.calls.OthersCame()
		}
		again = s.carryNews() || again
		again = s.serve() || again // replies to connections that are gone, and requests behind them
	}
}

// partAnswered takes a request that the logs of this shard have answered to the connection that made it.
func (s *Shard) partAnswered(q *request) {
	if q.internal != nil {
		q.internal(s, q)
		return
	}
	if q.home != s {
		s.port.Reply(q.home.id, message{kind: msgReply, req: q})
		return
	}
	q.answered()
}

// answered goes on with a request that its owner has answered.
func (q *request) answered() {
	if q.owing.active {
		q.owed()
		return
	}
	q.home.calls.Answered(&q.call)
	q.home.carry()
}
