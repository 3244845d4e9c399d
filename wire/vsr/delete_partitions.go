package vsr

import "github.com/galgo-mq/galgo/wire"

// DELETE_PARTITIONS (403), operation DeletePartitions: those with the highest ids.
//
//	stream   identifier
//	topic    identifier
//	count    u32          1 to 1000
//
// Reply, framed: no payload. Errors: 1009, 2010 not found, 2015 count, 2019 more than there are.

// DecodeDeletePartitions decodes the body of the request. The count is not judged.
func DecodeDeletePartitions(body []byte) (d wire.DeletePartitions, err error) {
	r := reader{p: body}
	d.Stream, d.Topic = r.identifier(), r.identifier()
	d.Count = r.u32()
	return d, r.err()
}

// AppendDeletePartitions appends the body of the request.
func AppendDeletePartitions(dst []byte, d wire.DeletePartitions) []byte {
	return append32(appendIdentifier(appendIdentifier(dst, d.Stream), d.Topic), d.Count)
}
