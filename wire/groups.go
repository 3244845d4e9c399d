package wire

// GetConsumerGroup asks for one group with its members.
type GetConsumerGroup struct {
	Stream, Topic, Group Identifier
}

// GetConsumerGroups asks for all groups of a topic.
type GetConsumerGroups struct {
	Stream, Topic Identifier
}

// CreateConsumerGroup makes a group.
type CreateConsumerGroup struct {
	Stream, Topic Identifier
	Name          []byte
}

// DeleteConsumerGroup removes a group with its stored offsets.
type DeleteConsumerGroup struct {
	Stream, Topic, Group Identifier
}

// JoinConsumerGroup makes the client a member; if it is one, nothing happens.
type JoinConsumerGroup struct {
	Stream, Topic, Group Identifier
}

// LeaveConsumerGroup ends the client's membership.
type LeaveConsumerGroup struct {
	Stream, Topic, Group Identifier
}

// SyncConsumerGroup asks which partitions are the client's now.
type SyncConsumerGroup struct {
	Stream, Topic, Group Identifier
}

// ConsumerGroup is a group as replies describe it.
type ConsumerGroup struct {
	ID              uint32
	PartitionsCount uint32 // of the topic
	MembersCount    uint32
	Name            string
}

// GroupMember is one member of a group and what it owns.
type GroupMember struct {
	ID         uint32
	Partitions []uint32
}

// ConsumerGroupDetails is a group with its members, MembersCount of them.
type ConsumerGroupDetails struct {
	ConsumerGroup
	Members []GroupMember
}

// Assignment answers SyncConsumerGroup to a member. Who is none is told so by an empty reply, not by an assignment
// without partitions.
type Assignment struct {
	Generation uint64 // rises with each change of the group
	Partitions []uint32
}
