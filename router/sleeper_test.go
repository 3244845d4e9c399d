package router

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
)

// TestNoWakeUpIsLost has two producers and a consumer that sleeps whenever it finds nothing. The consumer blocks for
// good on a lost wake-up, and the test with it: the wake-up is a channel of one place, as the kernel's event is.
func TestNoWakeUpIsLost(t *testing.T) {
	r := newRand(t)
	count := uint64(10_000_000)
	if testing.Short() || raceOn {
		count = 500_000
	}
	mesh := NewMesh[uint64](3, 64)
	var event = make(chan struct{}, 1)
	var drained atomic.Uint64
	for id := ShardID(1); id <= 2; id++ {
		go sendAndWake(mesh.Port(id), count/2, event, rand.New(rand.NewPCG(r.Uint64(), uint64(id))))
	}
	port, got, sleeps := mesh.Port(0), [3]uint64{}, 0
	dst := make([]Received[uint64], 32)
	for total := uint64(0); total < count; {
		n := port.Receive(dst)
		for _, in := range dst[:n] {
			if in.Msg != got[in.From] {
				t.Fatalf("message %d from shard %d, want %d", in.Msg, in.From, got[in.From])
			}
			got[in.From]++
		}
		total += uint64(n)
		drained.Store(total)
		if n == 0 && port.FallAsleep() {
			<-event
			port.WakeUp()
			sleeps++
		}
	}
	t.Logf("%d messages, %d sleeps", count, sleeps)
	if sleeps == 0 {
		t.Fatal("the consumer never slept: nothing was tested")
	}
}

// sendAndWake uses the mailbox below the credits: they would bound the producers by replies, which nobody sends here.
func sendAndWake(p *Port[uint64], count uint64, event chan struct{}, r *rand.Rand) {
	l := &p.out[0]
	wake := make([]ShardID, 0, 4)
	for next := uint64(0); next < count; {
		for batch := 1 + r.IntN(20); batch > 0 && next < count && l.box.Free() > 0; batch-- {
			p.push(0, l, next, "test message")
			next++
		}
		for range p.Publish(wake[:0]) {
			select {
			case event <- struct{}{}:
			default: // one is due already; the consumer will look
			}
		}
		if l.box.Free() == 0 || r.IntN(16) == 0 {
			runtime.Gosched()
		}
	}
}

func TestOneProducerPaysForTheWakeUp(t *testing.T) {
	m := NewMesh[int](3, 32)
	sleeper := m.Port(0)
	if !sleeper.FallAsleep() {
		t.Fatal("may not sleep although there is no news")
	}
	m.Port(1).Request(0, 1)
	m.Port(2).Request(0, 2)
	first, second := m.Port(1).Publish(nil), m.Port(2).Publish(nil)
	if len(first) != 1 || first[0] != 0 || len(second) != 0 {
		t.Fatalf("wake-ups %v and %v, want shard 0 from the first and none from the second", first, second)
	}
	m.Port(1).WakeFailed(0)
	m.Port(2).Request(0, 3)
	if again := m.Port(2).Publish(nil); len(again) != 1 {
		t.Fatalf("after a failed wake-up the next producer sends %v, want one", again)
	}
}

func TestNewsForbidsSleep(t *testing.T) {
	m := NewMesh[int](2, 32)
	m.Port(1).Request(0, 1)
	m.Port(1).Publish(nil)
	if m.Port(0).FallAsleep() {
		t.Fatal("fell asleep over a published message")
	}
	m.Port(1).Request(0, 2)
	if wake := m.Port(1).Publish(nil); len(wake) != 0 {
		t.Fatalf("wake-ups %v for a shard that is awake", wake)
	}
}
