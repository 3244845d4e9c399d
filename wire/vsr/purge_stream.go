package vsr

import "github.com/galgo-mq/galgo/wire"

// PURGE_STREAM (205), operation PurgeStream: all messages go, all offsets begin at 0 again.
//
//	stream   identifier
//
// Reply, framed: no payload. Error: 1009 no such stream.

// DecodePurgeStream decodes the body of the request.
func DecodePurgeStream(body []byte) (p wire.PurgeStream, err error) {
	r := reader{p: body}
	p.Stream = r.identifier()
	return p, r.err()
}

// AppendPurgeStream appends the body of the request.
func AppendPurgeStream(dst []byte, p wire.PurgeStream) []byte { return appendIdentifier(dst, p.Stream) }
