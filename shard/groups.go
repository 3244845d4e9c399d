package shard

import (
	"github.com/galgo-mq/galgo/wire"
)

// Reading groups works as if there were none; making them answers that the feature is unavailable.

func getConsumerGroup(s *Shard, c *conn, q *request, body []byte) { s.noGroups(q, body) }

func getConsumerGroups(s *Shard, c *conn, q *request, body []byte) { s.noGroups(q, body) }

// noGroups answers with an empty body, which is both "not found" and an empty list, if the topic exists.
func (s *Shard) noGroups(q *request, body []byte) {
	g, err := q.codec.decodeGetTopic(body) // a group request begins like it
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	if _, err := s.meta.Topic(ident(g.Stream), ident(g.Topic)); err != nil {
		s.refuse(q, metaStatus(err))
		return
	}
	s.reply(q, nil)
}

func syncConsumerGroup(s *Shard, _ *conn, q *request, _ []byte) { s.reply(q, nil) }
