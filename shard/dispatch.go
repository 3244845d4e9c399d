package shard

import (
	"errors"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// handler answers one command, or hands it on so that it is answered later. What r points to in the frame lives until dropFrame; r itself
// is the shard's, and another request's when the handler has returned.
type handler func(s *Shard, c *conn, q *request, r *wire.Request)

// dispatch handles the frame p of q.
func (s *Shard) dispatch(c *conn, q *request, p []byte) {
	s.stats.requests++
	q.dialect = c.dialect
	r := &s.in
	err := q.dialect.Open(p, c.session.bound(), r)
	q.handle, q.code = r.Handle, r.Code
	if err == nil && r.Numbered {
		q.numbered = true
		err = c.numbered(q.handle.Request)
	}
	if err != nil {
		s.reject(c, q, err)
		return
	}
	k, unknown := commandOf(q.code)
	if unknown != wire.StatusOK {
		s.refuse(q, unknown)
		return
	}
	if s.orphaned(c) && q.code != wire.CodePing && q.code != wire.CodeLogin && q.code != wire.CodeLogout {
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
		q.proposal.Demand = k.demands(c, r)
	}
	k.handle(s, c, q, r)
}

// orphaned reports whether c has the session of a user who is gone, or a session that was ended by a changed password or by the user
// being switched off: it may do no more than who has not logged in, and is not to see which things exist.
func (s *Shard) orphaned(c *conn) bool {
	if !c.session.bound() {
		return false
	}
	_, good := c.session.Find(s.meta)
	return !good
}

// numbered refuses a metadata command that was sent before: it must not be applied twice.
func (c *conn) numbered(request uint64) error {
	if request <= c.lastMeta {
		return wire.StatusRequestAlreadyApplied
	}
	c.lastMeta = request
	return nil
}

// reject answers a request that breaks a rule of the protocol, or ends its connection.
func (s *Shard) reject(c *conn, q *request, err error) {
	if errors.Is(err, wire.ErrNoRequest) {
		s.drop(c, q, "not a request", err)
		return
	}
	s.commandRefused(q, wire.StatusOf(err))
	s.dropFrame(q)
	if !c.dialect.Serves() && c.lastUnserved(q) {
		c.ended = true
	}
	s.putHead(q, wire.StatusOf(err), wire.RefusedFrame, err)
	s.respondHead(c, q)
}

// respondHead sends an answer that is a head and nothing else.
func (s *Shard) respondHead(c *conn, q *request) {
	c.vec = append(c.vec[:0], q.head[:q.dialect.HeadBytes()])
	s.respond(c, q, c.vec)
}

// drop ends the connection without an answer.
func (s *Shard) drop(c *conn, q *request, why string, err error) {
	c.busy = nil
	s.finish(q)
	s.closeConn(c, why, err)
}

// refuse answers q with an error.
func (s *Shard) refuse(q *request, status wire.Status) {
	c := q.conn
	if c == nil {
		panic("BUG: refused a request that no client made")
	}
	s.commandRefused(q, status)
	s.dropFrame(q)
	again := status == wire.StatusTransientNotCommitted || status == wire.StatusTransientNotAccepted
	if again && c.lastMeta == q.handle.Request && q.numbered {
		c.lastMeta-- // the same request will come again
	}
	s.putHead(q, status, wire.RefusedCommand, nil)
	s.respondHead(c, q)
}

// refuseLogin answers a login that failed; the connection stays.
func (s *Shard) refuseLogin(c *conn, q *request, status wire.Status) {
	s.dropFrame(q)
	s.putHead(q, status, wire.RefusedLogin, nil)
	s.respondHead(c, q)
}

// putHead makes the answer to q that is a head and nothing else. How much has changed is no stranger's business.
func (s *Shard) putHead(q *request, status wire.Status, how wire.Refusal, err error) {
	s.success(q, nil)
	s.out.Status, s.out.Refusal, s.out.Err = status, how, err
	if how == wire.RefusedFrame && !q.conn.session.bound() {
		s.out.Revision = 0
	}
	q.dialect.Head(q.head, &q.handle, &s.out, 0)
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
	s.reply(q, q.dialect.Body(s.body(q), &q.handle, &s.out))
}

// body returns where the body of q's reply is to be appended; it may grow beyond it.
func (s *Shard) body(q *request) []byte {
	n := q.dialect.HeadBytes()
	return q.head[n:n]
}

// reply answers q with the body of s.out, which was appended to what body returned.
func (s *Shard) reply(q *request, body []byte) {
	if len(body) > 0 && s.unjudged(q) {
		return
	}
	s.dropFrame(q)
	c, head := q.conn, q.dialect.HeadBytes()
	vec := append(c.vec[:0], q.head[:head])
	if len(body) <= headBytes-head {
		copy(q.head[head:], body)
		vec[0] = q.head[:head+len(body)]
	} else {
		if q.reply = s.replyPool.Get(len(body)); q.reply == nil {
			if s.due(evReplyWithoutMemory) {
				s.logEvent(evReplyWithoutMemory, zap.Int("bytes", len(body)), zap.Stringer("command", q.code))
			}
			s.refuse(q, wire.StatusError)
			return
		}
		vec = append(vec, q.reply[:copy(q.reply, body)])
	}
	q.dialect.Head(q.head, &q.handle, &s.out, len(body))
	c.vec = vec
	s.respond(c, q, vec)
}

// answered goes on with a request that its owner has answered.
func (s *Shard) answered(q *request) {
	if q.internal != nil {
		q.internal(s, q)
		return
	}
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
