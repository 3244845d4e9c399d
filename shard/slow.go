package shard

import (
	"syscall"
	"time"

	"github.com/galgo-mq/galgo/uring"
)

// A reader that does not take its reply holds memory of the log. When memory is short, a send that has been under way for
// 100 ms is cancelled; its completion says exactly how much went. What it still owes is turned into places on disk at
// the log's owner, and comes back in pieces as the socket takes them:
//
//	send --cancelled--> owner: Owe, first piece read --answered--> send piece --sent--> owner: Owe, next piece ... --> done
const slowAfter = 100 * time.Millisecond

// owing is what a request knows of a reply that is sent in pieces.
type owing struct {
	spans    bool // the reply is a head and spans: it can be sent in pieces
	active   bool
	headSent int // of the reply's own head
	sent     int // of spans, since the owner was told last
}

// memoryShort reports whether what replies hold is nearly used up, or too little of it is left for a read that waits.
func (s *Shard) memoryShort() bool {
	return s.g.lines.Tail[s.id].Short() || s.g.lines.Read.Short() || s.g.readClaim.Load() != 0
}

// watchSlow cancels sends that hold memory and do not end.
func (s *Shard) watchSlow() {
	if s.mono < s.nextSlow || s.conns.count == 0 || !s.memoryShort() {
		return
	}
	s.nextSlow = s.mono + int64(slowAfter)
	for _, c := range s.conns.all {
		if c.send != 0 && !c.slow && !c.closing && c.busy != nil && c.busy.owing.spans && s.mono-c.sendBegan >= int64(slowAfter) {
			c.slow = true
			s.stats.slow++
			s.submit(uring.Op{Kind: uring.KindCancel, Target: c.send, Token: tokNone})
		}
	}
}

// owesMore takes the end of a send that was cancelled for being slow, or of a piece, and reports whether there is more.
func (s *Shard) owesMore(c *conn, done *uring.Completion) bool {
	q := c.busy
	slow := c.slow
	c.slow = false
	if c.closing || !q.owing.active && (!slow || done.Err == 0) || done.Err != 0 && done.Err != syscall.ECANCELED {
		return false
	}
	n := int(done.Res)
	head := min(n, q.pollHead()-q.owing.headSent)
	q.owing.headSent += head
	q.owing.active, q.owing.sent = true, n-head
	c.deadline = 0
	s.oweAt(q)
	return true
}

// oweAt tells the owner how much went and asks for the next piece.
func (s *Shard) oweAt(q *request) {
	if !q.remote {
		s.store.Owe(&q.Request, q.owing.sent)
		return
	}
	if !s.credited(q, msgOwe) {
		s.uncredited.push(q, msgOwe, len(s.g.shards))
	}
}

// owed sends the piece that the owner has read, or ends the request when nothing is left.
func (s *Shard) owed(q *request) {
	c := q.conn
	switch {
	case c.closing:
		s.requestEnded(c)
		s.tryClose(c)
		return
	case q.Err != nil:
		err := q.Err
		s.requestEnded(c)
		s.closeConn(c, "the rest of a reply can't be read again", err)
		return
	case len(q.Spans) == 0 && q.owing.headSent == q.pollHead():
		s.sentAll(c)
		return
	}
	vec := c.vec[:0]
	if q.owing.headSent < q.pollHead() {
		vec = append(vec, q.head[q.owing.headSent:q.pollHead()])
	}
	for i := range q.Spans {
		if q.Spans[i].Data == nil {
			break
		}
		vec = append(vec, q.Spans[i].Data)
	}
	c.vec = vec
	s.startSend(c, vec)
}
