package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"
)

// A server that has no room for what a start must write serves what there is: see server. What it deletes for its clients must
// hold although its journals are only in memory, so the metadata commands it commits go into a file that every start has made
// ahead: it never grows, and is overwritten in place. The next start takes them for journaled ones that follow those of the journals.
//
//	record, aligned to 8: magic "GLTE", length u32, index u64, XXH3-64 of index and command with the directory's seed, command
//
// The records follow one another from the file's beginning, each with the index behind the last one's; what is no such record ends them.

// LateName is the file's name in the folder state of the data directory.
const LateName = "late"

const (
	lateMagic = 0x45544c47 // "GLTE"
	lateHead  = 24
	lateBytes = 64 << 10 // of the file
)

// Errors of Late.
var (
	errLateFull    = errors.New("no room for another command in the file that is kept for a start without room")
	errLateMissing = errors.New("the file that is kept for a start without room is missing")
)

// LateLog is the file, open in a server that had no room to start in order. It is used by one thread.
type LateLog struct {
	d    Disk
	mem  Memory
	fd   int32
	seed uint64
	at   int64
	last uint64 // index of the last record

	broken error // of the write that failed
}

func lateSum(seed, index uint64, command []byte) uint64 {
	h := xxh3.NewSeed(seed)
	var p [8]byte
	binary.LittleEndian.PutUint64(p[:], index)
	_, _ = h.Write(p[:])
	_, _ = h.Write(command)
	return h.Sum64()
}

// appendLate adds a record to p, which is as long as a multiple of 8.
func appendLate(p []byte, seed, index uint64, command []byte) []byte {
	le := binary.LittleEndian
	p = le.AppendUint32(p, lateMagic)
	p = le.AppendUint32(p, uint32(len(command)))
	p = le.AppendUint64(p, index)
	p = le.AppendUint64(p, lateSum(seed, index, command))
	p = append(p, command...)
	for len(p)%8 != 0 {
		p = append(p, 0)
	}
	return p
}

// lateCommands reads the records of p. The commands point into it.
func lateCommands(p []byte, seed uint64) (cmds []MetaCommand, end int64) {
	le := binary.LittleEndian
	for rest := p; len(rest) >= lateHead; {
		n := int64(le.Uint32(rest[4:]))
		whole := (lateHead + n + 7) &^ 7
		if le.Uint32(rest) != lateMagic || whole > int64(len(rest)) {
			break
		}
		c := MetaCommand{Index: le.Uint64(rest[8:]), Bytes: rest[lateHead : lateHead+n : lateHead+n]}
		if le.Uint64(rest[16:]) != lateSum(seed, c.Index, c.Bytes) || len(cmds) > 0 && c.Index != cmds[len(cmds)-1].Index+1 {
			break
		}
		cmds = append(cmds, c)
		end += whole
		rest = rest[whole:]
	}
	return cmds, end
}

// OpenLate opens the file to add the commands behind index last. What does not lead there goes, as does what a torn write has left behind the
// last record: none of it was acknowledged, and it would be read behind a new record that is as long as one that was lost.
func (o *Recovered) OpenLate(d Disk, mem Memory, last uint64) (*LateLog, error) {
	path := latePath(o.cfg.Dir)
	buf, fd, err := readFile(d, mem, path, lateBytes)
	if err == nil && fd < 0 {
		err = errLateMissing
	}
	if err != nil {
		return nil, err
	}
	l := &LateLog{d: d, mem: mem, fd: fd, seed: o.Seed, last: last}
	cmds, end := lateCommands(buf, o.Seed)
	if n := len(cmds); n > 0 && cmds[n-1].Index == last {
		l.at = end
	}
	if !allZero(buf[l.at:]) { // else nothing is overwritten: that may take space
		err = clearLate(d, mem, fd, l.at)
	} else {
		err = d.Sync(fd) // they may have been read from the page cache: what they retire is removed for real
	}
	if len(buf) > 0 {
		mem.Put(buf)
	}
	if err != nil {
		_ = d.Close(fd)
		return nil, err
	}
	return l, nil
}

// Append makes commands stable, the first of that index, all or none. After an error nothing is sure of them, and none may follow.
func (l *LateLog) Append(index uint64, commands ...[]byte) error {
	size := 0
	for _, c := range commands {
		size += lateHead + len(c) + 7
	}
	switch {
	case l.broken != nil:
		return l.broken
	case index != l.last+1:
		return fmt.Errorf("BUG: command %d follows command %d", index, l.last)
	case l.at+int64(size) > lateBytes:
		return errLateFull
	}
	buf := l.mem.Get(size)
	if buf == nil {
		return ErrNoMemory
	}
	defer l.mem.Put(buf)
	p := buf[:0]
	for i, c := range commands {
		p = appendLate(p, l.seed, index+uint64(i), c)
	}
	l.broken = l.d.Write(l.fd, p, l.at)
	if l.broken == nil {
		l.broken = l.d.Sync(l.fd)
	}
	if l.broken != nil {
		return l.broken
	}
	l.at, l.last = l.at+int64(len(p)), index+uint64(len(commands))-1
	return nil
}

// Close closes the file.
func (l *LateLog) Close() error { return l.d.Close(l.fd) }

func latePath(dir string) string { return dir + "/state/" + LateName }

// clearLate overwrites the file with zeros from a byte on.
func clearLate(d Disk, mem Memory, fd int32, from int64) error {
	buf := mem.Get(lateBytes)
	if buf == nil {
		return ErrNoMemory
	}
	defer mem.Put(buf)
	clear(buf)
	if err := d.Write(fd, buf[from:lateBytes], from); err != nil {
		return err
	}
	return d.Sync(fd)
}

// readLate adds the late commands to those of the journals.
func (r *recovery) readLate(cmds []MetaCommand) ([]MetaCommand, error) {
	buf, fd, err := readFile(r.d, r.cfg.Memory, latePath(r.cfg.Dir), lateBytes)
	if err != nil || fd < 0 {
		return cmds, err
	}
	defer r.d.Close(fd)
	if len(buf) == 0 {
		return cmds, nil
	}
	late, _ := lateCommands(append([]byte(nil), buf...), r.super.seed)
	r.cfg.Memory.Put(buf)
	last := uint64(0)
	if n := len(cmds); n > 0 {
		last = cmds[n-1].Index
	}
	for _, c := range late {
		if c.Index > last { // else the journals had them, or a snapshot has
			cmds, r.late = append(cmds, c), true
		}
	}
	return cmds, nil
}

// makeLate has the file there, whole and empty: the run that begins has all that was in it. A full disk is no reason not to start.
func (r *recovery) makeLate() error {
	path := latePath(r.cfg.Dir)
	size, err := r.d.Size(path)
	if err != nil && !notExist(err) {
		return err
	}
	if err == nil && size == lateBytes && !r.late {
		return nil
	}
	fd, err := r.d.Open(path, true, false)
	if err == nil {
		err = clearLate(r.d, r.cfg.Memory, fd, 0)
		if e := r.d.Close(fd); err == nil {
			err = e
		}
	}
	if err == nil {
		err = r.d.SyncDir(r.cfg.Dir + "/state")
	}
	if FullDisk(err) {
		return nil
	}
	return err
}

// noteLate has the commands of a request stable before a journal has them that is only in memory.
func noteLate(s *Store, r *Request) error {
	if s.cfg.Late == nil {
		return nil
	}
	if err := s.cfg.Late(r.Value, append([][]byte{r.Batch}, r.More...)); err != nil {
		s.report("metadata commands could not be noted", 0, err)
		return errShort
	}
	return nil
}
