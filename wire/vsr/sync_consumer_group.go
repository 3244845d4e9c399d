package vsr

import "github.com/galgo-mq/galgo/wire"

// SYNC_CONSUMER_GROUP (606), a read. Clients send it after a join, after each PING, and when a poll tells them to.
//
//	stream   identifier
//	topic    identifier
//	group    identifier
//
// Reply: generation u64, partitions: count u32, so many times u32. A member that owns nothing gets count 0. Who is not a
// member gets an empty body, also where there is no such stream, topic or group.

// DecodeSyncConsumerGroup decodes the body of the request.
func DecodeSyncConsumerGroup(body []byte) (s wire.SyncConsumerGroup, err error) {
	r := reader{p: body}
	s.Stream, s.Topic, s.Group = r.identifier(), r.identifier(), r.identifier()
	return s, r.err()
}

// AppendSyncConsumerGroup appends the body of the request.
func AppendSyncConsumerGroup(dst []byte, s wire.SyncConsumerGroup) []byte {
	return appendGroupOf(dst, s.Stream, s.Topic, s.Group)
}

// AppendSyncConsumerGroupReply appends the body of the reply to a member.
func AppendSyncConsumerGroupReply(dst []byte, a wire.Assignment) []byte {
	return appendIDs(append64(dst, a.Generation), a.Partitions)
}

// DecodeSyncConsumerGroupReply decodes the body of the reply. An empty one is that to a client who is not a member.
func DecodeSyncConsumerGroupReply(body []byte) (a wire.Assignment, member bool, err error) {
	if len(body) == 0 {
		return a, false, nil
	}
	r := reader{p: body}
	a = wire.Assignment{Generation: r.u64(), Partitions: r.ids()}
	return a, r.err() == nil, r.err()
}
