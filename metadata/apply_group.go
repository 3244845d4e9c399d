package metadata

import "math"

func (tr *Tree) createGroup(c *command) (Result, error) {
	stream, topic, name := c.ident(), c.ident(), c.text()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	if !nameOK(name, 1, nameBytesMax) {
		return Result{}, ErrGroupName
	}
	t, err := tr.Topic(stream, topic)
	if err != nil {
		return Result{}, err
	}
	switch {
	case t.groups.find(ByName(name)) != nil:
		return Result{}, ErrGroupExists
	case t.GroupCount() == GroupsMax || t.groups.next == math.MaxUint32:
		return Result{}, ErrTooManyGroups
	}
	g := &Group{ID: t.groups.next, Stream: t.Stream, Topic: t.ID, Name: string(name), CreatedAt: c.at, Since: c.revision}
	t.groups.next++
	tr.addGroup(t, g)
	return g.result(), nil
}

func (tr *Tree) deleteGroup(c *command) (Result, error) {
	stream, topic, group := c.ident(), c.ident(), c.ident()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	t, err := tr.Topic(stream, topic)
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
	tr.dropGroup(g)
	t.groups.remove(g)
	r := g.result()
	r.DroppedGroups = []DroppedGroup{dropped}
	return r, nil
}

func (tr *Tree) joinGroup(c *command) (Result, error) {
	t, g, key, err := c.groupMember(tr)
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
	tr.members.note(key, g)
	tr.resizeGroup(g, func() {
		for _, p := range g.join(key, len(t.Partitions), c.revision) {
			r.Pending = append(r.Pending, g.handover(p))
		}
	})
	return r, nil
}

func (tr *Tree) leaveGroup(c *command) (Result, error) {
	_, g, key, err := c.groupMember(tr)
	if err != nil {
		return Result{}, err
	}
	member, in := g.Member(key)
	if !in {
		return Result{}, ErrNotMember
	}
	tr.members.forget(key, g)
	tr.resizeGroup(g, func() { g.leave(member, c.revision) })
	return g.result(), nil
}

func (tr *Tree) dropMember(c *command) (Result, error) {
	key := c.member()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	for _, g := range tr.members[key] {
		member, _ := g.Member(key)
		tr.resizeGroup(g, func() { g.leave(member, c.revision) })
	}
	delete(tr.members, key)
	return Result{}, nil
}

func (tr *Tree) dropMembers(c *command) (Result, error) {
	c.room("node of members", memberNodeBytes)
	if !c.whole() {
		return Result{}, ErrCommand
	}
	for s := range tr.Streams() {
		for t := range s.Topics() {
			for g := range t.Groups() {
				if g.MemberCount() > 0 {
					tr.resizeGroup(g, func() {
						g.members = table[Member]{}
						g.redistribute(len(t.Partitions), c.revision)
					})
				}
			}
		}
	}
	tr.members = nil
	return Result{}, nil
}

func (tr *Tree) handOver(c *command) (Result, error) {
	done := make([]Handover, c.count(24))
	for i := range done {
		done[i] = Handover{StreamID(c.u32()), TopicID(c.u32()), GroupID(c.u32()), PartitionID(c.u32()), c.u64()}
	}
	if !c.whole() {
		return Result{}, ErrCommand
	}
	for len(done) > 0 {
		first, n := done[0], 1
		for n < len(done) && done[n].Stream == first.Stream && done[n].Topic == first.Topic && done[n].Group == first.Group {
			n++
		}
		if g, ok := tr.GroupByID(first.Stream, first.Topic, first.Group); ok {
			g.handOver(done[:n], c.revision)
		}
		done = done[n:]
	}
	return Result{}, nil
}

// groupMember reads three Idents and a key, and nothing else.
func (c *command) groupMember(tr *Tree) (t *Topic, g *Group, key MemberKey, err error) {
	stream, topic, group := c.ident(), c.ident(), c.ident()
	key = c.member()
	if !c.whole() {
		return nil, nil, key, ErrCommand
	}
	if t, err = tr.Topic(stream, topic); err != nil {
		return nil, nil, key, err
	}
	g, err = t.Group(group)
	return t, g, key, err
}

func (g *Group) result() Result { return Result{Stream: g.Stream, Topic: g.Topic, Group: g.ID} }
