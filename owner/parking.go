package owner

import (
	"fmt"
	"slices"
	"time"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// A poll that finds nothing may wait for a message at the owner of the log, so that consumers which poll without a pause cost little and
// see a message at once. It is answered when one lands, when its time is over, when the log goes, and when its connection sends anything else
// or closes: a poll that waits delays nothing. Polls that could find something elsewhere are answered at once: those of groups, whose members
// have other partitions, and strategies that are not about the end of the log.
//
//	none --park--> parked --wake--> woken: with the store again --nothing there--> parked
//	                 '--time is over, hurried--> answered           '--answered

// parking is the polls that wait. A poll keeps its slot, and its place among the deadlines, while the store looks again.
type parking struct {
	wait time.Duration // that a poll may; 0: none may
	most int           // slots for polls of another shard, whose credits they keep: the others are for requests that do something

	in          map[*Part]*slot // nothing is read of a part that may be another shard's again
	at          map[storage.LogID]slotList
	first, last *slot // by deadline: all may wait equally long
	spare       *slot
	of          []int // slots by shard
	woken       partList
	hurried     []*Part // since answers were last taken; they may not be here, and nothing is read of them
}

// slot is what a poll that waits holds.
type slot struct {
	p             *Part
	until         int64
	parked        bool
	timed         bool  // it is among the deadlines
	before, after *slot // there, or among those that are spare
	prev, next    *slot // at the same log
}

// slotList is the polls that wait at a log, in their order.
type slotList struct{ first, last *slot }

// mayPark reports whether p, which the store has answered, may wait.
func (k *parking) mayPark(p *Part) bool {
	return k.wait > 0 && p.Err == nil && p.Records == 0 && p.Count > 0 && !p.Consumer.Group && !p.AtOnce &&
		(p.Strategy == storage.FromOffset || p.Strategy == storage.FromNext)
}

// park keeps an answered poll back, if it may wait, and reports whether it did.
func (k *parking) park(p *Part, mono int64, own int) bool {
	if !k.mayPark(p) || slices.Contains(k.hurried, p) || p.slot != nil && p.slot.until <= mono || p.slot == nil && p.From != own && k.of[p.From] >= k.most {
		k.release(p)
		return false
	}
	if p.slot == nil {
		k.acquire(p, mono+int64(k.wait))
	}
	x := p.slot
	x.parked = true
	l := k.at[p.Log]
	if l.first == nil {
		l.first = x
	} else {
		l.last.next, x.prev = x, l.last
	}
	l.last = x
	k.at[p.Log] = l
	return true
}

// acquire gives p a slot, behind all others.
func (k *parking) acquire(p *Part, until int64) {
	x := k.spare
	if x == nil {
		x = &slot{}
	} else {
		k.spare = x.after
	}
	*x = slot{p: p, until: until, timed: true, before: k.last}
	if k.last == nil {
		k.first = x
	} else {
		k.last.after = x
	}
	k.last = x
	p.slot, k.in[p] = x, x
	k.of[p.From]++
}

// release takes the slot of p back, if it has one. It is not parked.
func (k *parking) release(p *Part) {
	x := p.slot
	if x == nil {
		return
	}
	k.untime(x)
	delete(k.in, p)
	k.of[p.From]--
	p.slot = nil
	*x = slot{after: k.spare}
	k.spare = x
}

// untime takes x out of the deadlines.
func (k *parking) untime(x *slot) {
	if !x.timed {
		return
	}
	if x.timed = false; x.before == nil {
		k.first = x.after
	} else {
		x.before.after = x.after
	}
	if x.after == nil {
		k.last = x.before
	} else {
		x.after.before = x.before
	}
	x.before, x.after = nil, nil
}

// leave takes a parked poll out of those that wait at its log.
func (k *parking) leave(x *slot) {
	l := k.at[x.p.Log]
	if x.prev == nil {
		l.first = x.next
	} else {
		x.prev.next = x.next
	}
	if x.next == nil {
		l.last = x.prev
	} else {
		x.next.prev = x.prev
	}
	if x.prev, x.next, x.parked = nil, nil, false; l.first == nil {
		delete(k.at, x.p.Log)
		return
	}
	k.at[x.p.Log] = l
}

// wake has the polls that wait at a log looked at again.
func (k *parking) wake(log storage.LogID) {
	if len(k.at) == 0 {
		return
	}
	for x := k.at[log].first; x != nil; {
		next := x.next
		x.parked, x.prev, x.next = false, nil, nil
		k.woken.push(x.p)
		x = next
	}
	delete(k.at, log)
}

// Hurry answers a poll that waits here, and one that is being looked at again if that finds nothing: its client has sent something else. So it does
// with one that came in the same turn, and whose answer was not taken. One that is not here is left alone.
func (o *Owner) Hurry(p *Part) {
	x := o.parking.in[p]
	if x == nil {
		if o.parking.wait > 0 {
			o.parking.hurried = append(o.parking.hurried, p)
		}
		return
	}
	if p.AtOnce = true; x.parked {
		o.unpark(x)
	}
}

func (k *parking) forgetHurried() {
	if len(k.hurried) > 0 {
		clear(k.hurried)
		k.hurried = k.hurried[:0]
	}
}

// unpark answers a parked poll with nothing.
func (o *Owner) unpark(x *slot) {
	p := x.p
	o.parking.leave(x)
	o.parking.release(p)
	o.answered.push(p)
}

// endWaits answers polls whose time is over; all when the shard stops.
func (o *Owner) endWaits() {
	k := &o.parking
	for k.first != nil && (k.first.until <= o.mono || k.wait == 0) {
		if x := k.first; x.parked {
			o.unpark(x)
		} else {
			k.untime(x) // it does not wait any more when the store has looked
		}
	}
}

// Restart has the store look again for the polls for which something may have landed, and reports whether there were any. While they waited,
// the session may have ended, or the right gone.
func (o *Owner) Restart() (any bool) {
	k := &o.parking
	for p := k.woken.pop(); p != nil; p = k.woken.pop() {
		any = true
		if err := p.Subject.May(o.meta, metadata.ActionPollMessages, p.Stream, p.Topic); err != nil {
			k.release(p)
			p.Err = err
			o.answered.push(p)
			continue
		}
		o.ask(&p.Request)
	}
	return any
}

// Parked is how many polls wait for a message.
func (o *Owner) Parked() int { return len(o.parking.in) }

// deadline is when the time of the first poll is over; 0: none waits.
func (k *parking) deadline() int64 {
	if k.first == nil {
		return 0
	}
	return k.first.until
}

// StopParking has no poll wait any more.
func (o *Owner) StopParking() { o.parking.wait = 0 }

func (k *parking) invariants() {
	parked, timed, of := 0, 0, make([]int, len(k.of))
	for p, x := range k.in {
		if x.p != p || p.slot != x || x.parked && !x.timed {
			panic(fmt.Sprintf("BUG: a slot of another poll, or a parked one without a deadline: parked %v, timed %v", x.parked, x.timed))
		}
		if of[p.From]++; x.parked {
			parked++
		}
		if x.timed {
			timed++
		}
	}
	for i, n := range of {
		if n != k.of[i] {
			panic(fmt.Sprintf("BUG: %d polls of shard %d wait, %d are counted", n, i, k.of[i]))
		}
	}
	for x := k.first; x != nil; x = x.after {
		if timed--; x.after != nil && x.after.until < x.until {
			panic(fmt.Sprintf("BUG: a poll waits until %d behind one that waits until %d", x.after.until, x.until))
		}
	}
	for log, l := range k.at {
		for x := l.first; x != nil; x = x.next {
			if parked--; !x.parked || x.p.Log != log || x.next == nil && l.last != x {
				panic(fmt.Sprintf("BUG: a poll of log %d waits at log %d: %v", x.p.Log, log, x.parked))
			}
		}
	}
	if parked != 0 || timed != 0 {
		panic(fmt.Sprintf("BUG: %d parked polls wait at no log, %d are not among the deadlines", parked, timed))
	}
}
