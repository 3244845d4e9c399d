package call

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// PollBytesMax bounds a poll's reply, and that to all polls of a frame; one batch may go beyond it.
const PollBytesMax = 8 << 20

// toOwner has a log asked. The frame stays unless it was dropped.
func (r *Room) toOwner(c *Call, log metadata.LogID) {
	if r.unauthorized(c) {
		return
	}
	c.Log = storage.LogID(log)
	r.lists.others = r.mono
	r.tell(c, Part)
}

// PollHead is how much of a poll's reply comes in front of its batches.
func (c *Call) PollHead() int { return c.Peer.Dialect.HeadBytes() + c.Peer.Dialect.PolledBytes() }

// partition resolves a partition and notes it in c.
func (r *Room) partition(c *Call, stream, topic wire.Identifier, id uint32) (metadata.Partition, error) {
	p, t, err := r.meta.Partition(ident(stream), ident(topic), metadata.PartitionID(id))
	if err == nil {
		c.Stream, c.Topic, c.Partition = t.Stream, t.ID, metadata.PartitionID(id)
	}
	return p, err
}

func sendMessages(r *Room, c *Call, in *wire.Request) {
	m := &in.Send
	b, err := r.hasher.Admit(m.Batch, r.cfg.Batches)
	if err == nil && uint64(b.Count()) != uint64(m.Count) {
		err = wire.StatusInvalidCommand
	}
	if err != nil {
		r.refuse(c, wire.StatusOf(err))
		return
	}
	id, err := r.choose(m)
	if err != nil {
		r.refuse(c, statusOf(err))
		return
	}
	p, err := r.partition(c, m.Stream, m.Topic, id)
	if err != nil {
		r.refuse(c, statusOf(err))
		return
	}
	if !r.may(c, metadata.ActionSendMessages, c.Stream, c.Topic) {
		return
	}
	c.Kind, c.Batch = storage.ReqAppend, b
	r.toOwner(c, p.Log)
}

// choose returns the partition that a send is for.
func (r *Room) choose(m *wire.SendMessages) (uint32, error) {
	if m.Partitioning.Kind == wire.ToPartition {
		return m.Partitioning.Partition, nil
	}
	t, err := r.meta.Topic(ident(m.Stream), ident(m.Topic))
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
	return r.turns.next(t) % n, nil
}

func (a *answers) replySend(c *Call) {
	if a.full.stored(a.mono) {
		a.note(News{Kind: DiskHasRoom})
	}
	a.out.Placed = wire.Placement{StreamID: uint32(c.Stream), TopicID: uint32(c.Topic), PartitionID: uint32(c.Partition), BaseOffset: uint64(c.Base)}
	a.answer(c, nil)
}

var strategies = [...]storage.Strategy{wire.FromOffset: storage.FromOffset, wire.FromTimestamp: storage.FromTimestamp,
	wire.FromFirst: storage.FromFirst, wire.FromLast: storage.FromLast, wire.FromNext: storage.FromNext}

func pollMessages(r *Room, c *Call, in *wire.Request) {
	m := &in.Poll
	ofGroup := m.Consumer.Kind == wire.GroupConsumer
	p, err := r.partition(c, m.Stream, m.Topic, m.Partition.ID)
	c.authorized = err != nil // nothing of anybody's is shown then
	switch {
	case err == nil && !r.may(c, metadata.ActionPollMessages, c.Stream, c.Topic):
		return
	case ofGroup && !m.Partition.Named:
		r.polledNothing(c, 0)
		return
	case ofGroup && (err != nil || !r.asMember(c, m.Consumer)):
		r.notOwned(c)
		return
	case err != nil:
		r.refuse(c, statusOf(err))
		return
	}
	c.Kind, c.Strategy, c.Value = storage.ReqPoll, strategies[m.Strategy.Kind], m.Strategy.Value
	c.Count, c.BytesMax, c.AutoCommit, c.User = m.Count, c.share(PollBytesMax), m.AutoCommit, storing(subjectIn(&c.Peer.Session))
	c.Within = !c.mayExceed()
	c.Subject = subjectIn(&c.Peer.Session) // who holds it back asks again
	if !ofGroup {
		c.Consumer = storage.ConsumerKey{ID: m.Consumer.Key()}
	}
	c.Head, c.HeadLen, c.Watched = c.Top, c.PollHead(), true
	r.dropFrame(c)
	r.toOwner(c, p.Log)
}

// asMember makes q a request for a group of its topic, by the member that the connection's session is. False: there is no such
// group. Whether the session is a member, and owns the partition, is for the partition's shard to say.
func (r *Room) asMember(c *Call, who wire.Consumer) bool {
	g, err := r.meta.Group(metadata.ByNumber(c.Stream), metadata.ByNumber(c.Topic), ident(who.ID))
	if err != nil {
		return false
	}
	c.Group, c.Member = g.ID, c.Peer.Session.Client
	c.Consumer = storage.ConsumerKey{Group: true, ID: uint32(g.ID)}
	return true
}

// replyPoll sends what the log holds from where it lies.
func (a *answers) replyPoll(c *Call) {
	c.Resumable = true
	a.out.Polled = wire.Polled{PartitionID: uint32(c.Partition), CurrentOffset: uint64(c.Current), Count: c.Records}
	a.success(c, nil)
	c.Peer.Dialect.Body(a.room(c), &c.handle, &a.out)
	c.Peer.Dialect.Head(c.Top, &c.handle, &a.out, c.Peer.Dialect.PolledBytes()+c.Bytes)
	c.Vec = append(c.Vec[:0], c.Top[:c.PollHead()])
	for i := range c.Spans {
		c.Vec = append(c.Vec, c.Spans[i].Data)
	}
	a.replied(c)
}

// polledNothing answers a poll with no messages, and shows nothing of what there is: it needs no right.
func (a *answers) polledNothing(c *Call, partition uint32) {
	c.authorized = true
	a.out.Polled = wire.Polled{PartitionID: partition}
	a.answer(c, nil)
}

// flushUnsavedBuffer is for who may send to the topic.
func flushUnsavedBuffer(r *Room, c *Call, in *wire.Request) {
	f := in.Form.(*wire.FlushUnsavedBuffer)
	p, err := r.partition(c, f.Stream, f.Topic, f.Partition)
	if err != nil {
		r.refuse(c, statusOf(err))
		return
	}
	if !r.may(c, metadata.ActionSendMessages, c.Stream, c.Topic) {
		return
	}
	c.Kind = storage.ReqFlush // with or without sync: it is on stable storage when answered
	r.dropFrame(c)
	r.toOwner(c, p.Log)
}

func deleteSegments(r *Room, c *Call, in *wire.Request) {
	d := in.Form.(*wire.DeleteSegments)
	p, err := r.partition(c, d.Stream, d.Topic, d.Partition)
	if err != nil {
		r.refuse(c, statusOf(err))
		return
	}
	if !r.may(c, metadata.ActionDeleteSegments, c.Stream, c.Topic) {
		return
	}
	c.about(ident(d.Stream).String())
	c.about(ident(d.Topic).String())
	c.Kind, c.Count = storage.ReqTrim, d.Count
	r.dropFrame(c)
	r.toOwner(c, p.Log)
}
