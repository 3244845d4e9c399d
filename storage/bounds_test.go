package storage

import (
	"math/rand/v2"
	"testing"
)

// plainBounds says by the plainest means which offsets hold visible records.
func plainBounds(b *bounds) (visible []Offset) {
	for o := b.start; o < b.hw; o++ {
		in := false
		for _, g := range b.gaps {
			in = in || g.From <= o && o < g.To
		}
		if !in {
			visible = append(visible, o)
		}
	}
	return visible
}

func TestBoundsAgreeWithTheirSlowTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var b bounds
		for range rng.IntN(4) {
			from := b.next + Offset(rng.IntN(5))
			b.gaps = append(b.gaps, Gap{from, from + 1 + Offset(rng.IntN(5))})
			b.next = b.gaps[len(b.gaps)-1].To
		}
		b.next += Offset(rng.IntN(5))
		if b.hw = b.next; b.hw > 0 {
			b.last = b.hw - 1
		}
		b.trim(Offset(rng.IntN(int(b.hw)+1)), 0)
		b.invariants(1)
		visible := plainBounds(&b)
		if b.records != uint64(len(visible)) {
			t.Fatalf("%+v: %d records, the twin has %d", b, b.records, len(visible))
		}
		for n := range len(visible) {
			if o := b.back(uint64(n + 1)); o != visible[len(visible)-1-n] {
				t.Fatalf("%+v: record %d from the end is at %d, the twin says %d", b, n+1, o, visible[len(visible)-1-n])
			}
		}
		if o := b.back(uint64(len(visible)) + 1); o < b.start || len(visible) > 0 && o > visible[0] {
			t.Fatalf("%+v: more records than there are begin at %d", b, o)
		}
		for i := 1; i < len(visible); i++ {
			if !b.follows(visible[i-1]+1, visible[i]) {
				t.Fatalf("%+v: %d does not follow %d", b, visible[i], visible[i-1])
			}
		}
	}
}

func TestBoundsMoveForward(t *testing.T) {
	var b bounds
	if b.reaches(0) {
		t.Error("an empty log reaches offset 0")
	}
	base, ts := b.stamp(50)
	b.placed(base+10, ts)
	if _, again := b.stamp(40); again != 50 {
		t.Errorf("append time falls to %d", again)
	}
	if b.reaches(0) {
		t.Error("a record that is not told counts")
	}
	b.show(10, 10, 1000)
	b.invariants(1)
	if !b.reaches(9) || b.reaches(10) || b.records != 10 || b.bytes != 1000 {
		t.Errorf("%+v after ten records", b)
	}
	b.trim(10, 1000)
	b.invariants(1)
	if !b.reaches(9) || b.records != 0 || b.bytes != 0 {
		t.Errorf("%+v after all are gone", b)
	}
	defer func() {
		if recover() == nil {
			t.Error("the high watermark stands still, and nobody minds")
		}
	}()
	b.show(10, 10, 1000)
}
