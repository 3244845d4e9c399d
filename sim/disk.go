package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"

	"github.com/zeebo/xxh3"

	"github.com/galgo-mq/galgo/storage"
)

// Disk is a filesystem with what every layer of it may lose.
//
// A buffered write is seen at once and stable after a sync that began when it had completed. A write with DSync is stable
// when it completes. Any other direct write may be lost or torn like a buffered one. A name is stable when its directory
// is synced. Operations begun together end in any order.
type Disk struct {
	rng    *rand.Rand
	root   *node
	fds    []*handle
	seq    uint64
	limit  int64  // blocks; 0: none
	cow    string // files whose path contains it are copied when they are overwritten; empty: none
	pinned int64  // blocks that were overwritten so, and are not free yet
	boot   uint64

	flights []*flight
	steps   int
	slow    delays
	faults  []*Fault
	crashIn int // blocking operations until the crash, 0: none

	// Ops counts what was executed, by kind, FailedSyncs the syncs that a fault made fail, Refused the overwrites that there was no
	// room for.
	Ops         map[storage.OpKind]int
	FailedSyncs int
	Refused     int
}

// delays say how long operations wait while others are done.
type delays struct {
	odds int    // one in so many does
	most int    // for fewer than so many others
	path string // those whose path contains it
}

type handle struct {
	node   *node
	path   string
	direct bool
}

// flight is an operation between Submit and its completion.
type flight struct {
	op    storage.Op
	owner int
	node  *node // of its descriptor when it began
	path  string
	seq   uint64 // a sync covers changes up to here
	sum   uint64
	after int // not before this many completions
	done  bool
	res   int64
	names []string
	err   error
}

// Completion is the answer to an operation.
type Completion struct {
	Owner int
	Token uint64
	Res   int64
	Err   error
	Names []string // of OpList
}

// Fault makes operations fail: the After-th next one of Kind whose path contains Path fails with Err, and Times-1 that
// follow. A failed write has happened in part; a failed sync leaves what it should have synced to chance.
type Fault struct {
	Kind  storage.OpKind
	Path  string
	After int
	Times int
	Err   syscall.Errno
}

// NewDisk makes an empty disk.
func NewDisk(seed uint64) *Disk {
	return &Disk{rng: rand.New(rand.NewPCG(seed, 1)), root: newDir(), boot: 1, slow: delays{odds: 12, most: 60}, Ops: map[storage.OpKind]int{}}
}

// SetSpace bounds the disk to that many bytes; 0: no bound.
func (d *Disk) SetSpace(bytes int64) { d.limit = bytes / blockSize }

// CopyOnWrite has files whose path contains part copied when they are overwritten: that needs as much space as a new write, and what it
// frees is free some time later, after a sync. Empty: none are.
func (d *Disk) CopyOnWrite(part string) { d.cow = part }

// Used is how many bytes are allocated.
func (d *Disk) Used() int64 {
	n := d.pinned
	d.root.walk("", func(_ string, f *node) { n += f.file.used() })
	return n * blockSize
}

// Fail adds a fault.
func (d *Disk) Fail(f Fault) { d.faults = append(d.faults, &f) }

// ClearFaults ends all faults.
func (d *Disk) ClearFaults() { d.faults = nil }

// BootID names the time since the last power cut.
func (d *Disk) BootID() (id [16]byte) {
	id[0], id[1] = byte(d.boot), byte(d.boot>>8)
	id[15] = 1
	return id
}

// InFlight is how many operations have not completed.
func (d *Disk) InFlight() int { return len(d.flights) }

// removing counts the directories below a path that one owner removes now: it lists them, and then removes them.
func (d *Disk) removing(owner int, below string) (n int) {
	for _, f := range d.flights {
		switch f.op.Kind {
		case storage.OpList, storage.OpRmdir:
			if f.owner == owner && strings.HasPrefix(f.path, below) {
				n++
			}
		}
	}
	return n
}

// Submit begins op. An inline write is executed now; its completion comes as the others.
func (d *Disk) Submit(owner int, op storage.Op) {
	f := &flight{op: op, owner: owner, seq: d.seq, path: op.Path}
	if op.Kind == storage.OpRead || op.Kind == storage.OpWrite || op.Kind == storage.OpFdatasync ||
		op.Kind == storage.OpFallocate || op.Kind == storage.OpTruncate {
		h, err := d.handle(op.FD)
		if err != nil {
			f.done, f.err = true, err
		} else {
			f.node, f.path = h.node, h.path // the kernel holds the file for as long as the operation runs
			f.misaligned(h)
		}
	}
	switch op.Kind {
	case storage.OpRead:
		fill(op.Buf)
	case storage.OpWrite:
		f.sum = xxh3.Hash(op.Buf)
		if op.Inline && !f.done {
			f.res, f.err = d.execute(f)
			f.done = true
		}
	}
	if d.rng.IntN(d.slow.odds) == 0 && strings.Contains(f.path, d.slow.path) {
		f.after = d.steps + d.rng.IntN(d.slow.most)
	}
	d.flights = append(d.flights, f)
}

