package uring

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pending is an operation that the epoll backend has in flight.
type pending struct {
	gen   uint32
	next  uint32 // the one behind it in its socket's queue, or among the free; 0: none
	kind  Kind   // KindNone: free
	flags Flags
	fd    int32
	token uint64
	buf   []byte   // KindRecvInto
	limit int64    // KindRecv: at most so many bytes; 0: as many as fit
	done  int64    // bytes sent, or received into buf
	vec   *sendVec // KindSend: what is still to go
}

// pendings gives operations their names. Index 0 is not used, so that 0 can mean none.
type pendings struct {
	all      []pending
	free     uint32
	freeVecs *sendVec
}

// take gives a free place, by its index.
func (p *pendings) take(op *Op) uint32 {
	if p.free == 0 {
		if len(p.all) == 0 {
			p.all = append(p.all, pending{})
		}
		p.all = append(p.all, pending{gen: 1})
		p.free = uint32(len(p.all) - 1)
	}
	i := p.free
	o := &p.all[i]
	p.free = o.next
	*o = pending{gen: o.gen, kind: op.Kind, flags: op.Flags, fd: op.FD, token: op.Token}
	return i
}

// release frees place i; its handle is dead from here on.
func (p *pendings) release(i uint32) {
	o := &p.all[i]
	if o.vec != nil {
		clear(o.vec.iov[:o.vec.count])
		o.vec.next, p.freeVecs = p.freeVecs, o.vec
	}
	gen := o.gen + 1
	if gen == 0 {
		gen = 1
	}
	*o = pending{gen: gen, next: p.free}
	p.free = i
}

func (p *pendings) handle(i uint32) Handle { return Handle(p.all[i].gen)<<32 | Handle(i) }

// find gives the place that h names; 0 when h is dead.
func (p *pendings) find(h Handle) uint32 {
	i := uint32(h)
	if i == 0 || int64(i) >= int64(len(p.all)) || p.all[i].gen != uint32(h>>32) || p.all[i].kind == KindNone {
		return 0
	}
	return i
}

// opQueue is operations of one socket, linked through their places, first come first served.
type opQueue struct{ head, tail uint32 }

func (p *pendings) push(q *opQueue, i uint32) {
	if q.tail == 0 {
		q.head = i
	} else {
		p.all[q.tail].next = i
	}
	q.tail = i
}

// remove takes i, which must be in q, out of it.
func (p *pendings) remove(q *opQueue, i uint32) {
	next, before := p.all[i].next, uint32(0)
	for at := q.head; at != i; at = p.all[at].next {
		before = at
	}
	if before == 0 {
		q.head = next
	} else {
		p.all[before].next = next
	}
	if q.tail == i {
		q.tail = before
	}
	p.all[i].next = 0
}

// sendVec is the spans of one send, in the kernel's form. first moves on as they are sent.
type sendVec struct {
	iov          [VecMax]unix.Iovec
	first, count int
	next         *sendVec
}

// takeVec gives room for the spans of one send.
func (p *pendings) takeVec() *sendVec {
	v := p.freeVecs
	if v == nil {
		return &sendVec{}
	}
	p.freeVecs = v.next
	v.next, v.first, v.count = nil, 0, 0
	return v
}

// set fills v with spans; empty ones are left out.
func (v *sendVec) set(spans [][]byte) {
	for _, s := range spans {
		if len(s) > 0 {
			v.iov[v.count] = unix.Iovec{Base: &s[0], Len: uint64(len(s))}
			v.count++
		}
	}
}

// empty reports whether all has been sent.
func (v *sendVec) empty() bool { return v.first == v.count }

// sent moves v on by n bytes.
func (v *sendVec) sent(n int) {
	for n > 0 {
		iov := &v.iov[v.first]
		if n < int(iov.Len) {
			iov.Base = (*byte)(unsafe.Add(unsafe.Pointer(iov.Base), n))
			iov.Len -= uint64(n)
			return
		}
		n -= int(iov.Len)
		v.first++
	}
}

// window gives the next spans, at most limit bytes of them, and the full length of the last, which was cut to fit: the
// caller puts it back.
func (v *sendVec) window(limit int) (spans []unix.Iovec, last uint64) {
	spans = v.iov[v.first:v.count]
	for i := range spans {
		last = spans[i].Len
		if int(last) >= limit {
			spans[i].Len = uint64(limit)
			return spans[:i+1], last
		}
		limit -= int(last)
	}
	return spans, last
}
