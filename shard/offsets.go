package shard

import (
	"errors"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// Anybody with the right may read a group's offset; to store or delete one a member must own the partition.

func getConsumerOffset(s *Shard, q *request, r *wire.Request) {
	g := &r.GetOffset
	p, err := s.partition(q, g.Stream, g.Topic, g.Partition.ID)
	switch {
	case errors.Is(err, metadata.ErrPartitionNotFound):
		s.refuse(q, metaStatus(err))
		return
	case err != nil: // no such stream, or no such topic
		s.answer(q, wire.NotThere{})
		return
	case !s.may(q, metadata.ActionGetConsumerOffset, q.Stream, q.Topic):
		return
	}
	q.Kind, q.Consumer = storage.ReqGetOffset, storage.ConsumerKey{ID: g.Consumer.Key()}
	if g.Consumer.Kind == wire.GroupConsumer && !s.asMember(q, g.Consumer) {
		s.answer(q, wire.NotThere{})
		return
	}
	s.dropFrame(q)
	s.toOwner(q, p.Log)
}

func (s *Shard) replyOffset(q *request) {
	if !q.Found {
		s.answer(q, wire.NotThere{})
		return
	}
	s.out.Offset = wire.ConsumerOffset{PartitionID: uint32(q.Partition), CurrentOffset: uint64(q.Current), StoredOffset: q.Value}
	s.answer(q, nil)
}

func storeConsumerOffset(s *Shard, q *request, r *wire.Request) {
	m := &r.StoreOffset
	q.Value = m.Offset
	s.changeOffset(q, storage.ReqStoreOffset, metadata.ActionStoreConsumerOffset, m.Consumer, m.Stream, m.Topic, m.Partition.ID)
}

func deleteConsumerOffset(s *Shard, q *request, r *wire.Request) {
	m := r.Form.(*wire.DeleteConsumerOffset)
	s.changeOffset(q, storage.ReqDeleteOffset, metadata.ActionDeleteConsumerOffset, m.Consumer, m.Stream, m.Topic, m.Partition.ID)
}

func (s *Shard) changeOffset(q *request, kind storage.RequestKind, action metadata.Action, who wire.Consumer, stream, topic wire.Identifier, id uint32) {
	p, err := s.partition(q, stream, topic, id)
	switch {
	case err == nil && !s.may(q, action, q.Stream, q.Topic):
		return
	case err == nil && who.Kind == wire.GroupConsumer && !s.asMember(q, who):
		err = wire.StatusResourceNotFound
	}
	if err != nil {
		s.refuse(q, wire.StatusResourceNotFound)
		return
	}
	q.Kind, q.User = kind, storing(subjectIn(&q.Peer.Session))
	if who.Kind != wire.GroupConsumer {
		q.Consumer = storage.ConsumerKey{ID: who.Key()}
	}
	s.dropFrame(q)
	s.toOwner(q, p.Log)
}
