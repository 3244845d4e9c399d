package auth

import (
	"fmt"
	"time"
)

// How passwords are defended. An attempt is hashed at once, in the order of addresses, unless its pair of account and
// address had freshWrongMax wrong ones lately, or one while its address had addressWrongMax. Such a pair is suspect: its
// attempts wait for one of few hashes.
const (
	freshWrongMax   = 5
	addressWrongMax = 10
	wrongMax        = 40 // counts end here: forgiven after three half-lives and a bit
	wrongHalfLife   = 5 * time.Minute

	suspectHashEvery = 500 * time.Millisecond // per pair
	suspectRest      = 9                      // of all suspects: no hash for so many times what the last one took,
	suspectRestMax   = 500 * time.Millisecond // at most this
	suspectWait      = time.Second            // in which an attempt of a suspect pair may get a hash
	reserveMax       = time.Second            // added for the hash itself: twice what one took lately, at most this
	freshWait        = 30 * time.Second       // after that nobody waits for the answer any more

	waitingMax        = 1024 // attempts that are not answered, at most 1.5 KiB each
	crowdMax          = 768  // beyond it only addresses with few of them get in,
	crowdFreeMax      = 16   // fewer than this,
	throngMax         = 896  // and beyond this only such against which nothing is known
	addressWaitingMax = 320  // of one address
	addressSuspectMax = 256  // of one address, when the next one is of a suspect pair
	pairsMax          = 4096
	addressPairsMax   = 64
)

const _ = uint(pairsMax - waitingMax - 2) // a pair without attempts can always make room

// limits are the bounds of a gate's tables, for tests to make small.
type limits struct {
	waiting, crowd, crowdFree, throng, addressWaiting, addressSuspect int
	pairs, addressPairs, remembered                                   int
}

var defaultLimits = limits{
	waiting: waitingMax, crowd: crowdMax, crowdFree: crowdFreeMax, throng: throngMax,
	addressWaiting: addressWaitingMax, addressSuspect: addressSuspectMax,
	pairs: pairsMax, addressPairs: addressPairsMax, remembered: rememberedMax,
}

// Counters are what became of attempts since the start. All that are answered are in one of Right to Busy.
type Counters struct {
	Attempts   uint64
	Right      uint64 // found by a hash
	Remembered uint64 // right, without a hash
	Wrong      uint64 // found by a hash
	Refused    uint64 // answered as wrong without having had a hash in time
	Busy       uint64 // not taken
	Delayed    uint64 // of all: those that had to wait for a turn as suspects
	Waiting    int    // not answered yet
	Pairs      int    // in the table
	Known      int    // accounts whose password is remembered
}

// attempt is one password to be checked.
type attempt struct {
	account, pair, address key
	proof                  proof
	phc                    string
	password               []byte
	done                   func(ok bool)

	of       *pair
	state    state
	came     time.Duration
	answerAt time.Duration // when a suspect is answered that was not found right
	seen     uint64        // version of the memory in which it was not found
	answered bool
	delayed  bool
}

type state byte

const (
	stateWaiting state = iota
	stateFresh         // in hash, will be answered with the result
	stateSuspect       // in hash, will be answered at answerAt unless it is right
	stateWrong         // hashed, waits for answerAt like one that was not
)

// answer is what an attempt gets.
type answer struct {
	done func(ok bool)
	ok   bool
}

// gate decides which attempt is hashed, which waits and which is refused. It is a pure state machine: an attempt, the
// result of a hash or the passing of time in; at most one attempt to be hashed, and answers, out.
//
// Nothing but a right password changes what can be seen from outside: a suspect's attempt is answered at a moment that
// is fixed when it comes, whether it was hashed or not, so a refusal does not say whether the password was looked at.
type gate struct {
	limits
	pairs
	memory  *memory
	open    []*attempt // not answered, in the order in which they came
	hashing *attempt   // at most one; also when it is answered already
	began   time.Duration
	took    time.Duration // by a hash lately, smoothed

	grants       uint64
	lastClean    bool          // the last fresh hash went to a clean address
	suspectsFrom time.Duration // no hash for suspects before
	tryFrom      time.Duration // when the next suspect may have a hash, as choose saw it
	lastAnswerAt time.Duration
	answers      []answer
	counters     Counters
}

