package shard

import (
	"github.com/galgo-mq/galgo/metadata"
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

func (s *Shard) describeTopic(t *metadata.Topic) wire.Topic {
	c := s.g.counters.topic(t)
	return wire.Topic{ID: uint32(t.ID), CreatedAtMicros: uint64(t.CreatedAt), PartitionsCount: uint32(len(t.Partitions)),
		MessageExpiryMicros: t.Settings.MessageExpiryMicros, Compression: uint8(t.Settings.Compression),
		MaxSizeBytes: t.Settings.MaxTopicSize, SizeBytes: c.Bytes, MessagesCount: c.Records, Name: t.Name,
		Explicit: wireOptions(t.Explicit), Derived: wireOptions(t.Derived)}
}

func (s *Shard) describeTopicDetails(t *metadata.Topic) wire.TopicDetails {
	d := wire.TopicDetails{Topic: s.describeTopic(t), Partitions: make([]wire.Partition, 0, len(t.Partitions))}
	for i, p := range t.Partitions {
		c := s.g.counters.log(p.Log)
		d.Partitions = append(d.Partitions, wire.Partition{ID: uint32(i), CreatedAtMicros: uint64(p.CreatedAt),
			SegmentsCount: c.Segments, CurrentOffset: uint64(c.Current), SizeBytes: c.Bytes, MessagesCount: c.Records})
	}
	return d
}

func getTopic(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.GetTopic)
	t, err := s.meta.Topic(ident(g.Stream), ident(g.Topic))
	if err != nil {
		s.answer(q, wire.NotThere{})
		return
	}
	if !s.may(q, metadata.ActionGetTopic, t.Stream, t.ID) {
		return
	}
	stream, topic, since := t.Stream, t.ID, t.Since
	s.list(q, &listing{step: listPartitions(stream, topic, since), front: func(s *Shard, l *listing, dst []byte) []byte {
		if l.gone {
			return dst // not found
		}
		w := s.wireTopic(topicOf(s.meta, stream, topic, since), l.total)
		w.PartitionsCount = uint32(l.count)
		return q.Peer.Dialect.Part(dst, &w)
	}})
}

func getTopics(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.GetTopics)
	st, err := s.meta.Stream(ident(g.Stream))
	if err != nil {
		q.judged = true // nothing of anybody's is shown
		s.answer(q, new(wire.TopicsCount))
		return
	}
	if !s.may(q, metadata.ActionGetTopics, st.ID, 0) {
		return
	}
	s.list(q, &listing{step: listTopics(st.ID, st.Since), front: func(_ *Shard, l *listing, dst []byte) []byte {
		if l.gone {
			l.count = 0
		}
		n := wire.TopicsCount(l.count)
		return q.Peer.Dialect.Part(dst, &n)
	}})
}

func createTopic(s *Shard, q *request, r *wire.Request) {
	m, err := r.Form.(*wire.CreateTopic), error(nil)
	if err == nil && !s.nameAllowed(m.Name) {
		err = wire.StatusInvalidTopicName
	}
	options := metaOptions(m.Options)
	if err == nil {
		err = metadata.CheckOptions(options, false)
	}
	if err != nil {
		s.refuseFor(q, err)
		return
	}
	q.about(string(m.Name))
	if s.judge(q, metadata.ActionCreateTopic, ident(m.Stream), nothing) {
		s.propose(q, metadata.EncodeCreateTopic(nil, s.micros(), metadata.CreateTopic{Stream: ident(m.Stream), Name: m.Name,
			Partitions: m.PartitionsCount, Options: options}))
	}
}

func updateTopic(s *Shard, q *request, r *wire.Request) {
	m, err := r.Form.(*wire.UpdateTopic), error(nil)
	if err == nil && !s.nameAllowed(m.Name) {
		err = wire.StatusInvalidTopicName
	}
	options := metaOptions(m.Options)
	if err == nil {
		err = metadata.CheckOptions(options, true)
	}
	if err != nil {
		s.refuseFor(q, err)
		return
	}
	if s.judge(q, metadata.ActionUpdateTopic, ident(m.Stream), ident(m.Topic)) {
		s.propose(q, metadata.EncodeUpdateTopic(nil, s.micros(), metadata.UpdateTopic{Stream: ident(m.Stream),
			Topic: ident(m.Topic), Name: m.Name, Options: options}))
	}
}

func deleteTopic(s *Shard, q *request, r *wire.Request) {
	m := r.Form.(*wire.DeleteTopic)
	if s.judge(q, metadata.ActionDeleteTopic, ident(m.Stream), ident(m.Topic)) {
		s.propose(q, metadata.EncodeDeleteTopic(nil, s.micros(), ident(m.Stream), ident(m.Topic)))
	}
}

func purgeTopic(s *Shard, q *request, r *wire.Request) {
	m := r.Form.(*wire.PurgeTopic)
	if s.judge(q, metadata.ActionPurgeTopic, ident(m.Stream), ident(m.Topic)) {
		s.propose(q, metadata.EncodePurgeTopic(nil, s.micros(), ident(m.Stream), ident(m.Topic)))
	}
}

func createPartitions(s *Shard, q *request, r *wire.Request) {
	m := r.Form.(*wire.CreatePartitions)
	if s.judge(q, metadata.ActionCreatePartitions, ident(m.Stream), ident(m.Topic)) {
		s.propose(q, metadata.EncodeCreatePartitions(nil, s.micros(), ident(m.Stream), ident(m.Topic), m.Count))
	}
}

func deletePartitions(s *Shard, q *request, r *wire.Request) {
	m := r.Form.(*wire.DeletePartitions)
	if s.judge(q, metadata.ActionDeletePartitions, ident(m.Stream), ident(m.Topic)) {
		s.propose(q, metadata.EncodeDeletePartitions(nil, s.micros(), ident(m.Stream), ident(m.Topic), m.Count))
	}
}
