package router

import "testing"

// Two shards that ask each other as fast as they can, as a model: every interleaving of sending and taking in. To take
// in a request a shard must be able to send its reply; to take in a release, the answer to it. A reply is released some time
// after it came, and no more releases are outstanding than there are credits. It is the worst mix that the mesh allows.

const (
	modelRequests = 5 // that each shard wants to send
	modelSlotsMax = 8
)

type msgKind uint8

const (
	kindRequest  msgKind = iota + 1
	kindReply            // answers a request
	kindRelease          // of the reply's memory, by the shard that asked
	kindReleased         // answers a release
)

type modelRing struct {
	msgs [modelSlotsMax]msgKind
	n    uint8
}

func (r *modelRing) push(k msgKind) { r.msgs[r.n] = k; r.n++ }

func (r *modelRing) pop() msgKind {
	k := r.msgs[0]
	copy(r.msgs[:], r.msgs[1:r.n])
	r.n--
	r.msgs[r.n] = 0
	return k
}

type modelShard struct {
	left     uint8 // requests still to send
	credits  uint8
	holds    uint8 // replies whose memory is still used
	releases uint8 // that may be sent
	finished uint8
}

type creditState struct {
	shard [2]modelShard
	ring  [2]modelRing // ring[i]: sent by shard i
}

// creditRules: the real ones have four slots per credit.
type creditRules struct {
	slots   uint8
	credits uint8
}

func (c creditRules) steps(s creditState, next []creditState) []creditState {
	for i := range 2 {
		if n, ok := c.send(s, i); ok {
			next = append(next, n)
		}
		if n, ok := c.release(s, i); ok {
			next = append(next, n)
		}
		if n, ok := c.takeIn(s, i); ok {
			next = append(next, n)
		}
	}
	return next
}

func (c creditRules) send(s creditState, i int) (creditState, bool) {
	if s.shard[i].left == 0 || s.shard[i].credits == 0 || s.ring[i].n == c.slots {
		return s, false
	}
	s.shard[i].left--
	s.shard[i].credits--
	s.ring[i].push(kindRequest)
	return s, true
}

func (c creditRules) release(s creditState, i int) (creditState, bool) {
	if s.shard[i].holds == 0 || s.shard[i].releases == 0 || s.ring[i].n == c.slots {
		return s, false
	}
	s.shard[i].holds--
	s.shard[i].releases--
	s.ring[i].push(kindRelease)
	return s, true
}

func (c creditRules) takeIn(s creditState, i int) (creditState, bool) {
	in, out, me := &s.ring[1-i], &s.ring[i], &s.shard[i]
	if in.n == 0 {
		return s, false
	}
	switch in.pop() {
	case kindRequest:
		if out.n+1 > c.slots {
			return s, false // nowhere to put the answer
		}
		out.push(kindReply)
	case kindReply:
		me.credits++
		me.holds++
	case kindRelease:
		if out.n+1 > c.slots {
			return s, false
		}
		out.push(kindReleased)
	case kindReleased:
		me.releases++
		me.finished++
	}
	return s, true
}

// stuck walks all states; it returns one in which nobody can move although requests are unfinished, and the fullest
// that a ring ever was.
func (c creditRules) stuck() (bad creditState, found bool, states int, fullest uint8) {
	start := creditState{}
	for i := range start.shard {
		start.shard[i] = modelShard{left: modelRequests, credits: c.credits, releases: c.credits}
	}
	seen := map[creditState]bool{start: true}
	queue := []creditState{start}
	var next []creditState
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		fullest = max(fullest, s.ring[0].n, s.ring[1].n)
		next = c.steps(s, next[:0])
		if len(next) == 0 && (s.shard[0].finished < modelRequests || s.shard[1].finished < modelRequests) {
			return s, true, len(seen), fullest
		}
		for _, n := range next {
			if !seen[n] {
				seen[n] = true
				queue = append(queue, n)
			}
		}
	}
	return bad, false, len(seen), fullest
}

func TestCreditsKeepTwoShardsFromWaiting(t *testing.T) {
	for credits := uint8(1); credits*slotsPerCredit <= modelSlotsMax; credits++ {
		rules := creditRules{slots: credits * slotsPerCredit, credits: credits}
		bad, found, states, fullest := rules.stuck()
		if found {
			t.Fatalf("%d credits: two shards wait for each other: %+v", credits, bad)
		}
		if fullest == 0 || fullest > rules.slots {
			t.Fatalf("%d credits: fullest ring %d of %d", credits, fullest, rules.slots)
		}
		t.Logf("%d credits: %d states, at most %d of %d slots taken", credits, states, fullest, rules.slots)
	}
}

// TestCreditsBoundTheRing gives a ring twice the slots that its one credit asks for: the rest stays empty.
func TestCreditsBoundTheRing(t *testing.T) {
	_, found, _, fullest := creditRules{slots: 2 * slotsPerCredit, credits: 1}.stuck()
	if found || fullest != slotsPerCredit {
		t.Fatalf("one credit took %d slots, want %d", fullest, slotsPerCredit)
	}
}

// TestWithoutReservedSlotsTwoShardsWait shows that the model can fail: as many requests as there are slots fill both
// rings, and each shard needs room in the other's.
func TestWithoutReservedSlotsTwoShardsWait(t *testing.T) {
	f := func(slots, credits uint8) {
		t.Helper()
		if _, found, states, _ := (creditRules{slots: slots, credits: credits}).stuck(); !found {
			t.Errorf("%d slots, %d credits: nobody waits in %d states", slots, credits, states)
		}
	}
	f(4, 4) // no reserve at all
	f(4, 3) // a reserve, too small by one
	f(2, 2)
}
