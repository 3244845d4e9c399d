package shard

import (
	"errors"

	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// raising is a topic whose levels are to be higher. Nobody changes one.
type raising struct {
	stream metadata.StreamID // the command is its client's again when shards hear that it was refused
	topic  metadata.TopicID
	to     levels // none: the command only lowers them
}

// raisingOf says what a command asks of the owners of its topic's logs.
func (s *Shard) raisingOf(r *metadata.Retirement) *raising {
	t, err := s.meta.Topic(r.Stream, r.Topic)
	if err != nil {
		return &raising{}
	}
	return &raising{t.Stream, t.ID, s.raisedBy(t, r.Messages, r.Offsets)}
}

// raise raises the logs that this shard owns, and tells the control room when all that was acknowledged is as safe.
func (s *Shard) raise(r *raising) {
	var failed error
	ask := &asking{s: s}
	if t, err := s.meta.Topic(metadata.ByNumber(r.stream), metadata.ByNumber(r.topic)); err == nil && r.to != (levels{}) {
		for _, p := range t.Partitions {
			if owner, ok := s.owners.Owner(router.LogID(p.Log)); ok && owner == s.id {
				ask.logs = append(ask.logs, p.Log)
			}
		}
	}
	ask.fill = func(q *request) {
		q.Kind, q.Value, q.Count = storage.ReqRaise, uint64(r.to.messages), uint32(r.to.offsets)
	}
	ask.answered = func(q *request) { failed = errors.Join(failed, q.Err) }
	ask.done = func() { s.tellControl(control.Event{Kind: control.EventPrepared, Err: failed}) }
	ask.next()
}
