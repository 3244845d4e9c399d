package shard

import (
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// judgement is who wants to do what with which stream and topic. It is passed on the connection's shard, and for what
// changes metadata once more when the command's turn has come. Its names point into the frame. The zero value is nobody, who may
// do nothing.
type judgement struct {
	broker bool // the broker itself asks; nothing else is looked at
	subject
	action        metadata.Action
	stream, topic metadata.Ident // as far as the action is about them
}

// pass resolves what the action is about and looks at the caller's rights, in that order: who has none sees "not found" for
// what does not exist. StatusUnauthenticated: the user is gone, or has ended the session. StatusUnauthorized. Errors of the look-ups.
func (j *judgement) pass(m *metadata.Machine) error {
	if j.broker {
		return nil
	}
	rule := j.action.Rule()
	var stream metadata.StreamID
	var topic metadata.TopicID
	switch {
	case rule.Topic != 0:
		t, err := m.Topic(j.stream, j.topic)
		if err != nil {
			return err
		}
		stream, topic = t.Stream, t.ID
	case rule.Stream != 0:
		st, err := m.Stream(j.stream)
		if err != nil {
			return err
		}
		stream = st.ID
	}
	return j.may(m, j.action, stream, topic)
}

// subject is who a session belongs to. The zero value is nobody.
type subject struct {
	user    metadata.UserID
	since   uint64 // revision at which the user was made
	secured uint64 // metadata.User.Secured when the session began: it ends when that is raised
}

func subjectOf(u *metadata.User) subject { return subject{u.ID, u.Since, u.Secured} }

// storing is who it is as the owner of offsets that it stores.
func (x subject) storing() storage.User {
	return storage.User{Number: uint32(x.user), Since: uint32(x.since)}
}

// find returns the subject's user. False: the user is gone, or has ended the session.
func (x subject) find(m *metadata.Machine) (*metadata.User, bool) {
	u, err := m.UserSince(x.user, x.since)
	return u, err == nil && u.Secured == x.secured
}

func (x subject) may(m *metadata.Machine, a metadata.Action, stream metadata.StreamID, topic metadata.TopicID) error {
	user, good := x.find(m)
	switch {
	case !good:
		return wire.StatusUnauthenticated
	case !user.May(a, stream, topic):
		return wire.StatusUnauthorized
	}
	return nil
}

// judge asks whether q's caller may do a with a stream and a topic, and refuses q if not. Idents that the action is not about
// are not looked at.
func (s *Shard) judge(c *conn, q *request, a metadata.Action, stream, topic metadata.Ident) bool {
	q.judged = rowOf(q.code).needs(a)
	q.aboutRule(a, stream, topic)
	q.judgement = judgement{subject: c.session.subject, action: a, stream: stream, topic: topic}
	if err := q.judgement.pass(s.meta); err != nil {
		s.refuse(q, metaStatus(err))
		return false
	}
	return true
}

// may asks whether q's caller may do a with what was resolved already, and refuses q if not.
func (s *Shard) may(c *conn, q *request, a metadata.Action, stream metadata.StreamID, topic metadata.TopicID) bool {
	q.judged = rowOf(q.code).needs(a)
	if err := c.session.may(s.meta, a, stream, topic); err != nil {
		s.refuse(q, metaStatus(err))
		return false
	}
	return true
}

// unjudged refuses a request whose handler has not asked for one of the rights that the table says: it forgot to.
func (s *Shard) unjudged(q *request) bool {
	if q.judged || q.conn == nil || rowOf(q.code).session {
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
