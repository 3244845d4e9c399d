package shard

import (
	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// What a member of a consumer group asks of a partition is checked on the shard that owns the partition, against that
// shard's replica of the metadata: no hop, no lease. A poll is checked when it starts and again when its records are there,
// before they count as delivered and before its auto-commit; the fence must be the same number. A hand-over is complete
// when nothing that was delivered is uncommitted, which only this shard knows.

// membership says for which group, and as which member, a request comes.
type membership struct {
	group metadata.GroupID
	key   metadata.MemberKey
	fence uint64 // of a poll: when it started
}

// delivery is what a member was last sent of a partition.
type delivery struct {
	key    metadata.MemberKey
	offset storage.Offset
}

// deliveries are the last ones of each group, by log.
type deliveries map[storage.LogID]map[metadata.GroupID]delivery

// owned starts a request of a group member on the shard that owns the log. False: it is refused, and answered.
func (s *Shard) owned(q *request) bool {
	g, found := s.meta.GroupByID(q.stream, q.topic, q.member.group)
	if found {
		fence, owns, pending := g.Fence(q.part, q.member.key)
		if owns && (!pending || q.Kind != storage.ReqPoll) {
			q.member.fence = fence
			return true
		}
	}
	q.Err = storage.ErrNotOwned
	s.storeDone(q)
	return false
}

// fenceHolds is asked by the store when the records of a group's poll are there: true, and they are delivered.
func (s *Shard) fenceHolds(r *storage.Request) bool {
	q := r.Owner.(*request)
	g, found := s.meta.GroupByID(q.stream, q.topic, q.member.group)
	if !found {
		return false
	}
	if fence, owns, pending := g.Fence(q.part, q.member.key); !owns || pending || fence != q.member.fence {
		return false
	}
	if r.Records > 0 {
		of := s.delivered[q.Log]
		if of == nil {
			of = make(map[metadata.GroupID]delivery)
			s.delivered[q.Log] = of
		}
		of[q.member.group] = delivery{q.member.key, r.Last}
	}
	return true
}

// settled reports whether nothing that was delivered of a partition to its present owner is uncommitted.
func (s *Shard) settled(log storage.LogID, group metadata.GroupID, key metadata.MemberKey) bool {
	d, any := s.delivered[log][group]
	if !any || d.key != key {
		return true
	}
	l := s.store.Log(log)
	if l == nil {
		return true
	}
	stored, is := l.StoredOffset(storage.ConsumerKey{Group: true, ID: uint32(group)})
	return is && stored >= d.offset
}

// completes reports whether this shard owns the partition of a hand-over that is under way and can be completed.
func (s *Shard) completes(h *metadata.Handover) bool {
	g, found := s.meta.GroupByID(h.Stream, h.Topic, h.Group)
	p, _, err := s.meta.Partition(metadata.ByNumber(h.Stream), metadata.ByNumber(h.Topic), h.Partition)
	if !found || err != nil {
		return false
	}
	if owner, ok := s.owners.Owner(router.LogID(p.Log)); !ok || owner != s.id {
		return false
	}
	o := g.Owner(h.Partition)
	return o.Pending && o.Fence == h.Fence && s.settled(storage.LogID(p.Log), h.Group, o.Key)
}

// offsetStored looks whether a stored offset of a group completes a hand-over.
func (s *Shard) offsetStored(q *request) {
	g, found := s.meta.GroupByID(q.stream, q.topic, q.member.group)
	if !found {
		return
	}
	o := g.Owner(q.part)
	if o.Pending && s.settled(q.Log, q.member.group, o.Key) {
		n := s.newsOfGroups()
		n.Handovers = append(n.Handovers, metadata.Handover{Stream: q.stream, Topic: q.topic, Group: q.member.group, Partition: q.part, Fence: o.Fence})
	}
}

// sendGroupNews tells the control room what has come up of groups, if there is room for a message.
func (s *Shard) sendGroupNews() {
	if s.groupNews.Kind == 0 || s.coordinator == nil && s.port.ControlRoom(0) <= controlReserve {
		return
	}
	s.tellControl(s.groupNews)
	s.groupNews = control.Event{}
}

// newsOfGroups returns what is gathered for the control room.
func (s *Shard) newsOfGroups() *control.Event {
	s.groupNews.Kind = control.EventGroups
	return &s.groupNews
}

// dropMember has a session's memberships ended.
func (s *Shard) dropMember(key metadata.MemberKey) {
	n := s.newsOfGroups()
	n.Leavers = append(n.Leavers, key)
}

// dropOffsets forgets what a deleted group stored in the logs of this shard. Its number is not used again; at the next start, offsets
// of groups that nobody knows are left out.
func (s *Shard) dropOffsets(d *metadata.DroppedGroup) {
	for _, log := range d.Logs {
		id := storage.LogID(log)
		if owner, ok := s.owners.Owner(router.LogID(log)); !ok || owner != s.id {
			continue
		}
		delete(s.delivered[id], d.Group)
		if l := s.store.Log(id); l != nil {
			l.ForgetOffset(storage.ConsumerKey{Group: true, ID: uint32(d.Group)})
		}
	}
}
