package vsr

import "github.com/galgo-mq/galgo/wire"

// DELETE_SEGMENTS (503), operation DeleteSegments: the oldest sealed segments, up to a count; all ones for as many
// as possible.
//
//	stream      identifier
//	topic       identifier
//	partition   u32
//	count       u32
//
// Reply: no payload and, unlike its neighbours, not framed: errors go into the status. 1009, 2010, 3007 not found.

// DecodeDeleteSegments decodes the body of the request.
func DecodeDeleteSegments(body []byte) (d wire.DeleteSegments, err error) {
	r := reader{p: body}
	d.Stream, d.Topic = r.identifier(), r.identifier()
	d.Partition, d.Count = r.u32(), r.u32()
	return d, r.err()
}

// AppendDeleteSegments appends the body of the request.
func AppendDeleteSegments(dst []byte, d wire.DeleteSegments) []byte {
	dst = appendIdentifier(appendIdentifier(dst, d.Stream), d.Topic)
	return append32(append32(dst, d.Partition), d.Count)
}
