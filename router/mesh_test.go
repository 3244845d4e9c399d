package router

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestRequestWithoutCreditIsRefused(t *testing.T) {
	m := NewMesh[int](2, 32)
	a, b := m.Port(0), m.Port(1)
	for i := range m.Credits() {
		if !a.Request(1, i) {
			t.Fatalf("request %d of %d refused", i, m.Credits())
		}
	}
	if a.Request(1, 99) {
		t.Fatal("a request went out without a credit")
	}
	a.Publish(nil)
	dst := make([]Received[int], 64)
	if n := b.Receive(dst); n != m.Credits() || dst[0].From != 0 || dst[n-1].Msg != n-1 {
		t.Fatalf("received %d of %d requests", n, m.Credits())
	}
	if a.Request(1, 99) {
		t.Fatal("that a request was taken in gives no credit back")
	}
	b.Reply(0, 0)
	b.Publish(nil)
	a.Receive(dst)
	a.Finish(1)
	if !a.Request(1, 99) || a.Request(1, 100) {
		t.Fatal("a finished request gives back one credit")
	}
}

func TestFinishWithoutRequestIsABug(t *testing.T) {
	wantBug(t, "none of 6 is outstanding", func() { NewMesh[int](2, 32).Port(0).Finish(1) })
}

func TestSendingToItselfIsABug(t *testing.T) {
	wantBug(t, "shard 1 sends a request to itself", func() { NewMesh[int](2, 32).Port(1).Request(1, 1) })
}

func TestReplyWithoutSlotIsABug(t *testing.T) {
	p := NewMesh[int](2, 32).Port(0)
	for range 32 {
		p.Reply(1, 0) // nobody asked: the slots of all lanes go
	}
	wantBug(t, "no slot for a reply from shard 0 to shard 1: 32 of 32 taken", func() { p.Reply(1, 0) })
}

func TestControlRoomCountsWhatWasTakenOut(t *testing.T) {
	m := NewMesh[int](2, 32)
	a, b := m.Port(0), m.Port(1)
	dst := make([]Received[int], 2)
	for i := range m.ControlSlots() {
		a.Control(1, i)
	}
	a.Publish(nil)
	if room := a.ControlRoom(1); room != 0 {
		t.Fatalf("room for %d in a full control lane", room)
	}
	wantBug(t, "control message 8 from shard 0 to shard 1, the lane holds 8", func() { a.Control(1, 9) })
	b.Receive(dst)
	if room := a.ControlRoom(1); room != 2 {
		t.Fatalf("room for %d after two were taken out", room)
	}
}

func TestReceiveStarvesNobody(t *testing.T) {
	m := NewMesh[int](4, 32)
	dst := make([]Received[int], 1)
	from := map[ShardID]int{}
	for range 300 {
		for id := ShardID(1); id < 4; id++ {
			if m.Port(id).CreditsLeft(0) > 0 {
				m.Port(id).Request(0, 0)
				m.Port(id).Publish(nil)
			}
		}
		if m.Port(0).Receive(dst) == 1 {
			from[dst[0].From]++
			m.Port(dst[0].From).Finish(0)
		}
	}
	for id := ShardID(1); id < 4; id++ {
		if from[id] < 60 {
			t.Fatalf("of 300 messages, one at a time, shard %d got %d through", id, from[id])
		}
	}
}

// TestEveryRequestIsFinished runs four shards in one thread in random order, each asking the others as often as its
// credits allow, answering, and releasing replies when it likes, at most as many at a time as credits. The lanes are never overrun (push would panic), and in
// the end nothing is outstanding.
func TestEveryRequestIsFinished(t *testing.T) {
	r := newRand(t)
	for _, slots := range []int{32, 64, 256} {
		shards := newTestShards(4, slots, 2000, r)
		for turns := 0; !shards.done(); turns++ {
			if turns > 1_000_000 {
				t.Fatalf("%d slots: not done after %d turns", slots, turns)
			}
			shards.turn(r.IntN(4))
		}
	}
}

