package shard

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

func getConsumerGroup(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.GetConsumerGroup)
	if s.noSuchGroup(g.Stream, g.Topic, g.Group) {
		s.answer(q, wire.NotThere{})
		return
	}
	if !s.judge(q, metadata.ActionGetGroup, ident(g.Stream), ident(g.Topic)) {
		return
	}
	t, _ := s.meta.Topic(ident(g.Stream), ident(g.Topic))
	group, _ := t.Group(ident(g.Group))
	stream, topic, since, id := t.Stream, t.ID, t.Since, group.ID
	s.list(q, &listing{step: listMembers(stream, topic, since, id), front: func(s *Shard, l *listing, dst []byte) []byte {
		if l.gone {
			return dst // not found
		}
		w := wireGroup(groupOf(s.meta, stream, topic, since, id), len(topicOf(s.meta, stream, topic, since).Partitions))
		w.MembersCount = uint32(l.count)
		return q.Peer.Dialect.Part(dst, &w)
	}})
}

// noSuchGroup reports whether a topic that is there has no such group: everybody is told so, with or without the right.
func (s *Shard) noSuchGroup(stream, topic, group wire.Identifier) bool {
	t, err := s.meta.Topic(ident(stream), ident(topic))
	if err != nil {
		return false
	}
	_, err = t.Group(ident(group))
	return err != nil
}

// judgeGroup is judge for a command about a group, and refuses one for a group that is not there before that.
func (s *Shard) judgeGroup(q *request, a metadata.Action, stream, topic, group wire.Identifier) bool {
	if s.noSuchGroup(stream, topic, group) {
		s.refuse(q, metaStatus(metadata.ErrGroupNotFound))
		return false
	}
	return s.judge(q, a, ident(stream), ident(topic))
}

func getConsumerGroups(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.GetConsumerGroups)
	if !s.judge(q, metadata.ActionGetGroups, ident(g.Stream), ident(g.Topic)) {
		return
	}
	t, _ := s.meta.Topic(ident(g.Stream), ident(g.Topic))
	s.list(q, &listing{step: listGroups(t.Stream, t.ID, t.Since)})
}

func createConsumerGroup(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.CreateConsumerGroup)
	if !s.judge(q, metadata.ActionCreateGroup, ident(g.Stream), ident(g.Topic)) {
		return
	}
	if !s.nameAllowed(g.Name) {
		s.refuse(q, wire.StatusInvalidConsumerGroupName)
		return
	}
	q.about(string(g.Name))
	s.propose(q, metadata.EncodeCreateGroup(nil, s.micros(), ident(g.Stream), ident(g.Topic), g.Name))
}

func deleteConsumerGroup(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.DeleteConsumerGroup)
	if s.judgeGroup(q, metadata.ActionDeleteGroup, g.Stream, g.Topic, g.Group) {
		q.about(ident(g.Group).String())
		s.propose(q, metadata.EncodeDeleteGroup(nil, s.micros(), ident(g.Stream), ident(g.Topic), ident(g.Group)))
	}
}

func joinConsumerGroup(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.JoinConsumerGroup)
	if !s.judgeGroup(q, metadata.ActionJoinGroup, g.Stream, g.Topic, g.Group) {
		return
	}
	q.about(ident(g.Group).String())
	s.propose(q, metadata.EncodeJoinGroup(nil, s.micros(), ident(g.Stream), ident(g.Topic), ident(g.Group), q.Peer.Session.Client))
}

func leaveConsumerGroup(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.LeaveConsumerGroup)
	if s.judgeGroup(q, metadata.ActionLeaveGroup, g.Stream, g.Topic, g.Group) {
		q.about(ident(g.Group).String())
		s.propose(q, metadata.EncodeLeaveGroup(nil, s.micros(), ident(g.Stream), ident(g.Topic), ident(g.Group), q.Peer.Session.Client))
	}
}

// notOwned answers a member that asked for a partition that is not its own, or not any more.
func (s *Shard) notOwned(q *request) {
	if q.code == wire.CodePollMessages {
		s.polledNothing(q, wire.NotOwned)
		return
	}
	s.refuse(q, wire.StatusResourceNotFound)
}

// syncConsumerGroup tells a member what it may poll, and everybody else, with an empty body, that it is none.
func syncConsumerGroup(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.SyncConsumerGroup)
	if !s.may(q, metadata.ActionSyncGroup, 0, 0) {
		return
	}
	group, err := s.meta.Group(ident(g.Stream), ident(g.Topic), ident(g.Group))
	if err != nil {
		s.answer(q, wire.NotThere{})
		return
	}
	m, is := group.Member(q.Peer.Session.Client)
	if !is {
		s.answer(q, wire.NotThere{})
		return
	}
	s.answer(q, &wire.Assignment{Generation: group.Generation, Partitions: wirePartitions(group.Pollable(nil, m))})
}
