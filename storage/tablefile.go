package storage

import "fmt"

// The files of the log table have their space before it is needed, so that logs can rest on a full disk too: what frees space there, trims and
// retention, needs room in laps, as do stored offsets, and others have to leave it. Both files are made when a lap of all logs would be larger
// than laps are without a table, and extended as logs come. Where the filesystem cannot allocate, they grow as they are written.

// tableFile is one file of the table.
type tableFile struct {
	fd         int32 // -1: it is not open
	generation uint64
	groups     int64 // on stable storage
	end        Pos   // of them
	alloc      Pos   // space below is allocated
}

const (
	tableStep    = Pos(64 << 20) // of space that is asked for at once, at most
	tableStepMin = Pos(1 << 20)
)

// need is how much space each file is to have: twice that of a record of each log, or of what the table and laps have now, if that is more; and
// what may be of no use beside. See overdue.
func (t *logTable) need() Pos {
	records := max(t.live+t.s.room.Carry(), int64(t.s.logs.len())*LogCarry)
	return alignUp(Pos(2*(records+BlockSize) + t.s.cfg.TableSlack + tableGroup))
}

// lacks reports whether a file is to be made, or needs space.
func (t *logTable) lacks() bool {
	if !t.wanted && !t.copying && int64(t.s.logs.len())*LogCarry <= t.s.cfg.LapSmall {
		return false
	}
	for k := range t.files {
		if f := &t.files[k]; f.fd < 0 || f.alloc < t.need() {
			return true
		}
	}
	return false
}

// prepare begins to make a file, or to get space for one, and reports whether it does.
func (t *logTable) prepare() bool {
	if t.s.mono < t.extendAt || !t.lacks() {
		return false
	}
	for _, k := range [...]int{t.cur, 1 - t.cur} {
		f := &t.files[k]
		switch need := t.need(); {
		case f.fd < 0:
			t.open(k)
			return true
		case f.alloc < need:
			t.extend(f, min(need+max(need/8, tableStepMin), f.alloc+tableStep))
			return true
		}
	}
	return false
}

// open opens a file, and makes it if need be.
func (t *logTable) open(k int) {
	t.opening = true
	t.s.ops.issue(Op{Kind: OpOpen, Path: tablePath(t.s.cfg.Dir, t.s.cfg.Shard, k), Create: true, Direct: true}, pendingOp{done: tableOpened, n: int64(k)})
}

func tableOpened(s *Store, p *pendingOp, fd int64, err error) {
	t := &s.table
	if err != nil {
		t.notMade(int(p.n), err)
		return
	}
	t.files[p.n].fd = int32(fd)
	s.ops.issue(Op{Kind: OpSyncDir, Path: s.cfg.Dir + "/journal"}, pendingOp{done: tableNamed, n: p.n})
}

func tableNamed(s *Store, p *pendingOp, _ int64, err error) {
	if err != nil {
		s.table.unnamed(int(p.n), err)
		return
	}
	s.table.opening = false
}

// unnamed gives up a file whose name is not on stable storage: after a power cut it might not be there. A sync that is asked for again says
// nothing of what the refused one lost, so the name is made anew, when the unlink is done.
func (t *logTable) unnamed(k int, err error) {
	f, s := &t.files[k], t.s
	s.ops.issue(Op{Kind: OpClose, FD: f.fd}, pendingOp{done: ignored})
	f.fd = -1
	s.ops.issue(Op{Kind: OpUnlink, Path: tablePath(s.cfg.Dir, s.cfg.Shard, k)}, pendingOp{done: func(s *Store, _ *pendingOp, _ int64, _ error) { s.table.notMade(k, err) }})
}

// notMade takes in that a file could not be made now. On a full disk the one that records go to may do.
func (t *logTable) notMade(k int, err error) {
	t.opening, t.extendAt = false, t.s.mono+tableRefused
	if k == t.cur || !FullDisk(err) {
		t.refused(err)
	}
}

// extend allocates the space of f up to a byte. On a full disk that is tried again: what there is may do meanwhile.
func (t *logTable) extend(f *tableFile, to Pos) {
	t.opening = true
	t.s.ops.issue(Op{Kind: OpFallocate, FD: f.fd, Pos: int64(f.alloc), Len: int64(to - f.alloc)}, pendingOp{done: func(s *Store, _ *pendingOp, _ int64, err error) {
		t := &s.table
		t.opening = false
		switch {
		case err == nil || unsupported(err):
			f.alloc = to
		case FullDisk(err):
			t.extendAt = s.mono + tableRefused
		default:
			t.refused(err)
		}
	}})
}

// restart begins a generation in the file that records go to: what it holds is needed no more, and keeps its space.
func (t *logTable) restart() {
	f := &t.files[t.cur]
	t.last++
	f.generation, f.groups, f.end = t.last, 0, 0
}

// refused takes in that the table cannot be written now, or, unless the disk is full, any more. Laps go on carrying what it has not got.
func (t *logTable) refused(err error) {
	t.refusal = fmt.Errorf("write %s: %w", tableName(t.s.cfg.Shard, t.cur), err)
	t.next = t.s.mono + tableRefused
	if FullDisk(err) {
		t.wait.refuse(t.next)
		return
	}
	t.failed = true
	t.s.report("log table failed; laps carry all logs that are in use", 0, err)
}

// lack is why laps have no room for another log, and will not have some soon.
func (t *logTable) lack() error {
	const lapsFull = "laps cannot carry another log in use"
	switch err := t.refusal; {
	case err == nil:
		return fmt.Errorf("%w: %s; set journal_size to more", ErrJournalFull, lapsFull)
	case FullDisk(err):
		return fmt.Errorf("%w: %s until others are in the log table: %w", ErrNoSpace, lapsFull, err)
	default:
		return fmt.Errorf("%w: %s, and the log table takes none until the next start: %w", ErrJournalFull, lapsFull, err)
	}
}
