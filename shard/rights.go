package shard

import (
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// subject is who a session belongs to.
type subject = metadata.Subject

// subjectIn is who a session belongs to.
func subjectIn(x *wire.Session) subject {
	return subject{User: metadata.UserID(x.User), Since: x.Since, Secured: x.Secured}
}

// storing is who x is as the owner of offsets that it stores.
func storing(x subject) storage.User {
	return storage.User{Number: uint32(x.User), Since: uint32(x.Since)}
}

// judge asks whether q's caller may do a with a stream and a topic, and refuses q if not. Idents that the action is not about
// are not looked at.
func (s *Shard) judge(q *request, a metadata.Action, stream, topic metadata.Ident) bool {
	q.judged = rowOf(q.code).needs(a)
	q.aboutRule(a, stream, topic)
	q.proposal.Judgement = metadata.Judgement{Subject: subjectIn(&q.Peer.Session), Action: a, Stream: stream, Topic: topic}
	if err := q.proposal.Judgement.Pass(s.meta); err != nil {
		s.refuse(q, metaStatus(err))
		return false
	}
	return true
}

// may asks whether q's caller may do a with what was resolved already, and refuses q if not.
func (s *Shard) may(q *request, a metadata.Action, stream metadata.StreamID, topic metadata.TopicID) bool {
	q.judged = rowOf(q.code).needs(a)
	if err := subjectIn(&q.Peer.Session).May(s.meta, a, stream, topic); err != nil {
		s.refuse(q, metaStatus(err))
		return false
	}
	return true
}

// unjudged refuses a request whose handler has not asked for one of the rights that the table says: it forgot to.
func (s *Shard) unjudged(q *request) bool {
	if q.judged || q.Peer == nil || rowOf(q.code).session {
		return false
	}
	if s.logAllowed() {
		s.log.Error("request refused: its rights were not looked at; this is a fault of the server",
			zap.String("event", "request_unjudged"), zap.Uint32("code", uint32(q.code)))
	}
	s.refuse(q, wire.StatusUnauthorized)
	return true
}

// nothing stands for a stream or a topic that an action is not about.
var nothing metadata.Ident
