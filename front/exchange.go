package front

import (
	"fmt"

	"github.com/galgo-mq/galgo/wire"
)

// Exchange is one frame and the reply to it. Whoever drives a Front has it embedded in what it knows of a request; both are used again
// together.
//
//	queued --place--> whole --Take--> taken --Reply--> replied --its turn--> sending --out--> over --Take--> Put
//	                                    ^                                       |
//	                                    '--Take-- part <--a part of it is out---'
type Exchange struct {
	wire.Exchange
	Holder any // what it is embedded in; not touched

	conn           *conn // nil: it is over
	earlier, later *Exchange
	state          state
	pending        Event
	listed         bool
	next           *Exchange // in the queue, or of the pool
	use            uint32

	recvID uint32 // receive buffer that the frame lies in; 0: none
	buf    []byte // memory that it lies in; nil: none, or the heap
	ownTop bool   // Top is a buffer of the pool's memory, and not a part of one
	placed bool   // it has a place
}

// state is where an exchange is.
type state uint8

const (
	stateFree    state = iota
	stateQueued        // waits for a place
	stateWhole         // its frame is whole, and is to be taken
	stateTaken         // is handled
	stateReplied       // its reply waits for those before it
	stateSending       // a send of its reply is in flight
	statePart          // as much of its reply as was given is out
	stateSent          // the last reply of a connection is out, and its peer has a while to read it
	stateOver          // the connection has let go of it
)

func (s state) String() string {
	return [...]string{"free", "queued", "whole", "taken", "replied", "sending", "part", "sent", "over"}[s]
}

// Event is what there is to say of an exchange that Take returns; several may come at once.
type Event uint8

const (
	// Whole: its frame is whole, and a reply is due.
	Whole Event = 1 << iota
	// Part: Out bytes of its reply are out. Send, End or Drop follow.
	Part
	// Hurried: its peer has sent more while it is handled.
	Hurried
	// Gone: its connection is closing, and nobody will read the reply that is still due.
	Gone
	// Ended: it is over. Nothing else comes with it, and Put follows.
	Ended
)

// Use tells one use of an exchange from the next.
func (x *Exchange) Use() uint32 { return x.use }

// Unanswered reports whether an exchange is in the same use still, and a reply is due.
func (x *Exchange) Unanswered(use uint32) bool {
	return x.use == use && (x.state == stateTaken || x.state == statePart)
}

// expect panics unless x is where a call of its driver finds it.
func (x *Exchange) expect(call string, a, b state) {
	if x.state != a && x.state != b {
		panic(fmt.Sprintf("BUG: %s for an exchange that is %v, not %v", call, x.state, a))
	}
}

// queue is exchanges of which something is to be told, in order, linked through them.
type queue struct{ first, last *Exchange }

// tell adds e to what is to be said of x.
func (q *queue) tell(x *Exchange, e Event) {
	x.pending |= e
	if x.listed {
		return
	}
	x.listed, x.next = true, nil
	if q.last == nil {
		q.first = x
	} else {
		q.last.next = x
	}
	q.last = x
}

// take returns the first one, and what is to be said of it; nil: there is none.
func (q *queue) take() (*Exchange, Event) {
	x := q.first
	if x == nil {
		return nil, 0
	}
	if q.first = x.next; q.first == nil {
		q.last = nil
	}
	e := x.pending
	x.next, x.listed, x.pending = nil, false, 0
	return x, e
}

// window is the exchanges of a connection that are under way, in the order of their frames.
type window struct {
	first, last *Exchange
	under       int  // how many
	most        int  // how many there may be; 0: what the peer speaks is not known
	inOrder     bool // replies leave in that order
}

func (w *window) add(x *Exchange) {
	x.earlier, x.later = w.last, nil
	if w.last == nil {
		w.first = x
	} else {
		w.last.later = x
	}
	w.last = x
	w.under++
}

func (w *window) remove(x *Exchange) {
	if x.earlier == nil {
		w.first = x.later
	} else {
		x.earlier.later = x.later
	}
	if x.later == nil {
		w.last = x.earlier
	} else {
		x.later.earlier = x.earlier
	}
	x.earlier, x.later = nil, nil
	w.under--
}

// pins reports whether replies hold memory of logs that can't be had back by cutting off the one that leaves. Those that wait behind it can't
// be cut off. The memory of a reply that is Resumable is what it has behind its first span.
func (w *window) pins(leaves *Exchange) bool {
	for x := w.first; x != nil; x = x.later {
		switch {
		case x.state != stateReplied && x != leaves:
		case x.Pins, x != leaves && x.Resumable && len(x.Vec) > 1:
			return true
		}
	}
	return false
}

// ready is the exchange whose reply is to leave next; nil: none is there.
func (w *window) ready() *Exchange {
	for x := w.first; x != nil; x = x.later {
		if x.state == stateReplied {
			return x
		}
		if w.inOrder {
			return nil
		}
	}
	return nil
}
