package control

import "fmt"

// closing is a command that is applied and has retired logs, while their owners close them. Others go on meanwhile.
type closing struct {
	shards int     // that have not closed theirs
	q      command // answered when all have
	waits  bool    // it is applied everywhere
}

// closes notes that a shard closes logs of the command.
func (c *Control) closes(index uint64) {
	x := c.closings[index]
	if x == nil {
		x = &closing{}
		c.closings[index] = x
	}
	x.shards++
}

// logsClosed counts a shard that has closed its logs of commands, by their indexes.
func (c *Control) logsClosed(list []uint64) {
	for _, k := range list {
		x := c.closings[k]
		if x.shards--; x.shards == 0 && x.waits {
			delete(c.closings, k)
			c.answer(x.q, nil)
		}
	}
}

// answerClosed answers a command that is applied everywhere, or leaves that to the last shard that closes logs of it.
func (c *Control) answerClosed(index uint64, q command) {
	x := c.closings[index]
	switch {
	case x == nil:
		c.answer(q, q.Err)
	case x.shards == 0:
		delete(c.closings, index)
		c.answer(q, nil)
	default:
		x.q, x.waits = q, true
	}
}

func (x *closing) invariants() {
	if x.shards < 0 || x.waits && x.shards == 0 {
		panic(fmt.Sprintf("BUG: a command whose logs %d shards close waits for them: %v", x.shards, x.waits))
	}
}
