package batch

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// without builds the batch anew from the records that stay.
func without(t *testing.T, b Batch, drop map[uint32]bool) Batch {
	t.Helper()
	var made Builder
	made.Reset(b.OriginTimestamp())
	i := uint32(0)
	for frames := b.Frames(); len(frames) > 0; i++ {
		var r Record
		r, frames = Next(frames)
		if !drop[i] {
			must(t, made.AddAt(b.OriginTimestamp()+uint64(r.TimestampDelta()), r.ID(), r.Payload(), r.Headers()))
		}
	}
	return made.Bytes()
}

func TestABatchWithoutSomeRecordsIsAsIfTheyHadNotBeenSent(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	var h Hasher
	for range 500 {
		b := bytes.Clone(randomBatch(rng, 1+rng.IntN(12)))
		stays := uint32(rng.IntN(Batch(b).Count()))
		drop, list := map[uint32]bool{}, []uint32(nil)
		for i := range uint32(Batch(b).Count()) {
			if i != stays && rng.IntN(2) == 0 {
				drop[i], list = true, append(list, i)
			}
		}
		want := without(t, b, drop)
		got := h.Drop(b, list)
		if !bytes.Equal(got, want) {
			t.Fatalf("without %v:\n%x\nwant\n%x", list, got, want)
		}
		if _, err := h.Admit(got, DefaultLimits()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDroppingWhatIsNotThereIsABug(t *testing.T) {
	b := randomBatch(rand.New(rand.NewPCG(1, 1)), 3)
	f := func(list ...uint32) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("Drop(%v) of 3 did not panic", list)
			}
		}()
		new(Hasher).Drop(bytes.Clone(b), list)
	}
	f(0, 1, 2)
	f(3)
	f(2, 1)
}

func TestDroppingDoesNotAllocate(t *testing.T) {
	var h Hasher
	b := randomBatch(rand.New(rand.NewPCG(1, 1)), 100)
	work, list := make([]byte, len(b)), []uint32{0, 7, 99}
	if n := testing.AllocsPerRun(100, func() { h.Drop(work[:copy(work, b)], list) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
