package shard

import (
	"time"

	"github.com/galgo-mq/galgo/router"
)

// hurries are polls that other shards have, of clients that have sent something else or are gone. A shard that is told so may have a poll in its
// store, and no use for the word until it finds nothing there: it is told again until it answers.
type hurries struct {
	port *router.Port[message]
	list []hurry
	next int64 // when one is to be told
}

// hurry is a poll that another shard has.
type hurry struct {
	q    *request
	use  uint32 // of the request: it may be another one by then
	at   shardID
	gone bool  // its client is: it is withdrawn, and not answered
	next int64 // when at is told
}

// hurryAgain is when a shard is told again.
const hurryAgain = int64(100 * time.Millisecond)

// hurried has a poll answered at once whose client has sent something else.
func (q *request) hurried() {
	s := q.home
	switch {
	case s.cfg.PollHold == 0:
	case q.unsent:
		q.AtOnce = true
	case q.remote:
		s.hurries.add(hurry{q: q, use: q.Use(), at: q.owner}, s.mono)
	default:
		q.AtOnce = true
		s.logs.Hurry(&q.Part)
	}
}

// abandon withdraws a poll that nobody will read, if it waits for memory.
func (q *request) abandon() {
	s := q.home
	switch {
	case q.unsent:
	case q.remote:
		s.hurries.add(hurry{q: q, use: q.Use(), at: q.owner, gone: true}, s.mono)
	default:
		s.logs.Store().Cancel(&q.Request)
	}
}

func (h *hurries) add(u hurry, mono int64) {
	h.list = append(h.list, u)
	h.send(mono)
}

// send tells shards what is due, as far as there is room for messages.
func (h *hurries) send(mono int64) {
	h.next = mono + hurryAgain
	rest := h.list[:0]
	for _, u := range h.list {
		if !u.q.Unanswered(u.use) {
			continue
		}
		if u.next <= mono && h.port.ControlRoom(u.at) > controlReserve {
			kind := msgHurry
			if u.gone {
				kind = msgAbandon
			}
			h.port.Control(u.at, message{kind: kind, req: u.q})
			u.next = mono + hurryAgain
		}
		h.next = min(h.next, max(u.next, mono+int64(retryEvery)))
		rest = append(rest, u)
	}
	clear(h.list[len(rest):])
	h.list = rest
}
