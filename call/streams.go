package call

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// ident says the same in the words of the metadata.
func ident(id wire.Identifier) metadata.Ident {
	if id.Kind == wire.ByName {
		return metadata.ByName(id.Name)
	}
	return metadata.ByNumber(id.Number)
}

// describeStream gathers a stream's counters.
func (of *World) describeStream(st *metadata.Stream) wire.Stream {
	w := wire.Stream{ID: uint32(st.ID), CreatedAtMicros: uint64(st.CreatedAt), TopicsCount: uint32(st.TopicCount()), Name: st.Name}
	for t := range st.Topics() {
		var sum storage.LogStats
		of.Logs.Add(&sum, t.Partitions)
		w.SizeBytes += sum.Bytes
		w.MessagesCount += sum.Records
	}
	return w
}

func getStream(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.GetStream)
	st, err := r.meta.Stream(ident(g.Stream))
	if err != nil {
		r.answer(c, wire.NotThere{})
		return
	}
	if !r.may(c, metadata.ActionGetStream, st.ID, 0) {
		return
	}
	id, since := st.ID, st.Since
	r.lists.start(c, &listing{step: listTopics(id, since), front: func(_ *listings, l *listing, dst []byte) []byte {
		if l.gone {
			return dst // not found
		}
		w := wireStream(r.meta.StreamSlot(int(id)), l.count, l.total)
		return c.Peer.Dialect.Part(dst, &w)
	}})
}

func getStreams(r *Room, c *Call, _ *wire.Request) {
	if !r.may(c, metadata.ActionGetStreams, 0, 0) {
		return
	}
	r.lists.start(c, &listing{step: listStreams})
}

func createStream(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.CreateStream)
	err := noOption(m.Options)
	if err == nil && !r.nameAllowed(m.Name) {
		err = wire.StatusInvalidStreamName
	}
	if err != nil {
		r.refuseFor(c, err)
		return
	}
	c.about(string(m.Name))
	if r.authorize(c, metadata.ActionCreateStream, nothing, nothing) {
		r.propose(c, metadata.EncodeCreateStream(nil, r.now, m.Name))
	}
}

func updateStream(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.UpdateStream)
	err := noOption(m.Options)
	if err == nil && !r.nameAllowed(m.Name) {
		err = wire.StatusInvalidStreamName
	}
	if err != nil {
		r.refuseFor(c, err)
		return
	}
	if r.authorize(c, metadata.ActionUpdateStream, ident(m.Stream), nothing) {
		r.propose(c, metadata.EncodeUpdateStream(nil, r.now, ident(m.Stream), m.Name))
	}
}

func deleteStream(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.DeleteStream)
	if r.authorize(c, metadata.ActionDeleteStream, ident(m.Stream), nothing) {
		r.propose(c, metadata.EncodeDeleteStream(nil, r.now, ident(m.Stream)))
	}
}

func purgeStream(r *Room, c *Call, in *wire.Request) {
	m := in.Form.(*wire.PurgeStream)
	if r.authorize(c, metadata.ActionPurgeStream, ident(m.Stream), nothing) {
		r.propose(c, metadata.EncodePurgeStream(nil, r.now, ident(m.Stream)))
	}
}
