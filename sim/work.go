package sim

import (
	"errors"
	"fmt"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

const (
	streamName = "s"
	groupName  = "g"
)

var stream = wire.Named(streamName)

// administer makes and deletes topics and groups, and asks what became of a command whose answer did not come. One actor does, so that the model
// knows the order.
func (a *actor) administer() {
	if len(a.waiting) > 0 {
		return
	}
	if !a.w.streamMade {
		a.ask(wire.CodeCreateStream, vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte(streamName)}), nil, func(_ []byte, err error) error {
			if a.w.streamMade = err == nil || errors.Is(err, wire.StatusStreamNameAlreadyExists); !a.w.streamMade {
				return a.mayRefuse(err)
			}
			return nil
		}, nil)
		return
	}
	t := a.w.model.topics[a.w.rng.IntN(len(a.w.model.topics))]
	switch {
	case t.known == isUnknown:
		a.lookFor(t)
	case t.known == isGone:
		a.create(t)
	case a.w.rng.IntN(a.w.deletes) == 0:
		a.delete(t)
	case !t.current().group:
		a.createGroup(t)
	}
}

func (a *actor) create(t *topicModel) {
	l := newLife(len(t.lives)+1, t.level, t.count)
	l.mayBeGone = t.stray
	t.lives, t.known = append(t.lives, l), isUnknown
	options := []wire.Option{wire.TextOption("durability", t.level.String()), wire.Uint64Option("segment_size", 1<<20)}
	body := vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: stream, Name: []byte(t.name), PartitionsCount: uint32(t.count), Options: options})
	a.ask(wire.CodeCreateTopic, body, nil, func(_ []byte, err error) error {
		if t.stray && errors.Is(err, wire.StatusTopicNameAlreadyExists) {
			err = nil // an earlier command did it
		}
		if err != nil {
			t.known = isGone
			return a.mayRefuse(err)
		}
		t.known = isThere
		a.w.model.counts.Topics++
		return nil
	}, func() { t.stray = true })
}

func (a *actor) delete(t *topicModel) {
	l := t.current()
	was := l.mayBeGone
	t.known, l.mayBeGone = isUnknown, true
	a.ask(wire.CodeDeleteTopic, vsr.AppendDeleteTopic(nil, wire.DeleteTopic{Stream: stream, Topic: wire.Named(t.name)}), nil, func(_ []byte, err error) error {
		if t.stray && errors.Is(err, wire.StatusTopicIDNotFound) {
			err = nil
		}
		if err != nil {
			t.known, l.mayBeGone = isThere, was
			return a.mayRefuse(err)
		}
		t.known = isGone
		a.w.model.counts.Deleted++
		return nil
	}, func() { t.stray = true })
}

// lookFor asks whether a topic is there, when a command's answer did not come.
func (a *actor) lookFor(t *topicModel) {
	l := t.current()
	a.ask(wire.CodeGetTopic, vsr.AppendGetTopic(nil, wire.GetTopic{Stream: stream, Topic: wire.Named(t.name)}), nil, func(body []byte, err error) error {
		if err != nil && !errors.Is(err, wire.StatusTopicIDNotFound) && !errors.Is(err, wire.StatusResourceNotFound) {
			return a.mayRefuse(err)
		}
		found := false
		if err == nil {
			var d wire.TopicDetails
			if d, found, err = vsr.DecodeGetTopicReply(body); err != nil {
				return err
			}
			if found && len(d.Partitions) != t.count {
				return fmt.Errorf("topic %s has %d partitions, and was made with %d", t.name, len(d.Partitions), t.count)
			}
		}
		if t.known = isGone; found {
			t.known, l.mayBeGone = isThere, t.stray
		}
		return nil
	}, nil)
}

