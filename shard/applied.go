package shard

import (
	"fmt"

	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
)

// metaEvent is what shards tell each other of the order of metadata commands. The receiver reads it; nobody changes it.
type metaEvent struct {
	raises *raising
	run    *control.Run
	move   *logMove
	news   control.Event // for the control room
}

// tellControl gives the control room an event. The caller has seen that there is room for a message, or the event answers one of the
// room's effects, for which there is.
func (s *Shard) tellControl(e control.Event) {
	if s.coordinator != nil {
		s.coordinator.take(e)
		return
	}
	s.port.Control(0, message{kind: msgControl, event: &metaEvent{news: e}})
}

// applyRun applies committed commands to this shard's replica.
func (s *Shard) applyRun(run *control.Run) {
	var did ran
	for i := range run.Entries {
		e := &run.Entries[i]
		res, err := s.meta.Apply(e.Index, e.Command)
		if err != nil {
			panic(fmt.Sprintf("BUG: shard %d refuses metadata command %d, which shard 0 applied: %v", s.id, e.Index, err))
		}
		s.applied(&did, e, &res)
	}
	s.tellControl(did.event())
}

// ran is what came of commands that were applied in one go.
type ran struct {
	pending int      // hand-overs that they have begun
	cleared []int    // those that this shard can complete at once
	closing []uint64 // commands of which this shard closes logs
}

func (r *ran) event() control.Event {
	return control.Event{Kind: control.EventApplied, Clear: r.cleared, Closing: r.closing}
}

// applied does what a command means for the logs of this shard.
func (s *Shard) applied(did *ran, e *control.Entry, res *metadata.Result) {
	for i := range res.Created {
		c, owner := &res.Created[i], shardID(e.Owners[i])
		s.owners.Set(router.LogID(c.Log), owner)
		if owner == s.id {
			s.logs.Open(c, s.g.counters.open(c.Log))
		}
	}
	if retired := s.retired(res); len(retired) > 0 {
		did.closing = append(did.closing, e.Index)
		s.logs.Retire(e.Index, retired)
	}
	if res.SettingsChanged || len(res.Created)+len(res.Retired) > 0 { // each partition has another share of the topic's size
		s.logs.TakeSettings(res.Stream, res.Topic)
	}
	for i := range res.Created { // of all topics of a stream, if that was purged
		if c := &res.Created[i]; c.Topic != res.Topic && (i == 0 || c.Topic != res.Created[i-1].Topic) {
			s.logs.TakeSettings(c.Stream, c.Topic)
		}
	}
	for i := range res.DroppedGroups {
		s.logs.DropOffsets(&res.DroppedGroups[i])
	}
	for i := range res.Pending {
		if s.logs.Completes(&res.Pending[i]) {
			did.cleared = append(did.cleared, did.pending+i)
		}
	}
	did.pending += len(res.Pending)
}

// retired takes the logs that a command has retired off the map, and returns those that this shard owned.
func (s *Shard) retired(res *metadata.Result) (own []metadata.LogID) {
	for _, r := range res.Retired {
		owner, ok := s.owners.Owner(router.LogID(r.Log))
		s.owners.Delete(router.LogID(r.Log))
		if ok && owner == s.id {
			s.g.counters.drop(r.Log)
			own = append(own, r.Log)
		}
	}
	return own
}
