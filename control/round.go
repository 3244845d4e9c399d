package control

import (
	"errors"
	"fmt"
	"slices"

	"github.com/galgo-mq/galgo/metadata"
)

// round is what is on its way together.
type round struct {
	commands []command
	entries  []Entry // of the commands, in their order
	prepares bool    // levels are raised before anything is committed
	failed   error   // why they could not be
	waiting  int     // shards that have not answered

	paused  bool  // its next run waits for the next turn
	run     *Run  // being applied
	from    int   // its first command
	applied int   // commands that were applied here, or refused
	ends    []int // by command of the run: where its hand-overs end in Run.Pending
	cleared []int // hand-overs of the run that can be completed at once, by position in Run.Pending

	clear  []metadata.Handover // of all runs
	held   []held              // are answered when those are completed
	follow bool                // it completes the hand-overs of the round before, and has what that one held
}

// held is a command that is applied and not answered yet.
type held struct {
	q     command
	index uint64
}

// handoversMax is how many hand-overs are completed by one command.
const handoversMax = 1024

// runMax is how many commands shards apply in one go, and in one turn: no turn is to be long for theirs.
const runMax = 8

// begin has the commands of a round prepared, or committed.
func (c *Control) begin(r *round) {
	c.round = r
	q := r.commands[0]
	if r.prepares = q.Retires.Kind == metadata.RaisedTopic; !r.prepares {
		c.commit()
		return
	}
	r.waiting = c.cfg.Shards
	c.emit(Effect{Kind: EffectPrepare, Proposal: q.Proposal})
}

// prepared counts a shard that has raised its logs.
func (c *Control) prepared(err error) {
	r := c.round
	r.failed = errors.Join(r.failed, err)
	if r.waiting--; r.waiting > 0 {
		return
	}
	if r.failed != nil {
		c.refuse(r.failed)
		return
	}
	c.commit()
}

// commit has the commands of the round made safe.
func (c *Control) commit() {
	r := c.round
	for _, q := range r.commands {
		c.index++
		r.entries = append(r.entries, Entry{Index: c.index, Command: q.Command, WhenShort: q.WhenShort})
	}
	c.emit(Effect{Kind: EffectCommit, Entries: r.entries})
}

// committed has the commands applied, or takes back their numbers: the next command follows the last one that is safe.
func (c *Control) committed(err error) {
	if err == nil {
		c.apply()
		return
	}
	c.index -= uint64(len(c.round.entries))
	c.refuse(err)
}

// refuse ends a round of which nothing was committed. Where that was to complete hand-overs, their deadlines do.
func (c *Control) refuse(err error) {
	r := c.round
	c.unprepare()
	if !r.follow {
		for _, q := range r.commands {
			c.answer(q, err)
		}
	}
	c.endRound()
}

// unprepare takes back that levels were raised.
func (c *Control) unprepare() {
	if c.round.prepares {
		c.emit(Effect{Kind: EffectUnprepare})
	}
}

// apply applies the next commands of the round here, and has them applied everywhere. A refused one is answered with the others: it may
// say what those before it have brought about.
func (c *Control) apply() {
	r, run, results := c.round, &Run{}, []metadata.Result(nil)
	r.paused, c.ranAt = false, c.facts.Mono
	r.from, r.ends, r.cleared = r.applied, r.ends[:0], r.cleared[:0]
	for ; r.applied < len(r.entries) && len(r.ends) < runMax; r.applied++ {
		e, q := &r.entries[r.applied], r.commands[r.applied]
		q.Result, q.Err = c.meta.Apply(e.Index, e.Command)
		if q.Err == nil {
			e.Owners = c.place(q.Result.Created)
			c.groups.begun(q.Result.Pending, c.facts.Mono+int64(c.cfg.RebalancingTimeout))
			run.Entries, run.Pending, results = append(run.Entries, *e), append(run.Pending, q.Result.Pending...), append(results, q.Result)
		} else {
			c.unprepare()
		}
		r.ends = append(r.ends, len(run.Pending))
	}
	r.run, r.waiting = run, 0
	if len(run.Entries) == 0 {
		c.endRun()
		return
	}
	r.waiting = c.cfg.Shards
	c.emit(Effect{Kind: EffectApply, Run: run, Results: results})
}

// place chooses the owners of new logs.
func (c *Control) place(created []metadata.CreatedLog) (owners []int) {
	for _, l := range created {
		owner := c.cfg.Place(c.facts.Logs, l.Log)
		c.facts.Logs[owner]++
		owners = append(owners, owner)
	}
	return owners
}

// shardApplied counts a shard that has applied the run.
func (c *Control) shardApplied(e *Event) {
	r := c.round
	r.cleared = append(r.cleared, e.Clear...)
	for _, index := range e.Closing {
		c.closes(index)
	}
	if r.waiting--; r.waiting == 0 {
		c.endRun()
	}
}

// endRun answers the commands of a run that is applied everywhere, and goes on with the next one.
func (c *Control) endRun() {
	r := c.round
	slices.Sort(r.cleared) // who gets which first must not depend on where the partitions are
	k := 0
	for i, end := range r.ends {
		first := k
		for ; k < len(r.cleared) && r.cleared[k] < end; k++ {
			r.clear = append(r.clear, r.run.Pending[r.cleared[k]])
		}
		switch q := r.commands[r.from+i]; {
		case r.follow:
		case k > first:
			r.held = append(r.held, held{q, r.entries[r.from+i].Index})
		default:
			c.answerClosed(r.entries[r.from+i].Index, q)
		}
	}
	r.run = nil
	switch {
	case r.applied < len(r.entries) && c.ranAt == c.facts.Mono:
		r.paused = true
	case r.applied < len(r.entries):
		c.apply()
	case len(r.clear) > 0 && !r.follow:
		c.handOver(r)
	default:
		c.endRound()
	}
}

// handOver completes what can be completed at once, before what it came from is answered.
func (c *Control) handOver(r *round) {
	k := min(len(r.clear), handoversMax)
	c.groups.completed = append(c.groups.completed, r.clear[k:]...) // these follow by themselves
	cmd := metadata.EncodeHandOver(nil, c.facts.Micros, r.clear[:k])
	c.round = &round{follow: true, held: r.held, commands: []command{{Proposal: &metadata.Proposal{Command: cmd, Judgement: brokers}}}}
	c.commit()
}

// endRound goes on with what waits.
func (c *Control) endRound() {
	for _, h := range c.round.held {
		c.answerClosed(h.index, h.q)
	}
	c.round = nil
	c.next()
}

func (r *round) invariants(index uint64) {
	switch {
	case len(r.commands) == 0 || r.waiting < 0:
		panic(fmt.Sprintf("BUG: a round of %d commands waits for %d shards", len(r.commands), r.waiting))
	case len(r.entries) > 0 && r.entries[len(r.entries)-1].Index != index:
		panic(fmt.Sprintf("BUG: the last command is %d, that of the round %d", index, r.entries[len(r.entries)-1].Index))
	case r.applied > len(r.entries) || r.from > r.applied || r.run != nil && r.waiting == 0:
		panic(fmt.Sprintf("BUG: commands %d to %d of %d are being applied, by %d shards", r.from, r.applied, len(r.entries), r.waiting))
	}
}
