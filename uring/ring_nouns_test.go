package uring

import (
	"syscall"
	"testing"
)

// mustPanic fails the test unless f finds a bug.
func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no invariant says that this cannot be", what)
		}
	}()
	f()
}

// TestSubmissionsAreShownAtOnce: the kernel sees entries with the tail, and an entry is used again when it has taken it.
func TestSubmissionsAreShownAtOnce(t *testing.T) {
	words := make([]uint32, 3)
	q := submissions{head: &words[0], tail: &words[1], flags: &words[2], entries: make([]sqe, 4), mask: 3}
	words[0], words[1], q.filled, q.submitted = ^uint32(1), ^uint32(1), ^uint32(1), ^uint32(1) // about to wrap
	for lap := range 10 {
		for i := range 4 {
			e := q.entry()
			if e == nil || *e != (sqe{}) {
				t.Fatalf("lap %d: entry %d is %+v", lap, i, e)
			}
			e.userData = uint64(i + 1)
		}
		if q.entry() != nil || *q.tail == q.filled {
			t.Fatalf("lap %d: a fifth entry, or the kernel sees what nobody has shown", lap)
		}
		if n := q.show(); n != 4 || *q.tail != q.filled {
			t.Fatalf("lap %d: %d entries are shown", lap, n)
		}
		q.invariants()
		*q.head += 3
		q.submitted += 3
		if n := q.show(); n != 1 {
			t.Fatalf("lap %d: %d entries are left", lap, n)
		}
		*q.head++
		q.submitted++
	}
	mustPanic(t, "an entry taken that was not filled", func() { q.submitted++; q.invariants() })
}

// TestCompletionsAreBounded: one sweep takes no more than its bound, and the kernel gets their room back.
func TestCompletionsAreBounded(t *testing.T) {
	head, tail := ^uint32(10), ^uint32(10)
	tail += 1000 // wraps
	q := completions{head: &head, tail: &tail}
	for want := 1000; want > 0; {
		from, end := q.bounds()
		if n := int(end - from); n != min(want, sweepMax) || q.empty() {
			t.Fatalf("%d of %d answers at once", n, want)
		}
		q.taken(end)
		want -= int(end - from)
	}
	if from, end := q.bounds(); from != end || !q.empty() || q.overflows() != 0 {
		t.Fatal("answers are left")
	}
}

// TestSlotsKnowTheirHandles: a handle finds its operation while that is in flight, and nothing afterwards.
func TestSlotsKnowTheirHandles(t *testing.T) {
	var slots ringSlots
	a, sa := slots.take()
	slots.enqueue(a, sa)
	b, sb := slots.take()
	slots.enqueue(b, sb)
	c, sc := slots.take()
	sc.state = ringHelper
	slots.invariants(1)
	mustPanic(t, "a helper without an operation", func() { slots.invariants(2) })
	slots.give(a, slots.of(a)) // cancelled while it waits
	if h, s := slots.next(); h != b || s != slots.of(b) || slots.of(a) != nil {
		t.Fatalf("%#x is next, want %#x", h, b)
	}
	again, s := slots.take()
	s.state = ringInFlight
	if uint32(again) != uint32(a) || again == a || slots.of(a) != nil || slots.of(again) != s {
		t.Fatalf("handles %#x and %#x should share a slot and not a generation", a, again)
	}
	slots.queue.pop()
	slots.of(b).state = ringInFlight
	if _, s := slots.next(); s != nil {
		t.Fatal("nothing waits, and something is next")
	}
	for _, h := range []Handle{again, b, c} {
		slots.give(h, slots.of(h))
	}
	if slots.invariants(0); slots.live != 0 || slots.of(1<<40) != nil || slots.of(Handle(len(slots.all))) != nil {
		t.Fatalf("%d slots are in use", slots.live)
	}
	mustPanic(t, "a slot that is free and waits", func() { slots.all[0].state = ringQueued; slots.invariants(0) })
}

