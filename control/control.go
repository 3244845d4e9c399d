package control

import (
	"fmt"
	"time"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/metadata"
)

// Config is fixed for the life of a Control.
type Config struct {
	Shards     int
	Limits     metadata.Limits
	EntryBytes int64 // what a command takes of Facts.CommitFree beside its own bytes
	// Place picks the shard of a new log. It looks at the rooms' Logs alone.
	Place func(logs []int, log metadata.LogID) int

	RebalancingTimeout   time.Duration // after that a hand-over is completed without the member's help
	TokenCleanerInterval time.Duration
}

// Facts are how things stand when an event comes.
type Facts struct {
	Mono     int64           // monotonic time in nanoseconds
	Micros   metadata.Micros // of the day
	Stopping bool            // the orderly end has begun

	Short       bool  // what makes commands safe has no space, and takes what frees some
	Refuses     error // why a command would be refused now for want of space, or nil
	RefusesFree error // why one that frees some would be
	CommitFree  int64 // bytes of commands that may be committed before a snapshot is needed
	CommitMax   int64 // and that are made safe together, at most
	SnapshotDue bool  // it is time for one, and it can be written

	Logs []int // how many each shard has; only looked at for commands that make logs. Step changes it
}

// Control is the order of metadata commands. It belongs to one thread.
type Control struct {
	cfg   Config
	meta  *metadata.Machine // nobody else applies commands to it
	facts *Facts            // of the event that is being taken
	out   []Effect          // of this step

	queue fifo.Queue[command]
	judge judge
	round *round // in progress
	mover mover  // in its turn among the commands
	index uint64 // of the last command
	ranAt int64  // when commands were last applied

	closings map[uint64]*closing // by the index of their command
	retired  retired
	snapshot snapshot
	groups   groups
	tokens   tokens
}

// command is one that waits for its turn, or is on its way.
type command struct {
	*metadata.Proposal
	move *Move
	done func(err error) // of this package's own: instead of an effect that answers
}

// New makes the order of commands to m, which has applied all up to index.
func New(cfg Config, m *metadata.Machine, index uint64) *Control {
	return &Control{cfg: cfg, meta: m, index: index, closings: map[uint64]*closing{}}
}

// Step takes an event and returns what is to be done, in that order. Both are only good until the next Step; what the effects point to
// is good for longer where that is said.
func (c *Control) Step(facts *Facts, e *Event) []Effect {
	clear(c.out)
	c.facts, c.out = facts, c.out[:0]
	switch e.Kind {
	case EventProposed:
		c.propose(command{Proposal: e.Proposal})
	case EventPrepared:
		c.prepared(e.Err)
	case EventCommitted:
		c.committed(e.Err)
	case EventApplied:
		c.shardApplied(e)
	case EventClosed:
		c.logsClosed(e.Closed)
	case EventMove:
		c.propose(command{Proposal: &metadata.Proposal{Judgement: brokers}, move: e.Move})
	case EventMoved:
		c.mover.moved(c, e.Err)
	case EventMapped:
		c.mover.mapped(c)
	case EventFilesGone:
		c.retired.forget(c, e.Logs)
	case EventGroups:
		c.groups.note(e.Handovers, e.Leavers)
	case EventMember:
		c.groups.member(c, e.Key, e.Back)
	case EventSnapshot:
		c.snapshot.done(c, e.Err)
	case EventTick:
		c.tick()
	default:
		panic(fmt.Sprintf("BUG: control event %d", e.Kind))
	}
	c.facts = nil
	c.invariants()
	return c.out
}

// brokers is the judgement of what the broker itself proposes.
var brokers = metadata.Judgement{Broker: true}

// tick does what has become due. It comes once in a turn.
func (c *Control) tick() {
	c.shed()
	c.snapshot.maybeBegin(c)
	c.tokens.expire(c)
	c.groups.tend(c)
	if r := c.round; r != nil && r.paused && c.ranAt != c.facts.Mono {
		c.apply()
	}
	c.next()
}

// idle reports whether no command is on its way.
func (c *Control) idle() bool { return c.round == nil && c.mover.move == nil }

// Busy reports whether something is on its way, or to be done yet.
func (c *Control) Busy() bool {
	return !c.idle() || c.queue.Len() > 0 || len(c.closings) > 0 || c.snapshot.active || c.groups.busy()
}

// Due reports whether a tick has something to do. snapshot: it is time for one.
func (c *Control) Due(mono int64, snapshot bool) bool {
	return c.queue.Len() > 0 || c.round != nil && c.round.paused || mono >= c.tokens.next || c.groups.due(mono) || snapshot && c.idle() && c.snapshot.may(mono)
}

// AtOnce reports whether commands go on with the next tick, and nothing else will bring it about.
func (c *Control) AtOnce() bool {
	return c.round != nil && c.round.paused || c.idle() && c.queue.Len() > 0 && !c.snapshot.active
}

// Deadline is the monotonic time at which a tick has something to do though no event comes; 0: none.
func (c *Control) Deadline() (next int64) {
	earlier := func(t int64) {
		if t = max(1, t); next == 0 || t < next {
			next = t
		}
	}
	if c.AtOnce() {
		return 1
	}
	if len(c.groups.deadlines) > 0 {
		earlier(c.groups.nextCheck)
	}
	if c.groups.leavers.Len() > 0 && c.groups.asked < dropsMax {
		earlier(c.groups.again)
	}
	if c.meta.Accounts.TokensExpireAt() != 0 {
		earlier(c.tokens.next)
	}
	return next
}

// own proposes a command of this package. done is called with its outcome.
func (c *Control) own(p metadata.Proposal, done func(err error)) {
	p.Judgement = brokers
	c.propose(command{Proposal: &p, done: done})
}

// answer gives a command's outcome to who gave it.
func (c *Control) answer(q command, err error) {
	q.Err = err
	switch {
	case q.done != nil:
		q.done(err)
	case q.move != nil:
		c.emit(Effect{Kind: EffectAnswerMove, Move: q.move, Err: err})
	default:
		c.emit(Effect{Kind: EffectAnswer, Proposal: q.Proposal})
	}
}

func (c *Control) emit(e Effect) { c.out = append(c.out, e) }

func (c *Control) invariants() {
	if !invariantsOn {
		return
	}
	if c.round != nil && c.mover.move != nil {
		panic("BUG: a log moves while commands are on their way")
	}
	if c.round == nil && c.index != c.meta.Revision() {
		panic(fmt.Sprintf("BUG: no command is on its way, the last was %d and the state is of %d", c.index, c.meta.Revision()))
	}
	if c.round != nil {
		c.round.invariants(c.index)
	}
	for _, x := range c.closings {
		x.invariants()
	}
	c.mover.invariants()
	c.groups.invariants()
	c.snapshot.invariants()
}
