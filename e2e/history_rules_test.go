package e2e

import "testing"

// TestWhichLogAPurgeHasLeft: a batch that was acknowledged during a purge may be the first of the log that came of it, and is told of none. A
// purge that is in flight at the end, and has not taken effect, leaves it there.
func TestWhichLogAPurgeHasLeft(t *testing.T) {
	x := &topic{name: "t", partitions: 1, flying: map[batchID]*record{}}
	h := &history{topics: []*topic{x}}
	is := func(from, to topicState) {
		t.Helper()
		if !h.begin(x, from, to) {
			t.Fatalf("the topic is in state %d", x.state)
		}
	}
	is(absent, creating)
	h.end(x)
	is(live, purging)
	during := h.send(x.logs[0], batchID{1, 1}, 1)
	if err := h.ack(during, 0); err != nil {
		t.Fatal(err)
	}
	h.end(x)
	flying := h.send(x.logs[0], batchID{1, 2}, 1)
	is(live, purging)
	now, next := x.logs[0], x.purged[0]
	for _, c := range []struct {
		id    batchID
		stays bool
	}{{during.id, true}, {flying.id, false}, {batchID{9, 9}, false}} {
		if got := now.has([]piece{{id: c.id, count: 1, taken: 1}}, next); got != c.stays {
			t.Errorf("a log that begins with batch %v is the one from before the purge: %v", c.id, got)
		}
	}
	if err := h.ack(h.send(now, batchID{1, 3}, 1), 1); err != nil {
		t.Fatal(err)
	}
	if now.has(nil, next) {
		t.Error("an empty log is the one from before the purge")
	}
}
