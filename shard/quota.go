package shard

import (
	"slices"

	"github.com/galgo-mq/galgo/metadata"
)

// quota says by what a command that makes something, or makes something larger, is judged on shard 0 when its turn has come. Parents
// that are missing, and what is there already, are for the command itself to refuse.
type quota struct {
	tooMany error                                                                       // when memory for metadata is used up; nil: it makes nothing
	exists  func(d *demand, m *metadata.Machine) bool                                   // what it would make is there: that is what its refusal is to say
	within  func(l *Limits, m *metadata.Machine, user metadata.UserID, d *demand) error // the configured limits
}

// demand is what one command adds to what is limited. Names point into its frame.
type demand struct {
	stream, topic, group metadata.Ident // parents of what is made
	name                 []byte         // of what is made, in the frame
	member               metadata.MemberKey
	partitions           uint32
	parts                partsOf
}

// partsOf says where partitions that a command makes belong.
type partsOf uint8

const (
	noParts partsOf = iota
	newTopic
	moreOfTopic
)

func (d *demand) streamExists(m *metadata.Machine) bool {
	_, err := m.Stream(metadata.ByName(d.name))
	return err == nil
}

func (d *demand) topicExists(m *metadata.Machine) bool {
	_, err := m.Topic(d.stream, metadata.ByName(d.name))
	return err == nil
}

func (d *demand) userExists(m *metadata.Machine) bool {
	_, err := m.User(metadata.ByName(d.name))
	return err == nil
}

func (d *demand) groupExists(m *metadata.Machine) bool {
	_, err := m.Group(d.stream, d.topic, metadata.ByName(d.name))
	return err == nil
}

func (d *demand) memberExists(m *metadata.Machine) bool {
	g, err := m.Group(d.stream, d.topic, d.group)
	if err != nil {
		return false
	}
	_, in := g.Member(d.member)
	return in
}

// placeable reports whether the partitions have somewhere to belong to.
func (d *demand) placeable(m *metadata.Machine) bool {
	switch d.parts {
	case newTopic:
		_, err := m.Stream(d.stream)
		return err == nil && !d.topicExists(m)
	case moreOfTopic:
		_, err := m.Topic(d.stream, d.topic)
		return err == nil
	}
	return false
}

func (l *Limits) streams(m *metadata.Machine, _ metadata.UserID, d *demand) error {
	if m.StreamCount() >= l.StreamsMax && !d.streamExists(m) {
		return metadata.ErrTooManyStreams
	}
	return nil
}

func (l *Limits) topics(m *metadata.Machine, _ metadata.UserID, d *demand) error {
	st, err := m.Stream(d.stream)
	if err == nil && st.TopicCount() >= l.TopicsMax && !d.topicExists(m) {
		return metadata.ErrTooManyTopics
	}
	return l.partitionsBeside(0, d.partitions)
}

func (l *Limits) partitions(m *metadata.Machine, _ metadata.UserID, d *demand) error {
	t, err := m.Topic(d.stream, d.topic)
	if err != nil {
		return nil
	}
	return l.partitionsBeside(len(t.Partitions), d.partitions)
}

// partitionsBeside judges how many a topic is to have. More than one command may make are for the command itself to refuse.
func (l *Limits) partitionsBeside(has int, more uint32) error {
	if more <= metadata.PartitionsOnceMax && has+int(more) > l.PartitionsMax {
		return metadata.ErrPartitionIDs
	}
	return nil
}

func (l *Limits) users(m *metadata.Machine, _ metadata.UserID, d *demand) error {
	if m.UserCount() >= l.UsersMax && !d.userExists(m) {
		return metadata.ErrTooManyUsers
	}
	return nil
}

func (l *Limits) tokens(m *metadata.Machine, user metadata.UserID, d *demand) error {
	u, err := m.User(metadata.ByNumber(user))
	if err == nil && len(u.Tokens) >= l.TokensMax && !slices.ContainsFunc(u.Tokens, func(t metadata.Token) bool { return t.Name == string(d.name) }) {
		return metadata.ErrTooManyTokens
	}
	return nil
}

func (l *Limits) groups(m *metadata.Machine, _ metadata.UserID, d *demand) error {
	t, err := m.Topic(d.stream, d.topic)
	if err == nil && t.GroupCount() >= l.GroupsMax && !d.groupExists(m) {
		return metadata.ErrTooManyGroups
	}
	return nil
}

func (l *Limits) members(m *metadata.Machine, _ metadata.UserID, d *demand) error {
	g, err := m.Group(d.stream, d.topic, d.group)
	if err == nil && g.MemberCount() >= l.MembersMax && !d.memberExists(m) {
		return metadata.ErrTooManyMembers
	}
	return nil
}

// nameAllowed judges the length of a new name by the configured limit.
func (s *Shard) nameAllowed(name []byte) bool {
	if len(name) > s.cfg.Limits.NameBytesMax {
		s.g.limits.nameLength.Add(1)
		return false
	}
	return true
}
