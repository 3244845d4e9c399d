package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_TOPICS (301), a read.
//
//	stream   identifier
//
// Reply: count u32, and so many topics; count 0 for a stream that does not exist. A topic is:
//
//	id               u32
//	created at       u64     microseconds
//	partitions       u32     how many
//	message expiry   u64     microseconds, all ones for never
//	compression      u8      1 none, 2 gzip; a label
//	max size         u64     bytes, all ones for unlimited
//	size             u64     bytes
//	messages         u64
//	name             str8
//	explicit         u32 size and block of the options that were set
//	derived          u32 size and block of those that were not

// DecodeGetTopics decodes the body of the request.
func DecodeGetTopics(body []byte) (g wire.GetTopics, err error) {
	r := reader{p: body}
	g.Stream = r.identifier()
	return g, r.err()
}

// AppendGetTopics appends the body of the request.
func AppendGetTopics(dst []byte, g wire.GetTopics) []byte { return appendIdentifier(dst, g.Stream) }

// AppendTopicsCount appends what the body of the reply begins with; count times AppendTopic follows.
func AppendTopicsCount(dst []byte, count int) []byte { return append32(dst, uint32(count)) }

// AppendTopic appends one topic, without its partitions.
func AppendTopic(dst []byte, t wire.Topic) []byte {
	dst = append64(append32(dst, t.ID), t.CreatedAtMicros)
	dst = append64(append32(dst, t.PartitionsCount), t.MessageExpiryMicros)
	dst = append64(append(dst, t.Compression), t.MaxSizeBytes)
	dst = append64(append64(dst, t.SizeBytes), t.MessagesCount)
	dst = append8(dst, t.Name)
	dst = appendSizedOptions(dst, t.Explicit)
	return appendSizedOptions(dst, t.Derived)
}

// DecodeGetTopicsReply decodes the body of the reply.
func DecodeGetTopicsReply(body []byte) (topics []wire.Topic, err error) {
	r := reader{p: body}
	for count := r.u32(); count > 0 && r.err() == nil; count-- {
		topics = append(topics, r.topic())
	}
	return topics, r.err()
}

func (r *reader) topic() wire.Topic {
	return wire.Topic{
		ID: r.u32(), CreatedAtMicros: r.u64(), PartitionsCount: r.u32(), MessageExpiryMicros: r.u64(),
		Compression: r.u8(), MaxSizeBytes: r.u64(), SizeBytes: r.u64(), MessagesCount: r.u64(),
		Name: string(r.str8()), Explicit: r.sizedOptions(), Derived: r.sizedOptions(),
	}
}
