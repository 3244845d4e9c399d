package shard

import (
	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// request is one command on its way: from its frame, through the shard that can answer it, to the last byte of its
// reply. It is reused. While it is at another shard its home looks at nothing but home and its exchange.
//
//	home                              owner of the log
//	frame, decode, admit -- request -->  store.Do ... answered
//	reply, send          <-- reply ----
//	sent                 -- release -->  store.Release            only when the reply has spans
//	credit back, reuse   <-- release --
type request struct {
	front.Exchange  // what its connection knows of it; without Peer: it is the broker's own
	storage.Request // what its log's owner knows of it

	home     *Shard
	owner    router.ShardID // whose store answers; home.id or another
	remote   bool           // owner is another shard, whose credit this holds
	internal func(s *Shard, q *request)

	handle   wire.Handle
	code     wire.Code
	numbered bool // its number is the highest of the session now
	unsent   bool // waits for a credit
	writes   bool // its credit is one that may be kept until there is room on the disk
	stream   metadata.StreamID
	topic    metadata.TopicID
	part     metadata.PartitionID

	list *listing

	proposal metadata.Proposal // of a metadata command; names point into the frame

	judged    bool       // its caller has one of the rights that the table of commands asks for, or was refused
	object    string     // what a change is about, as the client says it, for the log
	member    membership // of a request for a consumer group
	secret    string     // a new token
	holdUntil int64      // a poll that finds nothing may wait until then; 0: not decided, below: it may not

	owing owing
}

// newExchange makes a request for the pool of exchanges.
func (s *Shard) newExchange() *front.Exchange {
	q := &request{home: s}
	q.Spans = make([]storage.Span, 0, storage.SpansMax)
	q.Holder, q.Owner = q, q
	return &q.Exchange
}

// pollHead is how much of a poll's reply comes in front of its batches.
func (q *request) pollHead() int { return q.Peer.Dialect.HeadBytes() + q.Peer.Dialect.PolledBytes() }

// freeRequest puts q back. Nothing in flight may name its memory.
func (s *Shard) freeRequest(q *request) {
	if q.list != nil {
		s.endList(q.list)
	}
	*q = request{home: s, Exchange: q.Exchange, Request: q.Request.Reset()}
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
	if !s.credited(q, kind) {
		q.unsent = true
		s.uncredited.push(q, kind, len(s.g.shards))
	}
}

// start gives a request to the store of this shard, which owns its log.
func (s *Shard) start(q *request) {
	s.lists.others = s.mono
	if q.Consumer.Group && q.Kind != storage.ReqGetOffset && !s.owned(q) {
		return
	}
	s.askStore(q)
}

// askStore gives q to this shard's store, unless the end has come: nothing may follow the journal's last mark.
func (s *Shard) askStore(q *request) {
	if s.finishing || s.gaveUp {
		return // it is never answered, and its connection is closed with the process
	}
	s.store.Do(&q.Request)
}

// credited sends q to its owner if there is a credit for it. The last ones are for what gives memory back: requests that
// wait for memory hold the others.
func (s *Shard) credited(q *request, kind messageKind) bool {
	left := s.port.CreditsLeft(q.owner)
	most := s.g.mesh.Credits() - s.g.mesh.Credits()/oweCreditsShare
	if kind != msgOwe && left <= s.g.mesh.Credits()-most {
		return false
	}
	writes := laneOf(q, kind) == laneWrites
	if writes && s.writing[q.owner] >= most-max(1, most/readCreditsShare) || !s.port.Request(q.owner, message{kind: kind, req: q}) {
		return false
	}
	if q.writes = writes; writes {
		s.writing[q.owner]++
	}
	return true
}

const (
	oweCreditsShare  = 6
	readCreditsShare = 8 // of the others, for reads and deletions: a disk without room keeps what writes for long
)

// releases are the replies of other shards whose memory is to be given back. A reply that is being sent holds no credit, or
// clients that read slowly would keep all others from the shard that owns their logs; what the way back takes of the
// rings is bounded here.
type releases struct {
	of []releasesOf // by shard
}

type releasesOf struct {
	out     int // on their way
	waiting fifo.Queue[*request]
}

func (r *releases) send(s *Shard, q *request) {
	if r.of == nil {
		r.of = make([]releasesOf, len(s.g.shards))
	}
	o := &r.of[q.owner]
	if o.out == s.g.mesh.Credits() {
		o.waiting.Push(q)
		return
	}
	o.out++
	s.port.Release(q.owner, message{kind: msgRelease, req: q})
}

// done notes that a shard has taken its memory back, and sends what waited for that.
func (r *releases) done(s *Shard, by router.ShardID) {
	o := &r.of[by]
	o.out--
	if o.waiting.Len() > 0 {
		r.send(s, o.waiting.Pop())
	}
}

// uncredited are requests that wait for credits: in order for each shard and each lane.
type uncredited struct {
	of    []uncreditedOf // by shard
	waits int            // all that wait
}

type uncreditedOf [lanes]fifo.Queue[waiting]

// lane is a kind of requests that has credits which others leave it.
type lane uint8

const (
	laneOwes   lane = iota // give memory back
	laneReads              // reads and deletions
	laneWrites             // may wait for room on the disk
	lanes
)

func laneOf(q *request, kind messageKind) lane {
	switch {
	case kind == msgOwe:
		return laneOwes
	case kind == msgRequest && q.Kind != storage.ReqPoll && q.Kind != storage.ReqGetOffset && q.Kind != storage.ReqTrim:
		return laneWrites
	}
	return laneReads
}

// waiting is a request that waits for a credit.
type waiting struct {
	q    *request
	kind messageKind
}

func (u *uncredited) push(q *request, kind messageKind, shards int) {
	if u.of == nil {
		u.of = make([]uncreditedOf, shards)
	}
	u.of[q.owner][laneOf(q, kind)].Push(waiting{q, kind})
	u.waits++
}

// retryUncredited sends what waited for credits.
func (s *Shard) retryUncredited() {
	u := &s.uncredited
	if u.waits == 0 {
		return
	}
	for i := range u.of {
		for k := range u.of[i] {
			for in := &u.of[i][k]; in.Len() > 0; {
				w := in.First()
				if !s.credited(w.q, w.kind) {
					break
				}
				in.Pop()
				u.waits--
				w.q.unsent = false // nobody sees it before the turn publishes its messages
			}
		}
	}
}

// finish ends a request whose reply was sent, or will not be: what it holds at its owner is released, then it is reused.
func (s *Shard) finish(q *request) {
	s.dropFrame(q)
	switch {
	case !q.remote:
		s.store.Release(&q.Request)
	case len(q.Spans) > 0:
		s.releases.send(s, q)
		return
	}
	s.freeRequest(q)
}
