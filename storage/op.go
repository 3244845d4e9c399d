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

// Complete takes the answer to the operation of that token: res bytes or a descriptor, or an error.
func (s *Store) Complete(token uint64, res int64, err error) {
	p := s.ops.end(token)
	if s.working = 0; p.log != nil {
		s.working = p.log.cfg.ID
	}
	p.done(s, p, res, err)
	s.working = 0
	s.invariants()
}

// CompleteList is Complete for OpList: the names in the directory.
func (s *Store) CompleteList(token uint64, names []string, err error) {
	s.ops.names = names
	s.Complete(token, 0, err)
}

// TakeOps returns what is to be submitted, in this order. The slice is valid until the next call into the store.
func (s *Store) TakeOps() []Op { return s.ops.take() }
