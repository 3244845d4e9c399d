package owner

import (
	"errors"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// The levels of a topic change like this, one change at a time, in the order of metadata commands:
//
//	raise    owners hold the higher level from now on, and make what was told as safe     (only when it is higher)
//	journal  the command is synced
//	apply    everywhere; owners take the levels that are committed
//
// A command that is refused after the first step has the owners take the committed levels again.

// Levels are those of a topic's messages and of its stored offsets, on this node. The zero value is none.
type Levels struct{ Records, Offsets storage.Level }

// RaisedBy says to which levels a command raises the logs of t; none if it only lowers them.
func RaisedBy(t *metadata.Topic, records, offsets, replicated metadata.Level) Levels {
	now := Levels{LevelOf(t.Settings.Durability, replicated), LevelOf(t.Settings.OffsetDurability, replicated)}
	raise := now
	if records != 0 {
		raise.Records = max(now.Records, LevelOf(records, replicated))
	}
	if offsets != 0 {
		raise.Offsets = max(now.Offsets, LevelOf(offsets, replicated))
	}
	if raise == now {
		return Levels{}
	}
	return raise
}

// raising is a topic whose logs are being raised, some at a time: each has a request of its own, of a good kilobyte, and there may be
// ten thousand.
type raising struct {
	to   Levels
	logs []storage.LogID // that are not being raised yet
	left int             // that are not raised
	err  error
}

// raiseTask raises a log.
type raiseTask struct {
	Part
	of *raising
}

// raisedAtOnce is how many logs of a topic are being raised at a time.
const raisedAtOnce = 256

// Raise raises the logs of a topic that are here. NewsRaised comes when all that they have acknowledged is as safe.
func (o *Owner) Raise(stream metadata.StreamID, topic metadata.TopicID, to Levels) {
	x := &raising{to: to}
	if t, err := o.meta.Topic(metadata.ByNumber(stream), metadata.ByNumber(topic)); err == nil && to != (Levels{}) {
		for l := range o.logsOf(t) {
			x.logs = append(x.logs, l.ID())
		}
	}
	if x.left = len(x.logs); x.left == 0 {
		o.tell(News{Kind: NewsRaised})
		return
	}
	for range min(raisedAtOnce, len(x.logs)) {
		t := &raiseTask{of: x}
		t.Of, t.Owner = t, &t.Part
		o.raiseNext(t)
	}
}

// raiseNext raises the next log by t.
func (o *Owner) raiseNext(t *raiseTask) {
	x := t.of
	t.Clear()
	t.Kind, t.Log, t.Value, t.Count = storage.ReqRaise, x.logs[0], uint64(x.to.Records), uint32(x.to.Offsets)
	x.logs = x.logs[1:]
	o.ask(&t.Request)
}

// raised takes the answer of a log that was to be raised.
func (o *Owner) raised(t *raiseTask) {
	x := t.of
	x.err = errors.Join(x.err, t.Err)
	if x.left--; x.left == 0 {
		o.tell(News{Kind: NewsRaised, Err: x.err})
		return
	}
	if len(x.logs) > 0 {
		o.raiseNext(t)
	}
}
