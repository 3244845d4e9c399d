package server

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/galgo-mq/galgo/uring"
)

// blockingDisk does one operation at a time through an IO. It serves recovery, before the shard turns.
type blockingDisk struct{ io uring.IO }

func (d blockingDisk) do(what, name string, op uring.Op) (uring.Completion, error) {
	h := d.io.Submit(&op)
	for {
		for _, c := range d.io.Wait(-1) {
			if c.Handle != h {
				continue
			}
			if c.Err != 0 {
				return c, fmt.Errorf("%s %s: %w", what, name, c.Err)
			}
			return c, nil
		}
	}
}

// Open implements storage.Disk. Where the filesystem refuses O_DIRECT the file is opened without.
func (d blockingDisk) Open(path string, create, direct bool) (int32, error) {
	c, err := d.do("open", path, uring.Op{Kind: uring.KindOpen, Path: path, OpenFlags: uring.OpenFlags(create, direct)})
	if direct && errors.Is(err, syscall.EINVAL) {
		c, err = d.do("open", path, uring.Op{Kind: uring.KindOpen, Path: path, OpenFlags: uring.OpenFlags(create, false)})
	}
	return int32(c.Res), err
}

func (d blockingDisk) Close(fd int32) error {
	_, err := d.do("close", "", uring.Op{Kind: uring.KindClose, FD: fd})
	return err
}

func (d blockingDisk) Read(fd int32, buf []byte, pos int64) (int, error) {
	c, err := d.do("read", "", uring.Op{Kind: uring.KindRead, FD: fd, Buf: buf, Pos: pos})
	return int(c.Res), err
}

func (d blockingDisk) Write(fd int32, buf []byte, pos int64) error {
	_, err := d.do("write", "", uring.Op{Kind: uring.KindWrite, FD: fd, Buf: buf, Pos: pos})
	return err
}

func (d blockingDisk) Sync(fd int32) error {
	_, err := d.do("sync", "", uring.Op{Kind: uring.KindFdatasync, FD: fd})
	return err
}

func (d blockingDisk) Truncate(fd int32, size int64) error {
	_, err := d.do("truncate", "", uring.Op{Kind: uring.KindTruncate, FD: fd, Pos: size})
	return err
}

// Allocate implements storage.Disk.
func (d blockingDisk) Allocate(fd int32, pos, n int64) error {
	_, err := d.do("allocate", "", uring.Op{Kind: uring.KindFallocate, FD: fd, Pos: pos, Len: n})
	return err
}

func (d blockingDisk) Rename(from, to string) error {
	_, err := d.do("rename", from, uring.Op{Kind: uring.KindRename, Path: from, Path2: to})
	return err
}

func (d blockingDisk) Unlink(path string) error {
	_, err := d.do("unlink", path, uring.Op{Kind: uring.KindUnlink, Path: path})
	return err
}

func (d blockingDisk) Mkdir(path string) error {
	_, err := d.do("mkdir", path, uring.Op{Kind: uring.KindMkdir, Path: path})
	return err
}

func (d blockingDisk) Rmdir(path string) error {
	_, err := d.do("rmdir", path, uring.Op{Kind: uring.KindUnlink, Flags: uring.FlagDir, Path: path})
	return err
}

func (d blockingDisk) SyncDir(path string) error {
	_, err := d.do("sync directory", path, uring.Op{Kind: uring.KindSyncDir, Path: path})
	return err
}

func (d blockingDisk) List(dir string) ([]string, error) {
	c, err := d.do("list", dir, uring.Op{Kind: uring.KindList, Path: dir})
	if err != nil {
		return nil, err
	}
	return uring.Names(c.Entries), nil
}

func (d blockingDisk) Size(path string) (int64, error) {
	c, err := d.do("stat", path, uring.Op{Kind: uring.KindStat, Path: path})
	return c.Stat.Size, err
}