func newGate(l limits) *gate {
	return &gate{limits: l, pairs: newPairs(l.pairs, l.addressPairs), memory: newMemory(l.remembered), took: 20 * time.Millisecond}
}

// arrive takes an attempt. ErrBusy: too many are waiting, it is not taken.
func (g *gate) arrive(now time.Duration, a *attempt) error {
	defer g.invariants()
	g.counters.Attempts++
	if len(g.open)+len(g.answers) >= g.limits.waiting {
		g.counters.Busy++
		return ErrBusy
	}
	if a.phc != "" && g.memory.knows(now, a.account, a.proof) {
		g.counters.Remembered++
		g.answers = append(g.answers, answer{a.done, true})
		return nil
	}
	p := g.pairs.find(now, a.pair, a.address)
	if g.crowded(now, g.addresses[a.address], p) {
		g.counters.Busy++
		return ErrBusy
	}
	if p == nil {
		p = g.pairs.add(a.pair, a.address, g.grants)
	}
	g.pairs.touch(p)
	p.open++
	p.address.open++
	a.of, a.state, a.came, a.seen = p, stateWaiting, now, g.memory.version
	a.answerAt = max(now+suspectWait+min(2*g.took, reserveMax), g.lastAnswerAt)
	g.lastAnswerAt = a.answerAt
	g.open = append(g.open, a)
	g.tryFrom = now
	return nil
}

// crowded says that an address has its share of those who wait, or more.
func (g *gate) crowded(now time.Duration, a *address, p *pair) bool {
	if a == nil {
		return false
	}
	return len(g.open) >= g.crowd && a.open >= g.crowdFree || len(g.open) >= g.throng && !a.clean(now) || a.open >= g.addressWaiting ||
		a.open >= g.addressSuspect && p != nil && p.suspect(now)
}

// turn answers whom time has run out for and returns the attempt to be hashed now, or nil. random returns one of the
// numbers below n.
func (g *gate) turn(now time.Duration, random func(n int) int) *attempt {
	defer g.invariants()
	for i := 0; i < len(g.open); {
		a := g.open[i]
		if !g.due(now, a) {
			i++
			continue
		}
		if a.state == stateWrong {
			g.counters.Wrong++
		} else {
			g.counters.Refused++
		}
		g.answer(i, false)
	}
	if g.hashing != nil {
		return nil
	}
	a := g.choose(now, random)
	if a == nil {
		return nil
	}
	g.hashing, g.began = a, now
	g.grants++
	a.of.address.served = g.grants
	if a.state = stateFresh; a.of.suspect(now) {
		a.state = stateSuspect
		a.of.nextAt = now + suspectHashEvery
	}
	return a
}

// due says that an attempt has to be answered without a right result.
func (g *gate) due(now time.Duration, a *attempt) bool {
	switch a.state {
	case stateFresh:
		return false
	case stateSuspect, stateWrong:
		return now >= a.answerAt
	}
	if a.of.suspect(now) {
		g.delay(a)
		return now >= a.answerAt
	}
	return now >= a.came+freshWait
}

func (g *gate) delay(a *attempt) {
	if !a.delayed {
		a.delayed = true
		g.counters.Delayed++
	}
}

