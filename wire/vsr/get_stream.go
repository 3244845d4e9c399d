package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_STREAM (200), a read.
//
//	stream   identifier
//
// Reply: the stream (see GET_STREAMS), then its topics (see GET_TOPICS), as many as it says. No such stream: an empty
// body.

// DecodeGetStream decodes the body of the request.
func DecodeGetStream(body []byte) (g wire.GetStream, err error) {
	r := reader{p: body}
	g.Stream = r.identifier()
	return g, r.err()
}

// AppendGetStream appends the body of the request.
func AppendGetStream(dst []byte, g wire.GetStream) []byte { return appendIdentifier(dst, g.Stream) }

// AppendGetStreamReply appends the body of the reply. AppendStream and AppendTopic do it piece by piece.
func AppendGetStreamReply(dst []byte, s wire.StreamDetails) []byte {
	s.TopicsCount = uint32(len(s.Topics))
	dst = AppendStream(dst, s.Stream)
	for i := range s.Topics {
		dst = AppendTopic(dst, s.Topics[i])
	}
	return dst
}

// DecodeGetStreamReply decodes the body of the reply. An empty one is not found.
func DecodeGetStreamReply(body []byte) (s wire.StreamDetails, found bool, err error) {
	if len(body) == 0 {
		return s, false, nil
	}
	r := reader{p: body}
	s.Stream = r.stream()
	for n := s.TopicsCount; n > 0 && r.err() == nil; n-- {
		s.Topics = append(s.Topics, r.topic())
	}
	return s, r.err() == nil, r.err()
}
