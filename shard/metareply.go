package shard

import (
	"errors"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// metaReply answers a metadata command that was applied, here as everywhere.
func (s *Shard) metaReply(q *request) {
	switch q.code {
	case wire.CodeJoinConsumerGroup:
		if q.conn.session.client != q.demand.member { // it has lost its session meanwhile
			s.dropMember(q.demand.member)
		}
		s.replyEmpty(q)
	case wire.CodeCreateStream:
		st, err := s.meta.Stream(metadata.ByNumber(q.result.Stream))
		if err != nil {
			s.refuse(q, wire.StatusError) // deleted again meanwhile
			return
		}
		s.reply(q, q.codec.appendCreateStreamReply(s.body(q), s.describeStream(st)))
	case wire.CodeCreateTopic:
		t, err := s.meta.Topic(metadata.ByNumber(q.result.Stream), metadata.ByNumber(q.result.Topic))
		if err != nil {
			s.refuse(q, wire.StatusError)
			return
		}
		s.reply(q, q.codec.appendCreateTopicReply(s.body(q), s.describeTopicDetails(t)))
	case wire.CodeCreateUser:
		u, err := s.meta.User(metadata.ByNumber(q.result.User))
		if err != nil {
			s.refuse(q, wire.StatusError)
			return
		}
		s.reply(q, q.codec.appendCreateUserReply(s.body(q), wireUserDetails(u)))
	case wire.CodeChangePassword:
		s.keepSession(q)
		s.replyEmpty(q)
	case wire.CodeCreateToken:
		s.reply(q, q.codec.appendCreateTokenReply(s.body(q), q.secret))
	case wire.CodeCreateConsumerGroup:
		g, found := s.meta.GroupByID(q.result.Stream, q.result.Topic, q.result.Group)
		if !found {
			s.refuse(q, wire.StatusError)
			return
		}
		t, _ := s.meta.Topic(metadata.ByNumber(g.Stream), metadata.ByNumber(g.Topic))
		s.reply(q, q.codec.appendCreateConsumerGroupReply(s.body(q), wireGroupDetails(g, len(t.Partitions))))
	default:
		s.replyEmpty(q)
	}
}

// keepSession lets the session that has changed its own user's password go on; all others of that user have ended.
func (s *Shard) keepSession(q *request) {
	if x := &q.conn.session; x.bound() && x.subject == q.judgement.subject && x.user == q.result.User {
		x.secured = q.result.Secured
	}
}

// isStoreError reports whether a command failed for what storage answered, not for what it asked.
func isStoreError(err error) bool {
	for _, e := range storeStatuses {
		if errors.Is(err, e.err) {
			return true
		}
	}
	return false
}
