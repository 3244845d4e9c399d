package storage

// operations are those that a store wants done, and those in flight. They are named by their place in a table that is used again.
type operations struct {
	list     []Op // to be submitted, in this order
	table    []pendingOp
	free     int32 // the first free place of the table; -1: none
	inFlight int
	current  pendingOp // being completed
	names    []string  // of the list being completed
}

// pendingOp is what the store remembers of an operation in flight.
type pendingOp struct {
	done func(s *Store, p *pendingOp, res int64, err error)
	log  *Log
	seg  *segment
	g    *group
	w    *segWrite
	req  *Request

	removal *removal
	buf     []byte
	pos     Pos
	n       int64
	next    int32 // free list
}

// issue queues op and remembers p until end.
func (o *operations) issue(op Op, p pendingOp) {
	i := o.free
	if i < 0 {
		o.table = append(o.table, pendingOp{})
		i = int32(len(o.table) - 1)
	} else {
		o.free = o.table[i].next
	}
	o.table[i] = p
	op.Token = uint64(i)
	o.inFlight++
	o.list = append(o.list, op)
}

// end forgets the operation of that token, and returns what was remembered, until the next end.
func (o *operations) end(token uint64) *pendingOp {
	o.current = o.table[token] // out of the table, which may grow meanwhile, and not on the heap
	o.table[token] = pendingOp{next: o.free}
	o.free = int32(token)
	o.inFlight--
	return &o.current
}

// take returns what is to be submitted. The slice is valid until the next issue.
func (o *operations) take() []Op {
	ops := o.list
	o.list = o.list[:0]
	return ops
}

// idle reports whether nothing is in flight or to be submitted.
func (o *operations) idle() bool { return o.inFlight == 0 && len(o.list) == 0 }
