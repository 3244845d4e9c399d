package shard

import (
	"github.com/galgo-mq/galgo/metadata"
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
func (s *Shard) describeStream(st *metadata.Stream) wire.Stream {
	w := wire.Stream{ID: uint32(st.ID), CreatedAtMicros: uint64(st.CreatedAt), TopicsCount: uint32(st.TopicCount()), Name: st.Name}
	for t := range st.Topics() {
		c := s.g.counters.topic(t)
		w.SizeBytes += c.Bytes
		w.MessagesCount += c.Records
	}
	return w
}

func getStream(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.GetStream)
	st, err := s.meta.Stream(ident(g.Stream))
	if err != nil {
		s.answer(q, wire.NotThere{})
		return
	}
	if !s.may(q, metadata.ActionGetStream, st.ID, 0) {
		return
	}
	id, since := st.ID, st.Since
	s.list(q, &listing{step: listTopics(id, since), front: func(s *Shard, l *listing, dst []byte) []byte {
		if l.gone {
			return dst // not found
		}
		w := wireStream(s.meta.StreamSlot(int(id)), l.count, l.total)
		return q.Peer.Dialect.Part(dst, &w)
	}})
}

func getStreams(s *Shard, q *request, _ *wire.Request) {
	if !s.may(q, metadata.ActionGetStreams, 0, 0) {
		return
	}
	s.list(q, &listing{step: listStreams})
}

func createStream(s *Shard, q *request, r *wire.Request) {
	m, err := r.Form.(*wire.CreateStream), error(nil)
	if err == nil && len(m.Options) > 0 {
		err = noOption(m.Options)
	}
	if err == nil && !s.nameAllowed(m.Name) {
		err = wire.StatusInvalidStreamName
	}
	if err != nil {
		s.refuseFor(q, err)
		return
	}
	q.about(string(m.Name))
	if s.judge(q, metadata.ActionCreateStream, nothing, nothing) {
		s.propose(q, metadata.EncodeCreateStream(nil, s.micros(), m.Name))
	}
}

func updateStream(s *Shard, q *request, r *wire.Request) {
	m, err := r.Form.(*wire.UpdateStream), error(nil)
	if err == nil && len(m.Options) > 0 {
		err = noOption(m.Options)
	}
	if err == nil && !s.nameAllowed(m.Name) {
		err = wire.StatusInvalidStreamName
	}
	if err != nil {
		s.refuseFor(q, err)
		return
	}
	if s.judge(q, metadata.ActionUpdateStream, ident(m.Stream), nothing) {
		s.propose(q, metadata.EncodeUpdateStream(nil, s.micros(), ident(m.Stream), m.Name))
	}
}

func deleteStream(s *Shard, q *request, r *wire.Request) {
	m := r.Form.(*wire.DeleteStream)
	if s.judge(q, metadata.ActionDeleteStream, ident(m.Stream), nothing) {
		s.propose(q, metadata.EncodeDeleteStream(nil, s.micros(), ident(m.Stream)))
	}
}

func purgeStream(s *Shard, q *request, r *wire.Request) {
	m := r.Form.(*wire.PurgeStream)
	if s.judge(q, metadata.ActionPurgeStream, ident(m.Stream), nothing) {
		s.propose(q, metadata.EncodePurgeStream(nil, s.micros(), ident(m.Stream)))
	}
}

// micros is the turn's wall clock as metadata wants it.
func (s *Shard) micros() metadata.Micros { return metadata.Micros(s.now.UnixMicro()) }
