package shard

import (
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// Groups come with a later version: nobody is a member of any, so their offsets can neither be stored nor read.

func getConsumerOffset(s *Shard, _ *conn, q *request, body []byte) {
	g, err := q.codec.decodeGetConsumerOffset(body)
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	t, err := s.meta.Topic(ident(g.Stream), ident(g.Topic))
	if err != nil || g.Consumer.Kind == wire.GroupConsumer {
		s.reply(q, nil) // not found
		return
	}
	if uint64(g.Partition.ID) >= uint64(len(t.Partitions)) {
		s.refuse(q, wire.StatusPartitionNotFound)
		return
	}
	p, err := s.partition(q, g.Stream, g.Topic, g.Partition.ID)
	if err != nil {
		s.refuse(q, metaStatus(err))
		return
	}
	q.Kind, q.Consumer = storage.ReqGetOffset, storage.ConsumerKey{ID: g.Consumer.Key()}
	s.dropFrame(q)
	s.toOwner(q, p.Log)
}

func (s *Shard) replyOffset(q *request) {
	if !q.Found {
		s.reply(q, nil)
		return
	}
	s.reply(q, q.codec.appendGetConsumerOffsetReply(s.body(q), wire.ConsumerOffset{PartitionID: uint32(q.part),
		CurrentOffset: uint64(q.Current), StoredOffset: q.Value}))
}

func storeConsumerOffset(s *Shard, _ *conn, q *request, body []byte) {
	m, err := q.codec.decodeStoreConsumerOffset(body)
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	q.Value = m.Offset
	s.changeOffset(q, storage.ReqStoreOffset, m.Consumer, m.Stream, m.Topic, m.Partition.ID)
}

func deleteConsumerOffset(s *Shard, _ *conn, q *request, body []byte) {
	m, err := q.codec.decodeDeleteConsumerOffset(body)
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	s.changeOffset(q, storage.ReqDeleteOffset, m.Consumer, m.Stream, m.Topic, m.Partition.ID)
}

func (s *Shard) changeOffset(q *request, kind storage.RequestKind, who wire.Consumer, stream, topic wire.Identifier, id uint32) {
	p, err := s.partition(q, stream, topic, id)
	if err != nil || who.Kind == wire.GroupConsumer {
		s.refuse(q, wire.StatusResourceNotFound)
		return
	}
	q.Kind, q.Consumer = kind, storage.ConsumerKey{ID: who.Key()}
	s.dropFrame(q)
	s.toOwner(q, p.Log)
}
