package auth

import (
	"container/list"
	"math"
	"time"
)

// decaying is a count of wrong passwords that loses half of itself every wrongHalfLife.
type decaying struct {
	count float64
	at    time.Duration
}

func (d decaying) value(now time.Duration) float64 {
	if d.count == 0 {
		return 0
	}
	return d.count * math.Exp2(-float64(now-d.at)/float64(wrongHalfLife))
}

// add counts one more. The count ends at wrongMax, so that it is forgiven in bounded time.
func (d *decaying) add(now time.Duration) {
	*d = decaying{min(d.value(now)+1, wrongMax), now}
}

// pair is an account tried from an address, or all accounts of an address that has its full number of pairs.
type pair struct {
	key     key
	address *address
	element *list.Element // in pairs.order; nil: the rest of its address
	wrong   decaying
	nextAt  time.Duration // while suspect: when it may have its next hash
	open    int           // attempts that hold it

	asked levels // of wrong, when suspect was asked last
}

// levels remembers for one moment which thresholds a count has reached: they are asked for many times in a turn.
type levels struct {
	at         time.Duration // -1: of no moment
	some, many bool
}

// of returns the levels of d at a moment. Half a one is forgiven in 45 s or more, so that they are as many after a moment.
func (l *levels) of(d decaying, now time.Duration, many float64) levels {
	switch {
	case d.count < 0.5:
		return levels{}
	case l.at != now:
		v := d.value(now)
		*l = levels{now, v >= 0.5, v >= many-0.5}
	}
	return *l
}

// suspect says that attempts of the pair have to wait for their turn: it had many wrong ones, or its address had.
func (p *pair) suspect(now time.Duration) bool {
	l := p.asked.of(p.wrong, now, freshWrongMax)
	return l.many || l.some && p.address.asked.of(p.address.wrong, now, addressWrongMax).many
}

// judge counts a wrong password against the pair and its address, or forgives the pair for a right one.
func (p *pair) judge(now time.Duration, ok bool) {
	switch {
	case !ok:
		p.wrong.add(now)
		p.address.wrong.add(now)
	case p != p.address.rest: // of accounts of many, one says nothing about the others
		p.wrong, p.nextAt = decaying{}, 0
	}
	p.asked.at, p.address.asked.at = -1, -1
}

// address is where attempts come from. It lives as long as something refers to it.
type address struct {
	key    key
	pairs  []*pair
	rest   *pair    // for accounts beyond addressPairsMax; nil until there are such
	wrong  decaying // of all its pairs
	served uint64   // the grant that it had last, or the last one before it came
	open   int      // attempts of it that are not answered
	asked  levels   // of wrong
}

// clean says that nothing is known against an address.
func (a *address) clean(now time.Duration) bool {
	return !a.asked.of(a.wrong, now, addressWrongMax).some
}

// pairs is the bounded table of pairs. What was not touched for longest and has no attempts goes first. An address
// has a bounded number of places: accounts beyond those share one pair, so names made up at one address neither push
// out pairs of other addresses nor give it fresh tries without end.
type pairs struct {
	max, addressMax int
	byKey           map[key]*pair
	order           list.List // of *pair, the one touched last in front
	addresses       map[key]*address
}

func newPairs(most, addressMost int) pairs {
	return pairs{max: most, addressMax: addressMost, byKey: make(map[key]*pair), addresses: make(map[key]*address)}
}

// find returns the pair that an attempt with these keys falls into, or nil when it would be a new one.
func (t *pairs) find(now time.Duration, pairKey, addressKey key) *pair {
	if p := t.byKey[pairKey]; p != nil {
		return p
	}
	a := t.addresses[addressKey]
	if a == nil || len(a.pairs) < t.addressMax {
		return nil
	}
	for _, p := range a.pairs {
		if p.open == 0 && p.wrong.value(now) < 0.5 {
			t.drop(p)
			return nil
		}
	}
	if a.rest == nil {
		a.rest = &pair{address: a, asked: levels{at: -1}}
	}
	return a.rest
}

// add makes a new pair. grants is where a new address starts to wait for its turn.
func (t *pairs) add(pairKey, addressKey key, grants uint64) *pair {
	a := t.addresses[addressKey]
	if a == nil {
		a = &address{key: addressKey, served: grants, asked: levels{at: -1}}
		t.addresses[addressKey] = a
	}
	p := &pair{key: pairKey, address: a, asked: levels{at: -1}}
	a.pairs = append(a.pairs, p)
	a.open++ // the address must not go with the pair that makes room
	if len(t.byKey) == t.max {
		t.evict()
	}
	a.open--
	t.byKey[pairKey] = p
	p.element = t.order.PushFront(p)
	return p
}

func (t *pairs) touch(p *pair) {
	if p.element != nil {
		t.order.MoveToFront(p.element)
	}
}

// evict makes room for one: there is always a pair without attempts, as fewer may wait than the table holds.
func (t *pairs) evict() {
	for e := t.order.Back(); e != nil; e = e.Prev() {
		if p := e.Value.(*pair); p.open == 0 {
			t.drop(p)
			return
		}
	}
	panic("BUG: every pair of a full table has attempts")
}

// release lets go of what is not worth a place any more.
func (t *pairs) release(p *pair) {
	if p.open == 0 && p.element != nil && p.wrong.count == 0 {
		t.drop(p)
	}
	t.releaseAddress(p.address)
}

func (t *pairs) drop(p *pair) {
	delete(t.byKey, p.key)
	t.order.Remove(p.element)
	for i, q := range p.address.pairs {
		if q == p {
			p.address.pairs = append(p.address.pairs[:i], p.address.pairs[i+1:]...)
			break
		}
	}
	t.releaseAddress(p.address)
}

func (t *pairs) releaseAddress(a *address) {
	if len(a.pairs) == 0 && a.open == 0 && (a.rest == nil || a.rest.open == 0) {
		delete(t.addresses, a.key)
	}
}
