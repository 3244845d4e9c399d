package metadata

import (
	"cmp"
	"slices"
)

// Slots let a caller walk the state in steps, with commands applied between them: what has a number keeps its slot. A slot may be
// empty.

// StreamSlots is one more than the highest id of a stream.
func (tr *Tree) StreamSlots() int { return len(tr.streams.rows) }

// StreamSlot is the stream of an id; nil if there is none.
func (tr *Tree) StreamSlot(id int) *Stream { return tr.streams.slot(id) }

// UserSlots is one more than the highest id of a user.
func (a *Accounts) UserSlots() int { return len(a.users.rows) }

// UserSlot is the user of an id; nil if there is none.
func (a *Accounts) UserSlot(id int) *User { return a.users.slot(id) }

// TopicSlots is one more than the highest id of a topic in the stream.
func (s *Stream) TopicSlots() int { return len(s.topics.rows) }

// TopicSlot is the topic of an id; nil if there is none.
func (s *Stream) TopicSlot(id int) *Topic { return s.topics.slot(id) }

// MemberSlots is one more than the highest id of a member.
func (g *Group) MemberSlots() int { return len(g.members.rows) }

// MemberSlot is the member of an id; nil if there is none.
func (g *Group) MemberSlot(id int) *Member { return g.members.slot(id) }

// GroupFrom is the group with the lowest id that is not below the given one; nil if there is none.
func (t *Topic) GroupFrom(id int) *Group {
	i, _ := slices.BinarySearchFunc(t.groups.rows, id, func(g *Group, id int) int { return cmp.Compare(int(g.ID), id) })
	if i == len(t.groups.rows) {
		return nil
	}
	return t.groups.rows[i]
}

func (t *table[T]) slot(number int) *T {
	if uint64(number) >= uint64(len(t.rows)) {
		return nil
	}
	return t.rows[number]
}
