package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_CONSUMER_GROUP (600), a read.
//
//	stream   identifier
//	topic    identifier
//	group    identifier
//
// Reply: the group (see GET_CONSUMER_GROUPS), then its members, as many as it says, each:
//
//	id           u32
//	partitions   count u32, so many times u32
//
// No such group: an empty body. Errors: 1009 no such stream, 2010 no such topic.

// DecodeGetConsumerGroup decodes the body of the request.
func DecodeGetConsumerGroup(body []byte) (g wire.GetConsumerGroup, err error) {
	r := reader{p: body}
	g.Stream, g.Topic, g.Group = r.identifier(), r.identifier(), r.identifier()
	return g, r.err()
}

// AppendGetConsumerGroup appends the body of the request.
func AppendGetConsumerGroup(dst []byte, g wire.GetConsumerGroup) []byte {
	return appendGroupOf(dst, g.Stream, g.Topic, g.Group)
}

// appendGroupOf appends what the body of most commands on a group is.
func appendGroupOf(dst []byte, stream, topic, group wire.Identifier) []byte {
	return appendIdentifier(appendIdentifier(appendIdentifier(dst, stream), topic), group)
}

// AppendGroupMember appends one member.
func AppendGroupMember(dst []byte, m wire.GroupMember) []byte {
	return appendIDs(append32(dst, m.ID), m.Partitions)
}

// AppendGetConsumerGroupReply appends the body of the reply. AppendConsumerGroup and AppendGroupMember do it piece by
// piece.
func AppendGetConsumerGroupReply(dst []byte, g wire.ConsumerGroupDetails) []byte {
	g.MembersCount = uint32(len(g.Members))
	dst = AppendConsumerGroup(dst, g.ConsumerGroup)
	for _, m := range g.Members {
		dst = AppendGroupMember(dst, m)
	}
	return dst
}

// DecodeGetConsumerGroupReply decodes the body of the reply. An empty one is not found.
func DecodeGetConsumerGroupReply(body []byte) (g wire.ConsumerGroupDetails, found bool, err error) {
	if len(body) == 0 {
		return g, false, nil
	}
	r := reader{p: body}
	g = r.groupDetails()
	return g, r.err() == nil, r.err()
}

func (r *reader) groupDetails() (g wire.ConsumerGroupDetails) {
	g.ConsumerGroup = r.group()
	for n := g.MembersCount; n > 0 && r.err() == nil; n-- {
		g.Members = append(g.Members, wire.GroupMember{ID: r.u32(), Partitions: r.ids()})
	}
	return g
}
