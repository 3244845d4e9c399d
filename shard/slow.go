package shard

// A reader that does not take its reply holds memory of the log. When memory is short, a send that has been under way for
// 100 ms is cut off, and the front says exactly how much went. What it still owes is turned into places on disk at
// the log's owner, and comes back in pieces as the socket takes them:
//
//	send --cut off--> owner: Owe, first piece read --answered--> send piece --sent--> owner: Owe, next piece ... --> done
//
// What can't be had back, as its log has moved or is gone, stays in memory and pins it: a reader that takes none of it while memory is
// short is not waited for.

import "github.com/galgo-mq/galgo/front"

// owing is what a request knows of a reply that is sent in pieces.
type owing struct {
	active   bool
	headSent int // of the reply's own head
	sent     int // of spans, since the owner was told last
}

// watchSlow has sends cut off that hold memory and do not end.
func (s *Shard) watchSlow() {
	if s.mono < s.nextSlow || s.front.Count() == 0 || !s.memory.short() {
		return
	}
	s.nextSlow = s.mono + int64(front.SlowAfter)
	s.front.CutSlow()
}

// partOut goes on with a reply of which a part is out: its owner is told how much went, and asked for the next piece.
func (q *request) partOut() {
	s := q.home
	if s.calls.PartOut(&q.call) {
		return
	}
	head := min(q.Out, q.call.PollHead()-q.owing.headSent)
	q.owing.headSent += head
	q.owing.active, q.owing.sent = true, q.Out-head
	if q.remote {
		s.credits.send(q, msgOwe)
		return
	}
	s.logs.Store().Owe(&q.Request, q.owing.sent)
}

// owed sends the piece that the owner has read, or ends the request when nothing is left.
func (q *request) owed() {
	s := q.home
	switch {
	case q.Closing:
	case q.Err != nil:
		s.front.Drop(&q.Exchange, "the rest of a reply can't be read again", q.Err)
		return
	case len(q.Spans) == 0 && q.owing.headSent == q.call.PollHead():
		s.front.End(&q.Exchange)
		return
	}
	q.Vec = q.Vec[:0]
	if q.owing.headSent < q.call.PollHead() {
		q.Vec = append(q.Vec, q.Top[q.owing.headSent:q.call.PollHead()])
	}
	for i := range q.Spans {
		if q.Spans[i].Data == nil {
			break
		}
		q.Vec = append(q.Vec, q.Spans[i].Data)
	}
	q.Partial, q.Pins = true, q.Kept
	s.front.Send(&q.Exchange)
}