// TestMemoryOfOperationsIsLentOnce: a send of several spans and an operation on paths have a block each, until they end.
func TestMemoryOfOperationsIsLentOnce(t *testing.T) {
	arena, err := NewArena(pageSize)
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	var m opMemory
	defer m.close()
	mem := arena.Bytes()
	slots := []ringSlot{
		{op: Op{Kind: KindSend, Vec: [][]byte{mem[:5], mem[5:5], mem[5:100]}}},
		{op: Op{Kind: KindRename, Path: "/a", Path2: "/b"}},
		{op: Op{Kind: KindSend, Vec: [][]byte{mem[:7]}}},
	}
	for i := range slots {
		if errno := m.prepare(&slots[i]); errno != 0 {
			t.Fatal(errno)
		}
	}
	if m.invariants(slots); m.sends.out() != 1 || m.paths.out() != 1 || slots[2].block != 0 || len(slots[2].op.Buf) != 7 {
		t.Fatalf("%d blocks of sends and %d of paths are out", m.sends.out(), m.paths.out())
	}
	s := &slots[0]
	if m.advance(s, 5) || m.iovecs(s)[0].len != 95 && m.iovecs(s)[0].len != 0 {
		t.Fatalf("after 5 bytes: %+v", m.iovecs(s))
	}
	if m.advance(s, 90) || m.iovecs(s)[0] != (iovec{uint64(addressOf(mem)) + 95, 5}) {
		t.Fatalf("after 95 bytes: %+v", m.iovecs(s))
	}
	if !m.advance(s, 5) {
		t.Fatalf("after 100 bytes: %+v", m.iovecs(s))
	}
	mustPanic(t, "a block that nobody has", func() { m.invariants(slots[1:]) })
	for i := range slots {
		m.give(&slots[i])
	}
	if m.invariants(slots); m.sends.out()+m.paths.out() != 0 {
		t.Fatal("blocks are out that no operation has")
	}
	long := ringSlot{op: Op{Kind: KindOpen, Path: string(make([]byte, pathBytes))}}
	many := ringSlot{op: Op{Kind: KindSend, Vec: make([][]byte, VecMax+1)}}
	if m.prepare(&long) != syscall.ENAMETOOLONG || m.prepare(&many) != syscall.EINVAL || m.prepare(&ringSlot{}) != syscall.EINVAL {
		t.Fatal("an operation is prepared that cannot be")
	}
}

// TestReceiveRingShowsItsTail: the tail lies in the last bytes of slot 0, beside a buffer id that changes on its own.
func TestReceiveRingShowsItsTail(t *testing.T) {
	bufs, err := newRecvBufs(4, pageSize)
	if err != nil {
		t.Fatal(err)
	}
	b := recvRing{bufs: bufs, provided: true, slots: make([]pbuf, 4), mask: 3}
	defer b.close()
	for id := uint32(1); id <= 4; id++ {
		b.provide(id)
	}
	if b.slots[0].tail != 0 {
		t.Fatal("buffers are shown before somebody shows them")
	}
	b.show()
	for lap := range uint16(40000) { // the tail wraps
		id := uint32(b.slots[b.tail&3].bid) + 1
		if got := b.filled(&ringSlot{}, 1, cqeBuffer|(id-1)<<cqeBufferShift); got != id {
			t.Fatalf("lap %d: buffer %d is filled, want %d", lap, got, id)
		}
		shown := b.slots[0].tail
		b.release(id)
		if !b.news || b.slots[0].tail != shown {
			t.Fatalf("lap %d: a buffer given back is shown at once", lap)
		}
		if b.show(); b.slots[0].tail != shown+1 || b.slots[(b.tail-1)&3].bid != uint16(id-1) {
			t.Fatalf("lap %d: tail %d, slots %+v", lap, b.slots[0].tail, b.slots)
		}
	}
	mustPanic(t, "a buffer given back twice", func() { b.release(1) })
}

// TestReceiveTakesABufferWhenItStarts: without a ring of buffers a receive has one from its start to its end.
func TestReceiveTakesABufferWhenItStarts(t *testing.T) {
	bufs, err := newRecvBufs(1, pageSize)
	if err != nil {
		t.Fatal(err)
	}
	b := recvRing{bufs: bufs}
	defer b.close()
	var one, two ringSlot
	if !b.takeFor(&one) || !b.takeFor(&one) || b.takeFor(&two) {
		t.Fatal("a receive has two buffers, or two receives have one")
	}
	if id := b.filled(&one, 3, 0); id != 1 || one.bufID != 0 {
		t.Fatalf("buffer %d is filled", id)
	}
	if b.release(1); !b.takeFor(&two) {
		t.Fatal("a buffer that was given back is gone")
	}
	if b.dropFrom(&two); !b.takeFor(&one) {
		t.Fatal("a receive keeps its buffer after its end")
	}
}

// BenchmarkRingTurn is what a ring costs beside the kernel: a turn of eight operations, each answered in the next.
func BenchmarkRingTurn(b *testing.B) {
	r, _ := scriptRing(b, func(*script, sqe) {})
	sq, cq := &r.queues.sq, &r.queues.cq
	r.kernel.enter = func(_ bool, submit, wait uint32, flags, arg, size uintptr) (uintptr, syscall.Errno) {
		for range submit {
			cq.entries[*cq.tail&cq.mask] = cqe{userData: sq.entries[*sq.head&sq.mask].userData}
			*cq.tail++
			*sq.head++
		}
		return uintptr(submit), 0
	}
	op := Op{Kind: KindNop}
	b.ReportAllocs()
	for b.Loop() {
		for range 8 {
			r.Submit(&op)
		}
		r.Wait(0)
	}
}
