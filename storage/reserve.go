package storage

import (
	"errors"
	"fmt"
	"syscall"
)

// The reserve is a file that takes space on the disk and holds nothing, so that a start on a full disk has room for what
// recovery writes: the state file first of all. A recovery removes it at its beginning and makes it anew at its end, as
// large as there is room for.
const (
	reserveName  = "reserve"
	reserveBytes = 1 << 20
	reservePiece = 64 << 10
	reserveLeave = 128 << 10 // for others, when there is less than that beside it
)

func (r *recovery) reservePath() string { return fmt.Sprintf("%s/state/%s", r.cfg.Dir, reserveName) }

func (r *recovery) freeReserve() error {
	err := r.d.Unlink(r.reservePath())
	if notExist(err) {
		return nil
	}
	if err == nil {
		err = r.d.SyncDir(r.cfg.Dir + "/state") // the space is free when the removal is committed
	}
	if err == nil && r.cfg.GiveBack != nil {
		err = r.cfg.GiveBack()
	}
	return err
}

// makeReserve takes the space, and leaves a little of a disk that is nearly full. A full disk is no reason not to start.
func (r *recovery) makeReserve() error {
	fd, err := r.d.Open(r.reservePath(), true, false)
	if err == nil {
		err = r.fillReserve(fd)
		if e := r.d.Close(fd); err == nil {
			err = e
		}
	}
	if fullDisk(err) {
		return nil
	}
	return err
}

func (r *recovery) fillReserve(fd int32) error {
	buf := r.cfg.Memory.Get(reservePiece)
	if buf == nil {
		return ErrNoMemory
	}
	defer r.cfg.Memory.Put(buf)
	clear(buf)
	if err := r.d.Truncate(fd, 0); err != nil {
		return err
	}
	for at := int64(0); at < reserveBytes; at += reservePiece {
		err := r.d.Write(fd, buf[:reservePiece], at)
		if fullDisk(err) {
			if err := r.d.Truncate(fd, max(0, at-reserveLeave)); err != nil {
				return err
			}
			return r.d.Sync(fd) // what was cut is free when that is committed
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func fullDisk(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
