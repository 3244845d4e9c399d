package uring

import "fmt"

// ringSlot is an operation in flight.
type ringSlot struct {
	op        Op
	gen       uint32
	state     ringState
	cancelled bool
	step      uint8
	spans     uint8  // left in the block of a send
	spanAt    uint8  // first of them
	block     uint32 // of sends or paths, +1; 0: none
	bufID     uint32 // receive buffer taken at start; 0: none
	dirFD     int32
	bytes     int64 // of the operation's buffers
	done      int64 // bytes transferred
}

type ringState uint8

const (
	ringFree     ringState = iota
	ringQueued             // wants an entry
	ringInFlight           // the kernel has it, or it lies in an entry
	ringHelper             // a helper goroutine has it
)

// ringSlots are the operations in flight. A handle names a slot and its generation, so that one of an earlier operation finds nothing.
type ringSlots struct {
	all   []ringSlot
	free  []uint32
	queue handleQueue // want an entry, in order; some may have ended meanwhile
	live  int         // slots in use
	bytes int64       // of the buffers of all
}

// of returns the slot that h names, or nil if it is dead.
func (t *ringSlots) of(h Handle) *ringSlot {
	i := uint32(h)
	if int(i) >= len(t.all) {
		return nil
	}
	s := &t.all[i]
	if s.state == ringFree || s.gen != uint32(h>>32) {
		return nil
	}
	return s
}

// take returns a slot of a new generation. Its state is the caller's to set.
func (t *ringSlots) take() (Handle, *ringSlot) {
	var i uint32
	if k := len(t.free); k > 0 {
		i = t.free[k-1]
		t.free = t.free[:k-1]
	} else {
		t.all = append(t.all, ringSlot{})
		i = uint32(len(t.all) - 1)
	}
	s := &t.all[i]
	gen := (s.gen + 1) & 0x7fffffff
	*s = ringSlot{gen: max(gen, 1)}
	t.live++
	return Handle(s.gen)<<32 | Handle(i), s
}

// give takes a slot back. It holds no memory any more.
func (t *ringSlots) give(h Handle, s *ringSlot) {
	t.bytes -= s.bytes
	*s = ringSlot{gen: s.gen}
	t.live--
	t.free = append(t.free, uint32(h))
}

// enqueue has an operation wait for an entry.
func (t *ringSlots) enqueue(h Handle, s *ringSlot) {
	s.state = ringQueued
	t.queue.push(h)
}

// next is the first operation that still waits for an entry; nil: none does.
func (t *ringSlots) next() (Handle, *ringSlot) {
	for t.queue.len() > 0 {
		h := t.queue.peek()
		if s := t.of(h); s != nil && s.state == ringQueued {
			return h, s
		}
		t.queue.pop() // cancelled meanwhile
	}
	return 0, nil
}

// invariants: a slot is free or in use; what waits for an entry is in the queue once; helpers have as many as the slots say.
func (t *ringSlots) invariants(inHelper int) {
	states, bytes := [ringHelper + 1]int{}, int64(0)
	for i := range t.all {
		states[t.all[i].state]++
		bytes += t.all[i].bytes
	}
	if bytes != t.bytes {
		panic(fmt.Sprintf("BUG: operations in flight have buffers of %d bytes, and %d are counted", bytes, t.bytes))
	}
	for _, i := range t.free {
		if t.all[i].state != ringFree {
			panic(fmt.Sprintf("BUG: slot %d is free and in state %d", i, t.all[i].state))
		}
	}
	waiting := 0
	for _, h := range t.queue.items[t.queue.head:] {
		if s := t.of(h); s != nil && s.state == ringQueued {
			waiting++
		}
	}
	if len(t.free) != states[ringFree] || t.live != len(t.all)-len(t.free) || waiting != states[ringQueued] || inHelper != states[ringHelper] {
		panic(fmt.Sprintf("BUG: slots in states %v, %d of them free and %d in use; %d wait for an entry and helpers have %d", states, len(t.free), t.live, waiting, inHelper))
	}
}

// handleQueue is a queue that reuses its memory.
type handleQueue struct {
	items []Handle
	head  int
}

func (q *handleQueue) push(h Handle) {
	if q.head > 0 && len(q.items) == cap(q.items) {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, h)
}

func (q *handleQueue) len() int     { return len(q.items) - q.head }
func (q *handleQueue) peek() Handle { return q.items[q.head] }
func (q *handleQueue) pop() {
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
}
