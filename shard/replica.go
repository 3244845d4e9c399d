package shard

import (
	"fmt"

	"github.com/galgo-mq/galgo/board"
	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
	"github.com/galgo-mq/galgo/router"
)

// metaEvent is what shards tell each other of the order of metadata commands. The receiver reads it; nobody changes it.
type metaEvent struct {
	raises *raising
	run    *control.Run
	move   *logMove
	news   control.Event // for the control room
}

// replica is a shard's replica of the metadata and of the map of owners, and what a command means for the logs that are here. All replicas are
// equal after the same commands.
type replica struct {
	meta   *metadata.Machine
	owners *router.Map
	own    shardID
	logs   *owner.Owner
	shown  *board.Logs // of all shards
}

// applyRun applies committed commands, and returns what the control room is to be told of that.
func (r *replica) applyRun(run *control.Run) control.Event {
	var did ran
	for i := range run.Entries {
		e := &run.Entries[i]
		res, err := r.meta.Apply(e.Index, e.Command)
		if err != nil {
			panic(fmt.Sprintf("BUG: shard %d refuses metadata command %d, which shard 0 applied: %v", r.own, e.Index, err))
		}
		r.applied(&did, e, &res)
	}
	return did.event()
}

// ran is what came of commands that were applied in one go.
type ran struct {
	pending int      // hand-overs that they have begun
	cleared []int    // those that this shard can complete at once
	closing []uint64 // commands of which this shard closes logs
}

func (x *ran) event() control.Event {
	return control.Event{Kind: control.EventApplied, Clear: x.cleared, Closing: x.closing}
}

// applied does what a command means for the logs that are here.
func (r *replica) applied(did *ran, e *control.Entry, res *metadata.Result) {
	for i := range res.Created {
		c, at := &res.Created[i], shardID(e.Owners[i])
		r.owners.Set(router.LogID(c.Log), at)
		if at == r.own {
			r.logs.Open(c, r.shown.Open(c.Log))
		}
	}
	if retired := r.retired(res); len(retired) > 0 {
		did.closing = append(did.closing, e.Index)
		r.logs.Retire(e.Index, retired)
	}
	if res.SettingsChanged || len(res.Created)+len(res.Retired) > 0 { // each partition has another share of the topic's size
		r.logs.TakeSettings(res.Stream, res.Topic)
	}
	for i := range res.Created { // of all topics of a stream, if that was purged
		if c := &res.Created[i]; c.Topic != res.Topic && (i == 0 || c.Topic != res.Created[i-1].Topic) {
			r.logs.TakeSettings(c.Stream, c.Topic)
		}
	}
	for i := range res.DroppedGroups {
		r.logs.DropOffsets(&res.DroppedGroups[i])
	}
	for i := range res.Pending {
		if r.logs.Completes(&res.Pending[i]) {
			did.cleared = append(did.cleared, did.pending+i)
		}
	}
	did.pending += len(res.Pending)
}

// retired takes the logs that a command has retired off the map, and returns those that were here.
func (r *replica) retired(res *metadata.Result) (own []metadata.LogID) {
	for _, x := range res.Retired {
		at, ok := r.owners.Owner(router.LogID(x.Log))
		r.owners.Delete(router.LogID(x.Log))
		if ok && at == r.own {
			r.shown.Drop(x.Log)
			own = append(own, x.Log)
		}
	}
	return own
}

// moved notes that a log has moved.
func (r *replica) moved(m *logMove) {
	r.owners.Set(router.LogID(m.log), m.to)
	if m.from == r.own {
		r.logs.Released(m.log)
	}
}

// raisingOf says what a command asks of the owners of its topic's logs.
func (r *replica) raisingOf(x *metadata.Retirement, replicated metadata.Level) *raising {
	t, err := r.meta.Topic(x.Stream, x.Topic)
	if err != nil {
		return &raising{}
	}
	return &raising{t.Stream, t.ID, owner.RaisedBy(t, x.Messages, x.Offsets, replicated)}
}

// raising is a topic whose levels are to be higher. Nobody changes one.
type raising struct {
	stream metadata.StreamID // the command is its client's again when shards hear that it was refused
	topic  metadata.TopicID
	to     owner.Levels // none: the command only lowers them
}