func TestFewSlotsForManyShards(t *testing.T) {
	f := func(shards, want int) {
		t.Helper()
		got := SlotsPerPair(shards, 64)
		if got != want {
			t.Errorf("%d shards: %d slots per pair, want %d", shards, got, want)
		}
		if bytes := shards * shards * got * 64; got > slotsMin && bytes > meshBytesMax*5/4 {
			t.Errorf("%d shards take %d bytes", shards, bytes)
		}
	}
	f(1, 1024)
	f(2, 1024)
	f(16, 1024)
	f(64, 128)
	f(128, 32)
	f(256, 32)
}

func TestMeshDoesNotAllocate(t *testing.T) {
	m := NewMesh[[8]uint64](2, 64)
	a, b := m.Port(0), m.Port(1)
	dst := make([]Received[[8]uint64], 16)
	wake := make([]ShardID, 0, 2)
	allocs := testing.AllocsPerRun(100, func() {
		b.FallAsleep()
		a.Request(1, [8]uint64{1})
		a.Control(1, [8]uint64{2})
		wake = a.Publish(wake[:0])
		b.WakeUp()
		b.Receive(dst)
		b.Reply(0, [8]uint64{3})
		b.Release(0, [8]uint64{4})
		b.Publish(wake[:0])
		a.Receive(dst)
		a.Finish(1)
	})
	if allocs != 0 {
		t.Fatalf("%v allocations per request, want none", allocs)
	}
}

func wantBug(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		text, _ := recover().(string)
		if !strings.HasPrefix(text, "BUG: ") || !strings.Contains(text, want) {
			t.Fatalf("panic %q, want BUG: ... %s", text, want)
		}
	}()
	f()
}

// testShards plays shards that ask and answer; a message is its kind.
type testShards struct {
	mesh *Mesh[msgKind]
	todo []int
	open [][]exchange // by asker, by answerer: what came back so far
	rand *rand.Rand
}

type exchange struct{ asked, holds, releasing, finished int }

func newTestShards(n, slots, requests int, r *rand.Rand) *testShards {
	s := &testShards{mesh: NewMesh[msgKind](n, slots), rand: r}
	for range n {
		s.todo = append(s.todo, requests)
		s.open = append(s.open, make([]exchange, n))
	}
	return s
}

func (s *testShards) turn(id int) {
	p := s.mesh.Port(ShardID(id))
	dst := make([]Received[msgKind], 1+s.rand.IntN(40))
	for _, in := range dst[:p.Receive(dst)] {
		e := &s.open[id][in.From]
		switch in.Msg {
		case kindRequest:
			p.Reply(in.From, kindReply)
		case kindReply:
			p.Finish(in.From)
			e.holds++
		case kindRelease:
			p.Release(in.From, kindReleased)
		case kindReleased:
			e.releasing--
			e.finished++
		}
	}
	for to := range s.open[id] {
		for e := &s.open[id][to]; e.holds > 0 && e.releasing < s.mesh.Credits() && s.rand.IntN(3) > 0; e.holds-- {
			p.Release(ShardID(to), kindRelease)
			e.releasing++
		}
	}
	for range s.rand.IntN(40) {
		to := (id + 1 + s.rand.IntN(len(s.todo)-1)) % len(s.todo)
		if s.todo[id] > 0 && p.Request(ShardID(to), kindRequest) {
			s.todo[id]--
			s.open[id][to].asked++
		}
	}
	if s.rand.IntN(3) > 0 {
		p.Publish(nil)
	}
}

func (s *testShards) done() bool {
	for id, todo := range s.todo {
		if todo > 0 {
			return false
		}
		for to := range s.todo {
			if e := s.open[id][to]; e.finished != e.asked || to != id && s.mesh.Port(ShardID(id)).CreditsLeft(ShardID(to)) != s.mesh.Credits() {
				return false
			}
		}
	}
	return true
}
