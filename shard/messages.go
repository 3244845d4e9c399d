package shard

import (
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// pollBytesMax bounds a poll's reply; one batch may go beyond it.
const pollBytesMax = 8 << 20

// partition resolves a partition and notes it in q.
func (s *Shard) partition(q *request, stream, topic wire.Identifier, id uint32) (metadata.Partition, error) {
	p, t, err := s.meta.Partition(ident(stream), ident(topic), metadata.PartitionID(id))
	if err == nil {
		q.Stream, q.Topic, q.Partition = t.Stream, t.ID, metadata.PartitionID(id)
	}
	return p, err
}

func sendMessages(s *Shard, q *request, r *wire.Request) {
	m := &r.Send
	b, err := s.hasher.Admit(m.Batch, s.limits)
	if err == nil && uint64(b.Count()) != uint64(m.Count) {
		err = wire.StatusInvalidCommand
	}
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	id, err := s.choose(m)
	if err != nil {
		s.refuse(q, metaStatus(err))
		return
	}
	p, err := s.partition(q, m.Stream, m.Topic, id)
	if err != nil {
		s.refuse(q, metaStatus(err))
		return
	}
	if !s.may(q, metadata.ActionSendMessages, q.Stream, q.Topic) {
		return
	}
	q.Kind, q.Batch = storage.ReqAppend, b
	s.toOwner(q, p.Log)
}

// choose returns the partition that a send is for.
func (s *Shard) choose(m *wire.SendMessages) (uint32, error) {
	if m.Partitioning.Kind == wire.ToPartition {
		return m.Partitioning.Partition, nil
	}
	t, err := s.meta.Topic(ident(m.Stream), ident(m.Topic))
	if err != nil {
		return 0, err
	}
	n := uint32(len(t.Partitions))
	if n == 0 {
		return 0, wire.StatusNoPartitions
	}
	if m.Partitioning.Kind == wire.ByKey {
		return m.Partitioning.KeyIndex(n), nil
	}
	return s.turn(t) % n, nil
}

// topicKey names a topic as long as it is there.
type topicKey struct {
	stream metadata.StreamID
	topic  metadata.TopicID
}

// topicTurn is how many balanced sends to a topic have come to this shard.
type topicTurn struct {
	log  metadata.LogID // its first partition, which no topic of the same number before or after it has
	next uint32
}

// turn counts a balanced send to t, and returns the number of those before it.
func (s *Shard) turn(t *metadata.Topic) uint32 {
	if s.turns == nil {
		s.turns = make(map[topicKey]topicTurn)
	}
	key := topicKey{t.Stream, t.ID}
	x := s.turns[key]
	if x.log != t.Partitions[0].Log {
		x = topicTurn{log: t.Partitions[0].Log}
	}
	n := x.next
	x.next++
	s.turns[key] = x
	return n
}

func (s *Shard) replySend(q *request) {
	if s.diskFull.stored(s.mono) {
		s.log.Info("the disk has room: appends are stored again", zap.String("event", "disk_has_room"))
	}
	s.out.Placed = wire.Placement{StreamID: uint32(q.Stream), TopicID: uint32(q.Topic), PartitionID: uint32(q.Partition), BaseOffset: uint64(q.Base)}
	s.answer(q, nil)
}

var strategies = [...]storage.Strategy{wire.FromOffset: storage.FromOffset, wire.FromTimestamp: storage.FromTimestamp,
	wire.FromFirst: storage.FromFirst, wire.FromLast: storage.FromLast, wire.FromNext: storage.FromNext}

func pollMessages(s *Shard, q *request, r *wire.Request) {
	m := &r.Poll
	ofGroup := m.Consumer.Kind == wire.GroupConsumer
	p, err := s.partition(q, m.Stream, m.Topic, m.Partition.ID)
	q.judged = err != nil // nothing of anybody's is shown then
	switch {
	case err == nil && !s.may(q, metadata.ActionPollMessages, q.Stream, q.Topic):
		return
	case ofGroup && !m.Partition.Named:
		s.polledNothing(q, 0)
		return
	case ofGroup && (err != nil || !s.asMember(q, m.Consumer)):
		s.notOwned(q)
		return
	case err != nil:
		s.refuse(q, metaStatus(err))
		return
	}
	q.Kind, q.Strategy, q.Value = storage.ReqPoll, strategies[m.Strategy.Kind], m.Strategy.Value
	q.Count, q.BytesMax, q.AutoCommit, q.User = m.Count, pollBytesMax, m.AutoCommit, storing(subjectIn(&q.Peer.Session))
	q.Subject = subjectIn(&q.Peer.Session) // who holds it back asks again
	if !ofGroup {
		q.Consumer = storage.ConsumerKey{ID: m.Consumer.Key()}
	}
	q.Head, q.HeadLen, q.Watched = q.Top, q.pollHead(), true
	s.dropFrame(q)
	s.toOwner(q, p.Log)
}

// asMember makes q a request for a group of its topic, by the member that the connection's session is. False: there is no such
// group. Whether the session is a member, and owns the partition, is for the partition's shard to say.
func (s *Shard) asMember(q *request, who wire.Consumer) bool {
	g, err := s.meta.Group(metadata.ByNumber(q.Stream), metadata.ByNumber(q.Topic), ident(who.ID))
	if err != nil {
		return false
	}
	q.Member = owner.Membership{Group: g.ID, Key: q.Peer.Session.Client}
	q.Consumer = storage.ConsumerKey{Group: true, ID: uint32(g.ID)}
	return true
}

// replyPoll sends what the log holds from where it lies.
func (s *Shard) replyPoll(q *request) {
	q.Resumable = true
	s.out.Polled = wire.Polled{PartitionID: uint32(q.Partition), CurrentOffset: uint64(q.Current), Count: q.Records}
	s.success(q, nil)
	q.Peer.Dialect.Body(s.body(q), &q.handle, &s.out)
	q.Peer.Dialect.Head(q.Top, &q.handle, &s.out, q.Peer.Dialect.PolledBytes()+q.Bytes)
	q.Vec = append(q.Vec[:0], q.Top[:q.pollHead()])
	for i := range q.Spans {
		q.Vec = append(q.Vec, q.Spans[i].Data)
	}
	s.respond(q)
}

// polledNothing answers a poll with no messages, and shows nothing of what there is: it needs no right.
func (s *Shard) polledNothing(q *request, partition uint32) {
	q.judged = true
	s.out.Polled = wire.Polled{PartitionID: partition}
	s.answer(q, nil)
}

// flushUnsavedBuffer is for who may send to the topic.
func flushUnsavedBuffer(s *Shard, q *request, r *wire.Request) {
	f := r.Form.(*wire.FlushUnsavedBuffer)
	p, err := s.partition(q, f.Stream, f.Topic, f.Partition)
	if err != nil {
		s.refuse(q, metaStatus(err))
		return
	}
	if !s.may(q, metadata.ActionSendMessages, q.Stream, q.Topic) {
		return
	}
	q.Kind = storage.ReqFlush // with or without sync: it is on stable storage when answered
	s.dropFrame(q)
	s.toOwner(q, p.Log)
}

func deleteSegments(s *Shard, q *request, r *wire.Request) {
	d := r.Form.(*wire.DeleteSegments)
	p, err := s.partition(q, d.Stream, d.Topic, d.Partition)
	if err != nil {
		s.refuse(q, metaStatus(err))
		return
	}
	if !s.may(q, metadata.ActionDeleteSegments, q.Stream, q.Topic) {
		return
	}
	q.about(ident(d.Stream).String())
	q.about(ident(d.Topic).String())
	q.Kind, q.Count = storage.ReqTrim, d.Count
	s.dropFrame(q)
	s.toOwner(q, p.Log)
}
