package shard

import (
	"github.com/galgo-mq/galgo/call"
)

// What a shard does for the commands of its connections: it carries out what its room says, and gives answers in again.

// newCalls makes the room of commands on their way, when the shard has its metadata and its memory.
func newCalls(s *Shard) *call.Room {
	c := s.cfg
	lists := c.ListBytesMax
	if lists <= 0 {
		lists = s.memory.lists(len(s.g.shards))
	}
	return call.New(call.Config{Batches: limitsFor(c.FrameBytesMax, c.Protocols), FrameBytesMax: c.FrameBytesMax, NameBytesMax: c.Limits.NameBytesMax,
		ListBytesMax: lists, Version: c.Version, Semver: c.Semver, Random: s.g.host.Random},
		call.World{Meta: s.meta, Logs: &s.g.logs, Clients: s.g.clients, Memory: s.replyPool, Part: s.newPart})
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

// proposalDone goes on with a command of a client that was applied or refused.
func (q *request) proposalDone() {
	q.home.calls.Outcome(&q.call)
	q.home.carry()
}
