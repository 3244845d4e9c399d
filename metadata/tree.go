package metadata

import (
	"cmp"
	"iter"
	"slices"
)

// Tree is all streams, with their topics, with their partitions and groups. It counts what is in it, so that nobody has to walk it
// for that.
type Tree struct {
	streams table[Stream]
	members memberships
	topics  int // of all streams
	logs    int // of all topics
	groups  int // of all topics
	bytes   int // of memory, at most
}

// Stream is a named set of topics.
type Stream struct {
	ID        StreamID
	Name      string
	CreatedAt Micros
	Since     uint64 // revision at which it was made: tells it from others that had its number
	topics    table[Topic]
}

// Topic is a named set of partitions with settings of its own.
type Topic struct {
	ID         TopicID
	Stream     StreamID
	Name       string
	CreatedAt  Micros
	Since      uint64 // as the stream's
	Settings   Settings
	Explicit   []Option    // what creator or updater asked for, canonical
	Derived    []Option    // the rest, filled from defaults
	Partitions []Partition // by id
	explicit   optionSet
	groups     groupTable
}

// Partition is one log of a topic; its id is its index there.
type Partition struct {
	Log       LogID
	CreatedAt Micros
	Since     uint64 // revision at which it was made; a purge changes the log and not this
}

// Stream finds a stream. ErrStreamNotFound.
func (tr *Tree) Stream(stream Ident) (*Stream, error) {
	if s := tr.streams.find(stream); s != nil {
		return s, nil
	}
	return nil, ErrStreamNotFound
}

// Topic finds a topic. ErrStreamNotFound, ErrTopicNotFound.
func (tr *Tree) Topic(stream, topic Ident) (*Topic, error) {
	s, err := tr.Stream(stream)
	if err != nil {
		return nil, err
	}
	return s.Topic(topic)
}

// Partition finds a partition and its topic. ErrStreamNotFound, ErrTopicNotFound, ErrPartitionNotFound.
func (tr *Tree) Partition(stream, topic Ident, id PartitionID) (Partition, *Topic, error) {
	t, err := tr.Topic(stream, topic)
	if err != nil {
		return Partition{}, nil, err
	}
	if uint64(id) >= uint64(len(t.Partitions)) {
		return Partition{}, nil, ErrPartitionNotFound
	}
	return t.Partitions[id], t, nil
}

// Holder finds the partition whose log that is; nil: it is none's any more. It looks at every topic: it is for what happens seldom.
func (tr *Tree) Holder(log LogID) (*Stream, *Topic, PartitionID) {
	for s := range tr.Streams() {
		for t := range s.Topics() {
			p := t.Partitions // newer ones have higher logs
			if len(p) == 0 || log < p[0].Log || log > p[len(p)-1].Log {
				continue
			}
			if i, ok := slices.BinarySearchFunc(p, log, func(p Partition, log LogID) int { return cmp.Compare(p.Log, log) }); ok {
				return s, t, PartitionID(i)
			}
		}
	}
	return nil, nil, 0
}

// Streams yields all streams by ascending id.
func (tr *Tree) Streams() iter.Seq[*Stream] { return tr.streams.all }

// StreamCount is the number of streams.
func (tr *Tree) StreamCount() int { return tr.streams.count() }

// TopicCount is the number of all topics.
func (tr *Tree) TopicCount() int { return tr.topics }

// LogCount is the number of all partitions.
func (tr *Tree) LogCount() int { return tr.logs }

// GroupCount is the number of all groups.
func (tr *Tree) GroupCount() int { return tr.groups }

// addStream puts a stream without topics into the tree.
func (tr *Tree) addStream(s *Stream) {
	tr.streams.put(uint32(s.ID), s.Name, s)
	tr.bytes += s.size()
}

// removeStream takes a stream out, with all that is in it.
func (tr *Tree) removeStream(s *Stream) {
	for t := range s.Topics() {
		tr.forgetTopic(t)
	}
	tr.bytes -= s.size()
	tr.streams.remove(uint32(s.ID), s.Name)
}

// addTopic puts a topic without partitions and groups into its stream.
func (tr *Tree) addTopic(s *Stream, t *Topic) {
	s.topics.put(uint32(t.ID), t.Name, t)
	tr.bytes += t.size()
	tr.topics++
}

// removeTopic takes a topic out, with its partitions and groups.
func (tr *Tree) removeTopic(s *Stream, t *Topic) {
	tr.forgetTopic(t)
	s.topics.remove(uint32(t.ID), t.Name)
}

// forgetTopic takes a topic that is about to go out of all that counts it, with its groups.
func (tr *Tree) forgetTopic(t *Topic) {
	tr.bytes -= t.size()
	tr.topics--
	tr.logs -= len(t.Partitions)
	for g := range t.Groups() {
		tr.dropGroup(g)
	}
}

// countPartitions notes that a topic has so many partitions more.
func (tr *Tree) countPartitions(more int) {
	tr.bytes += more * partitionSize
	tr.logs += more
}

// addGroup puts a group without members into its topic.
func (tr *Tree) addGroup(t *Topic, g *Group) {
	t.groups.put(g)
	tr.groups++
	tr.bytes += g.size()
}

// dropGroup takes a group that is about to go out of all that counts it.
func (tr *Tree) dropGroup(g *Group) {
	tr.groups--
	tr.bytes -= g.size()
	for member := range g.Members() {
		tr.members.forget(member.Key, g)
	}
}

// redistribute shares the partitions of a topic, whose count has changed, out anew in all its groups that have members.
func (tr *Tree) redistribute(t *Topic, revision uint64) {
	for g := range t.Groups() {
		if g.MemberCount() > 0 {
			tr.resizeGroup(g, func() { g.redistribute(len(t.Partitions), revision) })
		}
	}
}

// resizeGroup does f, which changes who is in a group, and counts what that changes.
func (tr *Tree) resizeGroup(g *Group, f func()) {
	tr.bytes -= g.size()
	f()
	tr.bytes += g.size()
}

// count adds everything up anew.
func (tr *Tree) count() (topics, logs, groups, bytes int) {
	for s := range tr.Streams() {
		bytes += s.size()
		for t := range s.Topics() {
			topics++
			logs += len(t.Partitions)
			groups += t.GroupCount()
			bytes += t.size()
			for g := range t.Groups() {
				bytes += g.size()
			}
		}
	}
	return topics, logs, groups, bytes
}

// Topic finds a topic of the stream. ErrTopicNotFound.
func (s *Stream) Topic(topic Ident) (*Topic, error) {
	if t := s.topics.find(topic); t != nil {
		return t, nil
	}
	return nil, ErrTopicNotFound
}

// Topics yields the stream's topics by ascending id.
func (s *Stream) Topics() iter.Seq[*Topic] { return s.topics.all }

// TopicCount is the number of topics in the stream.
func (s *Stream) TopicCount() int { return s.topics.count() }

// setOptions takes new settings over and writes the option lists anew.
func (t *Topic) setOptions(s Settings, explicit optionSet) {
	t.Settings, t.explicit = s, explicit
	t.Explicit, t.Derived = s.lists(explicit)
}
