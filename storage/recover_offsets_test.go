package storage

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOffsetsAreFoundAsTheyWereLeft: changes are noted one by one, and now and then all offsets together. A recovery that reads the last of these,
// the changes that followed, and any of what is older, in any order, finds what was stored.
func TestOffsetsAreFoundAsTheyWereLeft(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 5))
		v := storedOffsets{all: tally{}}
		var read []func(f *foundOffsets) // since the last record of all, and some of what is older
		older := func() {
			read = slices.DeleteFunc(read, func(func(*foundOffsets)) bool { return rng.IntN(3) == 0 })
		}
		for now := range uint64(60) {
			key := ConsumerKey{ID: uint32(rng.IntN(6))}
			_, stored := v.get(key)
			switch n := rng.IntN(10); {
			case n == 0:
				older()
				list, count := slices.Clone(v.list), v.count
				read = append(read, func(f *foundOffsets) { f.all(list, count) })
			case n < 4 && !stored:
			default:
				o := v.decide(OffsetState{Key: key, Offset: Offset(rng.IntN(9)), Deleted: n < 4}, now)
				v.apply(o)
				read = append(read, func(f *foundOffsets) { f.one(o) })
			}
		}
		rng.Shuffle(len(read), func(a, b int) { read[a], read[b] = read[b], read[a] })
		f := foundOffsets{at: map[ConsumerKey]int{}}
		for _, r := range read {
			r(&f)
		}
		left := f.left()
		for _, o := range left {
			if got := v.find(o.Key); got == nil || *got != o {
				t.Errorf("seed %d: %+v is found, stored is %+v", seed, o, got)
			}
		}
		if len(left) != len(v.list) || f.count > v.count {
			t.Errorf("seed %d: %d offsets are found, %d were stored; %d changes of %d", seed, len(left), len(v.list), f.count, v.count)
		}
	}
}

// TestMarksOfAnOlderBuildCount: it kept deleted offsets in its lists, and did not say that these had all.
func TestMarksOfAnOlderBuildCount(t *testing.T) {
	f := foundOffsets{at: map[ConsumerKey]int{}}
	f.all([]OffsetState{{Key: ConsumerKey{ID: 1}, Count: 1}, {Key: ConsumerKey{ID: 2}, Count: 2}}, 2)
	f.all([]OffsetState{{Key: ConsumerKey{ID: 1}, Count: 4, Deleted: true}}, 0)
	f.one(OffsetState{Key: ConsumerKey{ID: 3}, Count: 3})
	if left := f.left(); len(left) != 2 || left[0].Key.ID != 2 || left[1].Key.ID != 3 || f.count != 4 {
		t.Errorf("%+v, %d changes", left, f.count)
	}
}
