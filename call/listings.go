package call

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// What listings walk over. Each step goes on where the walk is until its work is done.

// of begins the sum of another thing, unless it is the one that is being added up.
func (w *walk) of(since uint64) {
	if w.since != since {
		w.since, w.sum, w.at[2] = since, storage.LogStats{}, 0
	}
}

// next goes on to the next thing at a level of the walk.
func (w *walk) next(level int) {
	w.at[level]++
	w.at[2], w.since = 0, 0
	w.sum = storage.LogStats{}
}

// addTopic adds a topic's partitions to the sum. False: the turn's work is done.
func (l *listing) addTopic(x *listings, t *metadata.Topic) bool {
	if rest := len(t.Partitions) - l.at[2]; rest > 0 {
		n := min(rest, max(l.work, 0))
		x.world.Logs.Add(&l.sum, t.Partitions[l.at[2]:l.at[2]+n])
		l.at[2] += n
		l.work -= n * workOfPartition
		return n == rest
	}
	return true
}

// addStream adds up a stream's topics. False: the turn's work is done.
func (l *listing) addStream(x *listings, st *metadata.Stream) bool {
	for ; l.at[1] < st.TopicSlots(); l.at[1]++ {
		t := st.TopicSlot(l.at[1])
		if l.work--; l.work <= 0 {
			return false
		}
		if t != nil && !l.addTopic(x, t) {
			return false
		}
		l.at[2] = 0
	}
	return true
}

func plus(a *storage.LogStats, b storage.LogStats) {
	a.Records += b.Records
	a.Bytes += b.Bytes
	a.Segments += b.Segments
}

// listStreams lists all streams.
func listStreams(x *listings, l *listing) bool {
	for ; l.at[0] < x.meta.StreamSlots(); l.at[0]++ {
		st := x.meta.StreamSlot(l.at[0])
		if l.work <= 0 {
			return true
		}
		if st == nil {
			l.work--
			continue
		}
		if l.since != st.Since {
			l.of(st.Since)
			l.at[1] = 0
		}
		if !l.addStream(x, st) {
			return true
		}
		p := x.space(l, streamBytesMax)
		if p == nil {
			return true
		}
		x.form.stream = wireStream(st, st.TopicCount(), l.sum)
		l.written(l.c.Peer.Dialect.Part(p, &x.form.stream), workOfStream)
		l.at[1], l.since = 0, 0
	}
	return false
}

const (
	streamBytesMax = 512 // with a name of 255
	thingBytesMax  = 512 // of groups, users, tokens and clients
	partitionBytes = 64
)

func wireStream(st *metadata.Stream, topics int, sum storage.LogStats) wire.Stream {
	return wire.Stream{ID: uint32(st.ID), CreatedAtMicros: uint64(st.CreatedAt), TopicsCount: uint32(topics), Name: st.Name,
		SizeBytes: sum.Bytes, MessagesCount: sum.Records}
}

// listTopics makes the step that lists the topics of a stream.
func listTopics(id metadata.StreamID, since uint64) func(x *listings, l *listing) bool {
	return func(x *listings, l *listing) bool {
		st := x.meta.StreamSlot(int(id))
		if st == nil || st.Since != since {
			l.gone = true
			return false
		}
		for ; l.at[1] < st.TopicSlots(); l.next(1) {
			t := st.TopicSlot(l.at[1])
			if l.work <= 0 {
				return true
			}
			if t == nil {
				l.work--
				continue
			}
			l.of(t.Since)
			if !l.addTopic(x, t) {
				return true
			}
			p := x.space(l, topicBytesMax(t))
			if p == nil {
				return true
			}
			x.form.topic = x.wireTopic(t, l.sum)
			l.written(l.c.Peer.Dialect.Part(p, &x.form.topic), workOfTopic)
			plus(&l.total, l.sum)
		}
		return false
	}
}

