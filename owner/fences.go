package owner

import (
	"fmt"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// fences check what members of consumer groups ask of the partitions that are here, against the shard's replica of the metadata: no hop, no
// lease. A poll is checked when it starts and again when its records are there, before they count as delivered and before its auto-commit; the
// fence must be the same number. A hand-over is complete when nothing that was delivered is uncommitted, which only the owner of the log knows.
type fences struct {
	meta  *metadata.Machine
	store *storage.Store

	sent      map[storage.LogID]deliveries
	completed []metadata.Handover // that can be completed, and nobody was told of
}

// deliveries are the last ones from a log, by group.
type deliveries map[metadata.GroupID]delivery

// delivery is what a member was last sent of a partition.
type delivery struct {
	key    metadata.MemberKey
	offset storage.Offset
}

// admit checks a group member's request when it starts, and reports whether the partition is the member's.
func (f *fences) admit(p *Part) bool {
	g, found := f.meta.GroupByID(p.Stream, p.Topic, p.Member.Group)
	if !found {
		return false
	}
	fence, owns, pending := g.Fence(p.Partition, p.Member.Key)
	if !owns || pending && p.Kind == storage.ReqPoll {
		return false
	}
	p.Member.fence = fence
	return true
}

// deliver is asked by the store when the records of a group's poll are there: true, and they are delivered.
func (f *fences) deliver(r *storage.Request) bool {
	p := r.Owner.(*Part)
	g, found := f.meta.GroupByID(p.Stream, p.Topic, p.Member.Group)
	if !found {
		return false
	}
	if fence, owns, pending := g.Fence(p.Partition, p.Member.Key); !owns || pending || fence != p.Member.fence {
		return false
	}
	if p.Records > 0 {
		of := f.sent[p.Log]
		if of == nil {
			if f.store.Log(p.Log) == nil {
				return true // it was purged while the poll read from its disk
			}
			of = make(deliveries)
			f.sent[p.Log] = of
		}
		of[p.Member.Group] = delivery{p.Member.Key, p.Last}
	}
	return true
}

// settled reports whether nothing that was delivered of a partition to its present owner is uncommitted.
func (f *fences) settled(l *storage.Log, group metadata.GroupID, key metadata.MemberKey) bool {
	d, any := f.sent[l.ID()][group]
	if !any || d.key != key {
		return true
	}
	stored, is := l.StoredOffset(storage.ConsumerKey{Group: true, ID: uint32(group)})
	return is && stored >= d.offset
}

// stored looks whether the stored offset of a group completes a hand-over.
func (f *fences) stored(p *Part) {
	g, found := f.meta.GroupByID(p.Stream, p.Topic, p.Member.Group)
	l := f.store.Log(p.Log)
	if !found || l == nil {
		return
	}
	if o := g.Owner(p.Partition); o.Pending && f.settled(l, p.Member.Group, o.Key) {
		f.completed = append(f.completed, metadata.Handover{Stream: p.Stream, Topic: p.Topic, Group: p.Member.Group, Partition: p.Partition, Fence: o.Fence})
	}
}

// take forgets what was delivered from a log, and returns it.
func (f *fences) take(log storage.LogID) deliveries {
	sent := f.sent[log]
	delete(f.sent, log)
	return sent
}

// Completes reports whether the partition of a hand-over that is under way is here and the hand-over can be completed.
func (o *Owner) Completes(h *metadata.Handover) bool {
	g, found := o.meta.GroupByID(h.Stream, h.Topic, h.Group)
	p, _, err := o.meta.Partition(metadata.ByNumber(h.Stream), metadata.ByNumber(h.Topic), h.Partition)
	if !found || err != nil {
		return false
	}
	l := o.store.Log(storage.LogID(p.Log))
	if l == nil {
		return false
	}
	at := g.Owner(h.Partition)
	return at.Pending && at.Fence == h.Fence && o.fences.settled(l, h.Group, at.Key)
}

// Handovers reports whether hand-overs can be completed that nobody was told of.
func (o *Owner) Handovers() bool { return len(o.fences.completed) > 0 }

// TakeHandovers returns the hand-overs that stored offsets have completed since it was last called.
func (o *Owner) TakeHandovers() []metadata.Handover {
	list := o.fences.completed
	o.fences.completed = nil
	return list
}

// DropOffsets forgets what a deleted group stored in the logs that are here. Its number is not used again; at the next start, offsets of groups that
// nobody knows are left out.
func (o *Owner) DropOffsets(d *metadata.DroppedGroup) {
	for _, log := range d.Logs {
		id := storage.LogID(log)
		if l := o.store.Log(id); l != nil {
			delete(o.fences.sent[id], d.Group)
			l.ForgetOffset(storage.ConsumerKey{Group: true, ID: uint32(d.Group)})
		}
	}
}

func (f *fences) invariants() {
	for id := range f.sent {
		if f.store.Log(id) == nil {
			panic(fmt.Sprintf("BUG: deliveries of log %d are kept, which is not here", id))
		}
	}
}
