package sim

import (
	"errors"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// take is what a member of a consumer group does: it joins, asks what is its own, polls that with commits by themselves, and leaves now and then.
func (a *actor) take() {
	if len(a.waiting) > 0 {
		return
	}
	if a.member != nil && (a.topic.known == isGone || a.topic.current() != a.member || a.w.rng.IntN(40) == 0) {
		a.leaveGroup()
		return
	}
	if a.member == nil {
		a.join()
		return
	}
	if len(a.assigned) == 0 || a.w.rng.IntN(10) == 0 {
		a.sync()
		return
	}
	a.pollGroup(a.assigned[a.w.rng.IntN(len(a.assigned))])
}

func (a *actor) join() {
	t, l := a.anyTopic()
	if t == nil || !l.group {
		return
	}
	body := vsr.AppendJoinConsumerGroup(nil, wire.JoinConsumerGroup{Stream: stream, Topic: wire.Named(t.name), Group: wire.Named(groupName)})
	a.ask(wire.CodeJoinConsumerGroup, body, nil, func(_ []byte, err error) error {
		if err != nil {
			return a.notThere(l, err)
		}
		a.topic, a.member, a.assigned = t, l, nil
		a.w.model.counts.Joined++
		return nil
	}, nil)
}

func (a *actor) leaveGroup() {
	l := a.member
	body := vsr.AppendLeaveConsumerGroup(nil, wire.LeaveConsumerGroup{Stream: stream, Topic: wire.Named(a.topic.name), Group: wire.Named(groupName)})
	a.member, a.assigned = nil, nil
	a.ask(wire.CodeLeaveConsumerGroup, body, nil, func(_ []byte, err error) error {
		if err == nil {
			a.w.model.counts.Left++
			return nil
		}
		if errors.Is(err, wire.StatusConsumerGroupMemberNotFound) {
			return nil // of a topic that was made anew
		}
		return a.notThere(l, err)
	}, nil)
}

func (a *actor) sync() {
	l := a.member
	body := vsr.AppendSyncConsumerGroup(nil, wire.SyncConsumerGroup{Stream: stream, Topic: wire.Named(a.topic.name), Group: wire.Named(groupName)})
	a.ask(wire.CodeSyncConsumerGroup, body, nil, func(body []byte, err error) error {
		if err != nil {
			a.member = nil
			return a.notThere(l, err)
		}
		g, member, err := vsr.DecodeSyncConsumerGroupReply(body)
		if err != nil {
			return err
		}
		a.w.model.counts.Synced++
		a.assigned = g.Partitions
		if !member {
			a.member = nil
		}
		return nil
	}, nil)
}

// pollGroup takes what is next in a partition. Each message is delivered once, in order, unless a reply was lost.
func (a *actor) pollGroup(part uint32) {
	t, l := a.topic, a.member
	if int(part) >= len(l.parts) {
		return
	}
	d := l.parts[part].delivery[groupName]
	if d == nil {
		d = &delivery{got: map[uint64]bool{}}
		l.parts[part].delivery[groupName] = d
	}
	count := uint32(1 + a.w.rng.IntN(30))
	body := vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: wire.Consumer{Kind: wire.GroupConsumer, ID: wire.Named(groupName)}, Stream: stream, Topic: wire.Named(t.name),
		Partition: wire.InPartition(part), Strategy: wire.Strategy{Kind: wire.FromNext}, Count: count, AutoCommit: true})
	certain, sock := d.begin(), a.sock
	a.ask(wire.CodePollMessages, body, nil, func(body []byte, err error) error {
		d.out--
		if err != nil {
			d.fail()
			return a.notThere(l, err)
		}
		p, err := vsr.DecodePollMessagesReply(body)
		if err != nil {
			return err
		}
		if p.PartitionID == wire.NotOwned {
			a.assigned = nil
			return nil
		}
		first, n, err := a.w.delivered(t, l, int(part), count, body)
		if err != nil || n == 0 || l.mayBeGone {
			return err
		}
		return d.take(first, n, certain, l.level != metadata.LevelPersisted) // what a run below that level loses leaves gaps
	}, func() { d.out--; d.lose(sock) })
}
