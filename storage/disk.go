package storage

import "fmt"

// Disk does one operation at a time, for recovery. Buffers come from Memory; paths are as in Op. Read fills buf unless
// the file ends; Write is whole or failed.
type Disk interface {
	Open(path string, create, direct bool) (fd int32, err error)
	Close(fd int32) error
	Read(fd int32, buf []byte, pos int64) (int, error)
	Write(fd int32, buf []byte, pos int64) error
	Sync(fd int32) error
	Truncate(fd int32, size int64) error
	Allocate(fd int32, pos, n int64) error // EOPNOTSUPP: the filesystem can't
	Rename(from, to string) error
	Unlink(path string) error
	Mkdir(path string) error
	Rmdir(path string) error
	SyncDir(path string) error
	List(dir string) ([]string, error)
	Size(path string) (int64, error)
}

// readFile reads the whole file, up to max bytes, into memory of mem. The caller puts it back. A missing file is nil.
func readFile(d Disk, mem Memory, path string, max int64) (buf []byte, fd int32, err error) {
	size, err := d.Size(path)
	if notExist(err) {
		return nil, -1, nil
	}
	if err != nil {
		return nil, -1, err
	}
	if size > max {
		return nil, -1, fmt.Errorf("%w: %s has %d bytes, at most %d are expected", ErrDamaged, path, size, max)
	}
	if fd, err = d.Open(path, false, false); err != nil {
		return nil, -1, err
	}
	if size == 0 {
		return []byte{}, fd, nil
	}
	if buf = mem.Get(int(size)); buf == nil {
		d.Close(fd)
		return nil, -1, fmt.Errorf("%w: %d bytes for %s", ErrNoMemory, size, path)
	}
	n, err := d.Read(fd, buf, 0)
	if err != nil {
		mem.Put(buf)
		d.Close(fd)
		return nil, -1, err
	}
	return buf[:n], fd, nil
}

// writeFile makes path hold p, durably: written aside, synced, renamed, directory synced.
func writeFile(d Disk, mem Memory, dir, name string, p []byte) error {
	tmp := dir + "/" + name + ".tmp"
	fd, err := d.Open(tmp, true, false)
	if err != nil {
		return err
	}
	err = writeAll(d, mem, fd, p)
	if err == nil {
		err = d.Sync(fd)
	}
	if e := d.Close(fd); err == nil {
		err = e
	}
	if err == nil {
		err = d.Rename(tmp, dir+"/"+name)
	}
	if err == nil {
		err = d.SyncDir(dir)
	}
	return err
}

const copyBytes = 1 << 20

func writeAll(d Disk, mem Memory, fd int32, p []byte) error {
	if err := d.Truncate(fd, 0); err != nil {
		return err
	}
	buf := mem.Get(copyBytes)
	if buf == nil {
		return ErrNoMemory
	}
	defer mem.Put(buf)
	for at := 0; at < len(p); {
		n := copy(buf, p[at:])
		if err := d.Write(fd, buf[:n], int64(at)); err != nil {
			return err
		}
		at += n
	}
	return nil
}
