package shard

import (
	"fmt"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// credits are what a shard may have under way at each other one, and what waits for that. The mailbox has so many credits for each
// pair of shards; here some of them are left to requests that give memory back, and some of the others to reads and deletions.
type credits struct {
	port    *router.Port[message]
	all     int          // of a pair of shards
	of      []creditsFor // by shard
	waiting int          // requests that wait, at all shards
}

// creditsFor are those at one shard.
type creditsFor struct {
	writing  int                        // requests there that may wait for room on its disk
	lanes    [lanes]fifo.Queue[waiting] // requests that wait, in order in each lane
	out      int                        // releases on their way
	releases fifo.Queue[*request]       // that wait
}

const (
	oweCreditsShare  = 6
	readCreditsShare = 8 // of the others, for reads and deletions: a disk without room keeps what writes for long
)

// lane is a kind of requests that has credits which others leave it.
type lane uint8

const (
	laneOwes   lane = iota // give memory back
	laneReads              // reads and deletions
	laneWrites             // may wait for room on the disk
	lanes
)

func laneOf(q *request, kind messageKind) lane {
	switch {
	case kind == msgOwe:
		return laneOwes
	case kind == msgRequest && q.Kind != storage.ReqPoll && q.Kind != storage.ReqGetOffset && q.Kind != storage.ReqTrim:
		return laneWrites
	}
	return laneReads
}

// waiting is a request that waits for a credit.
type waiting struct {
	q    *request
	kind messageKind
}

// send sends q to its owner, or has it wait for a credit, and reports whether it went.
func (c *credits) send(q *request, kind messageKind) bool {
	if c.take(q, kind) {
		return true
	}
	c.of[q.owner].lanes[laneOf(q, kind)].Push(waiting{q, kind})
	c.waiting++
	return false
}

// take sends q to its owner if there is a credit for it. The last ones are for what gives memory back: requests that
// wait for memory hold the others.
func (c *credits) take(q *request, kind messageKind) bool {
	most := c.all - c.all/oweCreditsShare
	if kind != msgOwe && c.port.CreditsLeft(q.owner) <= c.all-most {
		return false
	}
	o := &c.of[q.owner]
	writes := laneOf(q, kind) == laneWrites
	if writes && o.writing >= most-max(1, most/readCreditsShare) || !c.port.Request(q.owner, message{kind: kind, req: q}) {
		return false
	}
	if q.writes = writes; writes {
		o.writing++
	}
	return true
}

// answered takes back the credit of a request that its owner has answered.
func (c *credits) answered(q *request, by router.ShardID) {
	c.port.Finish(by)
	if !q.writes {
		return
	}
	q.writes = false
	if c.of[by].writing--; c.of[by].writing < 0 {
		panic(fmt.Sprintf("BUG: shard %d answered more writes than it was given", by))
	}
}

// retry sends what waited for credits.
func (c *credits) retry() {
	if c.waiting == 0 {
		return
	}
	for i := range c.of {
		for k := range c.of[i].lanes {
			for in := &c.of[i].lanes[k]; in.Len() > 0; {
				w := in.First()
				if !c.take(w.q, w.kind) {
					break
				}
				in.Pop()
				c.waiting--
				w.q.unsent = false // nobody sees it before the turn publishes its messages
			}
		}
	}
}

// release gives the memory of a reply back to the shard that it is of. A reply that is being sent holds no credit, or clients that
// read slowly would keep all others from the shard that owns their logs; what the way back takes of the mailbox is bounded here.
func (c *credits) release(q *request) {
	o := &c.of[q.owner]
	if o.out == c.all {
		o.releases.Push(q)
		return
	}
	o.out++
	c.port.Release(q.owner, message{kind: msgRelease, req: q})
}

// released notes that a shard has taken its memory back, and sends what waited for that.
func (c *credits) released(by router.ShardID) {
	o := &c.of[by]
	if o.out--; o.out < 0 {
		panic(fmt.Sprintf("BUG: shard %d has taken back more than it was given", by))
	}
	if o.releases.Len() > 0 {
		c.release(o.releases.Pop())
	}
}
