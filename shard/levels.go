package shard

import (
	"github.com/galgo-mq/galgo/metadata"
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
