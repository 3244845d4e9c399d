package router

import (
	"fmt"
	"sync/atomic"
)

// Mailbox is a ring of fixed-size slots with one producer and one consumer. Push fills a slot that nobody sees yet,
// Publish shows everything pushed so far with one atomic store, Drain takes out what was published. Full and empty are
// answers, never waits.
//
//	at   size  field       written by
//	  0    64  (padding)
//	 64     8  tail        producer, read by both    slots below it are published
//	 72     8  tailLoc     producer                  slots below it are filled
//	 80     8  headSeen    producer                  its last look at head
//	 88   104  (padding)
//	192     8  head        consumer, read by both    slots below it are free again
//	200     8  headLoc     consumer                  same value, without the atomic load
//	208     8  tailSeen    consumer                  its last look at tail
//	216   104  (padding)
//	320        mask, slots: written once
//
// The two sides lie 128 bytes apart, not 64, because x86 prefetches lines in pairs. Each side rereads the other's
// index only when its own copy says full or empty, so that a line moves once per lap or batch and not per message.
// Indexes count messages since the start and never wrap; the slot is the index modulo the size.
type Mailbox[T any] struct {
	_        [64]byte
	tail     atomic.Uint64
	tailLoc  uint64
	headSeen uint64
	_        [128 - 24]byte
	head     atomic.Uint64
	headLoc  uint64
	tailSeen uint64
	_        [128 - 24]byte
	mask     uint64
	slots    []T
}

// NewMailbox makes a ring of the given number of slots, a power of two.
func NewMailbox[T any](slots int) *Mailbox[T] {
	if slots < 1 || slots&(slots-1) != 0 {
		panic(fmt.Sprintf("BUG: mailbox of %d slots, want a power of two", slots))
	}
	return &Mailbox[T]{mask: uint64(slots - 1), slots: make([]T, slots)}
}

// Push fills the next slot and reports whether there was one. The consumer sees it only after Publish. Producer only.
func (m *Mailbox[T]) Push(v T) bool {
	if m.Free() == 0 {
		return false
	}
	m.slots[m.tailLoc&m.mask] = v
	m.tailLoc++
	m.invariants()
	return true
}

// Publish shows the consumer everything pushed so far. The store is sequentially consistent, as the sleep protocol
// needs it (see Sleeper). Producer only.
func (m *Mailbox[T]) Publish() { m.tail.Store(m.tailLoc) }

// Free is the number of messages that Push would take now. It is exact when it answers 0, else it may lag behind the
// consumer. Producer only.
func (m *Mailbox[T]) Free() int {
	if m.tailLoc-m.headSeen > m.mask {
		m.headSeen = m.head.Load()
	}
	return len(m.slots) - int(m.tailLoc-m.headSeen)
}

// Drain moves published messages into dst, oldest first, at most len(dst), and returns how many. Their slots are
// zeroed, so that the ring keeps nothing alive, and free for the producer when Drain returns: whatever the consumer
// publishes afterwards, the producer that sees it sees these slots free as well. Consumer only.
func (m *Mailbox[T]) Drain(dst []T) int {
	n := m.ready(len(dst))
	for i := range n {
		slot := &m.slots[(m.headLoc+uint64(i))&m.mask]
		dst[i] = *slot
		*slot = *new(T)
	}
	m.take(n)
	return n
}

// drainFrom is Drain with the sender's name beside each message.
func (m *Mailbox[T]) drainFrom(from ShardID, dst []Received[T]) int {
	n := m.ready(len(dst))
	for i := range n {
		slot := &m.slots[(m.headLoc+uint64(i))&m.mask]
		dst[i] = Received[T]{From: from, Msg: *slot}
		*slot = *new(T)
	}
	m.take(n)
	return n
}

// ready is how many published messages can be taken out, at most nMax.
func (m *Mailbox[T]) ready(nMax int) int {
	if m.tailSeen == m.headLoc {
		m.tailSeen = m.tail.Load()
	}
	return min(int(m.tailSeen-m.headLoc), nMax)
}

// take frees n slots with one atomic store.
func (m *Mailbox[T]) take(n int) {
	if n == 0 {
		return
	}
	m.headLoc += uint64(n)
	m.head.Store(m.headLoc)
	m.invariants()
}

// HasNews tells whether a message is published that Drain has not taken. It looks at the producer's index itself, not
// at the copy: this is the second look of the sleep protocol. Consumer only.
func (m *Mailbox[T]) HasNews() bool { return m.tail.Load() != m.headLoc }

// drainedTo is the producer's look at how far the consumer has come: every index below it has been taken out.
func (m *Mailbox[T]) drainedTo() uint64 {
	m.headSeen = m.head.Load()
	return m.headSeen
}

// invariants may run on either side: it reads the atomics, and of the rest only what its caller owns would be safe, so
// it compares the atomics alone. head first: it never passes a tail that is read later.
func (m *Mailbox[T]) invariants() {
	if !invariantsOn {
		return
	}
	head := m.head.Load()
	tail := m.tail.Load()
	if head > tail {
		panic(fmt.Sprintf("BUG: mailbox drained to %d, published only to %d", head, tail))
	}
}
