package metadata

import (
	"math"
	"slices"
)

func (m *Machine) createGroup(at Micros, d *decoder) (Result, error) {
	stream, topic, name := d.ident(), d.ident(), d.text()
	if !d.whole() {
		return Result{}, ErrCommand
	}
	if !nameOK(name, 1, nameBytesMax) {
		return Result{}, ErrGroupName
	}
	t, err := m.Topic(stream, topic)
	if err != nil {
		return Result{}, err
	}
	switch {
	case t.groups.find(ByName(name)) != nil:
		return Result{}, ErrGroupExists
	case t.GroupCount() == GroupsMax || t.groups.next == math.MaxUint32:
		return Result{}, ErrTooManyGroups
	}
	g := &Group{ID: t.groups.next, Stream: t.Stream, Topic: t.ID, Name: string(name), CreatedAt: at, Since: m.revision}
	t.groups.next++
	t.groups.put(g)
	m.groups++
	m.bytes += g.size()
	return g.result(), nil
}

func (m *Machine) deleteGroup(_ Micros, d *decoder) (Result, error) {
	stream, topic, group := d.ident(), d.ident(), d.ident()
	if !d.whole() {
		return Result{}, ErrCommand
	}
	t, err := m.Topic(stream, topic)
	if err != nil {
		return Result{}, err
	}
	g, err := t.Group(group)
	if err != nil {
		return Result{}, err
	}
	dropped := DroppedGroup{Stream: g.Stream, Topic: g.Topic, Group: g.ID}
	for _, p := range t.Partitions {
		dropped.Logs = append(dropped.Logs, p.Log)
	}
	m.dropGroup(g)
	t.groups.remove(g)
	r := g.result()
	r.DroppedGroups = []DroppedGroup{dropped}
	return r, nil
}

func (m *Machine) joinGroup(_ Micros, d *decoder) (Result, error) {
	t, g, key, err := m.decodeMember(d)
	if err != nil {
		return Result{}, err
	}
	r := g.result()
	if _, in := g.Member(key); in {
		return r, nil
	}
	if g.MemberCount() == MembersMax {
		return Result{}, ErrTooManyMembers
	}
	m.noteMembership(key, g)
	m.resizeGroup(g, func() {
		for _, p := range g.join(key, len(t.Partitions), m.revision) {
			r.Pending = append(r.Pending, g.handover(p))
		}
	})
	return r, nil
}

func (m *Machine) leaveGroup(_ Micros, d *decoder) (Result, error) {
	_, g, key, err := m.decodeMember(d)
	if err != nil {
		return Result{}, err
	}
	member, in := g.Member(key)
	if !in {
		return Result{}, ErrNotMember
	}
	m.forgetMembership(key, g)
	m.resizeGroup(g, func() { g.leave(member, m.revision) })
	return g.result(), nil
}

func (m *Machine) dropMember(_ Micros, d *decoder) (Result, error) {
	key := d.member()
	if !d.whole() {
		return Result{}, ErrCommand
	}
	for _, g := range m.memberships[key] {
		member, _ := g.Member(key)
		m.resizeGroup(g, func() { g.leave(member, m.revision) })
	}
	delete(m.memberships, key)
	return Result{}, nil
}

func (m *Machine) dropMembers(_ Micros, d *decoder) (Result, error) {
	d.room("node of members", memberNodeBytes)
	if !d.whole() {
		return Result{}, ErrCommand
	}
	for s := range m.Streams() {
		for t := range s.Topics() {
			for g := range t.Groups() {
				if g.MemberCount() > 0 {
					m.resizeGroup(g, func() {
						g.members = table[Member]{}
						g.redistribute(len(t.Partitions), m.revision)
					})
				}
			}
		}
	}
	m.memberships = nil
	return Result{}, nil
}

func (m *Machine) handOver(_ Micros, d *decoder) (Result, error) {
	done := make([]Handover, d.count(24))
	for i := range done {
		done[i] = Handover{StreamID(d.u32()), TopicID(d.u32()), GroupID(d.u32()), PartitionID(d.u32()), d.u64()}
	}
	if !d.whole() {
		return Result{}, ErrCommand
	}
	for len(done) > 0 {
		first, n := done[0], 1
		for n < len(done) && done[n].Stream == first.Stream && done[n].Topic == first.Topic && done[n].Group == first.Group {
			n++
		}
		if g, ok := m.GroupByID(first.Stream, first.Topic, first.Group); ok {
			g.handOver(done[:n], m.revision)
		}
		done = done[n:]
	}
	return Result{}, nil
}

// decodeMember reads three Idents and a key, and nothing else.
func (m *Machine) decodeMember(d *decoder) (t *Topic, g *Group, key MemberKey, err error) {
	stream, topic, group := d.ident(), d.ident(), d.ident()
	key = d.member()
	if !d.whole() {
		return nil, nil, key, ErrCommand
	}
	if t, err = m.Topic(stream, topic); err != nil {
		return nil, nil, key, err
	}
	g, err = t.Group(group)
	return t, g, key, err
}

func (g *Group) result() Result { return Result{Stream: g.Stream, Topic: g.Topic, Group: g.ID} }

// redistribute shares the partitions of a topic, whose count has changed, out anew in all its groups that have members.
func (m *Machine) redistribute(t *Topic) {
	for g := range t.Groups() {
		if g.MemberCount() > 0 {
			m.resizeGroup(g, func() { g.redistribute(len(t.Partitions), m.revision) })
		}
	}
}

// dropGroups forgets the groups of a topic that is about to go.
func (m *Machine) dropGroups(t *Topic) {
	for g := range t.Groups() {
		m.dropGroup(g)
	}
}

func (m *Machine) dropGroup(g *Group) {
	m.groups--
	m.bytes -= g.size()
	for member := range g.Members() {
		m.forgetMembership(member.Key, g)
	}
}

func (m *Machine) noteMembership(key MemberKey, g *Group) {
	if m.memberships == nil {
		m.memberships = make(map[MemberKey][]*Group)
	}
	in := m.memberships[key]
	at, _ := slices.BinarySearchFunc(in, g, (*Group).compare)
	m.memberships[key] = slices.Insert(in, at, g)
}

func (m *Machine) forgetMembership(key MemberKey, g *Group) {
	in := m.memberships[key]
	if in = slices.DeleteFunc(in, func(other *Group) bool { return other == g }); len(in) == 0 {
		delete(m.memberships, key)
		return
	}
	m.memberships[key] = in
}
