package storage

import (
	"errors"
	"fmt"
	"strings"
)

// sideBytesMax bounds a side file: the kernel reads and writes no more at a time, and a group tells its size in 32 bits.
const sideBytesMax = 1<<31 - BlockSize

// sideFits refuses what no side file could hold. The journals are whole then, so a start that ends with it loses nothing.
func sideFits(id LogID, n int64) error {
	if n <= sideBytesMax {
		return nil
	}
	return fmt.Errorf("%w: log %d cannot be set aside: %d MiB of it are in the journals alone, and a file of it holds %d; mend the disk under its directory, so that its segments can be written, and start again",
		ErrDamaged, id, n>>20, int64(sideBytesMax)>>20)
}

// fenceAside begins the reason of a log that recovery fenced: the next one tries again.
const fenceAside = "recovery could not write its segment"

// readSide adds the entries of the log's side file, if there is one of the run whose journals are read.
func (l *logRecovery) readSide() error {
	r := l.r
	buf, fd, err := readFile(r.d, r.cfg.FileMemory, sidePath(r.cfg.Dir, l.st.ID, r.retired), sideBytesMax)
	if err != nil || fd < 0 {
		return err
	}
	defer r.d.Close(fd)
	r.sides = append(r.sides, l.st.ID)
	if len(buf) == 0 {
		return nil
	}
	l.journaled.side = buf
	h, err := decodeGroup(buf, r.super.seed)
	if errors.Is(err, ErrNewer) {
		return err
	}
	if err != nil || h.first != r.retired {
		return nil // not finished: the journal has it all
	}
	if err := r.d.Sync(fd); err != nil {
		return err
	}
	l.rewrite = true // its segment failed
	if strings.HasPrefix(l.st.Fence, fenceAside) {
		l.st.Fence = ""
	}
	return l.journaled.addSide(h)
}

// setAside keeps all that the journals have of a fenced log in a side file of the run to begin. The state file gets the log
// as it was before: a later recovery follows it again, and counts only what it finds then.
func (l *logRecovery) setAside(before *LogState) error {
	r := l.r
	l.st.Aside, before.Fence = true, l.st.Fence
	r.before[l.st.ID] = before
	size, count := groupHeadSize, uint32(0)
	err := l.journaled.eachEntry(func(e *entry) {
		size += entryHeadSize + len(e.data)
		count++
	})
	if err == nil {
		err = sideFits(l.st.ID, int64(alignUp(Pos(size))))
	}
	if err != nil {
		return err
	}
	buf := r.cfg.FileMemory.Get(int(alignUp(Pos(size))))
	if buf == nil {
		return ErrNoMemory
	}
	defer r.cfg.FileMemory.Put(buf)
	n := groupHeadSize
	err = l.journaled.eachEntry(func(e *entry) {
		e.put(buf[n:], len(e.data))
		n += entryHeadSize
		n += copy(buf[n:], e.data)
	})
	if err != nil {
		return err
	}
	sealGroup(buf, groupHead{number: r.next, safe: r.next - 1, first: r.next, entries: uint32(n - groupHeadSize), count: count}, r.super.seed)
	return writeFile(r.d, r.cfg.Memory, LogDir(r.cfg.Dir, l.st.ID), sideName(r.next), buf)
}
