package shard

import (
	"time"

	"github.com/galgo-mq/galgo/router"
)

// hurries are polls of clients that have sent something else or are gone, while the shard that has the log is to hear of it. A shard that is
// told so may have a poll in its store, and no use for the word until it finds nothing there, or waits for memory: it is told again until it
// answers. All are looked at together, at most once a turn, as a thousand clients may go at once.
type hurries struct {
	port *router.Port[message]
	list []hurry
	next int64 // when one is to be told
}

// hurry is a poll that is not answered.
type hurry struct {
	q    *request
	use  uint32 // of the request: it may be another one by then
	gone bool   // its client is: it is withdrawn, and not answered
	next int64  // when its shard is told
}

// hurryAgain is when a shard is told again.
const hurryAgain = int64(100 * time.Millisecond)

// hurried has a poll answered at once whose client has sent something else.
func (q *request) hurried() {
	s := q.home
	switch {
	case s.cfg.PollHold == 0 || len(q.call.Parts()) > 0: // parts do not wait for messages
	case q.unsent:
		q.AtOnce = true
	case q.remote:
		s.hurries.add(hurry{q: q, use: q.Use()}, s.mono)
	default:
		q.AtOnce = true
		s.logs.Hurry(&q.Part)
	}
}

// abandon withdraws a poll that nobody will read, as often as it waits for memory.
func (q *request) abandon() {
	if len(q.call.Parts()) > 0 {
		q.withdrawParts() // and again, as for all that wait for long
		return
	}
	q.home.hurries.add(hurry{q: q, use: q.Use(), gone: true}, q.home.mono)
}

// withdraw takes word, at the shard that has the log, that nobody will read q in that use. A request that waits there is that shard's, and only then it
// is looked at; in another use it goes on.
func (s *Shard) withdraw(q *request, use uint32) {
	if store := s.logs.Store(); store.Waits(&q.Request) && q.Use() == use {
		store.Cancel(&q.Request)
	}
}

func (h *hurries) add(u hurry, mono int64) {
	h.list, h.next = append(h.list, u), mono
}

// send tells shards what is due, as far as there is room for messages.
func (h *hurries) send(mono int64) {
	if h.next > mono {
		return
	}
	h.next = mono + hurryAgain
	rest := h.list[:0]
	for _, u := range h.list {
		if !u.q.Unanswered(u.use) {
			continue
		}
		if u.next <= mono && h.tell(&u) {
			u.next = mono + hurryAgain
		}
		h.next = min(h.next, max(u.next, mono+int64(retryEvery)))
		rest = append(rest, u)
	}
	clear(h.list[len(rest):])
	h.list = rest
}

// tell says it to the shard that has the poll, if there is room for a message.
func (h *hurries) tell(u *hurry) bool {
	q := u.q
	switch {
	case q.unsent:
		return false // it goes later, and may wait for memory then
	case !q.remote:
		q.home.logs.Store().Cancel(&q.Request)
	case h.port.ControlRoom(q.owner) <= controlReserve:
		return false
	case u.gone:
		h.port.Control(q.owner, message{kind: msgAbandon, req: q, use: u.use})
	default:
		h.port.Control(q.owner, message{kind: msgHurry, req: q})
	}
	return true
}
