package router

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"testing"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 draws one and prints it")

// newRand returns a generator whose seed is printed when the test fails.
func newRand(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("run again with -seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func TestMailboxShowsNothingBeforePublish(t *testing.T) {
	m := NewMailbox[int](4)
	dst := make([]int, 8)
	m.Push(1)
	m.Push(2)
	if n := m.Drain(dst); n != 0 || m.HasNews() {
		t.Fatalf("drained %d, news %v before anything was published", n, m.HasNews())
	}
	m.Publish()
	if !m.HasNews() {
		t.Fatal("no news after publishing two messages")
	}
	if n := m.Drain(dst); n != 2 || dst[0] != 1 || dst[1] != 2 {
		t.Fatalf("drained %v, want 1 and 2", dst[:n])
	}
}

func TestMailboxFullIsAnAnswer(t *testing.T) {
	m := NewMailbox[int](4)
	for i := range 4 {
		if !m.Push(i) {
			t.Fatalf("push %d of 4 refused", i)
		}
	}
	if m.Push(4) {
		t.Fatal("a fifth message went into four slots")
	}
	m.Publish()
	if n := m.Drain(make([]int, 1)); n != 1 {
		t.Fatalf("drained %d, want the 1 asked for", n)
	}
	if !m.Push(4) || m.Push(5) {
		t.Fatal("one freed slot takes exactly one message")
	}
}

func TestMailboxKeepsNothingAlive(t *testing.T) {
	m := NewMailbox[*int](4)
	for lap := range 3 {
		for i := range 3 {
			m.Push(&[]int{lap*3 + i}[0])
		}
		m.Publish()
		m.Drain(make([]*int, 3))
	}
	for i, p := range m.slots {
		if p != nil {
			t.Fatalf("slot %d still points to %d after everything was drained", i, *p)
		}
	}
}

// TestMailboxCarriesEverythingInOrder runs the two sides on two goroutines that give way at random moments, with random
// batches, over rings of all small sizes.
func TestMailboxCarriesEverythingInOrder(t *testing.T) {
	r := newRand(t)
	for _, slots := range []int{1, 2, 8, 64, 1024} {
		m := NewMailbox[uint64](slots)
		const count = 50_000
		go produce(m, count, rand.New(rand.NewPCG(r.Uint64(), 2)))
		consumer := rand.New(rand.NewPCG(r.Uint64(), 3))
		dst := make([]uint64, 100)
		for next := uint64(0); next < count; {
			n := m.Drain(dst[:1+consumer.IntN(len(dst))])
			for _, got := range dst[:n] {
				if got != next {
					t.Fatalf("%d slots: got message %d, want %d", slots, got, next)
				}
				next++
			}
			if n == 0 || consumer.IntN(8) == 0 {
				runtime.Gosched()
			}
		}
		if m.HasNews() {
			t.Fatalf("%d slots: news after the last message", slots)
		}
	}
}

func produce(m *Mailbox[uint64], count uint64, r *rand.Rand) {
	for next := uint64(0); next < count; {
		batch := 1 + r.IntN(50)
		for ; batch > 0 && next < count && m.Push(next); batch-- {
			next++
		}
		m.Publish()
		if batch > 0 || r.IntN(8) == 0 {
			runtime.Gosched()
		}
	}
}

func TestMailboxDoesNotAllocate(t *testing.T) {
	m := NewMailbox[[8]uint64](64)
	dst := make([][8]uint64, 64)
	allocs := testing.AllocsPerRun(100, func() {
		for i := range 50 {
			m.Push([8]uint64{uint64(i)})
		}
		m.Publish()
		m.Drain(dst)
	})
	if allocs != 0 {
		t.Fatalf("%v allocations per batch, want none", allocs)
	}
}

func BenchmarkMailboxBatch32(b *testing.B) {
	b.ReportAllocs()
	m := NewMailbox[[8]uint64](1024)
	dst := make([][8]uint64, 32)
	for i := 0; i < b.N; i += 32 {
		for j := range 32 {
			m.Push([8]uint64{uint64(j)})
		}
		m.Publish()
		m.Drain(dst)
	}
}
