package vsr

import "github.com/galgo-mq/galgo/wire"

// CREATE_TOPIC (302), operation CreateTopic.
//
//	stream       identifier
//	partitions   u32    how many, 0 included
//	name         str8
//	options      block to the end
//
// Reply, framed: the topic with its partitions (see GET_TOPIC). Errors: 1009 no such stream, 2013 name taken, 2015
// more than 1000 partitions, 2021 too many topics, 1019 maximum below a segment, 4041 unknown option, 4042 bad value.

// DecodeCreateTopic decodes the body of the request.
func DecodeCreateTopic(body []byte) (c wire.CreateTopic, err error) {
	r := reader{p: body}
	c.Stream = r.identifier()
	c.PartitionsCount = r.u32()
	c.Name = r.str8()
	c.Options = r.options()
	return c, r.err()
}

// AppendCreateTopic appends the body of the request.
func AppendCreateTopic(dst []byte, c wire.CreateTopic) []byte {
	dst = append32(appendIdentifier(dst, c.Stream), c.PartitionsCount)
	return appendOptions(append8(dst, c.Name), c.Options)
}

// AppendCreateTopicReply appends the body of the reply.
func AppendCreateTopicReply(dst []byte, t wire.TopicDetails) []byte {
	return AppendGetTopicReply(appendResultOK(dst), t)
}

// DecodeCreateTopicReply decodes the body of the reply.
func DecodeCreateTopicReply(body []byte) (t wire.TopicDetails, err error) {
	r := reader{p: body}
	r.result()
	t = r.topicDetails()
	return t, r.err()
}
