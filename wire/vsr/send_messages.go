package vsr

import "github.com/galgo-mq/galgo/wire"

// SEND_MESSAGES (101), operation SendMessages: one batch for one partition, appended whole or not at all.
//
//	metadata size   u32            of the four fields that follow, exactly
//	stream          identifier
//	topic           identifier
//	partitioning
//	count           u32            of messages, not 0
//	batch                          a batch record that fills the rest of the body exactly
//
// Reply, not framed: count u32 (1), then stream u32, topic u32, partition u32, base offset u64, and nothing after.
// An empty reply means accepted, place not told. Errors go into the status: 1009, 2010, 3007 not found, 3 undecodable
// or counts that differ, 4027 and 4039 checksums, 4022 and 4017 too large.

// DecodeSendMessages decodes the body of the request. The batch is a view that batch.Admit has yet to look at; that
// its count is Count is the caller's to check as well.
func DecodeSendMessages(body []byte) (s wire.SendMessages, err error) {
	outer := reader{p: body}
	r := reader{p: outer.bytes32()}
	s.Stream, s.Topic = r.identifier(), r.identifier()
	s.Partitioning = r.partitioning()
	s.Count = r.u32()
	if len(r.p) != 0 || s.Count == 0 || outer.err() != nil {
		r.fail()
	}
	s.Batch = outer.p
	return s, r.err()
}

// AppendSendMessages appends the body of the request up to the batch, which follows it: a client writes it from
// where it lies.
func AppendSendMessages(dst []byte, s wire.SendMessages) []byte {
	at := len(dst)
	dst = appendIdentifier(appendIdentifier(append32(dst, 0), s.Stream), s.Topic)
	dst = append32(appendPartitioning(dst, s.Partitioning), s.Count)
	put32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// AppendSendMessagesReply appends the body of the reply.
func AppendSendMessagesReply(dst []byte, p wire.Placement) []byte {
	dst = append32(append32(dst, 1), p.StreamID)
	return append64(append32(append32(dst, p.TopicID), p.PartitionID), p.BaseOffset)
}

// DecodeSendMessagesReply decodes the body of the reply. told is false when the server does not say where the batch
// went: an empty reply, or one that cannot be read, which does not undo the send.
func DecodeSendMessagesReply(body []byte) (p wire.Placement, told bool) {
	r := reader{p: body}
	count := r.u32()
	p = wire.Placement{StreamID: r.u32(), TopicID: r.u32(), PartitionID: r.u32(), BaseOffset: r.u64()}
	return p, count == 1 && r.err() == nil && len(r.p) == 0
}
