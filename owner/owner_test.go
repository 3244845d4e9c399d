package owner

import (
	"testing"

	"github.com/galgo-mq/galgo/storage"
)

// TestTheEndTakesNothingMore: nothing follows the mark of an orderly end. What is busy may be refused before, and the journal is finished then too.
func TestTheEndTakesNothingMore(t *testing.T) {
	for _, refused := range []bool{false, true} {
		x := newRig(t, nil)
		a := x.topic("a", 1)
		x.send(a, 0, 1)
		x.settle()
		if refused {
			x.o.Refuse()
		}
		finished := false
		for range 20 {
			x.turn(0, func() { finished = finished || x.o.Finish() })
		}
		if _, ended := x.o.store.EndedAt(); !finished || !ended || !x.o.store.Idle() {
			t.Errorf("refused %v: finished %v, the mark is there: %v, idle: %v", refused, finished, ended, x.o.store.Idle())
		}
		p := x.part(a, 0, storage.ReqAppend)
		p.Batch = []byte("not a batch")
		x.turn(0, func() { x.o.Start(p) })
		if x.answered(p) || !x.o.store.Idle() {
			t.Error("something follows the mark")
		}
	}
}
