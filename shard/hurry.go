package shard

// hurries are polls that other shards have, of clients that have sent something else or are gone, while the mailbox has no room to say so.
type hurries struct{ list []hurry }

// hurry is a poll that another shard may have, which is to be told; the request may be another one by then.
type hurry struct {
	q    *request
	at   shardID
	gone bool   // its client is: it is withdrawn, and not answered
	use  uint32 // of the request
}

// over reports whether a poll that is to be withdrawn is answered: then it may be another one's by now.
func (u *hurry) over() bool { return u.gone && !u.q.Unanswered(u.use) }

// hurried has a poll answered at once whose client has sent something else.
func (s *Shard) hurried(q *request) {
	switch {
	case s.cfg.PollHold == 0:
	case q.unsent:
		q.AtOnce = true
	case q.remote:
		s.hurries.list = append(s.hurries.list, hurry{q: q, at: q.owner})
		s.sendHurries()
	default:
		q.AtOnce = true
		s.logs.Hurry(&q.Part)
	}
}

// abandon withdraws a poll that nobody will read, if it waits for memory.
func (s *Shard) abandon(q *request) {
	switch {
	case q.unsent:
	case q.remote:
		s.hurries.list = append(s.hurries.list, hurry{q: q, at: q.owner, gone: true, use: q.Use()})
		s.sendHurries()
	default:
		s.logs.Store().Cancel(&q.Request)
	}
}

func (s *Shard) sendHurries() {
	rest := s.hurries.list[:0]
	for _, u := range s.hurries.list {
		switch kind := msgHurry; {
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
	clear(s.hurries.list[len(rest):])
	s.hurries.list = rest
}
