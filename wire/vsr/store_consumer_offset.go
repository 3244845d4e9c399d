package vsr

import "github.com/galgo-mq/galgo/wire"

// STORE_CONSUMER_OFFSET (121), operation StoreConsumerOffset. Smaller than what is stored is a rewind, and legal.
//
//	consumer
//	stream      identifier
//	topic       identifier
//	partition   flag u8 and u32
//	offset      u64
//	ack         u8                1 quorum, 0 none; answered alike
//
// Reply, framed: no payload. Errors: 4100 beyond the end or nothing there, 20 not found, not owned by this member of
// the group, or an undecodable body, 3024 too many consumers.

// DecodeStoreConsumerOffset decodes the body of the request.
func DecodeStoreConsumerOffset(body []byte) (s wire.StoreConsumerOffset, err error) {
	r := reader{p: body}
	s.Consumer = r.consumer()
	s.Stream, s.Topic = r.identifier(), r.identifier()
	s.Partition = r.partitionChoice()
	s.Offset = r.u64()
	s.Ack = r.ack()
	if r.err() != nil {
		return s, wire.StatusResourceNotFound
	}
	return s, nil
}

// AppendStoreConsumerOffset appends the body of the request.
func AppendStoreConsumerOffset(dst []byte, s wire.StoreConsumerOffset) []byte {
	dst = appendIdentifier(appendIdentifier(appendConsumer(dst, s.Consumer), s.Stream), s.Topic)
	return append(append64(appendPartitionChoice(dst, s.Partition), s.Offset), byte(s.Ack))
}
