package owner

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// Part is what a request is for the owner of its log. Whoever makes requests has it embedded in what it knows of one, with Request.Owner
// pointing to it. It is the room's from Start until it comes out of TakeAnswered.
type Part struct {
	storage.Request

	Of   any // what it is embedded in; not touched
	From int // number of the shard that it comes from

	Stream    metadata.StreamID // the partition that Log is of
	Topic     metadata.TopicID
	Partition metadata.PartitionID
	Subject   metadata.Subject // whose right is looked at again when a poll has waited
	Member    Membership       // of a request for a consumer group
	AtOnce    bool             // a poll that finds nothing does not wait for a message

	slot *slot // of a poll that waits
	next *Part // in a queue of the room
}

// Membership says for which group, and as which member, a request comes.
type Membership struct {
	Group metadata.GroupID
	Key   metadata.MemberKey
	fence uint64 // of a poll: when it started
}

// Clear empties the part for its next use, but for what it is embedded in, where it comes from, and its memory for spans.
func (p *Part) Clear() {
	p.Request.Clear()
	p.Stream, p.Topic, p.Partition, p.Subject, p.Member, p.AtOnce = 0, 0, 0, metadata.Subject{}, Membership{}, false
}

// partList is a queue of parts, linked through them.
type partList struct{ first, last *Part }

func (l *partList) push(p *Part) {
	p.next = nil
	if l.last == nil {
		l.first = p
	} else {
		l.last.next = p
	}
	l.last = p
}

func (l *partList) pop() *Part {
	p := l.first
	if p == nil {
		return nil
	}
	if l.first = p.next; l.first == nil {
		l.last = nil
	}
	p.next = nil
	return p
}