func (a *actor) createGroup(t *topicModel) {
	l := t.current()
	body := vsr.AppendCreateConsumerGroup(nil, wire.CreateConsumerGroup{Stream: stream, Topic: wire.Named(t.name), Name: []byte(groupName)})
	a.ask(wire.CodeCreateConsumerGroup, body, nil, func(_ []byte, err error) error {
		if err == nil || errors.Is(err, wire.StatusConsumerGroupNameAlreadyExists) {
			l.group = true
			return nil
		}
		return a.notThere(l, err)
	}, nil)
}

// produce sends a batch.
func (a *actor) produce() {
	t, l := a.anyTopic()
	if t == nil {
		return
	}
	part := a.w.rng.IntN(len(l.parts))
	o := a.batch(l, part)
	n := len(o.all)
	a.w.model.counts.Sent += n
	body := vsr.AppendSendMessages(nil, wire.SendMessages{Stream: stream, Topic: wire.Named(t.name), Count: uint32(n),
		Partitioning: wire.Partitioning{Kind: wire.ToPartition, Partition: uint32(part)}})
	a.ask(wire.CodeSendMessages, body, o.bytes, func(body []byte, err error) error {
		if err != nil {
			o.settle(refused)
			if errors.Is(err, wire.StatusTransientNotCommitted) || errors.Is(err, errEvicted) {
				o.settle(unknown)
			}
			a.w.model.counts.Refused += n
			return a.notThere(l, err)
		}
		placed, told := vsr.DecodeSendMessagesReply(body)
		if !told {
			return errors.New("the broker does not say where a batch went")
		}
		a.w.model.counts.Acked += n
		if l.mayBeGone {
			o.settle(unknown) // it may have gone to the next topic of that name
			return nil
		}
		for i, m := range o.all {
			if err := l.told(part, placed.BaseOffset+uint64(i), key{a.id, o.first + uint64(i)}, m, "acknowledged"); err != nil {
				return err
			}
		}
		return nil
	}, func() { o.settle(unknown); a.w.model.counts.Lost += n })
}

// outgoing is a batch on its way.
type outgoing struct {
	first uint64 // number of its first message
	all   []*sent
	bytes []byte
}

// batch makes one of a few messages.
func (a *actor) batch(l *life, part int) *outgoing {
	o := &outgoing{first: a.last + 1}
	var b batch.Builder
	b.Reset(uint64(a.w.broker.now.UnixMicro()))
	size := a.w.size()
	n := 1 + a.w.rng.IntN(3)
	if a.w.fitted {
		n, size = 1, fit(size, 2*a.w.rng.IntN(2))
	}
	for range n {
		a.last++
		p := make([]byte, size)
		putPayload(p, l.number, part, key{a.id, a.last})
		if err := b.Add([16]byte{byte(a.id), byte(a.last), byte(a.last >> 8), 1}, p, nil); err != nil {
			panic(err)
		}
		m := &sent{life: l, part: part, size: size}
		a.messages[a.last] = m
		o.all = append(o.all, m)
	}
	o.bytes = b.Bytes()
	return o
}

// fit makes a message so large that a batch of it alone ends so many bytes short of a block, if it begins with one.
func fit(size, short int) int {
	var b batch.Builder
	b.Reset(0)
	if err := b.Add([16]byte{}, make([]byte, size), nil); err != nil {
		panic(err)
	}
	return size + (blockSize-(len(b.Bytes())+short)%blockSize)%blockSize
}

// settle notes what became of those of which nothing was told.
func (o *outgoing) settle(f fate) {
	for _, m := range o.all {
		if m.fate != stored {
			m.fate = f
		}
	}
}

func single(id uint32) wire.Consumer {
	return wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Identifier{Kind: wire.ByNumber, Number: id}}
}

// consume polls, and stores offsets and asks for them.
func (a *actor) consume() {
	t, l := a.anyTopic()
	if t == nil {
		return
	}
	part := a.w.rng.IntN(len(l.parts))
	switch a.w.rng.IntN(5) {
	case 0:
		a.storeOffset(t, l, part)
	case 1:
		a.readOffset(t, l, part)
	case 2:
		a.pollLast(t, l, part)
	default:
		from := uint64(0)
		if n := len(l.parts[part].at); n > 0 {
			from = a.w.rng.Uint64N(uint64(n) + 1)
		}
		a.poll(t, l, part, from)
	}
}

