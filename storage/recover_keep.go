package storage

import "fmt"

// Recovery looks at every block of the journals once, and keeps the bytes of groups that may count as long as KeepBytes has room for
// them. What it does not keep it reads again when the bytes are wanted: the groups that count once more for their entries, and then
// piece by piece what goes into segments.

// place is where the data of a journal entry lies.
type place struct {
	group int32  // in the chain; inSide: the side file
	at    uint32 // in the group
}

const inSide = -1

// keptSlab holds what is kept of many groups: their entries, without the zeros behind them.
type keptSlab struct {
	buf  []byte
	used int
	live int // groups in it
}

const keptSlabBytes = 1 << 20

// keep takes memory for the head and the entries of a group of which only the head was read, if it may count and there is room.
func (j *journalScan) keep(g *foundGroup) {
	h := &g.head
	if s := j.shards[int(h.shard)]; h.first != j.r.super.first || s != nil && h.number < s.lap {
		return
	}
	n := int(h.headSize()) + int(h.entries)
	s := j.slab
	if s == nil || len(s.buf)-s.used < n {
		size := max(n, int(min(keptSlabBytes, j.r.cfg.KeepBytes/8)))
		if j.keptBytes+int64(size) > j.r.cfg.KeepBytes {
			return
		}
		if s = (&keptSlab{buf: j.r.memory.Get(size)}); s.buf == nil {
			return
		}
		j.keptBytes += int64(size)
		j.fill(s)
	}
	g.bytes, g.slab = s.buf[s.used:s.used+n:s.used+n], s
	s.used += n
	s.live++
	j.kept = append(j.kept, g)
}

// fill makes s the slab that groups go into.
func (j *journalScan) fill(s *keptSlab) {
	old := j.slab
	j.slab = s
	if old != nil && old.live == 0 {
		j.giveBack(old)
	}
}

func (j *journalScan) forget(g *foundGroup) {
	s := g.slab
	if s == nil {
		return
	}
	g.bytes, g.slab = nil, nil
	if s.live--; s.live > 0 {
		return
	}
	if s.used = 0; s != j.slab {
		j.giveBack(s)
	}
}

func (j *journalScan) giveBack(s *keptSlab) {
	j.keptBytes -= int64(len(s.buf))
	j.r.memory.Put(s.buf)
}

func (j *journalScan) forgetAll() {
	for _, g := range j.kept {
		j.forget(g)
	}
	j.kept = nil
	j.fill(nil)
}

// keepChain forgets what does not count.
func (j *journalScan) keepChain() {
	kept := make([]*foundGroup, 0, len(j.chain))
	for _, g := range j.chain {
		if g.bytes != nil {
			kept = append(kept, g)
		}
		g.counts = true
	}
	for _, g := range j.kept {
		if !g.counts {
			j.forget(g)
		}
	}
	j.kept = kept
	j.fill(nil)
	for _, s := range j.shards {
		s.groups = nil
	}
}

// bytesOf returns a group that counts, until done is called.
func (j *journalScan) bytesOf(g *foundGroup) (p []byte, done func(), err error) {
	if g.bytes != nil {
		return g.bytes, func() {}, nil
	}
	buf := j.r.cfg.FileMemory.Get(int(g.head.size))
	if buf == nil {
		return nil, nil, fmt.Errorf("%w: %d bytes for group %d of %s", ErrNoMemory, g.head.size, g.head.number, g.file.name)
	}
	done = func() { j.r.cfg.FileMemory.Put(buf) }
	if err := j.readAgain(g, 0, buf); err != nil {
		done()
		return nil, nil, err
	}
	return buf, done, nil
}

// copyOf copies what lies in a group from at on.
func (j *journalScan) copyOf(g *foundGroup, at int64, dst []byte) error {
	if g.bytes != nil {
		copy(dst, g.bytes[at:])
		return nil
	}
	return j.readAgain(g, at, dst)
}

// readAgain reads bytes of a group that was whole.
func (j *journalScan) readAgain(g *foundGroup, at int64, dst []byte) error {
	for n := 0; n < len(dst); {
		pos := g.pos + at + int64(n)
		block := int64(alignDown(Pos(pos)))
		p, err := g.file.reader.near(block, int(pos-block)+len(dst)-n)
		if err != nil {
			return err
		}
		if p = p[min(int64(len(p)), pos-block):]; len(p) == 0 {
			return fmt.Errorf("%w: %s ends within group %d", ErrDamaged, g.file.name, g.head.number)
		}
		n += copy(dst[n:], p)
	}
	return nil
}

// givingMemory gives up what is kept of the journals, newest first, where the memory has nothing left.
type givingMemory struct{ r *recovery }

func (m *givingMemory) Get(n int) []byte {
	for {
		if buf := m.r.memory.Get(n); buf != nil || !m.r.journal.forgetLast() {
			return buf
		}
	}
}

func (m *givingMemory) Put(buf []byte) { m.r.memory.Put(buf) }

// forgetLast gives memory back, and reports whether there was some to give.
func (j *journalScan) forgetLast() bool {
	j.fill(nil)
	for k := len(j.kept); k > 0; k-- {
		g := j.kept[k-1]
		j.kept = j.kept[:k-1]
		if s := g.slab; s != nil {
			if j.forget(g); s.live == 0 {
				return true
			}
		}
	}
	return false
}
