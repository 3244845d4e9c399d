package control

import "github.com/galgo-mq/galgo/metadata"

// propose puts a command behind those that wait, unless it would be refused for want of space. It begins with the next tick, together
// with others of its turn, or when those in front of it have ended.
func (c *Control) propose(q command) {
	q.WhenShort = q.WhenShort || q.Retires.Frees()
	c.enqueue(q)
}

func (c *Control) enqueue(q command) {
	refuses := c.facts.Refuses
	if q.WhenShort {
		refuses = c.facts.RefusesFree
	}
	if refuses != nil {
		c.answer(q, refuses)
		return
	}
	c.queue.Push(q)
}

// shed refuses what waits and would be refused for want of space when its turn came.
func (c *Control) shed() {
	if !c.facts.Short || c.queue.Len() == 0 {
		return
	}
	for k := c.queue.Len(); k > 0 && c.queue.Len() > 0; k-- {
		c.enqueue(c.queue.Pop())
	}
	if c.queue.Len() > 0 { // it frees space, and waits for the command in progress
		c.emit(Effect{Kind: EffectWantSpace})
	}
}

// roundMax is how many commands are made safe together.
const roundMax = 1024

// next begins with the next commands if none is in progress. A snapshot that is due begins before: clients that send commands without a
// pause leave no turn without one.
func (c *Control) next() {
	for c.idle() && c.queue.Len() > 0 {
		q := c.queue.First()
		c.snapshot.maybeBegin(c)
		if c.snapshot.active && c.facts.CommitFree < c.cost(q) {
			return // when the snapshot has ended
		}
		c.queue.Pop()
		if err := c.judge.admit(c, q, beside{}); err != nil {
			c.answer(q, err)
			continue
		}
		if q.move != nil {
			c.mover.begin(c, q)
			continue
		}
		c.begin(c.gather(q))
	}
}

// cost is what a command takes of CommitFree.
func (c *Control) cost(q command) int64 { return int64(len(q.Command)) + c.cfg.EntryBytes }

// beside is what commands in front of one may add that are not applied yet, at most.
type beside struct {
	commands    int
	bytes, logs int // of the state
	cost        int64
}

// gather makes a round of a command that was admitted and of those behind it that may go with it. One that would not be admitted if all in front of it
// added what they may is no part of it: it is judged again when they are applied.
func (c *Control) gather(q command) *round {
	r := &round{commands: []command{q}}
	mixing := metadata.MixingOf(q.Command)
	b := beside{}
	for c.add(&b, q); c.queue.Len() > 0 && len(r.commands) < roundMax; c.add(&b, q) {
		q = c.queue.First()
		if q.move != nil || q.WhenShort != r.commands[0].WhenShort || b.cost+c.cost(q) > min(c.facts.CommitFree, c.facts.CommitMax, roundBytesMax) {
			break
		}
		both, mixes := mixing.With(metadata.MixingOf(q.Command))
		if !mixes || c.judge.admit(c, q, b) != nil {
			break
		}
		mixing = both
		r.commands = append(r.commands, c.queue.Pop())
	}
	return r
}

// roundBytesMax bounds what commands that are made safe together take: as much as the largest one alone.
const roundBytesMax = 256 << 10

// add notes what one more command may add.
func (c *Control) add(b *beside, q command) {
	b.commands++
	b.cost += c.cost(q)
	if q.Quota != nil {
		bytes, logs := c.meta.Growth(q.Command)
		b.bytes, b.logs = b.bytes+bytes, b.logs+logs
	}
}
