package shard

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
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
func setDurability(s *Shard, q *request, r *wire.Request) {
	m := r.Form.(*wire.SetDurability)
	if m.Messages > wire.DurabilityMemory || m.Offsets > wire.DurabilityMemory {
		s.refuse(q, wire.StatusInvalidOptionValue)
		return
	}
	if !s.judge(q, metadata.ActionUpdateTopic, ident(m.Stream), ident(m.Topic)) {
		return
	}
	s.propose(q, metadata.EncodeSetLevels(nil, s.micros(), ident(m.Stream), ident(m.Topic), metadata.Level(m.Messages), metadata.Level(m.Offsets)))
}

// levels are those of a topic's messages and of its stored offsets, on this node.
type levels struct{ messages, offsets storage.Level }

// raisedBy says to which levels a command raises the logs of t; none if it only lowers them.
func (s *Shard) raisedBy(t *metadata.Topic, messages, offsets metadata.Level) levels {
	now := levels{owner.LevelOf(t.Settings.Durability, s.cfg.Replicated), owner.LevelOf(t.Settings.OffsetDurability, s.cfg.Replicated)}
	raise := now
	if messages != 0 {
		raise.messages = max(now.messages, owner.LevelOf(messages, s.cfg.Replicated))
	}
	if offsets != 0 {
		raise.offsets = max(now.offsets, owner.LevelOf(offsets, s.cfg.Replicated))
	}
	if raise == now {
		return levels{}
	}
	return raise
}
