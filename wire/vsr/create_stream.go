package vsr

import "github.com/galgo-mq/galgo/wire"

// CREATE_STREAM (202), operation CreateStream.
//
//	name      str8
//	options   block to the end
//
// Reply, framed: the stream (see GET_STREAMS). Errors: 1012 name taken, 1020 too many, 4041 any option.

// DecodeCreateStream decodes the body of the request.
func DecodeCreateStream(body []byte) (c wire.CreateStream, err error) {
	r := reader{p: body}
	c.Name = r.str8()
	c.Options = r.options()
	return c, r.err()
}

// AppendCreateStream appends the body of the request.
func AppendCreateStream(dst []byte, c wire.CreateStream) []byte {
	return appendOptions(append8(dst, c.Name), c.Options)
}

// AppendCreateStreamReply appends the body of the reply.
func AppendCreateStreamReply(dst []byte, s wire.Stream) []byte {
	return AppendStream(appendResultOK(dst), s)
}

// DecodeCreateStreamReply decodes the body of the reply.
func DecodeCreateStreamReply(body []byte) (s wire.Stream, err error) {
	r := reader{p: body}
	r.result()
	s = r.stream()
	return s, r.err()
}
