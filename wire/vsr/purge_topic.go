package vsr

import "github.com/galgo-mq/galgo/wire"

// PURGE_TOPIC (305), operation PurgeTopic: all messages and stored offsets go, offsets begin at 0 again.
//
//	stream   identifier
//	topic    identifier
//
// Reply, framed: no payload. Errors: 1009, 2010 not found.

// DecodePurgeTopic decodes the body of the request.
func DecodePurgeTopic(body []byte) (p wire.PurgeTopic, err error) {
	r := reader{p: body}
	p.Stream, p.Topic = r.identifier(), r.identifier()
	return p, r.err()
}

// AppendPurgeTopic appends the body of the request.
func AppendPurgeTopic(dst []byte, p wire.PurgeTopic) []byte {
	return appendIdentifier(appendIdentifier(dst, p.Stream), p.Topic)
}
