package vsr

import "github.com/galgo-mq/galgo/wire"

// DELETE_TOPIC (303), operation DeleteTopic. Some clients append a u32 0.
//
//	stream   identifier
//	topic    identifier
//
// Reply, framed: no payload. Errors: 1009, 2010 not found.

// DecodeDeleteTopic decodes the body of the request.
func DecodeDeleteTopic(body []byte) (d wire.DeleteTopic, err error) {
	r := reader{p: body}
	d.Stream, d.Topic = r.identifier(), r.identifier()
	return d, r.err()
}

// AppendDeleteTopic appends the body of the request.
func AppendDeleteTopic(dst []byte, d wire.DeleteTopic) []byte {
	return appendIdentifier(appendIdentifier(dst, d.Stream), d.Topic)
}
