package shard

import (
	"errors"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// metaReply answers a metadata command that was applied, here as everywhere.
func (s *Shard) metaReply(q *request) {
	switch q.code {
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
	default:
		s.replyEmpty(q)
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
