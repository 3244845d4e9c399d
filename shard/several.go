package shard

import (
	"time"

	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// A request of several parts has a request for each, which has a way of its own. The replies of those that are answered hold memory of their
// logs until the last one is there. So that no two requests wait for what the other one holds, a part waits for no credit, and for
// memory to read into no longer than partWaitMax; its client is told to come again for it.

// partWaitMax is how long a part may wait for memory.
const partWaitMax = int64(100 * time.Millisecond)

// splitsTurnMax bounds the requests of several parts that are looked at in a turn.
const splitsTurnMax = 64

const _ = uint(uring.VecMax - storage.SpansMax - 4) // what package call has leave at once

// splits are the requests of several parts that may not be answered, by when they are looked at.
type splits struct {
	fifo.Queue[splitRequest]
}

// splitRequest is one of them.
type splitRequest struct {
	q    *request
	use  uint32 // of the request: it may be another one by then
	next int64
}

// newPart makes a request for a part of a call; nil: there is no memory.
func (s *Shard) newPart(of *call.Call) *call.Call {
	x := s.front.Part(&of.Holder.(*request).Exchange)
	if x == nil {
		return nil
	}
	return &x.Holder.(*request).call
}

// add has q looked at as long as a part of it is due.
func (l *splits) add(q *request, mono int64) {
	l.Push(splitRequest{q, q.Use(), mono + partWaitMax})
}

// tend withdraws parts that have waited for memory for their time.
func (l *splits) tend(mono int64) {
	for k := min(l.Len(), splitsTurnMax); k > 0 && l.First().next <= mono; k-- {
		x := l.Pop()
		if x.q.Unanswered(x.use) {
			x.q.withdrawParts()
			l.add(x.q, mono)
		}
	}
}

// deadline is when the first of them is looked at; 0: there is none.
func (l *splits) deadline() int64 {
	if l.Len() == 0 {
		return 0
	}
	return l.First().next
}

// withdrawParts withdraws the parts of q that wait for memory.
func (q *request) withdrawParts() {
	for _, p := range q.call.Parts() {
		if p.Waits() {
			part := p.Holder.(*request)
			q.home.hurries.tell(&hurry{q: part, use: part.Use(), gone: true})
		}
	}
}

// sendPart gives a part to the shard that has its log, or answers that there is no credit.
func (q *request) sendPart() {
	if q.remote = q.home.credits.take(q, msgRequest); !q.remote {
		q.Err = storage.ErrCanceled
		q.answered()
	}
}
