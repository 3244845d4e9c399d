package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_CONSUMER_OFFSET (120), a read.
//
//	consumer
//	stream      identifier
//	topic       identifier
//	partition   flag u8 and u32   absent: 0
//
// Reply: partition u32, current offset u64, stored offset u64. Nothing stored, or no such stream, topic or group: an
// empty body. Error: 3007 no such partition.

// DecodeGetConsumerOffset decodes the body of the request.
func DecodeGetConsumerOffset(body []byte) (g wire.GetConsumerOffset, err error) {
	r := reader{p: body}
	g.Consumer = r.consumer()
	g.Stream, g.Topic = r.identifier(), r.identifier()
	g.Partition = r.partitionChoice()
	return g, r.err()
}

// AppendGetConsumerOffset appends the body of the request.
func AppendGetConsumerOffset(dst []byte, g wire.GetConsumerOffset) []byte {
	dst = appendIdentifier(appendIdentifier(appendConsumer(dst, g.Consumer), g.Stream), g.Topic)
	return appendPartitionChoice(dst, g.Partition)
}

// AppendGetConsumerOffsetReply appends the body of the reply.
func AppendGetConsumerOffsetReply(dst []byte, o wire.ConsumerOffset) []byte {
	return append64(append64(append32(dst, o.PartitionID), o.CurrentOffset), o.StoredOffset)
}

// DecodeGetConsumerOffsetReply decodes the body of the reply. An empty one is not found.
func DecodeGetConsumerOffsetReply(body []byte) (o wire.ConsumerOffset, found bool, err error) {
	if len(body) == 0 {
		return o, false, nil
	}
	r := reader{p: body}
	o = wire.ConsumerOffset{PartitionID: r.u32(), CurrentOffset: r.u64(), StoredOffset: r.u64()}
	return o, r.err() == nil, r.err()
}
