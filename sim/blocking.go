package sim

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/galgo-mq/galgo/storage"
)

var _ storage.Disk = (*Disk)(nil)

// do is one blocking operation.
func (d *Disk) do(op storage.Op) (int64, error) {
	f := &flight{op: op, seq: d.seq, path: op.Path}
	switch op.Kind {
	case storage.OpRead, storage.OpWrite, storage.OpFdatasync, storage.OpTruncate, storage.OpFallocate:
		h, err := d.handle(op.FD)
		if err != nil {
			return 0, err
		}
		f.node, f.path = h.node, h.path
		if f.misaligned(h); f.done {
			return 0, f.err
		}
	}
	if d.crashIn > 0 {
		if d.crashIn--; d.crashIn == 0 {
			f.op.Buf = append([]byte(nil), op.Buf...)
			d.flights = append(d.flights, f)
			panic(Crash{})
		}
	}
	res, err := d.execute(f)
	if err != nil {
		err = fmt.Errorf("%s: %w", f.path, err)
	}
	return res, err
}

// Open implements storage.Disk.
func (d *Disk) Open(path string, create, direct bool) (int32, error) {
	fd, err := d.do(storage.Op{Kind: storage.OpOpen, Path: path, Create: create, Direct: direct})
	return int32(fd), err
}

// Close implements storage.Disk.
func (d *Disk) Close(fd int32) error {
	_, err := d.do(storage.Op{Kind: storage.OpClose, FD: fd})
	return err
}

// Read implements storage.Disk.
func (d *Disk) Read(fd int32, buf []byte, pos int64) (int, error) {
	n, err := d.do(storage.Op{Kind: storage.OpRead, FD: fd, Buf: buf, Pos: pos})
	return int(n), err
}

// Write implements storage.Disk.
func (d *Disk) Write(fd int32, buf []byte, pos int64) error {
	_, err := d.do(storage.Op{Kind: storage.OpWrite, FD: fd, Buf: buf, Pos: pos})
	return err
}

// Sync implements storage.Disk.
func (d *Disk) Sync(fd int32) error {
	_, err := d.do(storage.Op{Kind: storage.OpFdatasync, FD: fd})
	return err
}

// Truncate implements storage.Disk.
func (d *Disk) Truncate(fd int32, size int64) error {
	_, err := d.do(storage.Op{Kind: storage.OpTruncate, FD: fd, Pos: size})
	return err
}

// Allocate implements storage.Disk.
func (d *Disk) Allocate(fd int32, pos, n int64) error {
	_, err := d.do(storage.Op{Kind: storage.OpFallocate, FD: fd, Pos: pos, Len: n})
	return err
}

// Rename implements storage.Disk.
func (d *Disk) Rename(from, to string) error {
	_, err := d.do(storage.Op{Kind: storage.OpRename, Path: from, Path2: to})
	return err
}

// Unlink implements storage.Disk.
func (d *Disk) Unlink(path string) error {
	_, err := d.do(storage.Op{Kind: storage.OpUnlink, Path: path})
	return err
}

// Mkdir implements storage.Disk.
func (d *Disk) Mkdir(path string) error {
	_, err := d.do(storage.Op{Kind: storage.OpMkdir, Path: path})
	return err
}

// Rmdir implements storage.Disk.
func (d *Disk) Rmdir(path string) error {
	_, err := d.do(storage.Op{Kind: storage.OpRmdir, Path: path})
	return err
}

// SyncDir implements storage.Disk.
func (d *Disk) SyncDir(path string) error {
	_, err := d.do(storage.Op{Kind: storage.OpSyncDir, Path: path})
	return err
}

// List implements storage.Disk.
func (d *Disk) List(dir string) ([]string, error) {
	n, err := d.lookup(dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", dir, err)
	case n.file != nil:
		return nil, fmt.Errorf("%s: %w", dir, syscall.ENOTDIR)
	}
	return names(n.seen), nil
}

// Size implements storage.Disk.
func (d *Disk) Size(path string) (int64, error) {
	n, err := d.lookup(path)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if n.file == nil {
		return 0, nil
	}
	return int64(len(n.file.seen)), nil
}

// Files lists the paths of all files that contain part, in order of names.
func (d *Disk) Files(part string) (paths []string) {
	d.root.walk("", func(path string, _ *node) {
		if strings.Contains(path, part) {
			paths = append(paths, path)
		}
	})
	return paths
}

// Damage changes the bytes of a file behind everyone's back, on stable storage too: f gets its contents, which it may
// change, and returns what is left of them.
func (d *Disk) Damage(path string, f func(p []byte) []byte) {
	n, err := d.lookup(path)
	if err != nil || n.file == nil {
		panic(fmt.Sprintf("sim: damage %s: %v", path, err))
	}
	n.file.sync(d.seq)
	n.file.stable = f(n.file.stable)
	n.file.seen = append([]byte(nil), n.file.stable...)
}

// TakeAway removes a file behind everyone's back, on stable storage too, until it is put back.
func (d *Disk) TakeAway(path string) (putBack func()) {
	dir, name, err := d.find(path)
	if err != nil || dir.seen[name] == nil {
		panic(fmt.Sprintf("sim: take %s away: %v", path, err))
	}
	n := dir.seen[name]
	dir.syncDir(d.seq)
	delete(dir.seen, name)
	delete(dir.stable, name)
	return func() { dir.seen[name], dir.stable[name] = n, n }
}

// Contents returns what a read of the whole file sees now.
func (d *Disk) Contents(path string) []byte {
	n, err := d.lookup(path)
	if err != nil || n.file == nil {
		return nil
	}
	return append([]byte(nil), n.file.seen...)
}
