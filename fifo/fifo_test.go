package fifo_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/fifo"
)

// TestQueueIsInOrder does what a slice does as well, and compares.
func TestQueueIsInOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 1))
	var q fifo.Queue[*int]
	var want []*int
	for step := range 200_000 {
		push := rng.IntN(100) < 30+20*(step/50_000)%60
		switch {
		case push:
			v := new(int)
			q.Push(v)
			want = append(want, v)
		case len(want) > 0 && rng.IntN(20) == 0:
			n := rng.IntN(8)
			got := q.PopN(nil, n)
			for _, v := range got {
				if v != want[0] {
					t.Fatalf("seed %d, step %d: another value", seed, step)
				}
				want = want[1:]
			}
			if len(got) != n && len(want) != 0 {
				t.Fatalf("seed %d, step %d: %d of %d", seed, step, len(got), n)
			}
		case len(want) > 0:
			if f := q.First(); f != want[0] || q.Pop() != f {
				t.Fatalf("seed %d, step %d: another value", seed, step)
			}
			want = want[1:]
		}
		if q.Len() != len(want) {
			t.Fatalf("seed %d, step %d: %d values, want %d", seed, step, q.Len(), len(want))
		}
	}
}

// TestQueueUsesItsMemoryAgain: a queue that never holds many allocates nothing more, however many go through.
func TestQueueUsesItsMemoryAgain(t *testing.T) {
	var q fifo.Queue[int]
	for i := range 100 {
		q.Push(i)
	}
	if n := testing.AllocsPerRun(100, func() {
		for i := range 1000 {
			q.Push(i)
			q.Pop()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