// Complete executes one of the operations in flight, chosen by chance, and returns its completion.
func (d *Disk) Complete() (Completion, bool) {
	if len(d.flights) == 0 {
		return Completion{}, false
	}
	d.steps++
	i := d.rng.IntN(len(d.flights))
	for k := 0; k < len(d.flights) && d.flights[i].after > d.steps; k++ {
		i = (i + 1) % len(d.flights)
	}
	f := d.flights[i]
	d.flights = append(d.flights[:i], d.flights[i+1:]...)
	return d.finish(f), true
}

func (d *Disk) finish(f *flight) Completion {
	f.check()
	if !f.done {
		f.res, f.err = d.execute(f)
	}
	return Completion{f.owner, f.op.Token, f.res, f.err, f.names}
}

// check panics when the bytes of a write were changed while it was in flight.
func (f *flight) check() {
	if f.op.Kind == storage.OpWrite && xxh3.Hash(f.op.Buf) != f.sum {
		panic(fmt.Sprintf("sim: bytes of the write to %s at %d were changed while it was in flight", f.path, f.op.Pos))
	}
}

// misaligned refuses what O_DIRECT refuses.
func (f *flight) misaligned(h *handle) {
	if h.direct && (f.op.Pos%blockSize != 0 || len(f.op.Buf)%blockSize != 0) &&
		(f.op.Kind == storage.OpRead || f.op.Kind == storage.OpWrite) {
		f.done, f.err = true, syscall.EINVAL
	}
}

// fault says whether the operation is to fail.
func (d *Disk) fault(kind storage.OpKind, path string) error {
	for _, f := range d.faults {
		if f.Kind != kind || f.Times < 0 || !strings.Contains(path, f.Path) {
			continue
		}
		if f.After > 0 {
			f.After--
			continue
		}
		if f.Times--; f.Times <= 0 {
			f.Times = -1
		}
		return f.Err
	}
	return nil
}

