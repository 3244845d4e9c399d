package owner

import (
	"testing"

	"github.com/galgo-mq/galgo/metadata"
)

// TestRetentionGoesInSteps: a pass over a topic of many partitions looks at a bounded number in each turn, at all of them once, and goes on
// where it was when a topic is deleted meanwhile.
func TestRetentionGoesInSteps(t *testing.T) {
	x := newRig(t, nil)
	expires := metadata.Option{Key: "message_expiry", Kind: metadata.KindString, Value: []byte("1h")}
	x.topic("a", 10, expires)
	b := x.topic("b", 900, expires)
	x.topic("c", 10, expires)
	at := &x.o.retaining
	pass := func(each func(turn int)) (turns int) {
		at.next, at.active, at.at, at.since = 0, false, [3]int{}, 0
		for turns = 0; turns == 0 || at.active; turns++ {
			before := at.at
			at.tend(x.o.mono)
			if after := at.at; after[1] == before[1] && after[2]-before[2] > retainWork {
				t.Errorf("turn %d goes from %v to %v", turns, before, after)
			}
			if each(turns); turns > 100 {
				t.Fatal("the pass does not end")
			}
			if at.active && x.o.Deadline() > x.o.mono+1 {
				t.Fatalf("a pass that is under way wants a turn at %d, and it is %d", x.o.Deadline(), x.o.mono)
			}
		}
		return turns
	}
	if turns := pass(func(int) {}); turns < 900/retainWork || turns > 920/retainWork+2 {
		t.Errorf("a pass over 920 partitions takes %d turns", turns)
	}
	deleted := false
	pass(func(turn int) {
		if turn != 1 {
			return
		}
		if at.at[1] != int(b.ID) || at.at[2] == 0 {
			t.Fatalf("after two turns the pass is at %v", at.at)
		}
		b.Since++ // as if it were another one of that number
		deleted = true
		before := at.at[2]
		at.tend(x.o.mono)
		if at.at[2] > before {
			t.Errorf("a topic that took the place of another is looked at from partition %d on", before)
		}
		b.Since--
	})
	if !deleted {
		t.Error("the pass ended within two turns")
	}
}
