package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_STREAMS (201), a read. The request is empty; the reply is streams back to back to the end of the body, by
// rising id, each:
//
//	id           u32
//	created at   u64     microseconds
//	topics       u32     how many
//	size         u64     bytes
//	messages     u64
//	name         str8
//	options      u32 size and block

// AppendStream appends one stream; the body of the reply is nothing but these.
func AppendStream(dst []byte, s wire.Stream) []byte {
	dst = append64(append32(dst, s.ID), s.CreatedAtMicros)
	dst = append32(dst, s.TopicsCount)
	dst = append64(append64(dst, s.SizeBytes), s.MessagesCount)
	dst = append8(dst, s.Name)
	return appendSizedOptions(dst, s.Options)
}

// DecodeGetStreamsReply decodes the body of the reply.
func DecodeGetStreamsReply(body []byte) (streams []wire.Stream, err error) {
	r := reader{p: body}
	for len(r.p) > 0 {
		streams = append(streams, r.stream())
	}
	return streams, r.err()
}

func (r *reader) stream() wire.Stream {
	return wire.Stream{
		ID: r.u32(), CreatedAtMicros: r.u64(), TopicsCount: r.u32(), SizeBytes: r.u64(), MessagesCount: r.u64(),
		Name: string(r.str8()), Options: r.sizedOptions(),
	}
}
