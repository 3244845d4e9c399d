package metadata

import "slices"

// Limits are how many there may be of what clients make: what the operator has set, at most the state's own bounds.
type Limits struct {
	Streams    int
	Topics     int // per stream
	Partitions int // per topic
	Users      int
	Tokens     int   // per user
	Groups     int   // per topic
	Members    int   // per group
	Bytes      int64 // of the heap, in all replicas
}

// Quota says by what a command that makes something, or makes something larger, is judged when its turn has come. Parents that are
// missing, and what is there already, are for the command itself to refuse.
type Quota struct {
	TooMany error                                                     // when memory for metadata is used up; nil: it makes nothing
	Exists  func(d *Demand, m *Machine) bool                          // what it would make is there: that is what its refusal is to say
	Within  func(l *Limits, m *Machine, user UserID, d *Demand) error // the limits
}

// The quotas of the commands that make something.
var (
	QuotaOfStreams    = Quota{ErrTooManyStreams, (*Demand).streamExists, (*Limits).streams}
	QuotaOfTopics     = Quota{ErrTooManyTopics, (*Demand).topicExists, (*Limits).topics}
	QuotaOfPartitions = Quota{ErrPartitionIDs, nil, (*Limits).partitions}
	QuotaOfUsers      = Quota{ErrTooManyUsers, (*Demand).userExists, (*Limits).users}
	QuotaOfTokens     = Quota{ErrTooManyTokens, nil, (*Limits).tokens}
	QuotaOfGroups     = Quota{ErrTooManyGroups, (*Demand).groupExists, (*Limits).groups}
	QuotaOfMembers    = Quota{ErrTooManyMembers, (*Demand).memberExists, (*Limits).members}
)

// Demand is what one command adds to what is limited. Names stay the caller's until the command is answered.
type Demand struct {
	Stream, Topic, Group Ident  // parents of what is made
	Name                 []byte // of what is made
	Member               MemberKey
	Partitions           uint32
	Parts                PartsOf
}

// PartsOf says where partitions that a command makes belong.
type PartsOf uint8

const (
	NoParts PartsOf = iota
	NewTopic
	MoreOfTopic
)

func (d *Demand) streamExists(m *Machine) bool {
	_, err := m.Stream(ByName(d.Name))
	return err == nil
}

func (d *Demand) topicExists(m *Machine) bool {
	_, err := m.Topic(d.Stream, ByName(d.Name))
	return err == nil
}

func (d *Demand) userExists(m *Machine) bool {
	_, err := m.Accounts.User(ByName(d.Name))
	return err == nil
}

func (d *Demand) groupExists(m *Machine) bool {
	_, err := m.Group(d.Stream, d.Topic, ByName(d.Name))
	return err == nil
}

func (d *Demand) memberExists(m *Machine) bool {
	g, err := m.Group(d.Stream, d.Topic, d.Group)
	if err != nil {
		return false
	}
	_, in := g.Member(d.Member)
	return in
}

// Placeable reports whether the partitions have somewhere to belong to.
func (d *Demand) Placeable(m *Machine) bool {
	switch d.Parts {
	case NewTopic:
		_, err := m.Stream(d.Stream)
		return err == nil && !d.topicExists(m)
	case MoreOfTopic:
		_, err := m.Topic(d.Stream, d.Topic)
		return err == nil
	}
	return false
}

func (l *Limits) streams(m *Machine, _ UserID, d *Demand) error {
	if m.StreamCount() >= l.Streams && !d.streamExists(m) {
		return ErrTooManyStreams
	}
	return nil
}

func (l *Limits) topics(m *Machine, _ UserID, d *Demand) error {
	st, err := m.Stream(d.Stream)
	if err == nil && st.TopicCount() >= l.Topics && !d.topicExists(m) {
		return ErrTooManyTopics
	}
	return l.partitionsBeside(0, d.Partitions)
}

func (l *Limits) partitions(m *Machine, _ UserID, d *Demand) error {
	t, err := m.Topic(d.Stream, d.Topic)
	if err != nil {
		return nil
	}
	return l.partitionsBeside(len(t.Partitions), d.Partitions)
}

// partitionsBeside judges how many a topic is to have. More than one command may make are for the command itself to refuse.
func (l *Limits) partitionsBeside(has int, more uint32) error {
	if more <= PartitionsOnceMax && has+int(more) > l.Partitions {
		return ErrPartitionIDs
	}
	return nil
}

func (l *Limits) users(m *Machine, _ UserID, d *Demand) error {
	if m.Accounts.UserCount() >= l.Users && !d.userExists(m) {
		return ErrTooManyUsers
	}
	return nil
}

func (l *Limits) tokens(m *Machine, user UserID, d *Demand) error {
	u, err := m.Accounts.User(ByNumber(user))
	if err == nil && len(u.Tokens) >= l.Tokens && !slices.ContainsFunc(u.Tokens, func(t Token) bool { return t.Name == string(d.Name) }) {
		return ErrTooManyTokens
	}
	return nil
}

func (l *Limits) groups(m *Machine, _ UserID, d *Demand) error {
	t, err := m.Topic(d.Stream, d.Topic)
	if err == nil && t.GroupCount() >= l.Groups && !d.groupExists(m) {
		return ErrTooManyGroups
	}
	return nil
}

func (l *Limits) members(m *Machine, _ UserID, d *Demand) error {
	g, err := m.Group(d.Stream, d.Topic, d.Group)
	if err == nil && g.MemberCount() >= l.Members && !d.memberExists(m) {
		return ErrTooManyMembers
	}
	return nil
}
