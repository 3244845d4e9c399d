package shard

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// The levels of a topic change like this, one change at a time, in the order of metadata commands:
//
//	raise    owners hold the higher level from now on, and make what was told as safe     (only when it is higher)
//	journal  the command is synced
//	apply    everywhere; owners take the levels that are committed
//
// A command that is refused after the first step has the owners take the committed levels again.

// setDurability is Galgo's own command.
func setDurability(s *Shard, c *conn, q *request, body []byte) {
	m, err := q.codec.decodeSetDurability(body)
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	if !s.judge(c, q, metadata.ActionUpdateTopic, ident(m.Stream), ident(m.Topic)) {
		return
	}
	q.retires = retirement{kind: raisedTopic, stream: ident(m.Stream), topic: ident(m.Topic), level: metadata.Level(m.Messages)}
	s.propose(q, metadata.EncodeSetLevels(nil, s.micros(), ident(m.Stream), ident(m.Topic), metadata.Level(m.Messages), metadata.Level(m.Offsets)))
}

// raisedBy lists the logs whose level a command raises.
func (s *Shard) raisedBy(t *metadata.Topic, to metadata.Level) (logs []metadata.LogID, level storage.Level) {
	level = s.b.level(to)
	if to == 0 || level <= s.b.level(t.Settings.Durability) {
		return nil, 0
	}
	return appendLogs(nil, t.Partitions), level
}

// raiseLogs raises the event's logs that this shard owns, and tells the lead when all that was told is as safe.
func (s *Shard) raiseLogs(e *metaEvent) {
	s.prepare(e, func(q *request) { q.Kind, q.Value = storage.ReqRaise, uint64(e.raise) })
}

// takeLevels sets the logs of a topic that this shard owns to the levels that are committed.
func (s *Shard) takeLevels(t *metadata.Topic) {
	for _, p := range t.Partitions {
		if owner, ok := s.owners.Owner(router.LogID(p.Log)); !ok || owner != s.id {
			continue
		}
		if l := s.store.Log(storage.LogID(p.Log)); l != nil {
			l.SetLevel(s.b.level(t.Settings.Durability), s.b.level(t.Settings.OffsetDurability))
		}
	}
}
