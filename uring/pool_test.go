package uring

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the randomised tests; 0: a new one")

// testSeed returns the seed to use, and has a failing test print it.
func testSeed(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay with -seed=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// TestPoolAgainstTwin gets and puts at random: no two buffers overlap, the line's bound holds, what is put back can be
// had again.
func TestPoolAgainstTwin(t *testing.T) {
	rnd := testSeed(t)
	line := NewBudget(64<<20).Line("test", 48<<20)
	p := NewPool(line)
	defer p.Close()
	type held struct {
		buf  []byte
		mark byte
	}
	var out []held
	refused := 0
	for step := range 20000 {
		if rnd.IntN(100) < 55 {
			n := 1 + rnd.IntN(1<<(rnd.IntN(14)+10))
			b := p.Get(n)
			if b == nil {
				refused++
				if len(out) == 0 {
					t.Fatalf("step %d: %d bytes refused of an empty pool", step, n)
				}
				continue
			}
			if len(b) != n || addressOf(b)%pageSize != 0 {
				t.Fatalf("step %d: asked for %d bytes, got %d at %#x", step, n, len(b), addressOf(b))
			}
			b = b[:cap(b)]
			mark := byte(step)
			b[0], b[len(b)/2], b[len(b)-1] = mark, mark, mark
			out = append(out, held{b, mark})
		} else if len(out) > 0 {
			i := rnd.IntN(len(out))
			h := out[i]
			if h.buf[0] != h.mark || h.buf[len(h.buf)/2] != h.mark || h.buf[len(h.buf)-1] != h.mark {
				t.Fatalf("step %d: a buffer of %d bytes was given out twice", step, len(h.buf))
			}
			p.Put(h.buf[:1+rnd.IntN(len(h.buf))])
			out[i] = out[len(out)-1]
			out = out[:len(out)-1]
		}
		if rnd.IntN(500) == 0 {
			p.Trim()
		}
		if used := line.used.Load(); used > line.max || used != p.mapped || p.Out() > used {
			t.Fatalf("step %d: line used %d of %d, mapped %d, out %d", step, used, line.max, p.mapped, p.Out())
		}
	}
	if refused == 0 {
		t.Error("the bound was never reached: the test proves less than it should")
	}
	for _, h := range out {
		p.Put(h.buf)
	}
	if p.Out() != 0 {
		t.Fatalf("%d bytes out after everything was put back", p.Out())
	}
	whole := p.Get(48 << 20)
	if whole == nil {
		t.Fatal("an empty pool can't give out its whole line: blocks were not merged, or what is kept is not given up")
	}
	p.Put(whole)
}

// TestPoolMergesBlocks shows that a slab cut to pages becomes whole again.
func TestPoolMergesBlocks(t *testing.T) {
	line := NewBudget(slabBytes).Line("one slab", slabBytes)
	p := NewPool(line)
	defer p.Close()
	var pages [][]byte
	for b := p.Get(pageSize); b != nil; b = p.Get(pageSize) {
		pages = append(pages, b)
	}
	if len(pages) != slabBytes/pageSize {
		t.Fatalf("%d pages in a slab", len(pages))
	}
	for i := range pages {
		p.Put(pages[(i*7)%len(pages)]) // 7 and 512 have no common factor
	}
	if p.Get(slabBytes) == nil {
		t.Fatal("the slab is not whole again")
	}
}

// TestPoolTrim keeps what is in use and gives the rest back after two calls without a request.
func TestPoolTrim(t *testing.T) {
	line := NewBudget(64<<20).Line("a", 64<<20)
	p := NewPool(line)
	defer p.Close()
	var out [][]byte
	for range 8 {
		out = append(out, p.Get(slabBytes), p.Get(3<<20))
	}
	for _, b := range out {
		p.Put(b)
	}
	p.Trim()
	if used := line.used.Load(); used != 8*(slabBytes+3<<20) {
		t.Fatalf("%d bytes kept: all of them were used since", used)
	}
	for range 3 { // three at a time are used again
		a, b, c := p.Get(slabBytes), p.Get(slabBytes), p.Get(3<<20)
		p.Put(a)
		p.Put(b)
		p.Put(c)
	}
	p.Trim()
	if used := line.used.Load(); used != 2*slabBytes+3<<20 {
		t.Fatalf("%d bytes kept, two slabs and a mapping were used", used)
	}
	p.Trim()
	if used := line.used.Load(); used != 0 {
		t.Fatalf("%d bytes kept of an idle pool", used)
	}
}

func TestPoolRefusesStrangers(t *testing.T) {
	p := NewPool(NewBudget(8<<20).Line("a", 8<<20))
	defer p.Close()
	panics := func(name string, f func()) {
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", name)
			}
		}()
		f()
	}
	b := p.Get(8192)
	p.Put(b)
	panics("twice", func() { p.Put(b) })
	panics("a part", func() { p.Put(p.Get(16384)[4096:]) })
	panics("heap", func() { p.Put(make([]byte, 4096)) })
	large := p.Get(4 << 20)
	p.Put(large)
	panics("large twice", func() { p.Put(large) })
}

// TestPoolAllocates nothing in steady state.
func TestPoolAllocates(t *testing.T) {
	p := NewPool(NewBudget(64<<20).Line("a", 64<<20))
	defer p.Close()
	sizes := []int{4096, 100 << 10, 1 << 20, 5 << 20}
	run := func() {
		for _, n := range sizes {
			p.Put(p.Get(n))
		}
	}
	for range 4096 {
		run()
	}
	if n := testing.AllocsPerRun(1000, run); n != 0 {
		t.Fatalf("%v allocations per run", n)
	}
}

func TestBudgetLines(t *testing.T) {
	b := NewBudget(10 << 20)
	l := b.Line("x", 6<<20)
	if !l.take(6<<20) || l.take(1) {
		t.Fatal("a line gives what it has, and no more")
	}
	l.give(1 << 20)
	if s := b.Stats(); len(s) != 1 || s[0] != (LineStats{"x", 6 << 20, 5 << 20}) {
		t.Fatalf("stats %+v", s)
	}
	defer func() {
		if recover() == nil {
			t.Error("lines beyond the budget were allowed")
		}
	}()
	b.Line("y", 5<<20)
}
