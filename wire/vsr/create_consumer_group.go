package vsr

import "github.com/galgo-mq/galgo/wire"

// CREATE_CONSUMER_GROUP (602), operation CreateConsumerGroup.
//
//	stream   identifier
//	topic    identifier
//	name     str8
//
// Reply, framed: as GET_CONSUMER_GROUP, without members. Errors: 1009 no such stream, 2010 no such topic, 5004 name
// taken, which clients rely on and pass over.

// DecodeCreateConsumerGroup decodes the body of the request.
func DecodeCreateConsumerGroup(body []byte) (c wire.CreateConsumerGroup, err error) {
	r := reader{p: body}
	c.Stream, c.Topic = r.identifier(), r.identifier()
	c.Name = r.str8()
	return c, r.err()
}

// AppendCreateConsumerGroup appends the body of the request.
func AppendCreateConsumerGroup(dst []byte, c wire.CreateConsumerGroup) []byte {
	return append8(appendIdentifier(appendIdentifier(dst, c.Stream), c.Topic), c.Name)
}

// AppendCreateConsumerGroupReply appends the body of the reply.
func AppendCreateConsumerGroupReply(dst []byte, g wire.ConsumerGroupDetails) []byte {
	return AppendGetConsumerGroupReply(appendResultOK(dst), g)
}

// DecodeCreateConsumerGroupReply decodes the body of the reply.
func DecodeCreateConsumerGroupReply(body []byte) (g wire.ConsumerGroupDetails, err error) {
	r := reader{p: body}
	r.result()
	g = r.groupDetails()
	return g, r.err()
}
