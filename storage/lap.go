package storage

import "fmt"

// startLap writes the lap group of the present journal file, or makes what it would hold smaller first.
//
// It holds, for every log of the shard: a checkpoint; the bytes below the checkpoint that no synced segment block has;
// the pending batches behind a direct batch whose write has not returned, by their entries; the descriptions of its
// sealed segments; stored offsets; reservations and log starts that are in flight; and the metadata commands that no
// snapshot has. What still gathers comes after it, into the next file.
func (j *journal) startLap() {
	j.lapping = true
	if j.writing > 0 {
		return // its place is behind the groups in flight, and they may change what it holds
	}
	s := j.s
	size, buf := int64(groupHeadSize)+s.metaCarrySize(), int64(0)
	for _, l := range s.order {
		n := l.carrySize()
		size += n
		buf = max(buf, n)
	}
	if size > j.lapRoom() || size > j.files[j.cur].Size-j.pos {
		s.shrinkTails()
		return
	}
	g := j.newGroup(int(alignUp(Pos(size))))
	if g == nil {
		return
	}
	g.flags, g.persist = groupLap, true
	gather := j.gather
	j.gather = g
	s.carryMeta(j)
	for _, l := range s.order {
		l.carry(j)
	}
	j.gather = gather
	if int64(g.n) > size {
		panic(fmt.Sprintf("BUG: lap group of %d bytes, %d were counted", g.n, size))
	}
	j.lapping = false
	j.lap = g
	j.place(g)
}

// shrinkTails writes out every whole block, and pads the tails that are left, oldest log first, until a lap fits.
func (s *Store) shrinkTails() {
	s.flushTails(BlockSize)
	for _, l := range s.order {
		if len(l.writes) == 0 {
			l.pad()
		}
	}
}

// carryEnd says where the checkpoint of l stands: at its end, or before the first direct batch still in flight.
func (l *Log) carryEnd() (first int) {
	for i := 0; i < l.pend.len(); i++ {
		if n := l.pend.at(i); n.direct > l.writesDone {
			return i
		}
	}
	return l.pend.len()
}

// carrySize bounds the bytes that carry adds.
func (l *Log) carrySize() int64 {
	n := int64(entryHeadSize) * int64(2+len(l.segs)+len(l.offsets)+len(l.writes)+l.s.journal.marksOf(l))
	n += int64(len(l.gaps)) * entryHeadSize
	for _, w := range l.writes {
		if !w.done {
			n += int64(w.end - w.from)
		}
	}
	if seg := l.active(); seg != nil {
		n += int64(max(0, seg.end-l.flushed))
	}
	for i := l.carryEnd(); i < l.pend.len(); i++ {
		n += 2*entryHeadSize + BlockSize
		if p := l.pend.at(i); p.direct == 0 {
			n += int64(p.length)
		}
	}
	return n
}

func (j *journal) marksOf(l *Log) int {
	n := 0
	for _, g := range j.unsafe {
		for i := range g.marks {
			if g.marks[i].log == l {
				n++
			}
		}
	}
	return n
}

// carry adds what the shard still needs of l to the lap group, which gathers.
func (l *Log) carry(j *journal) {
	first := l.carryEnd()
	seg, end, next, ts := Offset(0), Pos(0), l.next, l.lastTS
	if k := len(l.segs); k > 0 {
		if g := l.segs[k-1]; g.fresh {
			seg, end = l.before(g)
		} else {
			seg, end = g.base, g.end
		}
	}
	if first < l.pend.len() {
		n := l.pend.at(first)
		seg, end, next, ts = n.prevSeg, n.prevEnd, n.prevNext, n.ts
	}
	startSeg := Offset(0)
	if len(l.segs) > 0 {
		startSeg = l.segs[0].base
	}
	j.add(&entry{kind: entryCheckpoint, level: LevelPersisted, log: l.cfg.ID, seg: seg, pos: end, next: next, base: l.start,
		prevSeg: startSeg, prevEnd: Pos(l.recordBytesAt(seg, first)), prevNext: l.reserved, timestamp: ts, stable: l.stableNext()}, nil)
	for _, g := range l.segs {
		if g.sealed {
			j.add(g.sealedEntry(), nil)
		}
	}
	l.carryBytes(j, seg, end)
	for i := first; i < l.pend.len(); i++ {
		n := l.pend.at(i)
		l.journalNode(n, l.chunkFor(n.seg, n.pos))
	}
	for _, g := range j.unsafe {
		for i := range g.marks {
			if m := &g.marks[i]; m.log == l {
				j.add(m.entry(), nil)
			}
		}
	}
	l.carryOffsets(j)
}

// recordBytesAt is what the segment of the checkpoint held before the pending batches from first on.
func (l *Log) recordBytesAt(seg Offset, first int) int64 {
	n := int64(0)
	for _, g := range l.segs {
		if g.base == seg {
			n = g.recordBytes
		}
	}
	for i := first; i < l.pend.len(); i++ {
		if p := l.pend.at(i); p.seg.base == seg {
			n -= int64(p.length)
		}
	}
	return n
}

// carryBytes adds the bytes before (seg, end) that are in no synced block.
func (l *Log) carryBytes(j *journal, seg Offset, end Pos) {
	add := func(g *segment, c *chunk, from, to Pos) {
		if g.base > seg || g.base == seg && from >= end {
			return
		}
		if g.base == seg {
			to = min(to, end)
		}
		if to > from {
			j.add(&entry{kind: entryBytes, level: LevelPersisted, log: l.cfg.ID, seg: g.base, pos: from, base: l.start}, c.bytes(from, to))
		}
	}
	for _, w := range l.writes {
		if !w.done {
			add(w.seg, w.chunk, w.from, w.end)
		}
	}
	if g := l.active(); g != nil && l.flushed < g.end {
		add(g, l.chunkFor(g, l.flushed), l.flushed, g.end)
	}
}

func (g *segment) sealedEntry() *entry {
	return &entry{kind: entrySealed, level: LevelPersisted, log: g.log.cfg.ID, seg: g.base, pos: g.end, base: g.base,
		next: g.next, prevEnd: Pos(g.recordBytes), timestamp: g.lastTS}
}

func (m *mark) entry() *entry {
	return &entry{kind: m.kind, level: LevelPersisted, log: m.log.cfg.ID, seg: m.seg, base: m.bound, next: m.bound}
}
