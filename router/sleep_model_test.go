package router

import "testing"

// The sleep protocol as a model: one consumer, two producers, every step one atomic access or one system call. All
// interleavings are walked. A state in which nobody can move is the end of a run; it is bad when messages are left.

// protocol is the real one when zero; each field plants one bug.
type protocol struct {
	noSecondLook   bool // the consumer blocks right after announcing it
	lookFirst      bool // the consumer looks, then announces
	wakeFirst      bool // the producer asks whether to wake, then publishes
	forgetsTheWake bool // a wake-up that arrives before the consumer blocks is dropped
}

const (
	modelProducers = 2
	modelMessages  = 3 // per producer
)

// sleepState is one state of the model; it is comparable, so that seen states are found in a map.
type sleepState struct {
	sleeping, event bool
	tail, head      [modelProducers]uint8
	consumer        uint8
	producer        [modelProducers]uint8
}

// The consumer's next step.
const (
	cDrain    = iota // take what is published; something: again
	cAnnounce        // sleeping = 1
	cLook            // one look per mailbox: cLook+i looks at mailbox i
	cBlock    = cLook + modelProducers
	cAwake    = cBlock + 1 // sleeping = 0, then drain
)

// A producer's next step.
const (
	pPublish = iota
	pLoad    // sleeping == 1?
	pSwap    // swap 1 to 0
	pWake    // the system call
)

// steps appends every state that one step of one party leads to.
func (p protocol) steps(s sleepState, next []sleepState) []sleepState {
	if n, ok := p.consumerStep(s); ok {
		next = append(next, n)
	}
	for i := range modelProducers {
		if n, ok := p.producerStep(s, i); ok {
			next = append(next, n)
		}
	}
	return next
}

func (p protocol) consumerStep(s sleepState) (sleepState, bool) {
	switch {
	case s.consumer == cDrain:
		s.consumer = cAnnounce
		if s.head != s.tail {
			s.head, s.consumer = s.tail, cDrain
		} else if p.lookFirst {
			s.consumer = cLook
		}
	case s.consumer == cAnnounce:
		s.sleeping, s.consumer = true, cLook
		if p.noSecondLook || p.lookFirst {
			s.consumer = cBlock
		}
	case s.consumer < cBlock:
		i := s.consumer - cLook
		s.consumer++
		if s.tail[i] != s.head[i] {
			s.consumer = cAwake
		} else if s.consumer == cBlock && p.lookFirst {
			s.consumer = cAnnounce
		}
		if s.consumer == cBlock && p.forgetsTheWake {
			s.event = false
		}
	case s.consumer == cBlock:
		if !s.event {
			return s, false // blocked in the kernel
		}
		s.event, s.consumer = false, cAwake
	case s.consumer == cAwake:
		s.sleeping, s.consumer = false, cDrain
	}
	return s, true
}

func (p protocol) producerStep(s sleepState, i int) (sleepState, bool) {
	if s.producer[i] == p.first() && s.tail[i] == modelMessages {
		return s, false // done
	}
	switch s.producer[i] {
	case pPublish:
		s.tail[i]++
		s.producer[i] = pLoad
	case pLoad:
		s.producer[i] = pPublish
		if s.sleeping {
			s.producer[i] = pSwap
		}
	case pSwap:
		s.producer[i] = pPublish
		if s.sleeping {
			s.sleeping, s.producer[i] = false, pWake
		}
	case pWake:
		s.event, s.producer[i] = true, pPublish
	}
	return s, true
}

// first is the step with which a producer begins a message.
func (p protocol) first() uint8 {
	if p.wakeFirst {
		return pLoad
	}
	return pPublish
}

// lost walks all states and returns one in which the consumer sleeps for good over a published message.
func (p protocol) lost() (bad sleepState, states int, found bool) {
	start := sleepState{producer: [modelProducers]uint8{p.first(), p.first()}}
	seen := map[sleepState]bool{start: true}
	queue := []sleepState{start}
	var next []sleepState
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		next = p.steps(s, next[:0])
		if len(next) == 0 && s.head != s.tail {
			return s, len(seen), true
		}
		for _, n := range next {
			if !seen[n] {
				seen[n] = true
				queue = append(queue, n)
			}
		}
	}
	return bad, len(seen), false
}

func TestSleepProtocolLosesNoWakeUp(t *testing.T) {
	bad, states, found := protocol{}.lost()
	if found {
		t.Fatalf("asleep over a message: %+v", bad)
	}
	if states < 1000 {
		t.Fatalf("only %d states walked: the model does not run", states)
	}
	t.Logf("%d states", states)
}

// TestSleepModelSeesPlantedBugs shows that the model can fail: each bug loses a wake-up.
func TestSleepModelSeesPlantedBugs(t *testing.T) {
	f := func(name string, p protocol) {
		t.Helper()
		if _, states, found := p.lost(); !found {
			t.Errorf("%s: no wake-up lost in %d states", name, states)
		}
	}
	f("no second look", protocol{noSecondLook: true})
	f("look, then announce", protocol{lookFirst: true})
	f("ask, then publish", protocol{wakeFirst: true})
	f("early wake-up dropped", protocol{forgetsTheWake: true})
}
