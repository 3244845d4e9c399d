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
		c := s.b.counters.topic(t)
		w.SizeBytes += c.Bytes
		w.MessagesCount += c.Records
	}
	return w
}

func getStream(s *Shard, _ *conn, q *request, body []byte) {
	g, err := q.codec.decodeGetStream(body)
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	st, err := s.meta.Stream(ident(g.Stream))
	if err != nil {
		s.reply(q, nil) // not found
		return
	}
	d := wire.StreamDetails{Stream: s.describeStream(st)}
	for t := range st.Topics() {
		d.Topics = append(d.Topics, s.describeTopic(t))
	}
	s.reply(q, q.codec.appendGetStreamReply(s.body(q), d))
}

func getStreams(s *Shard, _ *conn, q *request, _ []byte) {
	body := s.body(q)
	for st := range s.meta.Streams() {
		body = q.codec.appendStream(body, s.describeStream(st))
	}
	s.reply(q, body)
}

func createStream(s *Shard, _ *conn, q *request, body []byte) {
	c, err := q.codec.decodeCreateStream(body)
	if err == nil && len(c.Options) > 0 {
		err = wire.StatusUnsupportedOptionKey // streams have none
	}
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	s.propose(q, metadata.EncodeCreateStream(nil, s.micros(), c.Name))
}

func updateStream(s *Shard, _ *conn, q *request, body []byte) {
	u, err := q.codec.decodeUpdateStream(body)
	if err == nil && len(u.Options) > 0 {
		err = wire.StatusUnsupportedOptionKey
	}
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	s.propose(q, metadata.EncodeUpdateStream(nil, s.micros(), ident(u.Stream), u.Name))
}

func deleteStream(s *Shard, _ *conn, q *request, body []byte) {
	d, err := q.codec.decodeDeleteStream(body)
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	q.retires = retirement{kind: wholeStream, stream: ident(d.Stream)}
	s.propose(q, metadata.EncodeDeleteStream(nil, s.micros(), ident(d.Stream)))
}

func purgeStream(s *Shard, _ *conn, q *request, body []byte) {
	p, err := q.codec.decodePurgeStream(body)
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	q.retires = retirement{kind: wholeStream, stream: ident(p.Stream)}
	s.propose(q, metadata.EncodePurgeStream(nil, s.micros(), ident(p.Stream)))
}

// micros is the turn's wall clock as metadata wants it.
func (s *Shard) micros() metadata.Micros { return metadata.Micros(s.now.UnixMicro()) }
