package shard

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
)

// raising is a topic whose levels are to be higher. Nobody changes one.
type raising struct {
	stream metadata.StreamID // the command is its client's again when shards hear that it was refused
	topic  metadata.TopicID
	to     owner.Levels // none: the command only lowers them
}

// raisingOf says what a command asks of the owners of its topic's logs.
func (s *Shard) raisingOf(r *metadata.Retirement) *raising {
	t, err := s.meta.Topic(r.Stream, r.Topic)
	if err != nil {
		return &raising{}
	}
	return &raising{t.Stream, t.ID, owner.RaisedBy(t, r.Messages, r.Offsets, s.cfg.Replicated)}
}
