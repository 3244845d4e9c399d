package vsr

import "github.com/galgo-mq/galgo/wire"

// CREATE_PARTITIONS (402), operation CreatePartitions: so many more, with the next ids.
//
//	stream   identifier
//	topic    identifier
//	count    u32          1 to 1000
//
// Reply, framed: no payload. Errors: 1009, 2010 not found, 2015 count, 2019 and 3013 too many.

// DecodeCreatePartitions decodes the body of the request. The count is not judged.
func DecodeCreatePartitions(body []byte) (c wire.CreatePartitions, err error) {
	r := reader{p: body}
	c.Stream, c.Topic = r.identifier(), r.identifier()
	c.Count = r.u32()
	return c, r.err()
}

// AppendCreatePartitions appends the body of the request.
func AppendCreatePartitions(dst []byte, c wire.CreatePartitions) []byte {
	return append32(appendIdentifier(appendIdentifier(dst, c.Stream), c.Topic), c.Count)
}
