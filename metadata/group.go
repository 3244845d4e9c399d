package metadata

import (
	"cmp"
	"iter"
	"math"
	"slices"
)

// MemberKey names a member in all groups: the client id of its session.
type MemberKey = [16]byte

// Group is a consumer group of one topic. Its members share the topic's partitions: without members no partition has an
// owner, with members every partition has one.
type Group struct {
	ID         GroupID
	Stream     StreamID
	Topic      TopicID
	Name       string
	CreatedAt  Micros
	Since      uint64 // revision at which it was made
	Generation uint64 // rises with every rebalance and every hand-over that is completed
	members    table[Member]
	seats      []seat // by partition; nil without members
}

// Member is a session in a group.
type Member struct {
	ID         MemberID
	Key        MemberKey
	Partitions []PartitionID // what it owns, pending ones included, in the order in which it came
}

// seat is the place of one partition in a group.
type seat struct {
	fence  uint64   // revision at which owner or target changed last
	owner  MemberID // always there
	target MemberID // to whom it is to go; noMember: it is not pending
}

const noMember MemberID = math.MaxUint32

// Owner says to whom a partition belongs.
type Owner struct {
	Key      MemberKey
	HasOwner bool // false: the group has no members, or the topic no such partition; the rest is zero then
	Pending  bool // it is to go to another member: the owner may store offsets and no longer poll
	Fence    uint64
}

// Handover is a partition on its way from one member to another. Fence tells it from all others.
type Handover struct {
	Stream    StreamID
	Topic     TopicID
	Group     GroupID
	Partition PartitionID
	Fence     uint64
}

// groupTable holds the groups of a topic. Their ids only grow, so a new one goes to the end.
type groupTable struct {
	rows  []*Group // ascending by id
	names map[string]*Group
	next  GroupID
}

func (t *groupTable) find(id Ident) *Group {
	if id.byName {
		return t.names[string(id.name)]
	}
	i, found := slices.BinarySearchFunc(t.rows, GroupID(id.number), func(g *Group, id GroupID) int { return cmp.Compare(g.ID, id) })
	if !found {
		return nil
	}
	return t.rows[i]
}

func (t *groupTable) put(g *Group) {
	if t.names == nil {
		t.names = make(map[string]*Group)
	}
	t.rows = append(t.rows, g)
	t.names[g.Name] = g
}

func (t *groupTable) remove(g *Group) {
	t.rows = slices.DeleteFunc(t.rows, func(row *Group) bool { return row == g })
	delete(t.names, g.Name)
}

// Group finds a group of the topic. ErrGroupNotFound.
func (t *Topic) Group(group Ident) (*Group, error) {
	if g := t.groups.find(group); g != nil {
		return g, nil
	}
	return nil, ErrGroupNotFound
}

// Groups yields the topic's groups by ascending id.
func (t *Topic) Groups() iter.Seq[*Group] { return slices.Values(t.groups.rows) }

// GroupCount is the number of groups of the topic.
func (t *Topic) GroupCount() int { return len(t.groups.rows) }

// Group finds a group. ErrStreamNotFound, ErrTopicNotFound, ErrGroupNotFound.
func (tr *Tree) Group(stream, topic, group Ident) (*Group, error) {
	t, err := tr.Topic(stream, topic)
	if err != nil {
		return nil, err
	}
	return t.Group(group)
}

// GroupByID finds a group by its numbers. False: there is none.
func (tr *Tree) GroupByID(stream StreamID, topic TopicID, group GroupID) (*Group, bool) {
	g, err := tr.Group(ByNumber(stream), ByNumber(topic), ByNumber(group))
	return g, err == nil
}

// Memberships says f of every group that a member is in, ascending by stream, topic and group.
func (tr *Tree) Memberships(key MemberKey, f func(StreamID, TopicID, GroupID)) {
	for _, g := range tr.members[key] {
		f(g.Stream, g.Topic, g.ID)
	}
}

// MembershipCount is the number of groups that a member is in.
func (tr *Tree) MembershipCount(key MemberKey) int { return len(tr.members[key]) }

// Members yields the members by ascending id.
func (g *Group) Members() iter.Seq[*Member] { return g.members.all }

// MemberCount is the number of members.
func (g *Group) MemberCount() int { return g.members.count() }

// Member finds a member. False: it is not in the group.
func (g *Group) Member(key MemberKey) (*Member, bool) {
	m := g.members.find(ByName(key[:]))
	return m, m != nil
}

// Owner says to whom a partition belongs.
func (g *Group) Owner(partition PartitionID) Owner {
	if uint64(partition) >= uint64(len(g.seats)) {
		return Owner{}
	}
	s := &g.seats[partition]
	return Owner{Key: g.members.rows[s.owner].Key, HasOwner: true, Pending: s.target != noMember, Fence: s.fence}
}

// Fence tells whether a partition belongs to a member and whether it is pending: the member may poll if it owns it and it
// is not pending, and store offsets if it owns it. While the fence is the same number neither has changed: a number is
// used once, also when the group is deleted and made again. It does not allocate.
func (g *Group) Fence(partition PartitionID, key MemberKey) (fence uint64, owns, pending bool) {
	o := g.Owner(partition)
	return o.Fence, o.HasOwner && o.Key == key, o.Pending
}

// Pollable appends the partitions that a member may poll: those it owns without those that are pending.
func (g *Group) Pollable(dst []PartitionID, m *Member) []PartitionID {
	for _, p := range m.Partitions {
		if g.seats[p].target == noMember {
			dst = append(dst, p)
		}
	}
	return dst
}

// Pending appends all hand-overs that are not completed, ascending by partition.
func (g *Group) Pending(dst []Handover) []Handover {
	for i := range g.seats {
		if g.seats[i].target != noMember {
			dst = append(dst, g.handover(PartitionID(i)))
		}
	}
	return dst
}

func (g *Group) handover(p PartitionID) Handover {
	return Handover{g.Stream, g.Topic, g.ID, p, g.seats[p].fence}
}

// compare orders the groups of all topics.
func (g *Group) compare(other *Group) int {
	return cmp.Or(cmp.Compare(g.Stream, other.Stream), cmp.Compare(g.Topic, other.Topic), cmp.Compare(g.ID, other.ID))
}
