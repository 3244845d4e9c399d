package shard

import (
	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
)

// proposeInternal is propose for a command of the broker itself, on shard 0. done is called with its outcome.
func (s *Shard) proposeInternal(command []byte, done func(s *Shard, q *request)) {
	s.proposed(s.ownCommand(command, done))
}

// proposeWhenShort is proposeInternal for what is taken also while space is short: clients can't be served without.
func (s *Shard) proposeWhenShort(command []byte, done func(s *Shard, q *request)) {
	q := s.ownCommand(command, done)
	q.call.Proposal.WhenShort = true
	s.proposed(q)
}

func (s *Shard) ownCommand(command []byte, done func(s *Shard, q *request)) *request {
	q := s.newRequest(done)
	q.call.Proposal = metadata.Proposal{Command: command, Judgement: metadata.Judgement{Broker: true}, Owner: q}
	return q
}

// proposed takes a command that has come to shard 0.
func (s *Shard) proposed(q *request) {
	s.coordinator.take(control.Event{Kind: control.EventProposed, Proposal: &q.call.Proposal})
}

// outcome gives a command that was answered on shard 0 to who gave it.
func (s *Shard) outcome(q *request) {
	switch {
	case q.internal != nil:
		q.internal(s, q)
	case q.home == s:
		s.proposalDone(q)
	default:
		s.port.Reply(q.home.id, message{kind: msgMetaDone, req: q})
	}
}

// proposalDone goes on with the command of a client here that was applied or refused.
func (s *Shard) proposalDone(q *request) {
	s.calls.Outcome(&q.call)
	s.carry()
}
