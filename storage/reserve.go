package storage

import "fmt"

// Reserve is a file that takes space on the disk and holds nothing, so that what must be written on a full disk has room: first of all the
// state file of a recovery, and the groups of journals whose blocks are copied when they are overwritten. A recovery removes it at its
// beginning and makes it anew at its end, as large as there is room for; so does a server whose journal is refused for want of space.
type Reserve struct {
	Dir      string       // data directory
	Bytes    int64        // of the whole
	GiveBack func() error // see RecoverConfig; may be nil
}

const (
	reserveName  = "reserve"
	reserveBytes = 1 << 20
	reserveGroup = 16 << 20 // at most so much of it for each shard, where journals may be copied
	reserveStep  = 1 << 20
	reservePiece = 64 << 10
	reserveLeave = 128 << 10 // for others, when there is less than that beside it
)

// Path names the file.
func (v *Reserve) Path() string { return fmt.Sprintf("%s/state/%s", v.Dir, reserveName) }

// Halve gives back the half of what it has.
func (v *Reserve) Halve(d Disk) error {
	size, err := d.Size(v.Path())
	if notExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	fd, err := d.Open(v.Path(), false, false)
	if err != nil {
		return err
	}
	if err = d.Truncate(fd, size/2); err == nil {
		err = d.Sync(fd) // the space is free when that is committed
	}
	if e := d.Close(fd); err == nil {
		err = e
	}
	if err == nil && v.GiveBack != nil {
		err = v.GiveBack()
	}
	return err
}

// Free gives the space back.
func (v *Reserve) Free(d Disk) error {
	err := d.Unlink(v.Path())
	if notExist(err) {
		return nil
	}
	if err == nil {
		err = d.SyncDir(v.Dir + "/state") // the space is free when the removal is committed
	}
	if err == nil && v.GiveBack != nil {
		err = v.GiveBack()
	}
	return err
}

// Make takes what it lacks of the space, and leaves a little of a disk that is nearly full. It reports whether it has all of it, with as much again as it
// leaves: then there is room.
func (v *Reserve) Make(d Disk, mem Memory) (whole bool, err error) {
	fd, err := d.Open(v.Path(), true, false)
	if err == nil {
		whole, err = v.fill(d, fd, mem)
		if e := d.Close(fd); err == nil {
			err = e
		}
	}
	if FullDisk(err) {
		return false, nil
	}
	return whole && err == nil, err
}

func (v *Reserve) fill(d Disk, fd int32, mem Memory) (whole bool, err error) {
	have, err := d.Size(v.Path()) // is not given up before: others may have it then
	if err != nil {
		return false, err
	}
	at, end := have, v.Bytes+reserveLeave
	for step := int64(reserveStep); at < end; {
		n := min(step, end-at)
		err := v.take(d, fd, at, n, mem)
		if FullDisk(err) && step > reservePiece {
			step /= 4
			continue
		}
		if FullDisk(err) {
			break
		}
		if err != nil {
			return false, err
		}
		at += n
	}
	if err := d.Truncate(fd, max(min(have, v.Bytes), at-reserveLeave)); err != nil {
		return false, err
	}
	return at >= end, d.Sync(fd) // what was cut is free when that is committed
}

// take takes the space of n bytes at at. Where it can't be allocated it is written, with bytes that no filesystem makes smaller.
func (v *Reserve) take(d Disk, fd int32, at, n int64, mem Memory) error {
	err := d.Allocate(fd, at, n)
	if !unsupported(err) {
		return err
	}
	buf := mem.Get(reservePiece)
	if buf == nil {
		return ErrNoMemory
	}
	defer mem.Put(buf)
	buf = buf[:reservePiece]
	x := uint64(at) | 1<<63
	for end := at + n; at < end; at += reservePiece {
		for i := range buf {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			buf[i] = byte(x >> 32)
		}
		if err := d.Write(fd, buf[:min(reservePiece, end-at)], at); err != nil {
			return err
		}
	}
	return nil
}

func (r *recovery) freeReserve() error { return r.reserve.Free(r.d) }

// makeReserve makes it anew. A full disk is no reason not to start.
func (r *recovery) makeReserve() error {
	if r.cfg.Copies {
		for _, j := range r.out.Journals {
			r.reserve.Bytes += min(j[0].Size, reserveGroup)
		}
	}
	r.out.Reserve = r.reserve
	_, err := r.reserve.Make(r.d, r.cfg.Memory)
	return err
}
