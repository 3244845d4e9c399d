package shard

import (
	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/owner"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
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
	call     call.Call                  // what its handler knows of it
	way
}

// way is where a request is.
type way struct {
	owner  router.ShardID // whose logs answer; home.id or another
	remote bool           // owner is another shard, whose credit this holds
	unsent bool           // waits for a credit
	writes bool           // its credit is one that may be kept until there is room on the disk
	owing  owing
}

// newExchange makes a request for the pool of exchanges.
func newExchange(s *Shard) *front.Exchange {
	q := newRequest(s, nil)
	q.Spans = make([]storage.Span, 0, storage.SpansMax)
	q.Holder = q
	return &q.Exchange
}

// newRequest makes one of the broker itself. done takes the answer.
func newRequest(s *Shard, done func(s *Shard, q *request)) *request {
	q := &request{home: s, internal: done}
	q.Of, q.From, q.Owner = q, int(s.id), &q.Part
	q.call.Exchange, q.call.Request, q.call.Holder = &q.Exchange.Exchange, &q.Request, q
	return q
}

// free puts q back. Nothing in flight may name its memory.
func (q *request) free() {
	q.home.calls.Clear(&q.call)
	q.Part.Clear()
	q.way = way{}
	q.home.front.Put(&q.Exchange)
}

// finish ends a request whose reply was sent, or will not be: what it holds at its owner is released, then it is reused.
func (q *request) finish() {
	for _, p := range q.call.Parts() {
		p.Holder.(*request).finish()
	}
	switch {
	case !q.remote:
		q.home.logs.Store().Release(&q.Request)
	case len(q.Spans) > 0:
		q.home.credits.release(q)
		return
	}
	q.free()
}
