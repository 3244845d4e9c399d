package shard

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// TestFramesGetMemoryThatOthersOnlyKeep: the largest frame of one shard gets its memory, though another has used as much a moment ago and
// keeps it for later. That one has memory for small frames all the time.
func TestFramesGetMemoryThatOthersOnlyKeep(t *testing.T) {
	lines := Divide(uring.NewBudget(128<<20), 2)
	var waiting atomic.Int32
	one := &frameMemory{pool: uring.NewPool(lines.Recv), waiting: &waiting}
	two := &frameMemory{pool: uring.NewPool(lines.Recv), waiting: &waiting}
	t.Cleanup(one.pool.Close)
	t.Cleanup(two.pool.Close)
	most, now := lines.FrameMost(), int64(1)
	small := [][]byte{one.pool.Get(20 << 10), two.pool.Get(20 << 10)}
	two.pool.Put(two.pool.Get(most))
	if one.pool.Get(most) != nil {
		t.Fatal("two of the largest frames have room")
	}
	one.share(true, now)
	two.share(false, now)
	got := one.pool.Get(most)
	if got == nil {
		t.Fatal("another shard keeps what a frame waits for")
	}
	small = append(small, two.pool.Get(20<<10))
	for i, p := range small {
		if p == nil {
			t.Errorf("small frame %d has no memory", i)
		}
	}
	one.pool.Put(got)
	one.pool.Drop()
	two.pool.Put(two.pool.Get(most))
	if two.share(false, now+1); !two.pool.Kept() {
		t.Error("memory is given up again at once: mapping it costs more than who waits has of it")
	}
	if two.share(false, now+int64(retryEvery)); two.pool.Kept() {
		t.Error("memory that another shard waits for is kept")
	}
	two.pool.Put(two.pool.Get(most))
	one.share(false, now)
	if two.share(false, now+2*int64(retryEvery)); !two.pool.Kept() || waiting.Load() != 0 {
		t.Errorf("memory is given up, and nobody waits: %d", waiting.Load())
	}
}

// TestShardsShareMemoryForFrames: a shard says that frames of it wait for memory as long as they do, and gives up what it keeps while frames
// of another one wait.
func TestShardsShareMemoryForFrames(t *testing.T) {
	x := startScripted(t)
	kept := func() (kept bool) {
		x.do(func(s *Shard) {
			p := s.memory.frames.pool
			s.memory.frames.drop = 0 // a turn in between may have given up what was kept before
			p.Put(p.Get(256 << 10))  // a slab is left, and nothing else
		})
		x.do(func(s *Shard) { kept = s.memory.frames.pool.Kept() }) // in another turn
		return kept
	}
	if !kept() {
		t.Error("memory is given up at once, and nobody waits")
	}
	x.framesWaiting.Add(1) // another shard
	if kept() {
		t.Error("memory is kept that another shard waits for")
	}
	x.framesWaiting.Add(-1)
	begun := frame(wire.CodePing, 1, 1, make([]byte, 6<<20))[:20<<10]
	for range 2 {
		x.connect(&socket{pieces: [][]byte{loginFrame(), bytes.Clone(begun)}, open: true})
	}
	x.until(t, "one frame waits", func(*Shard) bool { return x.framesWaiting.Load() == 1 })
	x.hangUp()
	x.until(t, "nothing waits and nothing is held", func(*Shard) bool { return x.framesWaiting.Load() == 0 && x.nothingHeld() })
}
