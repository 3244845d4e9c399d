package call

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

func wireGroup(g *metadata.Group, partitions int) wire.ConsumerGroup {
	return wire.ConsumerGroup{ID: uint32(g.ID), PartitionsCount: uint32(partitions), MembersCount: uint32(g.MemberCount()), Name: g.Name}
}

func wireGroupDetails(g *metadata.Group, partitions int) wire.ConsumerGroupDetails {
	d := wire.ConsumerGroupDetails{ConsumerGroup: wireGroup(g, partitions)}
	for m := range g.Members() {
		d.Members = append(d.Members, wire.GroupMember{ID: uint32(m.ID), Partitions: wirePartitions(m.Partitions)})
	}
	return d
}

func wirePartitions(list []metadata.PartitionID) []uint32 {
	ids := make([]uint32, len(list))
	for i, p := range list {
		ids[i] = uint32(p)
	}
	return ids
}

func getConsumerGroup(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.GetConsumerGroup)
	if r.noSuchGroup(g.Stream, g.Topic, g.Group) {
		r.answer(c, wire.NotThere{})
		return
	}
	if !r.authorize(c, metadata.ActionGetGroup, ident(g.Stream), ident(g.Topic)) {
		return
	}
	t, _ := r.meta.Topic(ident(g.Stream), ident(g.Topic))
	group, _ := t.Group(ident(g.Group))
	stream, topic, since, id := t.Stream, t.ID, t.Since, group.ID
	r.lists.start(c, &listing{step: listMembers(stream, topic, since, id), front: func(x *listings, l *listing, dst []byte) []byte {
		if l.gone {
			return dst // not found
		}
		w := wireGroup(groupOf(x.meta, stream, topic, since, id), len(topicOf(x.meta, stream, topic, since).Partitions))
		w.MembersCount = uint32(l.count)
		return c.Peer.Dialect.Part(dst, &w)
	}})
}

// noSuchGroup reports whether a topic that is there has no such group: everybody is told so, with or without the right.
func (r *Room) noSuchGroup(stream, topic, group wire.Identifier) bool {
	t, err := r.meta.Topic(ident(stream), ident(topic))
	if err != nil {
		return false
	}
	_, err = t.Group(ident(group))
	return err != nil
}

// authorizeGroup is authorize for a command about a group, and refuses one for a group that is not there before that.
func (r *Room) authorizeGroup(c *Call, a metadata.Action, stream, topic, group wire.Identifier) bool {
	if r.noSuchGroup(stream, topic, group) {
		r.refuse(c, statusOf(metadata.ErrGroupNotFound))
		return false
	}
	return r.authorize(c, a, ident(stream), ident(topic))
}

func getConsumerGroups(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.GetConsumerGroups)
	if !r.authorize(c, metadata.ActionGetGroups, ident(g.Stream), ident(g.Topic)) {
		return
	}
	t, _ := r.meta.Topic(ident(g.Stream), ident(g.Topic))
	r.lists.start(c, &listing{step: listGroups(t.Stream, t.ID, t.Since)})
}

func createConsumerGroup(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.CreateConsumerGroup)
	if !r.authorize(c, metadata.ActionCreateGroup, ident(g.Stream), ident(g.Topic)) {
		return
	}
	if !r.nameAllowed(g.Name) {
		r.refuse(c, wire.StatusInvalidConsumerGroupName)
		return
	}
	c.about(string(g.Name))
	r.propose(c, metadata.EncodeCreateGroup(nil, r.now, ident(g.Stream), ident(g.Topic), g.Name))
}

func deleteConsumerGroup(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.DeleteConsumerGroup)
	if r.authorizeGroup(c, metadata.ActionDeleteGroup, g.Stream, g.Topic, g.Group) {
		c.about(ident(g.Group).String())
		r.propose(c, metadata.EncodeDeleteGroup(nil, r.now, ident(g.Stream), ident(g.Topic), ident(g.Group)))
	}
}

func joinConsumerGroup(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.JoinConsumerGroup)
	if !r.authorizeGroup(c, metadata.ActionJoinGroup, g.Stream, g.Topic, g.Group) {
		return
	}
	c.about(ident(g.Group).String())
	r.propose(c, metadata.EncodeJoinGroup(nil, r.now, ident(g.Stream), ident(g.Topic), ident(g.Group), c.Peer.Session.Client))
}

func leaveConsumerGroup(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.LeaveConsumerGroup)
	if r.authorizeGroup(c, metadata.ActionLeaveGroup, g.Stream, g.Topic, g.Group) {
		c.about(ident(g.Group).String())
		r.propose(c, metadata.EncodeLeaveGroup(nil, r.now, ident(g.Stream), ident(g.Topic), ident(g.Group), c.Peer.Session.Client))
	}
}

// notOwned answers a member that asked for a partition that is not its own, or not any more.
func (a *answers) notOwned(c *Call) {
	if c.Code == wire.CodePollMessages {
		a.polledNothing(c, wire.NotOwned)
		return
	}
	a.refuse(c, wire.StatusResourceNotFound)
}

// syncConsumerGroup tells a member what it may poll, and everybody else, with an empty body, that it is none.
func syncConsumerGroup(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.SyncConsumerGroup)
	if !r.may(c, metadata.ActionSyncGroup, 0, 0) {
		return
	}
	group, err := r.meta.Group(ident(g.Stream), ident(g.Topic), ident(g.Group))
	if err != nil {
		r.answer(c, wire.NotThere{})
		return
	}
	m, is := group.Member(c.Peer.Session.Client)
	if !is {
		r.answer(c, wire.NotThere{})
		return
	}
	r.answer(c, &wire.Assignment{Generation: group.Generation, Partitions: wirePartitions(group.Pollable(nil, m))})
}