// topicBytesMax is how long a topic is in a list, at most.
func topicBytesMax(t *metadata.Topic) int {
	n := 128 + len(t.Name)
	for _, list := range [...][]metadata.Option{t.Explicit, t.Derived} {
		for i := range list {
			n += 16 + len(list[i].Key) + len(list[i].Value)
		}
	}
	return n
}

// wireTopic is the topic's header. Its options lie in scratch memory, until the next one.
func (x *listings) wireTopic(t *metadata.Topic, sum storage.LogStats) wire.Topic {
	x.options, x.keys = x.options[:0], x.keys[:0]
	x.addOptions(t.Explicit)
	x.addOptions(t.Derived)
	k := len(t.Explicit)
	return wire.Topic{ID: uint32(t.ID), CreatedAtMicros: uint64(t.CreatedAt), PartitionsCount: uint32(len(t.Partitions)),
		MessageExpiryMicros: t.Settings.MessageExpiryMicros, Compression: uint8(t.Settings.Compression),
		MaxSizeBytes: t.Settings.MaxTopicSize, SizeBytes: sum.Bytes, MessagesCount: sum.Records, Name: t.Name,
		Explicit: x.options[:k:k], Derived: x.options[k:]}
}

func (x *listings) addOptions(options []metadata.Option) {
	for _, o := range options {
		at := len(x.keys)
		x.keys = append(x.keys, o.Key...) // a key that is moved away by the next one stays what it is
		x.options = append(x.options, wire.Option{Key: x.keys[at:len(x.keys):len(x.keys)], Kind: wire.ValueKind(o.Kind), Value: o.Value})
	}
}

// listPartitions makes the step that lists the partitions of a topic.
func listPartitions(stream metadata.StreamID, topic metadata.TopicID, since uint64) func(x *listings, l *listing) bool {
	return func(x *listings, l *listing) bool {
		t := topicOf(x.meta, stream, topic, since)
		if t == nil {
			l.gone = true
			return false
		}
		for ; l.at[2] < len(t.Partitions); l.at[2]++ {
			if l.work <= 0 {
				return true
			}
			p := x.space(l, partitionBytes)
			if p == nil {
				return true
			}
			n := x.world.Logs.Log(t.Partitions[l.at[2]].Log)
			x.form.partition = wire.Partition{ID: uint32(l.at[2]), CreatedAtMicros: uint64(t.Partitions[l.at[2]].CreatedAt),
				SegmentsCount: n.Segments, CurrentOffset: uint64(n.Current), SizeBytes: n.Bytes, MessagesCount: n.Records}
			l.written(l.c.Peer.Dialect.Part(p, &x.form.partition), 2*workOfPartition)
			plus(&l.total, n)
		}
		return false
	}
}

// topicOf finds the topic that was made at that revision.
func topicOf(m *metadata.Machine, stream metadata.StreamID, topic metadata.TopicID, since uint64) *metadata.Topic {
	if st := m.StreamSlot(int(stream)); st != nil {
		if t := st.TopicSlot(int(topic)); t != nil && t.Since == since {
			return t
		}
	}
	return nil
}

// listGroups makes the step that lists the groups of a topic.
func listGroups(stream metadata.StreamID, topic metadata.TopicID, since uint64) func(x *listings, l *listing) bool {
	return func(x *listings, l *listing) bool {
		t := topicOf(x.meta, stream, topic, since)
		if t == nil {
			return false
		}
		for {
			g := t.GroupFrom(l.at[0])
			if g == nil {
				return false
			}
			p := x.space(l, thingBytesMax)
			if p == nil || l.work <= 0 {
				return true
			}
			x.form.group = wireGroup(g, len(t.Partitions))
			l.written(l.c.Peer.Dialect.Part(p, &x.form.group), workOfThing)
			l.at[0] = int(g.ID) + 1
		}
	}
}

// groupRestartsMax is how often the list of a group's members begins anew because they share its partitions out differently.
const groupRestartsMax = 3

