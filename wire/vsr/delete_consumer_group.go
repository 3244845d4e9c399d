package vsr

import "github.com/galgo-mq/galgo/wire"

// DELETE_CONSUMER_GROUP (603), operation DeleteConsumerGroup.
//
//	stream   identifier
//	topic    identifier
//	group    identifier
//
// Reply, framed: no payload. Errors: 1009 no such stream, 2010 no such topic, 5000 no such group.

// DecodeDeleteConsumerGroup decodes the body of the request.
func DecodeDeleteConsumerGroup(body []byte) (d wire.DeleteConsumerGroup, err error) {
	r := reader{p: body}
	d.Stream, d.Topic, d.Group = r.identifier(), r.identifier(), r.identifier()
	return d, r.err()
}

// AppendDeleteConsumerGroup appends the body of the request.
func AppendDeleteConsumerGroup(dst []byte, d wire.DeleteConsumerGroup) []byte {
	return appendGroupOf(dst, d.Stream, d.Topic, d.Group)
}
