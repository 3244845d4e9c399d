package metadata

import (
	"cmp"
	"slices"
)

// Numbers of streams and topics are given out again, so an entry of a user's rights holds the revision at which what it names
// was made, and goes with it. An entry for a number that nobody has yet waits, with 0, and is bound to the first that gets it.
// So in every state an entry is bound to what has its number, or waits because nothing has.

// bind binds a user's new rights to what is there. Entries that were meant for something that is gone are left out.
func (p *Permissions) bind(tr *Tree) {
	if p == nil {
		return
	}
	p.Streams = slices.DeleteFunc(p.Streams, func(e StreamPermissions) bool {
		s := tr.streams.find(ByNumber(e.Stream))
		return e.Since != 0 && (s == nil || s.Since != e.Since)
	})
	for i := range p.Streams {
		e := &p.Streams[i]
		s := tr.streams.find(ByNumber(e.Stream))
		if s != nil {
			e.Since = s.Since
		}
		e.bindTopics(s)
	}
}

// bindTopics does the same with the topics of an entry; s is nil if the entry waits.
func (e *StreamPermissions) bindTopics(s *Stream) {
	e.Topics = slices.DeleteFunc(e.Topics, func(x TopicPermissions) bool {
		t := s.topicOrNil(x.Topic)
		return x.Since != 0 && (t == nil || t.Since != x.Since)
	})
	for i := range e.Topics {
		if t := s.topicOrNil(e.Topics[i].Topic); t != nil {
			e.Topics[i].Since = t.Since
		}
	}
}

func (s *Stream) topicOrNil(id TopicID) *Topic {
	if s == nil {
		return nil
	}
	return s.topics.find(ByNumber(id))
}

// streamMade binds the entries that waited for a stream.
func (a *Accounts) streamMade(s *Stream) {
	a.entriesFor(s.ID, func(p *Permissions, i int) { p.Streams[i].Since = s.Since })
}

// streamGone drops the entries for a stream.
func (a *Accounts) streamGone(s *Stream) {
	if plantedRightsStay {
		return
	}
	a.entriesFor(s.ID, func(p *Permissions, i int) {
		a.bytes -= entrySize + len(p.Streams[i].Topics)*leafSize
		p.Streams = slices.Delete(p.Streams, i, i+1)
	})
}

// topicMade binds the entries that waited for a topic.
func (a *Accounts) topicMade(t *Topic) {
	a.topicEntriesFor(t, func(e *StreamPermissions, i int) { e.Topics[i].Since = t.Since })
}

// topicGone drops the entries for a topic.
func (a *Accounts) topicGone(t *Topic) {
	if plantedRightsStay {
		return
	}
	a.topicEntriesFor(t, func(e *StreamPermissions, i int) {
		a.bytes -= leafSize
		e.Topics = slices.Delete(e.Topics, i, i+1)
	})
}

// entriesFor says f of every entry for a stream, in the order of the users.
func (a *Accounts) entriesFor(id StreamID, f func(p *Permissions, i int)) {
	for u := range a.Users() {
		if u.Permissions == nil {
			continue
		}
		if i, found := u.Permissions.entry(id); found {
			f(u.Permissions, i)
		}
	}
}

func (a *Accounts) topicEntriesFor(t *Topic, f func(e *StreamPermissions, i int)) {
	a.entriesFor(t.Stream, func(p *Permissions, i int) {
		if j, found := p.Streams[i].entry(t.ID); found {
			f(&p.Streams[i], j)
		}
	})
}

func (p *Permissions) entry(id StreamID) (int, bool) {
	return slices.BinarySearchFunc(p.Streams, id, func(e StreamPermissions, id StreamID) int { return cmp.Compare(e.Stream, id) })
}

func (e *StreamPermissions) entry(id TopicID) (int, bool) {
	return slices.BinarySearchFunc(e.Topics, id, func(x TopicPermissions, id TopicID) int { return cmp.Compare(x.Topic, id) })
}

// bound reports whether every entry is bound to what has its number, or waits because nothing has.
func (p *Permissions) bound(tr *Tree) bool {
	for i := range p.Streams {
		e := &p.Streams[i]
		s := tr.streams.find(ByNumber(e.Stream))
		if e.Since != sinceOf(s) {
			return false
		}
		for _, x := range e.Topics {
			since := uint64(0)
			if t := s.topicOrNil(x.Topic); t != nil {
				since = t.Since
			}
			if x.Since != since {
				return false
			}
		}
	}
	return true
}

func sinceOf(s *Stream) uint64 {
	if s == nil {
		return 0
	}
	return s.Since
}

// bindOldRights does for a snapshot without incarnations what can be done: rights are bound to what is there, and those for numbers
// that nobody has are dropped, as they may have been for something that was deleted.
func (a *Accounts) bindOldRights(tr *Tree) {
	for u := range a.Users() {
		p := u.Permissions
		if p == nil {
			continue
		}
		p.Streams = slices.DeleteFunc(p.Streams, func(e StreamPermissions) bool { return tr.streams.find(ByNumber(e.Stream)) == nil })
		for i := range p.Streams {
			s := tr.streams.find(ByNumber(p.Streams[i].Stream))
			p.Streams[i].Topics = slices.DeleteFunc(p.Streams[i].Topics, func(x TopicPermissions) bool { return s.topicOrNil(x.Topic) == nil })
		}
		p.bind(tr)
	}
}
