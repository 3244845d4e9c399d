package shard

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
)

// propose gives a command of the broker itself into the order. whenShort: it is taken also while space is short, as clients can't be served
// without. done is called with its outcome.
func (x *coordinator) propose(command []byte, whenShort bool, done func(err error)) {
	q := newRequest(x.s, func(_ *Shard, q *request) { done(q.call.Proposal.Err) })
	q.call.Proposal = metadata.Proposal{Command: command, Judgement: metadata.Judgement{Broker: true}, WhenShort: whenShort, Owner: q}
	x.proposed(q)
}

// proposed takes a command that has come to shard 0.
func (x *coordinator) proposed(q *request) {
	x.take(control.Event{Kind: control.EventProposed, Proposal: &q.call.Proposal})
}

// outcome gives a command that was answered to who gave it.
func (x *coordinator) outcome(q *request) {
	switch {
	case q.internal != nil:
		q.internal(x.s, q)
	case q.home == x.s:
		q.proposalDone()
	default:
		x.s.port.Reply(q.home.id, message{kind: msgMetaDone, req: q})
	}
}

// firstCommand is a metadata command of the start, and what it is for.
type firstCommand struct {
	what    string
	command []byte
}

// firstCommands lists what the start has to say: log ids that must not be given out again, the first user, with its hash, and
// that all members of groups are gone, with the sessions of the last run.
func (x *coordinator) firstCommands(b *Beginning) (list []firstCommand) {
	if b.Highest >= x.s.meta.LogIDs.Next() {
		x.s.log.Error("there are files of partitions that the metadata does not know: what created them was lost with damaged files; they are kept, and their names are not used again",
			zap.String("event", "files_without_metadata"),
			zap.Uint64("log", uint64(b.Highest)))
		list = append(list, firstCommand{"skip the log ids that were lost", metadata.EncodeSkipLogs(nil, x.s.micros(), b.Highest+1)})
	}
	if b.Root != "" {
		list = append(list, firstCommand{"create the root user", metadata.EncodeCreateUser(nil, x.s.micros(), metadata.CreateUser{
			Name: []byte(b.Root), PasswordPHC: b.RootPHC, Status: metadata.UserActive})})
	}
	if x.s.meta.GroupCount() > 0 {
		list = append(list, firstCommand{"drop the members of the last run", metadata.EncodeDropMembers(nil, x.s.micros())})
	}
	return list
}

// inOrder gives commands one after the other until one fails.
func (x *coordinator) inOrder(list []firstCommand, done func(err error)) {
	if len(list) == 0 {
		done(nil)
		return
	}
	x.propose(list[0].command, true, func(err error) {
		if err != nil {
			done(fmt.Errorf("%s: %w", list[0].what, err))
			return
		}
		x.inOrder(list[1:], done)
	})
}
