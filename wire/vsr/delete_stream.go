package vsr

import "github.com/galgo-mq/galgo/wire"

// DELETE_STREAM (203), operation DeleteStream.
//
//	stream   identifier
//
// Reply, framed: no payload. Error: 1009 no such stream.

// DecodeDeleteStream decodes the body of the request.
func DecodeDeleteStream(body []byte) (d wire.DeleteStream, err error) {
	r := reader{p: body}
	d.Stream = r.identifier()
	return d, r.err()
}

// AppendDeleteStream appends the body of the request.
func AppendDeleteStream(dst []byte, d wire.DeleteStream) []byte {
	return appendIdentifier(dst, d.Stream)
}
