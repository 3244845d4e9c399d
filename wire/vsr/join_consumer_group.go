package vsr

import "github.com/galgo-mq/galgo/wire"

// JOIN_CONSUMER_GROUP (604), operation JoinConsumerGroup. For a member it changes nothing.
//
//	stream   identifier
//	topic    identifier
//	group    identifier
//
// Reply, framed: no payload. Errors: 1009 no such stream, 2010 no such topic, 5000 no such group.

// DecodeJoinConsumerGroup decodes the body of the request.
func DecodeJoinConsumerGroup(body []byte) (j wire.JoinConsumerGroup, err error) {
	r := reader{p: body}
	j.Stream, j.Topic, j.Group = r.identifier(), r.identifier(), r.identifier()
	return j, r.err()
}

// AppendJoinConsumerGroup appends the body of the request.
func AppendJoinConsumerGroup(dst []byte, j wire.JoinConsumerGroup) []byte {
	return appendGroupOf(dst, j.Stream, j.Topic, j.Group)
}
