package shard

import (
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// request is one command on its way: from its frame, through the shard that can answer it, to the last byte of its
// reply. It is reused. While it is at another shard its home looks at nothing but home, its exchange, and owner, remote and unsent, which
// nobody writes then.
//
//	home                              owner of the log
//	frame, decode, admit -- request -->  Start ... answered
//	reply, send          <-- reply ----
//	sent                 -- release -->  Release                  only when the reply has spans
//	credit back, reuse   <-- release --
type request struct {
	front.Exchange // what its connection knows of it; without Peer: it is the broker's own
	owner.Part     // what its log's owner knows of it

	home     *Shard
	internal func(s *Shard, q *request) // takes the answer to what the broker asks itself
	call
}

// call is what handlers know of a request, until it is answered.
type call struct {
	owner  router.ShardID // whose store answers; home.id or another
	remote bool           // owner is another shard, whose credit this holds

	handle   wire.Handle
	code     wire.Code
	numbered bool // its number is the highest of the session now
	unsent   bool // waits for a credit
	writes   bool // its credit is one that may be kept until there is room on the disk

	list *listing

	proposal metadata.Proposal // of a metadata command; names point into the frame

	judged bool   // its caller has one of the rights that the table of commands asks for, or was refused
	object string // what a change is about, as the client says it, for the log
	secret string // a new token

	owing owing
}

// newExchange makes a request for the pool of exchanges.
func (s *Shard) newExchange() *front.Exchange {
	q := s.newRequest(nil)
	q.Spans = make([]storage.Span, 0, storage.SpansMax)
	q.Holder = q
	return &q.Exchange
}

// newRequest makes one of the broker itself. done takes the answer.
func (s *Shard) newRequest(done func(s *Shard, q *request)) *request {
	q := &request{home: s, internal: done}
	q.Of, q.From, q.Owner = q, int(s.id), &q.Part
	return q
}

// pollHead is how much of a poll's reply comes in front of its batches.
func (q *request) pollHead() int { return q.Peer.Dialect.HeadBytes() + q.Peer.Dialect.PolledBytes() }

// freeRequest puts q back. Nothing in flight may name its memory.
func (s *Shard) freeRequest(q *request) {
	if q.list != nil {
		s.endList(q.list)
	}
	q.Part.Clear()
	q.call = call{}
	s.front.Put(&q.Exchange)
}

// dropFrame gives the memory of the request's frame back: its bytes are not needed any more.
func (s *Shard) dropFrame(q *request) {
	s.front.DropFrame(&q.Exchange)
	q.Batch = nil
}

// toOwner hands a request for log to the shard that owns it. The reply comes to answered.
func (s *Shard) toOwner(q *request, log metadata.LogID) {
	if s.unjudged(q) {
		return
	}
	owner, ok := s.owners.Owner(router.LogID(log))
	if !ok {
		s.refuse(q, wire.StatusTransientNotAccepted)
		return
	}
	q.Log = storage.LogID(log)
	if q.Kind == storage.ReqPoll && s.cfg.PollHold > 0 { // it may be held, for what is sent meanwhile
		s.front.Vacate(&q.Exchange)
	}
	s.send(q, owner, msgRequest)
}

// send gives q to a shard, itself included. Without a credit it waits; its connection is not read meanwhile.
func (s *Shard) send(q *request, owner router.ShardID, kind messageKind) {
	q.owner, s.lists.others = owner, s.mono
	if owner == s.id {
		if kind == msgMeta {
			s.proposed(q)
		} else {
			s.start(q)
		}
		return
	}
	q.remote = true
	q.unsent = !s.credits.send(q, kind)
}

// start gives a request to the logs of this shard, which has its log.
func (s *Shard) start(q *request) {
	s.lists.others = s.mono
	s.logs.Start(&q.Part)
}

// finish ends a request whose reply was sent, or will not be: what it holds at its owner is released, then it is reused.
func (s *Shard) finish(q *request) {
	switch {
	case !q.remote:
		s.logs.Store().Release(&q.Request)
	case len(q.Spans) > 0:
		s.credits.release(q)
		return
	}
	s.freeRequest(q)
}
