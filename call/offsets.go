package call

import (
	"errors"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// Anybody with the right may read a group's offset; to store or delete one a member must own the partition.

func getConsumerOffset(r *Room, c *Call, in *wire.Request) {
	g := &in.GetOffset
	p, err := r.partition(c, g.Stream, g.Topic, g.Partition.ID)
	switch {
	case errors.Is(err, metadata.ErrPartitionNotFound):
		r.refuse(c, statusOf(err))
		return
	case err != nil: // no such stream, or no such topic
		r.answer(c, wire.NotThere{})
		return
	case !r.may(c, metadata.ActionGetConsumerOffset, c.Stream, c.Topic):
		return
	}
	c.Kind, c.Consumer = storage.ReqGetOffset, storage.ConsumerKey{ID: g.Consumer.Key()}
	if g.Consumer.Kind == wire.GroupConsumer && !r.asMember(c, g.Consumer) {
		r.answer(c, wire.NotThere{})
		return
	}
	r.dropFrame(c)
	r.toOwner(c, p.Log)
}

func (a *answers) replyOffset(c *Call) {
	if !c.Found {
		a.answer(c, wire.NotThere{})
		return
	}
	a.out.Offset = wire.ConsumerOffset{PartitionID: uint32(c.Partition), CurrentOffset: uint64(c.Current), StoredOffset: c.Value}
	a.answer(c, nil)
}

func storeConsumerOffset(r *Room, c *Call, in *wire.Request) {
	m := &in.StoreOffset
	c.Value = m.Offset
	r.changeOffset(c, storage.ReqStoreOffset, metadata.ActionStoreConsumerOffset, m.Consumer, m.Stream, m.Topic, m.Partition.ID)
}

func deleteConsumerOffset(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.DeleteConsumerOffset)
	r.changeOffset(c, storage.ReqDeleteOffset, metadata.ActionDeleteConsumerOffset, m.Consumer, m.Stream, m.Topic, m.Partition.ID)
}

func (r *Room) changeOffset(c *Call, kind storage.RequestKind, action metadata.Action, who wire.Consumer, stream, topic wire.Identifier, id uint32) {
	p, err := r.partition(c, stream, topic, id)
	switch {
	case err == nil && !r.may(c, action, c.Stream, c.Topic):
		return
	case err == nil && who.Kind == wire.GroupConsumer && !r.asMember(c, who):
		err = wire.StatusResourceNotFound
	}
	if err != nil {
		r.refuse(c, wire.StatusResourceNotFound)
		return
	}
	c.Kind, c.User = kind, storing(subjectIn(&c.Peer.Session))
	if who.Kind != wire.GroupConsumer {
		c.Consumer = storage.ConsumerKey{ID: who.Key()}
	}
	r.dropFrame(c)
	r.toOwner(c, p.Log)
}
