package vsr

import "github.com/galgo-mq/galgo/wire"

// POLL_MESSAGES (100), a read. It never waits: what is not there is not returned.
//
//	consumer
//	stream        identifier
//	topic         identifier
//	partition     flag u8 and u32
//	strategy      kind u8 and u64
//	count         u32               at most so many messages
//	auto commit   u8                other than 0: store the offset of the last message returned
//
// Reply: partition u32, current offset u64, count u32, then batch records and slices back to back to the end. Nothing
// to return: the 16 bytes with count 0, and partition 0xFFFFFFFF for a group member that does not own the partition.

// PolledSize is the size of what a reply has before its batches.
const PolledSize = 16

// DecodePollMessages decodes the body of the request.
func DecodePollMessages(body []byte) (p wire.PollMessages, err error) {
	r := reader{p: body}
	p.Consumer = r.consumer()
	p.Stream, p.Topic = r.identifier(), r.identifier()
	p.Partition = r.partitionChoice()
	p.Strategy = r.strategy()
	p.Count = r.u32()
	p.AutoCommit = r.u8() != 0
	return p, r.err()
}

// AppendPollMessages appends the body of the request.
func AppendPollMessages(dst []byte, p wire.PollMessages) []byte {
	dst = appendConsumer(dst, p.Consumer)
	dst = appendIdentifier(appendIdentifier(dst, p.Stream), p.Topic)
	dst = appendStrategy(appendPartitionChoice(dst, p.Partition), p.Strategy)
	return appendFlag(append32(dst, p.Count), p.AutoCommit)
}

// AppendPollMessagesReply appends the body of the reply up to the batches, PolledSize bytes. The batches (p.Batches
// is not looked at) follow from where they lie.
func AppendPollMessagesReply(dst []byte, p wire.Polled) []byte {
	return append32(append64(append32(dst, p.PartitionID), p.CurrentOffset), p.Count)
}

// DecodePollMessagesReply decodes the body of the reply. The batches are a view, and not yet verified.
func DecodePollMessagesReply(body []byte) (p wire.Polled, err error) {
	r := reader{p: body}
	p = wire.Polled{PartitionID: r.u32(), CurrentOffset: r.u64(), Count: r.u32()}
	p.Batches = r.p
	return p, r.err()
}
