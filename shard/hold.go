package shard

import (
	"slices"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// A poll that finds nothing may wait for a message at the shard that owns the log (setting poll.hold), so that consumers which
// poll without a pause cost little and see a message at once. It is answered when one lands, when its time is over, when the
// log goes, and when its connection sends anything else or closes: a held poll delays nothing. Polls that could find
// something elsewhere are answered at once: those of groups, whose members have other partitions, and strategies that are not
// about the end of the log.
type heldPolls struct {
	byLog map[storage.LogID][]heldPoll
	queue []heldPoll // by deadline: all wait equally long
	in    map[*request]uint64
	of    map[shardID]int // by home: those of other shards, which keep a credit
	last  uint64
	woken []*request

	telling []unholding // polls that other shards hold, for which the mailbox had no room
}

// heldPoll is a poll that waits. seq tells it from an earlier use of the same request: entries of those that were answered stay
// where they are until they are met.
type heldPoll struct {
	q     *request
	seq   uint64
	until int64
}

// let takes q out of those that are held.
func (h *heldPolls) let(s *Shard, q *request) {
	delete(h.in, q)
	if q.home != s {
		h.of[q.home.id]--
	}
}

func (h *heldPolls) has(p heldPoll) bool { return h.in[p.q] == p.seq }

// hold keeps q back, if it may wait, and reports whether it did.
func (s *Shard) hold(q *request) bool {
	if s.cfg.PollHold == 0 || q.code != wire.CodePollMessages || q.Err != nil || q.Records > 0 || q.Count == 0 || q.Consumer.Group ||
		q.Strategy != storage.FromOffset && q.Strategy != storage.FromNext || s.stopping {
		return false
	}
	if q.holdUntil == 0 {
		q.holdUntil = s.mono + int64(s.cfg.PollHold)
	}
	if q.holdUntil <= s.mono {
		return false
	}
	h := &s.held
	if h.in == nil {
		h.in, h.byLog, h.of = make(map[*request]uint64), make(map[storage.LogID][]heldPoll), make(map[shardID]int)
	}
	if q.home != s {
		if h.of[q.home.id] >= s.g.mesh.Credits()/2 { // the others are for requests that do something
			return false
		}
		h.of[q.home.id]++
	}
	h.last++
	p := heldPoll{q, h.last, q.holdUntil}
	h.in[q] = p.seq
	h.byLog[q.Log] = h.tidied(h.byLog[q.Log], p)
	h.queue = append(h.queue, p)
	return true
}

// tidied appends p to the polls of a log. A list that is full first lets go of those that were answered, so it stays as long as
// twice what is held: nothing may ever land there.
func (h *heldPolls) tidied(list []heldPoll, p heldPoll) []heldPoll {
	if len(list) == cap(list) {
		list = slices.DeleteFunc(list, func(p heldPoll) bool { return !h.has(p) })
		list = slices.Grow(list, len(list)+1)
	}
	return append(list, p)
}

// landed looks again for polls that wait at a log that has changed.
func (s *Shard) landed(log storage.LogID) {
	list := s.held.byLog[log]
	if len(list) == 0 {
		return
	}
	for _, p := range list {
		if s.held.has(p) {
			s.held.let(s, p.q)
			s.held.woken = append(s.held.woken, p.q)
		}
	}
	clear(list)
	delete(s.held.byLog, log)
}

// pollWoken starts polls again for which something may have landed, and reports whether there were any. While they waited, the session may
// have ended, or the right gone.
func (s *Shard) pollWoken() bool {
	woken := s.held.woken
	s.held.woken = nil
	for _, q := range woken {
		if err := q.proposal.Judgement.May(s.meta, metadata.ActionPollMessages, q.stream, q.topic); err != nil {
			q.Err = metaStatus(err)
			s.storeDone(q)
			continue
		}
		s.start(q)
	}
	return len(woken) > 0
}

// endHolds answers polls whose time is over; all of them when the shard stops.
func (s *Shard) endHolds() {
	h := &s.held
	n := 0
	for ; n < len(h.queue) && (h.queue[n].until <= s.mono || s.stopping || !h.has(h.queue[n])); n++ {
		if h.has(h.queue[n]) {
			s.release(h.queue[n].q)
		}
		h.queue[n].q = nil
	}
	if n > 0 { // this runs in every turn
		h.queue = append(h.queue[:0], h.queue[n:]...)
	}
}

// release answers a poll that is held; one that is not, or not here, is left alone.
func (s *Shard) release(q *request) {
	if _, held := s.held.in[q]; !held {
		return
	}
	s.held.let(s, q)
	q.holdUntil = -1
	s.storeDone(q)
}

// unhold has a poll answered whose client has sent something else.
func (s *Shard) unhold(q *request) {
	if s.cfg.PollHold == 0 {
		return
	}
	if q.unsent {
		q.holdUntil = -1
		return
	}
	if !q.remote {
		s.release(q)
		return
	}
	s.held.telling = append(s.held.telling, unholding{q: q, at: q.owner})
	s.sendUnholds()
}

// abandon withdraws a poll that nobody will read, if it waits for memory.
func (s *Shard) abandon(q *request) {
	if q.unsent {
		return
	}
	if !q.remote {
		s.store.Cancel(&q.Request)
		return
	}
	s.held.telling = append(s.held.telling, unholding{q: q, at: q.owner, gone: true, use: q.Use()})
	s.sendUnholds()
}

// unholding is a poll that another shard may hold, which is to be told; the request may be another one by then.
type unholding struct {
	q    *request
	at   shardID
	gone bool   // its client is: it is withdrawn, and not answered
	use  uint32 // of the request
}

// over reports whether a poll that is to be withdrawn is answered: then it may be another one's by now.
func (u *unholding) over() bool { return u.gone && !u.q.Unanswered(u.use) }

func (s *Shard) sendUnholds() {
	rest := s.held.telling[:0]
	for _, u := range s.held.telling {
		switch kind := msgUnhold; {
		case u.over():
		case s.port.ControlRoom(u.at) > controlReserve:
			if u.gone {
				kind = msgAbandon
			}
			s.port.Control(u.at, message{kind: kind, req: u.q})
		default:
			rest = append(rest, u)
		}
	}
	clear(s.held.telling[len(rest):])
	s.held.telling = rest
}
