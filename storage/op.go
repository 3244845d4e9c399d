package storage

// OpKind says what an Op asks for. The meanings are those of the io seam.
type OpKind uint8

// The operations storage asks for.
const (
	OpRead OpKind = iota + 1
	OpWrite
	OpFdatasync
	OpFallocate
	OpOpen
	OpClose
	OpUnlink
	OpMkdir
	OpRmdir
	OpSyncDir
	OpRename
	OpTruncate
	OpList // answered by CompleteList
)

// Op is one operation that storage wants done. Token comes back to Complete. Buf stays untouched until then.
type Op struct {
	Kind   OpKind
	FD     int32
	Pos    int64
	Len    int64
	Buf    []byte
	Path   string
	Path2  string
	Create bool // OpOpen: create the file
	Direct bool // OpOpen: bypass the page cache where the filesystem allows it
	DSync  bool // OpWrite: on stable storage when it completes
	Inline bool // OpWrite: done before the turn ends
	Token  uint64
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

// issue queues op and remembers p until Complete.
func (s *Store) issue(op Op, p pendingOp) {
	i := s.opFree
	if i < 0 {
		s.opTable = append(s.opTable, pendingOp{})
		i = int32(len(s.opTable) - 1)
	} else {
		s.opFree = s.opTable[i].next
	}
	s.opTable[i] = p
	op.Token = uint64(i)
	s.opsInFlight++
	s.ops = append(s.ops, op)
}

// Complete takes the answer to the operation of that token: res bytes or a descriptor, or an error.
func (s *Store) Complete(token uint64, res int64, err error) {
	s.completing = s.opTable[token] // out of the table, which may grow meanwhile, and not on the heap
	p := &s.completing
	s.opTable[token] = pendingOp{next: s.opFree}
	s.opFree = int32(token)
	s.opsInFlight--
	if s.working = 0; p.log != nil {
		s.working = p.log.cfg.ID
	}
	p.done(s, p, res, err)
	s.working = 0
	s.invariants()
}

// CompleteList is Complete for OpList: the names in the directory.
func (s *Store) CompleteList(token uint64, names []string, err error) {
	s.listed = names
	s.Complete(token, 0, err)
}

// TakeOps returns what is to be submitted, in this order. The slice is valid until the next call into the store.
func (s *Store) TakeOps() []Op {
	ops := s.ops
	s.ops = s.ops[:0]
	return ops
}

// OpsInFlight counts operations asked for and not yet completed.
func (s *Store) OpsInFlight() int { return s.opsInFlight }
