package shard

import (
	"errors"

	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// preparation is what owners do before a command is committed: logs are closed, or their level is raised. Nobody changes one.
type preparation struct {
	logs    []metadata.LogID
	raising bool              // else they are closed
	raise   levels            // to which they are raised
	stream  metadata.StreamID // of what is raised: the command is its client's again when shards hear that it was refused
	topic   metadata.TopicID
}

// preparationOf says what a command asks of the owners of its logs.
func (s *Shard) preparationOf(e *control.Effect) *preparation {
	p := &preparation{logs: e.Logs}
	r := &e.Proposal.Retires
	if p.raising = r.Kind == metadata.RaisedTopic; p.raising {
		t, _ := s.meta.Topic(r.Stream, r.Topic)
		p.stream, p.topic = t.Stream, t.ID
		if p.raise = s.raisedBy(t, r.Messages, r.Offsets); p.raise == (levels{}) {
			p.logs = nil
		}
	}
	return p
}

// prepare closes the logs of p that this shard owns, or raises their level, and tells the control room when that is done.
func (s *Shard) prepare(p *preparation) {
	x := &preparing{s: s, p: p}
	x.ask()
}

// preparing is how far this shard has come with a preparation.
type preparing struct {
	s    *Shard
	p    *preparation
	at   int // the next log
	left int // those that were asked, and this itself while it asks
	err  error
}

// prepareMax is how many logs are asked at a time: a request takes a good kilobyte, and a command may retire ten thousands.
const prepareMax = 256

// ask asks the next logs, and is called again when those have answered.
func (x *preparing) ask() {
	s := x.s
	x.left = 1
	for ; x.at < len(x.p.logs) && x.left <= prepareMax; x.at++ {
		id := x.p.logs[x.at]
		if owner, ok := s.owners.Owner(router.LogID(id)); !ok || owner != s.id {
			continue
		}
		x.left++
		q := &request{home: s, internal: func(_ *Shard, q *request) { x.answered(q) }}
		q.Owner, q.Log = q, storage.LogID(id)
		if x.p.raising {
			q.Kind, q.Value, q.Count = storage.ReqRaise, uint64(x.p.raise.messages), uint32(x.p.raise.offsets)
		} else {
			q.Kind = storage.ReqClose
			s.landed(q.Log) // polls that wait there look again, and find it closed or empty
		}
		s.askStore(q)
	}
	x.done()
}

func (x *preparing) answered(q *request) {
	if q.Err != nil && (q.Kind == storage.ReqRaise || errors.Is(q.Err, storage.ErrNoSpace)) {
		x.err = q.Err
	}
	x.done()
}

func (x *preparing) done() {
	if x.left--; x.left > 0 {
		return
	}
	if x.at < len(x.p.logs) {
		x.ask()
		return
	}
	x.s.tellControl(control.Event{Kind: control.EventPrepared, Err: x.err})
}

// reopen takes back that logs were closed, or raised: the command was refused.
func (s *Shard) reopen(p *preparation) {
	if p.raising {
		s.takeSettingsOf(p.stream, p.topic)
		return
	}
	for _, id := range p.logs {
		if owner, ok := s.owners.Owner(router.LogID(id)); ok && owner == s.id {
			s.store.Reopen(storage.LogID(id))
		}
	}
}
