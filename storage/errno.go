package storage

import (
	"errors"
	"syscall"
)

// The errors of the disk that storage tells from others. It makes none but errNoRoom, and knows their numbers here only.

// errNoRoom is what a filesystem says that is full.
const errNoRoom = syscall.ENOSPC

// FullDisk reports whether err says that the filesystem, or a quota on it, has no room.
func FullDisk(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// exists: a file or directory of that name is there already.
func exists(err error) bool { return errors.Is(err, syscall.EEXIST) }

// notExist: none is there.
func notExist(err error) bool { return errors.Is(err, syscall.ENOENT) }

// unsupported: the filesystem does not know the operation.
func unsupported(err error) bool { return errors.Is(err, syscall.EOPNOTSUPP) }

// unreadable: the device could not read, or write, the block.
func unreadable(err error) bool { return errors.Is(err, syscall.EIO) }
