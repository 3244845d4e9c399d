package storage

// carried is what a shard's journal still has to say of a log: every lap repeats it, a move takes it along, and the file of a failed log
// keeps it. It looks at the log and changes nothing.
type carried struct{ l *Log }

// LogCarry is what a log with one segment takes in every lap.
const LogCarry = logCarry + sealedSize

const logCarry = 4 * entryHeadSize // its checkpoint, bytes, segments and offsets

// fixed is what the log takes whatever its tail holds. One segment counts before it is made: logs that came in without one would
// take the room of stored offsets with it. Those that the state file describes take nothing.
func (c carried) fixed() int64 {
	return logCarry + int64(max(1, c.l.segs.undescribed()))*sealedSize + int64(len(c.l.offsets.list))*offsetSize
}

// size bounds the bytes that add adds.
func (c carried) size() int64 {
	l := c.l
	n := c.fixed() + int64(entryHeadSize)*int64(len(l.tail.writes)+l.standing.marks)
	if l.tail.side == sideSafe {
		return n
	}
	n += l.tail.unsynced(l.segs.active())
	for i := l.pend.firstOpen(l.tail.done); i < l.pend.len(); i++ {
		n += 2*entryHeadSize + BlockSize
		if p := l.pend.at(i); p.direct == 0 {
			n += int64(p.length)
		}
	}
	return n
}

// add adds it to the group that gathers. Of a failed log whose file is safe the bounds and offsets are enough.
func (c carried) add(j *journal) {
	l := c.l
	if l.tail.side == sideSafe {
		j.add(l.reservation.entry(l.cfg.ID), nil)
		j.add(&entry{kind: entryStart, level: LevelPersisted, log: l.cfg.ID, base: l.bounds.start}, nil)
	} else {
		first := l.pend.firstOpen(l.tail.done) // the checkpoint stands before it
		seg, end := c.checkpoint(j, first)
		c.sealed(j, seg)
		c.bytes(j, seg, end)
		for i := first; i < l.pend.len(); i++ {
			n := l.pend.at(i)
			n.journal(j, l.cfg.ID, l.cfg.Level, l.pend.stable(l.cfg.Level, l.bounds.hw), l.tail.holds(n.seg, n.pos))
		}
	}
	c.marks(j)
	c.offsets(j)
}

// checkpoint says where the log stands: at its end, or before the pending batch of that number. It returns the segment and byte.
func (c carried) checkpoint(j *journal, first int) (seg Offset, end Pos) {
	l := c.l
	next, ts := l.bounds.next, l.bounds.lastTS
	if g := l.segs.last(); g != nil && g.fresh {
		seg, end = l.segs.before(g)
	} else if g != nil {
		seg, end = g.base, g.end
	}
	if first < l.pend.len() {
		n := l.pend.at(first)
		seg, end, next, ts = n.prevSeg, n.prevEnd, n.prevNext, n.ts
	}
	e := entry{kind: entryCheckpoint, level: LevelPersisted, log: l.cfg.ID, seg: seg, pos: end, next: next, base: l.bounds.start,
		prevEnd: Pos(-l.pend.bytesIn(seg, first)), prevNext: l.reservation.bound, length: uint32(l.reservation.level), timestamp: ts, stable: l.pend.stable(l.cfg.Level, l.bounds.hw)}
	if len(l.segs.list) > 0 {
		e.prevSeg = l.segs.list[0].base
	}
	if g := l.segs.find(seg); g != nil {
		e.generation, e.check = g.gen, g.firstTS
		e.prevEnd += Pos(g.recordBytes)
	}
	j.add(&e, nil)
	return seg, end
}

// sealed describes the segments before the one that the checkpoint is in.
func (c carried) sealed(j *journal, before Offset) {
	data := c.l.segs.describe(j.scratch[:0], before)
	if j.scratch = data; len(data) > 0 {
		j.add(&entry{kind: entrySealed, level: LevelPersisted, log: c.l.cfg.ID}, data)
	}
}

// bytes adds those before (seg, end) that are in no synced block.
func (c carried) bytes(j *journal, seg Offset, end Pos) {
	l := c.l
	add := func(g *segment, ch *chunk, from, to Pos) {
		if g.base > seg || g.base == seg && from >= end {
			return
		}
		if g.base == seg {
			to = min(to, end)
		}
		if to > from {
			j.add(&entry{kind: entryBytes, level: LevelPersisted, log: l.cfg.ID, seg: g.base, generation: g.gen, pos: from, base: l.bounds.start}, ch.bytes(from, to))
		}
	}
	for _, w := range l.tail.writes {
		if !w.done {
			add(w.seg, w.chunk, w.from, w.end)
		}
	}
	if g := l.segs.active(); g != nil && l.tail.flushed < g.end {
		add(g, l.tail.holds(g, l.tail.flushed), l.tail.flushed, g.end)
	}
}

// marks adds what takes effect with groups that are not on stable storage yet.
func (c carried) marks(j *journal) {
	if c.l.standing.marks == 0 {
		return
	}
	for _, g := range j.unsafe.all() {
		for i := range g.marks {
			if m := &g.marks[i]; m.log == c.l {
				j.add(m.entry(), nil)
			}
		}
	}
}

// offsets adds every stored offset, and says up to which change these are all: what is older, and not among them, was deleted.
func (c carried) offsets(j *journal) {
	v := &c.l.offsets
	if v.count == 0 {
		return
	}
	e := entry{kind: entryOffsets, level: LevelPersisted, log: c.l.cfg.ID, next: Offset(v.count)}
	if plantedOffsetsNotAll {
		e.next = 0
	}
	j.scratch = v.appendTo(j.scratch[:0])
	j.add(&e, j.scratch)
}
