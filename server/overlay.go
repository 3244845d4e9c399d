package server

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/galgo-mq/galgo/uring"
)

// overlay shows a data directory on a disk without room as one that can be written: what is changed lies in memory, in blocks, and
// the rest is read from the disk. Nothing on the disk changes by it. It does what storage asks of files, no more, and serves all shards.
//
// Paths are taken as they are given: storage makes them all of the same root. What has been closed may be read no more, and what is
// removed can be read by who has it open, as on a filesystem.
type overlay struct {
	mu    sync.Mutex
	under func(op *uring.Op) uring.Completion // does an operation on the disk
	left  int64                               // bytes of blocks that may still be taken
	names map[string]*layer                   // what differs from the disk, by path; a nil layer: removed
	dirs  map[string]bool                     // directories made (true) and removed
	open  map[int32]*layer
	next  int32
}

// layer is one file: what was written, over what shows through from below.
type layer struct {
	below  string // path on the disk; empty: nothing shows through
	fd     int32  // of that, when it is open, else -1
	shows  int64  // bytes of it that do
	size   int64
	blocks map[int64][]byte
	opened int  // descriptors
	gone   bool // it has no name any more
}

const (
	overlayBlock = 4096
	overlayFD    = 1 << 24 // its descriptors begin here: those of the kernel are below
)

func newOverlay(bytes int64, under func(op *uring.Op) uring.Completion) *overlay {
	return &overlay{under: under, left: bytes, names: map[string]*layer{}, dirs: map[string]bool{}, open: map[int32]*layer{}, next: overlayFD}
}

// lend has what is open on the disk as fd, under that path, shown through: it stays open when it is closed here.
func (o *overlay) lend(fd int32, path string) error {
	size, err := o.sizeBelow(path)
	if err != 0 {
		return err
	}
	l := &layer{below: path, fd: fd, shows: size, size: size, blocks: map[int64][]byte{}, opened: 1}
	o.names[path], o.open[fd] = l, l
	return nil
}

// does reports whether the overlay answers that kind of operation, and answers it.
func (o *overlay) does(op *uring.Op, c *uring.Completion) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch op.Kind {
	case uring.KindRead, uring.KindWrite, uring.KindFdatasync, uring.KindFallocate, uring.KindTruncate, uring.KindClose:
		l := o.open[op.FD]
		if l == nil {
			c.Err = syscall.EBADF
			return true
		}
		c.Res, c.Err = o.fileOp(l, op)
	case uring.KindOpen:
		c.Res, c.Err = o.openPath(op)
	case uring.KindRename:
		c.Err = o.rename(op.Path, op.Path2)
	case uring.KindUnlink:
		c.Err = o.remove(op.Path, op.Flags&uring.FlagDir != 0)
	case uring.KindMkdir:
		c.Err = o.mkdir(op.Path)
	case uring.KindSyncDir:
	case uring.KindList:
		c.Entries, c.Err = o.list(op.Path)
	case uring.KindStat:
		c.Stat, c.Err = o.stat(op.Path)
	default:
		return false
	}
	return true
}

func (o *overlay) fileOp(l *layer, op *uring.Op) (int64, syscall.Errno) {
	switch op.Kind {
	case uring.KindRead:
		return o.read(l, op.Buf, op.Pos)
	case uring.KindWrite:
		return o.write(l, op.Buf, op.Pos)
	case uring.KindFallocate:
		if op.Flags&uring.FlagKeepSize == 0 {
			l.size = max(l.size, op.Pos+op.Len)
		}
	case uring.KindTruncate:
		l.truncate(o, op.Pos)
	case uring.KindClose:
		o.close(op.FD, l)
	}
	return 0, 0
}

