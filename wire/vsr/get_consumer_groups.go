package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_CONSUMER_GROUPS (601), a read.
//
//	stream   identifier
//	topic    identifier
//
// Reply: groups back to back to the end of the body, in any order, each:
//
//	id           u32
//	partitions   u32    how many the topic has
//	members      u32    how many
//	name         str8
//
// Errors: 1009 no such stream, 2010 no such topic.

// DecodeGetConsumerGroups decodes the body of the request.
func DecodeGetConsumerGroups(body []byte) (g wire.GetConsumerGroups, err error) {
	r := reader{p: body}
	g.Stream, g.Topic = r.identifier(), r.identifier()
	return g, r.err()
}

// AppendGetConsumerGroups appends the body of the request.
func AppendGetConsumerGroups(dst []byte, g wire.GetConsumerGroups) []byte {
	return appendIdentifier(appendIdentifier(dst, g.Stream), g.Topic)
}

// AppendConsumerGroup appends one group; the body of the reply is nothing but these.
func AppendConsumerGroup(dst []byte, g wire.ConsumerGroup) []byte {
	dst = append32(append32(append32(dst, g.ID), g.PartitionsCount), g.MembersCount)
	return append8(dst, g.Name)
}

// DecodeGetConsumerGroupsReply decodes the body of the reply.
func DecodeGetConsumerGroupsReply(body []byte) (groups []wire.ConsumerGroup, err error) {
	r := reader{p: body}
	for len(r.p) > 0 {
		groups = append(groups, r.group())
	}
	return groups, r.err()
}

func (r *reader) group() wire.ConsumerGroup {
	return wire.ConsumerGroup{ID: r.u32(), PartitionsCount: r.u32(), MembersCount: r.u32(), Name: string(r.str8())}
}
