package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_TOPIC (300), a read.
//
//	stream   identifier
//	topic    identifier
//
// Reply: the topic (see GET_TOPICS), then its partitions, as many as it says. No such stream or topic: an empty body.
// A partition is:
//
//	id               u32
//	created at       u64   microseconds
//	segments         u32   at least 1
//	current offset   u64   of the last message; 0 for none as well
//	size             u64   bytes
//	messages         u64

// DecodeGetTopic decodes the body of the request.
func DecodeGetTopic(body []byte) (g wire.GetTopic, err error) {
	r := reader{p: body}
	g.Stream, g.Topic = r.identifier(), r.identifier()
	return g, r.err()
}

// AppendGetTopic appends the body of the request.
func AppendGetTopic(dst []byte, g wire.GetTopic) []byte {
	return appendIdentifier(appendIdentifier(dst, g.Stream), g.Topic)
}

// AppendPartition appends one partition.
func AppendPartition(dst []byte, p wire.Partition) []byte {
	dst = append64(append32(dst, p.ID), p.CreatedAtMicros)
	dst = append64(append32(dst, p.SegmentsCount), p.CurrentOffset)
	return append64(append64(dst, p.SizeBytes), p.MessagesCount)
}

// AppendGetTopicReply appends the body of the reply. AppendTopic and AppendPartition do it piece by piece.
func AppendGetTopicReply(dst []byte, t wire.TopicDetails) []byte {
	t.PartitionsCount = uint32(len(t.Partitions))
	dst = AppendTopic(dst, t.Topic)
	for _, p := range t.Partitions {
		dst = AppendPartition(dst, p)
	}
	return dst
}

// DecodeGetTopicReply decodes the body of the reply. An empty one is not found.
func DecodeGetTopicReply(body []byte) (t wire.TopicDetails, found bool, err error) {
	if len(body) == 0 {
		return t, false, nil
	}
	r := reader{p: body}
	t = r.topicDetails()
	return t, r.err() == nil, r.err()
}

func (r *reader) topicDetails() (t wire.TopicDetails) {
	t.Topic = r.topic()
	for n := t.PartitionsCount; n > 0 && r.err() == nil; n-- {
		t.Partitions = append(t.Partitions, wire.Partition{
			ID: r.u32(), CreatedAtMicros: r.u64(), SegmentsCount: r.u32(),
			CurrentOffset: r.u64(), SizeBytes: r.u64(), MessagesCount: r.u64(),
		})
	}
	return t
}
