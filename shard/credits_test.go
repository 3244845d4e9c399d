package shard

import (
	"testing"

	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// TestCreditsAreLeftToOthers: writes leave credits to reads, and both leave some to what gives memory back. What waits goes in the order
// in which it came, each lane by itself, when credits come back.
func TestCreditsAreLeftToOthers(t *testing.T) {
	mesh := router.NewMesh[message](2, 0)
	c := credits{port: mesh.Port(0), all: mesh.Credits(), of: make([]creditsFor, 2)}
	there := mesh.Port(1)
	ask := func(kind storage.RequestKind, m messageKind) (*request, bool) {
		q := &request{}
		q.owner, q.Kind = 1, kind
		return q, c.send(q, m)
	}
	var writes, reads, owes []*request
	fill := func(list *[]*request, kind storage.RequestKind, m messageKind) (went int) {
		for {
			q, ok := ask(kind, m)
			if *list = append(*list, q); !ok {
				return went
			}
			went++
		}
	}
	w := fill(&writes, storage.ReqAppend, msgRequest)
	r := fill(&reads, storage.ReqPoll, msgRequest)
	o := fill(&owes, storage.ReqPoll, msgOwe)
	if w == 0 || r == 0 || o == 0 || w+r+o != c.all || c.waiting != 3 {
		t.Fatalf("%d writes, %d reads, %d that give memory back went of %d; %d wait", w, r, o, c.all, c.waiting)
	}
	second, _ := ask(storage.ReqAppend, msgRequest)
	answer := func(q *request) {
		var got [1]router.Received[message]
		c.port.Publish(nil)
		if there.Receive(got[:]) != 1 || got[0].Msg.req != q {
			t.Fatal("another request comes first")
		}
		there.Reply(0, message{kind: msgReply, req: q})
		there.Publish(nil)
		if c.port.Receive(got[:]) != 1 {
			t.Fatal("no reply")
		}
		c.answered(q, 1)
	}
	first, next := last(writes), 0
	answered := func() {
		answer(writes[next])
		next++
		c.retry()
	}
	answered()
	if c.waiting != 3 || first.writes { // the request that gives memory back went, as it is let before others
		t.Errorf("%d wait when one is answered; a write went: %v", c.waiting, first.writes)
	}
	for !first.writes && next < w {
		answered()
		if first.writes && second.writes {
			t.Error("two writes went for one credit")
		}
	}
	if answered(); !first.writes || !second.writes || c.waiting != 0 {
		t.Errorf("the writes that waited went: %v, %v; %d wait", first.writes, second.writes, c.waiting)
	}
}

func last(list []*request) *request { return list[len(list)-1] }

// TestReleasesAreBounded: no more are on their way than the mailbox has room for, and each goes once.
func TestReleasesAreBounded(t *testing.T) {
	mesh := router.NewMesh[message](2, 0)
	c := credits{port: mesh.Port(0), all: mesh.Credits(), of: make([]creditsFor, 2)}
	there := mesh.Port(1)
	n := 3*c.all + 7
	for range n {
		q := &request{}
		q.owner = 1
		c.release(q)
	}
	seen := map[*request]bool{}
	for range 4 * n {
		if c.of[1].out > c.all {
			t.Fatalf("%d are on their way of %d", c.of[1].out, c.all)
		}
		c.port.Publish(nil)
		var got [1]router.Received[message]
		if there.Receive(got[:]) == 0 {
			break
		}
		if q := got[0].Msg.req; seen[q] {
			t.Fatal("one goes twice")
		} else {
			seen[q] = true
		}
		c.released(1)
	}
	if len(seen) != n || c.of[1].out != 0 || c.of[1].releases.Len() != 0 {
		t.Errorf("%d of %d went, %d are on their way", len(seen), n, c.of[1].out)
	}
}
