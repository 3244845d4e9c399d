package shard

import (
	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// What a shard does for the commands of its connections: it carries out what its room says, and gives answers in again.

// newCalls makes the room of commands on their way, when the shard has its metadata and its memory.
func newCalls(s *Shard) *call.Room {
	c := s.cfg
	lists := c.ListBytesMax
	if lists <= 0 {
		lists = s.memory.lists(len(s.g.shards))
	}
	return call.New(call.Config{Batches: limitsFor(c.FrameBytesMax), FrameBytesMax: c.FrameBytesMax, NameBytesMax: c.Limits.NameBytesMax,
		ListBytesMax: lists, Version: c.Version, Semver: c.Semver, Random: s.g.host.Random},
		call.World{Meta: s.meta, Logs: &s.g.logs, Clients: s.g.clients, Memory: s.replyPool})
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

// asked asks the process what a command wants to know. What takes its time is done outside the shard.
func (q *request) asked() {
	s := q.home
	a := q.call.Ask
	told := func(t call.Answer) {
		s.Post(func(*Shard) { q.told(t) })
	}
	var busy error
	switch a.Kind {
	case call.AskCheck:
		busy = s.cfg.Hasher.Verify(Attempt{Account: a.Account, Address: host(q.Peer.Address), PHC: a.PHC, Password: a.Password},
			func(ok bool) { told(call.Answer{OK: ok}) })
	case call.AskHash:
		busy = s.cfg.Hasher.Hash(a.Password, func(phc string, err error) { told(call.Answer{PHC: phc, Err: err}) })
	case call.AskSession:
		q.told(s.g.openSession(q.Peer.ID, a))
	case call.AskAddress:
		q.told(call.Answer{Address: s.front.LocalName(&q.Exchange)})
	case call.AskStats:
		s.g.host.Stats(a.Stats, func() { told(call.Answer{OK: true}) })
	case call.AskArchive:
		if !s.g.host.Archive(*a.Archive, func(archive []byte, err error) { told(call.Answer{OK: true, Archive: archive, Err: err}) }) {
			q.told(call.Answer{})
		}
	}
	if busy != nil {
		q.told(call.Answer{Busy: true})
	}
}

// told gives a command the process's answer.
func (q *request) told(a call.Answer) {
	q.home.calls.Told(&q.call, a)
	q.home.carry()
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

// answered goes on with a request that its owner has answered.
func (q *request) answered() {
	if q.owing.active {
		q.owed()
		return
	}
	q.home.calls.Answered(&q.call)
	q.home.carry()
}

// proposalDone goes on with a command of a client that was applied or refused.
func (q *request) proposalDone() {
	q.home.calls.Outcome(&q.call)
	q.home.carry()
}