// read fills p as far as the file goes.
func (o *overlay) read(l *layer, p []byte, pos int64) (int64, syscall.Errno) {
	n := max(0, min(int64(len(p)), l.size-pos))
	for at := int64(0); at < n; {
		block, in := (pos+at)/overlayBlock, (pos+at)%overlayBlock
		if b := l.blocks[block]; b != nil {
			at += int64(copy(p[at:n], b[in:]))
			continue
		}
		end := at + overlayBlock - in // of the run that is not written
		for end < n && l.blocks[(pos+end)/overlayBlock] == nil {
			end += overlayBlock
		}
		end = min(end, n)
		if errno := o.readBelow(l, p[at:end], pos+at); errno != 0 {
			return 0, errno
		}
		at = end
	}
	return n, 0
}

// readBelow fills p with what shows through, and with zeros behind that.
func (o *overlay) readBelow(l *layer, p []byte, pos int64) syscall.Errno {
	n := max(0, min(int64(len(p)), l.shows-pos))
	clear(p[n:])
	if n == 0 {
		return 0
	}
	if l.fd < 0 {
		c := o.under(&uring.Op{Kind: uring.KindOpen, Path: l.below, OpenFlags: uring.OpenFlags(false, false)})
		if c.Err != 0 {
			return c.Err
		}
		l.fd = int32(c.Res)
	}
	c := o.under(&uring.Op{Kind: uring.KindRead, FD: l.fd, Buf: p[:n], Pos: pos})
	if c.Err == 0 && c.Res < n {
		clear(p[c.Res:n])
	}
	return c.Err
}

// write copies p into blocks. Where memory ends it fails as a full disk does. Nothing to write makes no file longer.
func (o *overlay) write(l *layer, p []byte, pos int64) (int64, syscall.Errno) {
	if len(p) == 0 {
		return 0, 0
	}
	for at := int64(0); at < int64(len(p)); {
		block, in := (pos+at)/overlayBlock, (pos+at)%overlayBlock
		b := l.blocks[block]
		if b == nil {
			if o.left < overlayBlock {
				return 0, syscall.ENOSPC
			}
			b = make([]byte, overlayBlock)
			if _, errno := o.read(l, b, block*overlayBlock); errno != 0 {
				return 0, errno
			}
			o.left -= overlayBlock
			l.blocks[block] = b
		}
		at += int64(copy(b[in:], p[at:]))
	}
	l.size = max(l.size, pos+int64(len(p)))
	return int64(len(p)), 0
}

func (l *layer) truncate(o *overlay, size int64) {
	l.shows, l.size = min(l.shows, size), size
	for n, b := range l.blocks {
		switch at := n * overlayBlock; {
		case at >= size:
			delete(l.blocks, n)
			o.left += overlayBlock
		case at+overlayBlock > size:
			clear(b[size-at:])
		}
	}
}

func (o *overlay) close(fd int32, l *layer) {
	if fd < overlayFD { // lent
		return
	}
	delete(o.open, fd)
	if l.opened--; l.opened == 0 && l.fd >= 0 {
		o.under(&uring.Op{Kind: uring.KindClose, FD: l.fd})
		l.fd = -1
	}
	if l.gone {
		o.drop(l)
	}
}

// layerOf is the file of that name; nil: there is none.
func (o *overlay) layerOf(path string) (*layer, syscall.Errno) {
	if l, known := o.names[path]; known {
		return l, 0
	}
	if made, known := o.dirs[filepath.Dir(path)]; known && !made {
		return nil, 0
	}
	size, errno := o.sizeBelow(path)
	if errno == syscall.ENOENT {
		return nil, 0
	}
	if errno != 0 {
		return nil, errno
	}
	l := &layer{below: path, fd: -1, shows: size, size: size, blocks: map[int64][]byte{}}
	o.names[path] = l
	return l, 0
}

func (o *overlay) sizeBelow(path string) (int64, syscall.Errno) {
	c := o.under(&uring.Op{Kind: uring.KindStat, Path: path})
	if c.Err == 0 && c.Stat.Dir {
		return 0, syscall.EISDIR
	}
	return c.Stat.Size, c.Err
}