// listMembers makes the step that lists the members of a group.
func listMembers(stream metadata.StreamID, topic metadata.TopicID, since uint64, id metadata.GroupID) func(x *listings, l *listing) bool {
	return func(x *listings, l *listing) bool {
		g := groupOf(x.meta, stream, topic, since, id)
		if g == nil {
			l.gone = true
			return false
		}
		if l.count > 0 && l.turn != g.Generation && l.again < groupRestartsMax {
			l.again++
			x.restart(l)
		}
		for l.turn = g.Generation; l.at[0] < g.MemberSlots(); l.at[0]++ {
			if l.work <= 0 {
				return true
			}
			m := g.MemberSlot(l.at[0])
			if m == nil {
				l.work--
				continue
			}
			p := x.space(l, thingBytesMax+4*len(m.Partitions))
			if p == nil {
				return true
			}
			ids := x.ids[:0]
			for _, id := range m.Partitions {
				ids = append(ids, uint32(id))
			}
			x.ids = ids
			x.form.member = wire.GroupMember{ID: uint32(m.ID), Partitions: ids}
			l.written(l.c.Peer.Dialect.Part(p, &x.form.member), workOfThing+len(ids)/16)
		}
		return false
	}
}

func groupOf(m *metadata.Machine, stream metadata.StreamID, topic metadata.TopicID, since uint64, id metadata.GroupID) *metadata.Group {
	if t := topicOf(m, stream, topic, since); t != nil {
		if g := t.GroupFrom(int(id)); g != nil && g.ID == id {
			return g
		}
	}
	return nil
}

// listUsers lists all users.
func listUsers(x *listings, l *listing) bool {
	for ; l.at[0] < x.meta.Accounts.UserSlots(); l.at[0]++ {
		if l.work <= 0 {
			return true
		}
		u := x.meta.Accounts.UserSlot(l.at[0])
		if u == nil {
			l.work--
			continue
		}
		p := x.space(l, thingBytesMax)
		if p == nil {
			return true
		}
		x.form.user = wireUser(u)
		l.written(l.c.Peer.Dialect.Part(p, &x.form.user), workOfThing)
	}
	return false
}

// listTokens makes the step that lists a user's tokens.
func listTokens(who subject) func(x *listings, l *listing) bool {
	return func(x *listings, l *listing) bool {
		u, good := who.Find(x.meta)
		if !good {
			return false
		}
		for ; l.at[0] < len(u.Tokens); l.at[0]++ {
			if l.work <= 0 {
				return true
			}
			p := x.space(l, thingBytesMax)
			if p == nil {
				return true
			}
			t := &u.Tokens[l.at[0]]
			x.form.token = wire.Token{Name: t.Name, ExpiresAtMicros: uint64(t.ExpiresAt)}
			l.written(l.c.Peer.Dialect.Part(p, &x.form.token), workOfThing)
		}
		return false
	}
}

// clientsOnce is how many clients are taken out of the board at a time: all shards wait for it meanwhile.
const clientsOnce = 64

// listClients lists all clients.
func listClients(x *listings, l *listing) bool {
	for {
		if l.work <= 0 {
			return true
		}
		page := x.world.Clients.Page(x.clients[:0], uint32(l.at[0]), clientsOnce)
		x.clients = page
		for i := range page {
			e := &page[i]
			p := x.space(l, thingBytesMax)
			if p == nil {
				return true
			}
			if e.UserID != wire.NoUser {
				e.GroupsCount = uint32(x.meta.MembershipCount(e.Key))
			}
			l.written(l.c.Peer.Dialect.Part(p, &e.Client), workOfThing)
			l.at[0] = int(e.ID) + 1
		}
		if len(page) < clientsOnce {
			return false
		}
	}
}

// addAll adds up all partitions.
func addAll(x *listings, l *listing) bool {
	for ; l.at[0] < x.meta.StreamSlots(); l.at[0]++ {
		if l.work--; l.work <= 0 {
			return true
		}
		if st := x.meta.StreamSlot(l.at[0]); st != nil && !l.addStream(x, st) {
			return true
		}
		l.at[1], l.at[2] = 0, 0
	}
	return false
}