// choose picks the attempt for the next hash. Suspects whose time has come are first: how often that can be is bounded
// by suspectsFrom. Among fresh ones the address served longest ago is next; while others are there, addresses against
// which something is known get every second hash.
func (g *gate) choose(now time.Duration, random func(n int) int) *attempt {
	var clean, known *attempt
	var suspects []*attempt
	g.tryFrom = forever
	for i := 0; i < len(g.open); {
		a := g.open[i]
		if a.state != stateWaiting {
			i++
			continue
		}
		if g.remembers(now, a) {
			g.counters.Remembered++
			g.answer(i, true)
			continue
		}
		i++
		if a.of.suspect(now) {
			if from := max(a.of.nextAt, g.suspectsFrom); now < from {
				g.tryFrom = min(g.tryFrom, from)
			} else if now < a.came+suspectWait {
				suspects = append(suspects, a)
			}
			continue
		}
		best := &known
		if a.of.address.clean(now) {
			best = &clean
		}
		if *best == nil || a.of.address.served < (*best).of.address.served {
			*best = a
		}
	}
	switch {
	case len(suspects) > 0:
		g.tryFrom = now
		return draw(suspects, random)
	case clean == nil && known == nil:
		return nil
	}
	g.tryFrom = now
	g.lastClean = known == nil || clean != nil && !g.lastClean
	if g.lastClean {
		return clean
	}
	return known
}

const forever = time.Duration(1<<63 - 1)

// remembers looks once more for a password that was found right while the attempt waited.
func (g *gate) remembers(now time.Duration, a *attempt) bool {
	if a.phc == "" || a.seen == g.memory.version {
		return false
	}
	a.seen = g.memory.version
	return g.memory.knows(now, a.account, a.proof)
}

// draw picks an address, one of its pairs, and one of that pair's attempts, each by chance: many attempts are no
// better than one, against those who come from elsewhere or try another account.
func draw(from []*attempt, random func(n int) int) *attempt {
	from = drawBy(from, random, func(a *attempt) any { return a.of.address })
	from = drawBy(from, random, func(a *attempt) any { return a.of })
	return from[random(len(from))]
}

// drawBy keeps the attempts that share one of the names, which is drawn.
func drawBy(from []*attempt, random func(n int) int, name func(*attempt) any) []*attempt {
	var names []any
	by := make(map[any][]*attempt)
	for _, a := range from {
		n := name(a)
		if by[n] == nil {
			names = append(names, n)
		}
		by[n] = append(by[n], a)
	}
	return by[names[random(len(names))]]
}

// judged takes the result of the hash of g.hashing.
func (g *gate) judged(now time.Duration, ok bool) {
	defer g.invariants()
	a, p, took := g.hashing, g.hashing.of, max(0, now-g.began)
	g.hashing, g.tryFrom = nil, now
	g.took += (took - g.took) / 4
	if a.state == stateSuspect {
		g.suspectsFrom = now + min(suspectRest*took, suspectRestMax)
	}
	if ok {
		g.memory.remember(now, a.account, a.proof)
	}
	p.judge(now, ok)
	switch {
	case a.answered:
		g.leave(a)
	case !ok && a.state == stateSuspect:
		a.state = stateWrong
		a.wipe()
	case ok:
		g.counters.Right++
		g.answer(g.find(a), true)
	default:
		g.counters.Wrong++
		g.answer(g.find(a), false)
	}
}

// give takes back the attempt of g.hashing, which could not be hashed: it is refused.
func (g *gate) give() {
	defer g.invariants()
	a := g.hashing
	g.hashing, g.tryFrom = nil, 0
	if a.answered {
		g.leave(a)
		return
	}
	g.counters.Refused++
	g.answer(g.find(a), false)
}

// refuse answers all that wait, for the end.
func (g *gate) refuse() {
	defer g.invariants()
	for len(g.open) > 0 {
		g.counters.Refused++
		g.answer(len(g.open)-1, false)
	}
}

// takeAnswers hands over the answers that are to be given.
func (g *gate) takeAnswers() []answer {
	answers := g.answers
	g.answers = nil
	return answers
}

