package vsr

import "github.com/galgo-mq/galgo/wire"

// UPDATE_STREAM (204), operation UpdateStream. The name is always there; the present one is legal.
//
//	stream    identifier
//	name      str8
//	options   block to the end
//
// Reply, framed: no payload. Errors: 1009 no such stream, 1012 name taken, 4041 any option.

// DecodeUpdateStream decodes the body of the request.
func DecodeUpdateStream(body []byte) (u wire.UpdateStream, err error) {
	r := reader{p: body}
	u.Stream = r.identifier()
	u.Name = r.str8()
	u.Options = r.options()
	return u, r.err()
}

// AppendUpdateStream appends the body of the request.
func AppendUpdateStream(dst []byte, u wire.UpdateStream) []byte {
	return appendOptions(append8(appendIdentifier(dst, u.Stream), u.Name), u.Options)
}