// execute does f's operation.
func (d *Disk) execute(f *flight) (int64, error) {
	op := &f.op
	d.Ops[op.Kind]++
	err := d.fault(op.Kind, f.path)
	switch op.Kind {
	case storage.OpRead:
		if err != nil {
			return 0, err
		}
		return int64(copy(op.Buf, f.node.file.from(op.Pos))), nil
	case storage.OpWrite:
		if err != nil {
			d.tear(f, d.rng.Float64())
			return 0, err
		}
		return d.write(f)
	case storage.OpFdatasync:
		if err != nil {
			d.FailedSyncs++
			f.node.file.failSync(d.rng)
			return 0, err
		}
		f.node.file.sync(f.seq)
		d.commit()
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return d.executeName(f)
}

func (f *file) from(pos int64) []byte {
	if pos >= int64(len(f.seen)) {
		return nil
	}
	return f.seen[pos:]
}

func (d *Disk) write(f *flight) (int64, error) {
	op := &f.op
	end := op.Pos + int64(len(op.Buf))
	if d.limit > 0 && d.cow != "" && strings.Contains(f.path, d.cow) {
		n := (end+blockSize-1)/blockSize - op.Pos/blockSize
		if d.Used()/blockSize+n > d.limit {
			d.Refused++
			if d.rng.IntN(2) == 0 { // for all of it
				d.tear(f, d.rng.Float64())
			}
			return 0, syscall.ENOSPC
		}
		d.pinned += n - f.node.file.newBlocks(op.Pos, end, false)
	}
	if err := d.take(f.node.file, op.Pos, end); err != nil {
		return 0, err
	}
	d.seq++
	f.node.file.write(op.Pos, op.Buf, op.DSync, d.seq)
	return int64(len(op.Buf)), nil
}

// commit may free what was overwritten in files that are copied.
func (d *Disk) commit() {
	if d.pinned > 0 && d.rng.IntN(4) == 0 {
		d.pinned = 0
	}
}

// take allocates the blocks of [pos, end).
func (d *Disk) take(f *file, pos, end int64) error {
	if n := f.newBlocks(pos, end, false); n > 0 && d.limit > 0 && d.Used()/blockSize+n > d.limit {
		return syscall.ENOSPC
	}
	f.newBlocks(pos, end, true)
	return nil
}

// tear does the sectors of a write that chance chooses, without making them stable.
func (d *Disk) tear(f *flight, p float64) {
	op := &f.op
	end := op.Pos + int64(len(op.Buf))
	if f.node.file.newBlocks(op.Pos, end, false) > 0 && d.take(f.node.file, op.Pos, end) != nil {
		return
	}
	for lo := op.Pos; lo < end; {
		hi := min(end, (lo/sectorSize+1)*sectorSize)
		if d.rng.Float64() < p {
			d.seq++
			f.node.file.write(lo, op.Buf[lo-op.Pos:hi-op.Pos], false, d.seq)
		}
		lo = hi
	}
}

func (d *Disk) executeName(f *flight) (int64, error) {
	op := &f.op
	d.seq++
	switch op.Kind {
	case storage.OpFallocate:
		if err := d.take(f.node.file, op.Pos, op.Pos+op.Len); err != nil {
			return 0, err
		}
		f.node.file.grow(op.Pos+op.Len, d.seq)
		return 0, nil
	case storage.OpTruncate:
		f.node.file.truncate(op.Pos, d.seq)
		return 0, nil
	case storage.OpOpen:
		fd, err := d.open(op.Path, op.Create, op.Direct)
		return int64(fd), err
	case storage.OpClose:
		return 0, d.close(op.FD)
	case storage.OpUnlink:
		return 0, d.unlink(op.Path)
	case storage.OpMkdir:
		return 0, d.mkdir(op.Path)
	case storage.OpRmdir:
		return 0, d.rmdir(op.Path)
	case storage.OpRename:
		return 0, d.rename(op.Path, op.Path2)
	case storage.OpList:
		names, err := d.List(op.Path)
		f.names = names
		return 0, err
	case storage.OpSyncDir:
		n, err := d.lookup(op.Path)
		if err != nil {
			return 0, err
		}
		n.syncDir(f.seq)
		d.commit()
		return 0, nil
	}
	panic(fmt.Sprintf("sim: operation %d", op.Kind))
}

func (d *Disk) handle(fd int32) (*handle, error) {
	if fd < 0 || int(fd) >= len(d.fds) || d.fds[fd] == nil {
		return nil, syscall.EBADF
	}
	return d.fds[fd], nil
}

func (d *Disk) open(path string, create, direct bool) (int32, error) {
	dir, name, err := d.find(path)
	if err != nil {
		return -1, err
	}
	n := dir.seen[name]
	switch {
	case n == nil && !create:
		return -1, syscall.ENOENT
	case n == nil && d.limit > 0 && d.Used()/blockSize >= d.limit:
		return -1, syscall.ENOSPC
	case n == nil:
		n = &node{file: &file{}}
		dir.change(entryChange{seq: d.seq, name: name, node: n})
	case n.file == nil:
		return -1, syscall.EISDIR
	}
	h := &handle{n, path, direct}
	for fd := 3; fd < len(d.fds); fd++ {
		if d.fds[fd] == nil {
			d.fds[fd] = h
			return int32(fd), nil
		}
	}
	for len(d.fds) < 3 {
		d.fds = append(d.fds, nil)
	}
	d.fds = append(d.fds, h)
	return int32(len(d.fds) - 1), nil
}

func (d *Disk) close(fd int32) error {
	if _, err := d.handle(fd); err != nil {
		return err
	}
	d.fds[fd] = nil
	return nil
}

func (d *Disk) unlink(path string) error {
	dir, name, err := d.find(path)
	switch {
	case err != nil:
		return err
	case dir.seen[name] == nil:
		return syscall.ENOENT
	case dir.seen[name].file == nil:
		return syscall.EISDIR
	}
	dir.change(entryChange{seq: d.seq, name: name})
	return nil
}

func (d *Disk) mkdir(path string) error {
	dir, name, err := d.find(path)
	switch {
	case err != nil:
		return err
	case dir.seen[name] != nil:
		return syscall.EEXIST
	}
	dir.change(entryChange{seq: d.seq, name: name, node: newDir()})
	return nil
}

func (d *Disk) rmdir(path string) error {
	dir, name, err := d.find(path)
	if err != nil {
		return err
	}
	switch n := dir.seen[name]; {
	case n == nil:
		return syscall.ENOENT
	case n.file != nil:
		return syscall.ENOTDIR
	case len(n.seen) > 0:
		return syscall.ENOTEMPTY
	}
	dir.change(entryChange{seq: d.seq, name: name})
	return nil
}

func (d *Disk) rename(from, to string) error {
	a, from, err := d.find(from)
	if err != nil {
		return err
	}
	b, to, err := d.find(to)
	switch {
	case err != nil:
		return err
	case a != b:
		return syscall.EXDEV
	case a.seen[from] == nil:
		return syscall.ENOENT
	}
	a.change(entryChange{seq: d.seq, name: to, node: a.seen[from], from: from})
	return nil
}
