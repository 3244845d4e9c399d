package call

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

func wireOptions(options []metadata.Option) []wire.Option {
	w := make([]wire.Option, len(options))
	for i, o := range options {
		w[i] = wire.Option{Key: []byte(o.Key), Kind: wire.ValueKind(o.Kind), Value: o.Value}
	}
	return w
}

func metaOptions(options []wire.Option) []metadata.Option {
	m := make([]metadata.Option, len(options))
	for i, o := range options {
		m[i] = metadata.Option{Key: string(o.Key), Kind: metadata.Kind(o.Kind), Value: o.Value}
	}
	return m
}

func (of *World) describeTopic(t *metadata.Topic) wire.Topic {
	var sum storage.LogStats
	of.Logs.Add(&sum, t.Partitions)
	return wire.Topic{ID: uint32(t.ID), CreatedAtMicros: uint64(t.CreatedAt), PartitionsCount: uint32(len(t.Partitions)),
		MessageExpiryMicros: t.Settings.MessageExpiryMicros, Compression: uint8(t.Settings.Compression),
		MaxSizeBytes: t.Settings.MaxTopicSize, SizeBytes: sum.Bytes, MessagesCount: sum.Records, Name: t.Name,
		Explicit: wireOptions(t.Explicit), Derived: wireOptions(t.Derived)}
}

func (of *World) describeTopicDetails(t *metadata.Topic) wire.TopicDetails {
	d := wire.TopicDetails{Topic: of.describeTopic(t), Partitions: make([]wire.Partition, 0, len(t.Partitions))}
	for i, p := range t.Partitions {
		c := of.Logs.Log(p.Log)
		d.Partitions = append(d.Partitions, wire.Partition{ID: uint32(i), CreatedAtMicros: uint64(p.CreatedAt),
			SegmentsCount: c.Segments, CurrentOffset: uint64(c.Current), SizeBytes: c.Bytes, MessagesCount: c.Records})
	}
	return d
}

func getTopic(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.GetTopic)
	t, err := r.meta.Topic(ident(g.Stream), ident(g.Topic))
	if err != nil {
		r.answer(c, wire.NotThere{})
		return
	}
	if !r.may(c, metadata.ActionGetTopic, t.Stream, t.ID) {
		return
	}
	stream, topic, since := t.Stream, t.ID, t.Since
	r.lists.start(c, &listing{step: listPartitions(stream, topic, since), front: func(x *listings, l *listing, dst []byte) []byte {
		if l.gone {
			return dst // not found
		}
		w := x.wireTopic(topicOf(x.meta, stream, topic, since), l.total)
		w.PartitionsCount = uint32(l.count)
		return c.Peer.Dialect.Part(dst, &w)
	}})
}

func getTopics(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.GetTopics)
	st, err := r.meta.Stream(ident(g.Stream))
	if err != nil {
		c.authorized = true // nothing of anybody's is shown
		r.answer(c, new(wire.TopicsCount))
		return
	}
	if !r.may(c, metadata.ActionGetTopics, st.ID, 0) {
		return
	}
	r.lists.start(c, &listing{step: listTopics(st.ID, st.Since), front: func(_ *listings, l *listing, dst []byte) []byte {
		if l.gone {
			l.count = 0
		}
		n := wire.TopicsCount(l.count)
		return c.Peer.Dialect.Part(dst, &n)
	}})
}

func createTopic(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.CreateTopic)
	options := metaOptions(m.Options)
	err := metadata.CheckOptions(options, false)
	if !r.nameAllowed(m.Name) {
		err = wire.StatusInvalidTopicName
	}
	if err != nil {
		r.refuseFor(c, err)
		return
	}
	c.about(string(m.Name))
	if r.authorize(c, metadata.ActionCreateTopic, ident(m.Stream), nothing) {
		r.propose(c, metadata.EncodeCreateTopic(nil, r.now, metadata.CreateTopic{Stream: ident(m.Stream), Name: m.Name,
			Partitions: m.PartitionsCount, Options: options}))
	}
}

func updateTopic(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.UpdateTopic)
	options := metaOptions(m.Options)
	err := metadata.CheckOptions(options, true)
	if !r.nameAllowed(m.Name) {
		err = wire.StatusInvalidTopicName
	}
	if err != nil {
		r.refuseFor(c, err)
		return
	}
	if r.authorize(c, metadata.ActionUpdateTopic, ident(m.Stream), ident(m.Topic)) {
		r.propose(c, metadata.EncodeUpdateTopic(nil, r.now, metadata.UpdateTopic{Stream: ident(m.Stream),
			Topic: ident(m.Topic), Name: m.Name, Options: options}))
	}
}

func deleteTopic(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.DeleteTopic)
	if r.authorize(c, metadata.ActionDeleteTopic, ident(m.Stream), ident(m.Topic)) {
		r.propose(c, metadata.EncodeDeleteTopic(nil, r.now, ident(m.Stream), ident(m.Topic)))
	}
}

func purgeTopic(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.PurgeTopic)
	if r.authorize(c, metadata.ActionPurgeTopic, ident(m.Stream), ident(m.Topic)) {
		r.propose(c, metadata.EncodePurgeTopic(nil, r.now, ident(m.Stream), ident(m.Topic)))
	}
}

func createPartitions(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.CreatePartitions)
	if r.authorize(c, metadata.ActionCreatePartitions, ident(m.Stream), ident(m.Topic)) {
		r.propose(c, metadata.EncodeCreatePartitions(nil, r.now, ident(m.Stream), ident(m.Topic), m.Count))
	}
}

func deletePartitions(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.DeletePartitions)
	if r.authorize(c, metadata.ActionDeletePartitions, ident(m.Stream), ident(m.Topic)) {
		r.propose(c, metadata.EncodeDeletePartitions(nil, r.now, ident(m.Stream), ident(m.Topic), m.Count))
	}
}

// setDurability is Galgo's own command.
func setDurability(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.SetDurability)
	if m.Messages > wire.DurabilityMemory || m.Offsets > wire.DurabilityMemory {
		r.refuse(c, wire.StatusInvalidOptionValue)
		return
	}
	if !r.authorize(c, metadata.ActionUpdateTopic, ident(m.Stream), ident(m.Topic)) {
		return
	}
	r.propose(c, metadata.EncodeSetLevels(nil, r.now, ident(m.Stream), ident(m.Topic), metadata.Level(m.Messages), metadata.Level(m.Offsets)))
}
