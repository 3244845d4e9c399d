package storage

import (
	"math/rand/v2"
	"testing"
)

// TestStoredOffsetsAgreeWithTheirSlowTwin, which is a map by consumer, over changes, deletions, and moves between two stores.
func TestStoredOffsetsAgreeWithTheirSlowTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		stores := [2]tally{{}, {}}
		at := 0
		v := storedOffsets{all: stores[0]}
		twin := map[ConsumerKey]OffsetState{}
		for step := range 200 {
			key := ConsumerKey{Group: rng.IntN(2) == 0, ID: uint32(rng.IntN(20))}
			now := uint64(1000 + step)
			switch rng.IntN(10) {
			case 0:
				v.leave()
				at = 1 - at
				v.join(stores[at])
			case 1:
				v.apply(OffsetState{Key: key, Deleted: true}) // forgotten
				delete(twin, key)
			default:
				change := OffsetState{Key: key, Offset: Offset(rng.IntN(30)), Deleted: rng.IntN(4) == 0, User: User{Number: uint32(rng.IntN(3))}}
				if old := v.find(key); change.Deleted && old == nil {
					continue
				}
				o := v.decide(change, now)
				v.apply(o)
				if twin[key] = o; change.Deleted {
					delete(twin, key)
				}
			}
			v.invariants(1)
			if len(stores[1-at]) != 0 || len(v.list) != len(twin) {
				t.Fatalf("the other store counts %v; %d stored, the twin has %d", stores[1-at], len(v.list), len(twin))
			}
			for k := range uint32(40) {
				key := ConsumerKey{Group: k%2 == 0, ID: k / 2}
				o, found := v.get(key)
				if want, is := twin[key]; is != found || is && want.Offset != o {
					t.Fatalf("%v has %d (%v), the twin %d (%v)", key, o, found, want.Offset, is)
				}
			}
			low := v.lowest(HoldForever, now)
			for key, o := range twin {
				if low.none || o.Offset < low.offset || o.Offset == low.offset && key.less(low.key) {
					t.Fatalf("the lowest is %+v, but %v has %d", low, key, o.Offset)
				}
			}
		}
	}
}

func TestAStoredOffsetKeepsWhenItMoved(t *testing.T) {
	v := storedOffsets{all: tally{}}
	key := ConsumerKey{ID: 1}
	v.apply(v.decide(OffsetState{Key: key, Offset: 5}, 100))
	v.apply(v.decide(OffsetState{Key: key, Offset: 5}, 200))
	if o := v.find(key); o.Moved != 100 || o.Count != 2 {
		t.Errorf("stored again where it was: %+v", o)
	}
	if low := v.lowest(100, 200); !low.none {
		t.Errorf("an offset that has not moved for long keeps what is expired: %+v", low)
	}
	if low := v.lowest(101, 200); low.none || low.until != 201 {
		t.Errorf("an offset that moved lately keeps nothing: %+v", low)
	}
}
