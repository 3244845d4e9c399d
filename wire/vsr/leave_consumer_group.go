package vsr

import "github.com/galgo-mq/galgo/wire"

// LEAVE_CONSUMER_GROUP (605), operation LeaveConsumerGroup.
//
//	stream   identifier
//	topic    identifier
//	group    identifier
//
// Reply, framed: no payload. Errors: 1009 no such stream, 2010 no such topic, 5000 no such group, 5006
// not a member.

// DecodeLeaveConsumerGroup decodes the body of the request.
func DecodeLeaveConsumerGroup(body []byte) (l wire.LeaveConsumerGroup, err error) {
	r := reader{p: body}
	l.Stream, l.Topic, l.Group = r.identifier(), r.identifier(), r.identifier()
	return l, r.err()
}

// AppendLeaveConsumerGroup appends the body of the request.
func AppendLeaveConsumerGroup(dst []byte, l wire.LeaveConsumerGroup) []byte {
	return appendGroupOf(dst, l.Stream, l.Topic, l.Group)
}