func (a *actor) poll(t *topicModel, l *life, part int, from uint64) {
	count := uint32(1 + a.w.rng.IntN(50))
	body := vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: single(a.id), Stream: stream, Topic: wire.Named(t.name), Partition: wire.InPartition(uint32(part)),
		Strategy: wire.Strategy{Kind: wire.FromOffset, Value: from}, Count: count})
	a.ask(wire.CodePollMessages, body, nil, func(body []byte, err error) error {
		if err != nil {
			return a.notThere(l, err)
		}
		return a.w.seen(t, l, part, from, count, body)
	}, nil)
}

// pollLast asks for the last messages: the newest is among them.
func (a *actor) pollLast(t *topicModel, l *life, part int) {
	count, told := uint32(1+a.w.rng.IntN(50)), l.parts[part].told
	body := vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: single(a.id), Stream: stream, Topic: wire.Named(t.name), Partition: wire.InPartition(uint32(part)),
		Strategy: wire.Strategy{Kind: wire.FromLast}, Count: count})
	a.ask(wire.CodePollMessages, body, nil, func(body []byte, err error) error {
		if err != nil {
			return a.notThere(l, err)
		}
		first, n, err := a.w.delivered(t, l, part, count, body)
		if err == nil && !l.mayBeGone && first+uint64(n) < told && t.level == metadata.LevelPersisted {
			return fmt.Errorf("the last messages of partition %d are %d from offset %d on, and all below %d are acknowledged", part, n, first, told)
		}
		return err
	}, nil)
}

func (a *actor) storeOffset(t *topicModel, l *life, part int) {
	log := l.parts[part]
	if len(log.at) == 0 {
		return
	}
	o := log.offsetOf(a.id)
	value := a.w.rng.Uint64N(uint64(len(log.at)))
	if !log.at[value].required {
		return
	}
	n := o.issue(value)
	body := vsr.AppendStoreConsumerOffset(nil, wire.StoreConsumerOffset{Consumer: single(a.id), Stream: stream, Topic: wire.Named(t.name), Partition: wire.InPartition(uint32(part)), Offset: value})
	a.ask(wire.CodeStoreConsumerOffset, body, nil, func(_ []byte, err error) error {
		if err != nil {
			o.refuse(n)
			if errors.Is(err, wire.StatusInvalidOffset) && l.mayBeGone {
				return nil // it is the next life's
			}
			return a.notThere(l, err)
		}
		a.w.model.counts.Stored++
		o.settle(n)
		if now := t.current(); now != l { // the topic was made anew on the way: it may be stored there
			now.parts[part].offsetOf(a.id).any = true
		}
		return nil
	}, func() {
		o.lost(n)
		t.late = max(t.late, l.number)
	})
}

func (a *actor) readOffset(t *topicModel, l *life, part int) {
	o := l.parts[part].offsets[a.id]
	if o == nil {
		return
	}
	for _, c := range a.waiting {
		if c.code == wire.CodeStoreConsumerOffset {
			return // its answer comes before
		}
	}
	body := vsr.AppendGetConsumerOffset(nil, wire.GetConsumerOffset{Consumer: single(a.id), Stream: stream, Topic: wire.Named(t.name), Partition: wire.InPartition(uint32(part))})
	a.ask(wire.CodeGetConsumerOffset, body, nil, func(body []byte, err error) error {
		if err != nil {
			return a.notThere(l, err)
		}
		r, found, err := vsr.DecodeGetConsumerOffsetReply(body)
		if err != nil {
			return err
		}
		a.w.model.counts.Read++
		if l.mayBeGone || t.late > 0 && l.number > t.late {
			return nil
		}
		return o.check(r.StoredOffset, found)
	}, nil)
}