func (o *overlay) openPath(op *uring.Op) (int64, syscall.Errno) {
	l, errno := o.layerOf(op.Path)
	if errno != 0 {
		return 0, errno
	}
	if l == nil {
		if op.OpenFlags&syscall.O_CREAT == 0 || !o.isDir(filepath.Dir(op.Path)) {
			return 0, syscall.ENOENT
		}
		l = &layer{fd: -1, blocks: map[int64][]byte{}}
		o.names[op.Path] = l
	}
	fd := o.next
	o.next++
	o.open[fd] = l
	l.opened++
	return int64(fd), 0
}

func (o *overlay) isDir(path string) bool {
	if made, known := o.dirs[path]; known {
		return made
	}
	c := o.under(&uring.Op{Kind: uring.KindStat, Path: path})
	return c.Err == 0 && c.Stat.Dir
}

func (o *overlay) rename(from, to string) syscall.Errno {
	l, errno := o.layerOf(from)
	if errno == 0 && (l == nil || !o.isDir(filepath.Dir(to))) {
		errno = syscall.ENOENT
	}
	if errno != 0 || from == to {
		return errno
	}
	o.drop(o.names[to])
	o.names[to], o.names[from] = l, nil
	return 0
}

// drop takes its name from a file, and gives back what it has, now or when it is closed.
func (o *overlay) drop(l *layer) {
	if l == nil {
		return
	}
	if l.gone = true; l.opened == 0 {
		l.truncate(o, 0)
	}
}

func (o *overlay) remove(path string, dir bool) syscall.Errno {
	if dir {
		entries, errno := o.list(path)
		switch {
		case errno != 0:
			return errno
		case len(entries) > 0:
			return syscall.ENOTEMPTY
		}
		o.dirs[path] = false
		return 0
	}
	l, errno := o.layerOf(path)
	if errno == 0 && l == nil {
		errno = syscall.ENOENT
	}
	if errno != 0 {
		return errno
	}
	o.drop(l)
	o.names[path] = nil
	return 0
}

func (o *overlay) mkdir(path string) syscall.Errno {
	if o.isDir(path) {
		return syscall.EEXIST
	}
	if !o.isDir(filepath.Dir(path)) {
		return syscall.ENOENT
	}
	o.dirs[path] = true
	return 0
}

// list has the names of a directory, in byte order.
func (o *overlay) list(path string) ([]uring.Entry, syscall.Errno) {
	if !o.isDir(path) {
		return nil, syscall.ENOENT
	}
	has := map[string]uring.Entry{}
	if c := o.under(&uring.Op{Kind: uring.KindList, Path: path}); c.Err == 0 {
		for _, e := range c.Entries {
			has[e.Name] = e
		}
	} else if c.Err != syscall.ENOENT {
		return nil, c.Err
	}
	for name, l := range o.names {
		if base, in := strings.CutPrefix(name, path+"/"); in && !strings.Contains(base, "/") {
			if delete(has, base); l != nil {
				has[base] = uring.Entry{Name: base}
			}
		}
	}
	for name, made := range o.dirs {
		if base, in := strings.CutPrefix(name, path+"/"); in && !strings.Contains(base, "/") {
			if delete(has, base); made {
				has[base] = uring.Entry{Name: base, Dir: true}
			}
		}
	}
	entries := make([]uring.Entry, 0, len(has))
	for _, e := range has {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b uring.Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, 0
}

func (o *overlay) stat(path string) (uring.Stat, syscall.Errno) {
	if o.isDir(path) {
		return uring.Stat{Dir: true}, 0
	}
	l, errno := o.layerOf(path)
	if errno == 0 && l == nil {
		errno = syscall.ENOENT
	}
	if errno != 0 {
		return uring.Stat{}, errno
	}
	return uring.Stat{Size: l.size}, 0
}
