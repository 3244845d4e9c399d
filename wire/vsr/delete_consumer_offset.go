package vsr

import "github.com/galgo-mq/galgo/wire"

// DELETE_CONSUMER_OFFSET (122), operation DeleteConsumerOffset.
//
//	consumer
//	stream      identifier
//	topic       identifier
//	partition   flag u8 and u32
//	ack         u8                as STORE_CONSUMER_OFFSET
//
// Reply, framed: no payload. Errors: 3021 nothing stored, 20 not found, not owned by this member of the group, or an
// undecodable body.

// DecodeDeleteConsumerOffset decodes the body of the request.
func DecodeDeleteConsumerOffset(body []byte) (d wire.DeleteConsumerOffset, err error) {
	r := reader{p: body}
	d.Consumer = r.consumer()
	d.Stream, d.Topic = r.identifier(), r.identifier()
	d.Partition = r.partitionChoice()
	d.Ack = r.ack()
	if r.err() != nil {
		return d, wire.StatusResourceNotFound
	}
	return d, nil
}

// AppendDeleteConsumerOffset appends the body of the request.
func AppendDeleteConsumerOffset(dst []byte, d wire.DeleteConsumerOffset) []byte {
	dst = appendIdentifier(appendIdentifier(appendConsumer(dst, d.Consumer), d.Stream), d.Topic)
	return append(appendPartitionChoice(dst, d.Partition), byte(d.Ack))
}