func (g *gate) find(a *attempt) int {
	for i, b := range g.open {
		if a == b {
			return i
		}
	}
	panic("BUG: an attempt that is not answered is not among those that wait")
}

// answer takes an attempt out of those that wait. One that is in hash stays with its pair until that is done.
func (g *gate) answer(i int, ok bool) {
	a := g.open[i]
	g.open = append(g.open[:i], g.open[i+1:]...)
	g.answers = append(g.answers, answer{a.done, ok})
	a.answered = true
	a.of.address.open--
	if a != g.hashing {
		g.leave(a)
	}
}

func (g *gate) leave(a *attempt) {
	a.of.open--
	a.wipe()
	g.pairs.release(a.of)
}

func (a *attempt) wipe() {
	clear(a.password)
	a.password, a.phc = nil, ""
}

// next says when turn has to be called again though nothing happens; forever: not at all.
func (g *gate) next(now time.Duration) time.Duration {
	if len(g.answers) > 0 {
		return now
	}
	at := forever
	if g.hashing == nil {
		at = g.tryFrom
	}
	for _, a := range g.open {
		switch {
		case a.state == stateFresh: // its result will come
		case a.state == stateWaiting && !a.of.suspect(now):
			at = min(at, a.came+freshWait)
		default:
			at = min(at, a.answerAt)
		}
	}
	return at
}

// count returns the counters as they are now.
func (g *gate) count() Counters {
	c := g.counters
	c.Waiting, c.Pairs, c.Known = len(g.open), len(g.byKey), len(g.memory.entries)
	return c
}

// invariants checks what must hold between two calls.
func (g *gate) invariants() {
	if !invariantsOn {
		return
	}
	c := g.counters
	if sum := c.Right + c.Remembered + c.Wrong + c.Refused + c.Busy + uint64(len(g.open)); sum != c.Attempts {
		panic(fmt.Sprintf("BUG: %d attempts came, %d are accounted for", c.Attempts, sum))
	}
	if len(g.open) > g.limits.waiting || len(g.byKey) > g.pairs.max || len(g.memory.entries) > g.memory.max {
		panic(fmt.Sprintf("BUG: %d waiting, %d pairs, %d remembered, bounds are %d, %d, %d", len(g.open), len(g.byKey),
			len(g.memory.entries), g.limits.waiting, g.pairs.max, g.memory.max))
	}
	if g.order.Len() != len(g.byKey) || g.memory.order.Len() != len(g.memory.entries) {
		panic(fmt.Sprintf("BUG: %d pairs in order of %d, %d remembered in order of %d", g.order.Len(), len(g.byKey),
			g.memory.order.Len(), len(g.memory.entries)))
	}
	pairs, open := 0, 0
	for _, a := range g.addresses {
		pairs += len(a.pairs)
		open += a.open
		if len(a.pairs) > g.addressPairs || a.open > g.addressWaiting {
			panic(fmt.Sprintf("BUG: an address has %d pairs and %d attempts", len(a.pairs), a.open))
		}
		for _, p := range a.pairs {
			if p.address != a || g.byKey[p.key] != p {
				panic("BUG: a pair is not the one of its key, or of another address")
			}
		}
	}
	if pairs != len(g.byKey) || open != len(g.open) {
		panic(fmt.Sprintf("BUG: %d pairs by address, %d by key; %d attempts by address, %d open", pairs, len(g.byKey), open, len(g.open)))
	}
	for _, a := range g.open {
		if a.of.open < 1 || a.of != a.of.address.rest && g.byKey[a.of.key] != a.of {
			panic(fmt.Sprintf("BUG: an attempt waits for a pair that is not in the table, or has %d attempts", a.of.open))
		}
	}
	if a := g.hashing; a != nil && (a.state != stateFresh && a.state != stateSuspect || a.of.open < 1) {
		panic(fmt.Sprintf("BUG: the attempt in hash is in state %d, its pair has %d", a.state, a.of.open))
	}
}
