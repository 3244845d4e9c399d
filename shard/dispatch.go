package shard

import (
	"errors"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// handler answers one command, or hands it on so that it is answered later. What r points to in the frame lives until dropFrame; r itself
// is the shard's, and another request's when the handler has returned.
type handler func(s *Shard, q *request, r *wire.Request)

// dispatch handles the frame of q.
func (s *Shard) dispatch(q *request) {
	if q.Hurried {
		q.AtOnce = true // the next request is here already
	}
	s.stats.requests++
	r := &s.in
	err := q.Peer.Dialect.Open(q.Frame, q.Peer.Session.Bound(), r)
	q.handle, q.code = r.Handle, r.Code
	if err == nil && r.Numbered {
		q.numbered = true
		err = q.Peer.Numbered(q.handle.Request)
	}
	if err != nil {
		s.reject(q, err)
		return
	}
	k, unknown := commandOf(q.code)
	if unknown != wire.StatusOK {
		s.refuse(q, unknown)
		return
	}
	if s.orphaned(q.Peer) && q.code != wire.CodePing && q.code != wire.CodeLogin && q.code != wire.CodeLogout {
		s.refuse(q, wire.StatusUnauthenticated)
		return
	}
	if r.Malformed != nil && !k.early {
		s.refuse(q, wire.StatusOf(r.Malformed))
		return
	}
	if k.retires != nil {
		q.proposal.Retires = k.retires(r)
	}
	if k.demands != nil {
		q.proposal.Demand = k.demands(q.Peer, r)
	}
	k.handle(s, q, r)
}

// orphaned reports whether p has the session of a user who is gone, or a session that was ended by a changed password or by the user
// being switched off: it may do no more than who has not logged in, and is not to see which things exist.
func (s *Shard) orphaned(p *wire.Peer) bool {
	if !p.Session.Bound() {
		return false
	}
	_, good := subjectIn(&p.Session).Find(s.meta)
	return !good
}

// reject answers a request that breaks a rule of the protocol, or ends its connection.
func (s *Shard) reject(q *request, err error) {
	if errors.Is(err, wire.ErrNoRequest) {
		s.front.Drop(&q.Exchange, "not a request", err)
		return
	}
	s.commandRefused(q, wire.StatusOf(err))
	s.dropFrame(q)
	q.Final = !q.Peer.Dialect.Serves() && (q.code != wire.CodePing || q.Number >= unservedMax)
	s.putHead(q, wire.StatusOf(err), wire.RefusedFrame, err)
	s.respondHead(q)
}

// unservedMax is how many requests of a connection are answered whose dialect is not served: such clients ping first, and then ask for what
// they came for.
const unservedMax = 4

// respondHead sends an answer that is a head and nothing else.
func (s *Shard) respondHead(q *request) {
	q.Vec = append(q.Vec[:0], q.Top[:q.Peer.Dialect.HeadBytes()])
	s.respond(q)
}

// refuse answers q with an error.
func (s *Shard) refuse(q *request, status wire.Status) {
	if q.Peer == nil {
		panic("BUG: refused a request that no client made")
	}
	s.commandRefused(q, status)
	s.dropFrame(q)
	again := status == wire.StatusTransientNotCommitted || status == wire.StatusTransientNotAccepted
	if again && q.numbered {
		q.Peer.Again(q.handle.Request)
	}
	s.putHead(q, status, wire.RefusedCommand, nil)
	s.respondHead(q)
}

// refuseLogin answers a login that failed; the connection stays.
func (s *Shard) refuseLogin(q *request, status wire.Status) {
	s.dropFrame(q)
	s.putHead(q, status, wire.RefusedLogin, nil)
	s.respondHead(q)
}

// putHead makes the answer to q that is a head and nothing else. How much has changed is no stranger's business.
func (s *Shard) putHead(q *request, status wire.Status, how wire.Refusal, err error) {
	s.success(q, nil)
	s.out.Status, s.out.Refusal, s.out.Err = status, how, err
	if how == wire.RefusedFrame && !q.Peer.Session.Bound() {
		s.out.Revision = 0
	}
	q.Peer.Dialect.Head(q.Top, &q.handle, &s.out, 0)
}

// success makes s.out the answer to q that it succeeded, with what the command has to say beside what s.out has by value.
func (s *Shard) success(q *request, form any) {
	r := &s.out
	r.Code, r.Status, r.Refusal, r.Err, r.Revision, r.Form = q.code, wire.StatusOK, wire.RefusedCommand, nil, s.meta.Revision(), form
}

// replyEmpty answers q with success and nothing else.
func (s *Shard) replyEmpty(q *request) { s.answer(q, nil) }

// answer answers q with what the command has to say, as a pointer to its form; what is on the path of messages is in s.out by value.
func (s *Shard) answer(q *request, form any) {
	s.success(q, form)
	s.reply(q, q.Peer.Dialect.Body(s.body(q), &q.handle, &s.out))
}

// body returns where the body of q's reply is to be appended; it may grow beyond it.
func (s *Shard) body(q *request) []byte {
	n := q.Peer.Dialect.HeadBytes()
	return q.Top[n:n]
}

// reply answers q with the body of s.out, which was appended to what body returned.
func (s *Shard) reply(q *request, body []byte) {
	if len(body) > 0 && s.unjudged(q) {
		return
	}
	s.dropFrame(q)
	head := q.Peer.Dialect.HeadBytes()
	q.Vec = append(q.Vec[:0], q.Top[:head])
	if len(body) <= front.TopBytes-head {
		copy(q.Top[head:], body)
		q.Vec[0] = q.Top[:head+len(body)]
	} else {
		memory := s.front.Body(&q.Exchange, len(body))
		if memory == nil {
			if s.due(evReplyWithoutMemory) {
				s.logEvent(evReplyWithoutMemory, zap.Int("bytes", len(body)), zap.Stringer("command", q.code))
			}
			s.refuse(q, wire.StatusError)
			return
		}
		q.Vec = append(q.Vec, memory[:copy(memory, body)])
	}
	q.Peer.Dialect.Head(q.Top, &q.handle, &s.out, len(body))
	s.respond(q)
}

// answered goes on with a request that its owner has answered.
func (s *Shard) answered(q *request) {
	if q.owing.active {
		s.owed(q)
		return
	}
	if q.Err == storage.ErrNotOwned {
		s.notOwned(q)
		return
	}
	if q.Err != nil {
		s.storeFailed(q)
		return
	}
	switch q.code {
	case wire.CodeSendMessages:
		s.replySend(q)
	case wire.CodePollMessages:
		s.replyPoll(q)
	case wire.CodeGetConsumerOffset:
		s.replyOffset(q)
	default:
		s.metadataChanged(q)
		s.replyEmpty(q)
	}
}
