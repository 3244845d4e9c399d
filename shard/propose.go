package shard

import (
	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// propose sends a metadata command into the order. Its answer comes to metaAnswered. The frame stays: names in q point
// into it.
func (s *Shard) propose(q *request, command []byte) {
	if s.unjudged(q) {
		return
	}
	if len(command) > commandMax {
		s.refuse(q, wire.StatusInvalidCommand)
		return
	}
	q.proposal.Command, q.proposal.Owner = command, q
	q.proposal.Quota = rowOf(q.code).quota
	s.send(q, 0, msgMeta)
}

// commandMax bounds a metadata command: what every shard applies in one turn, and the journal carries.
const commandMax = 256 << 10

// proposeInternal is propose for a command of the broker itself, on shard 0. done is called with its outcome.
func (s *Shard) proposeInternal(command []byte, done func(s *Shard, q *request)) {
	s.proposed(s.ownCommand(command, done))
}

// proposeWhenShort is proposeInternal for what is taken also while space is short: clients can't be served without.
func (s *Shard) proposeWhenShort(command []byte, done func(s *Shard, q *request)) {
	q := s.ownCommand(command, done)
	q.proposal.WhenShort = true
	s.proposed(q)
}

func (s *Shard) ownCommand(command []byte, done func(s *Shard, q *request)) *request {
	q := s.newRequest(done)
	q.proposal = metadata.Proposal{Command: command, Judgement: metadata.Judgement{Broker: true}, Owner: q}
	return q
}

// proposed takes a command that has come to shard 0.
func (s *Shard) proposed(q *request) {
	s.coordinator.take(control.Event{Kind: control.EventProposed, Proposal: &q.proposal})
}

// outcome gives a command that was answered on shard 0 to who gave it.
func (s *Shard) outcome(q *request) {
	switch {
	case q.internal != nil:
		q.internal(s, q)
	case q.home == s:
		s.metaAnswered(q)
	default:
		s.port.Reply(q.home.id, message{kind: msgMetaDone, req: q})
	}
}

// metaAnswered answers the client that gave a metadata command.
func (s *Shard) metaAnswered(q *request) {
	if err := q.proposal.Err; err != nil {
		status := metaStatus(err)
		if limit := s.g.limits.count(err); limit != "" && q.Peer != nil && s.due(evLimitHit) {
			s.limitHit(limit, s.requestFields(q)...)
		}
		if q.code == wire.CodeLogout {
			s.dropMember(q.Member.Key) // the session is gone: nobody else will
		}
		if isStoreError(err) {
			q.Err = err
			s.storeFailed(q)
			return
		}
		s.refuse(q, status)
		return
	}
	s.metadataChanged(q)
	if reply := rowOf(q.code).reply; reply != nil {
		reply(s, q)
		return
	}
	s.replyEmpty(q)
}
