package storage

import "fmt"

// startLap writes the lap group of the present journal file, or makes what it would hold smaller first.
//
// It holds, for every log of the shard: a checkpoint; the bytes below the checkpoint that no synced segment block has;
// the pending batches behind a direct batch whose write has not returned, by their entries; the descriptions of its
// segments that were sealed in this run; stored offsets; reservations and log starts that are in flight; and the metadata commands that no
// snapshot has. What still gathers comes after it, into the next file.
func (j *journal) startLap() {
	j.lapping, j.waits = true, true
	if j.writing > 0 {
		return // its place is behind the groups in flight, and they may change what it holds
	}
	s := j.s
	size, left := s.carrySize(), j.files[j.cur].Size-j.pos
	if size > j.lapMost() && s.shrinkTails(size-s.fixed) {
		return // again when the writes are done
	}
	if size > left && s.blocks.count > 0 {
		return // again when there is room for them
	}
	if size > left {
		j.fail(fmt.Errorf("%w: %d bytes for a lap, %d are left", errJournalTooSmall, size, left))
		return
	}
	g := j.newGroup(int(alignUp(Pos(size))))
	if g == nil && s.shrinkTails(size-s.fixed) {
		return // again when the writes are done
	}
	if g == nil { // groups that wait for this lap have the memory: it must not wait for them
		g = j.groupOf(s.cfg.LapMemory, int(alignUp(Pos(size))))
	}
	j.waits = false
	if g == nil {
		return // again in the next turn
	}
	g.flags, g.persist = groupLap, true
	if j.final {
		g.flags |= groupClean
		j.mark = cleanMark{number: j.number, block: uint32(j.pos / BlockSize), file: uint32(j.cur)}
	}
	gather := j.gather
	j.gather = g
	s.carryMeta(j)
	s.carryMoved(j)
	for _, l := range s.order {
		l.carry(j)
	}
	j.gather = gather
	if int64(g.n) > size {
		panic(fmt.Sprintf("BUG: lap group of %d bytes, %d were counted", g.n, size))
	}
	j.lapping, j.named, j.lookAgain = false, 0, 0
	j.lap = g
	j.place(g)
}

// lapSlack is room in a lap for its head, and for what changes while it is on its way.
const lapSlack = 16 << 10

// carrySize bounds the size of a lap group made now.
func (s *Store) carrySize() int64 {
	size := int64(groupHeadSize) + s.metaCarrySize()
	for _, m := range s.moved {
		size += int64(len(m.entries))
	}
	for _, l := range s.order {
		size += l.carrySize()
	}
	return size
}

// shrinkTails writes whole blocks out, and if that is not enough pads the tails that are left, oldest log first, until a lap
// is smaller by excess. It reports whether there is something to wait for.
func (s *Store) shrinkTails(excess int64) (busy bool) {
	s.flushTails(BlockSize)
	for _, l := range s.order {
		if seg := l.segs.active(); seg != nil && excess > 0 && l.tail.flushed < seg.end && len(l.tail.writes) == 0 {
			excess -= l.tail.unwritten(seg)
			l.pad()
		}
		busy = busy || l.tail.inFlight() && l.fenced == nil
	}
	return busy
}

// LogCarry is what a log with one segment takes in every lap.
const LogCarry = logCarry + sealedSize

const logCarry = 4 * entryHeadSize // its checkpoint, bytes, segments and offsets

// Carry is what every lap takes in any case, but for metadata commands, which a snapshot takes out of it.
func (s *Store) Carry() int64 { return s.fixed - s.metaCarrySize() }

// CarryMax is what Carry may be with one more log: a quarter of a journal file, or of the memory for the journal.
func (s *Store) CarryMax() int64 {
	n := s.carryShare(logsShare)
	if m := s.cfg.JournalMemoryMax; m > 0 {
		n = min(n, m/4)
	}
	return n
}

func (s *Store) carryShare(sixteenths int64) int64 { return s.journal.files[0].Size / 16 * sixteenths }

// segmentRoom reports whether the laps have room for one more segment.
func (s *Store) segmentRoom() bool { return s.Carry()+sealedSize <= s.carryShare(segmentsShare) }

// refuseSegment answers an append that needs one where there is none.
func (l *Log) refuseSegment(r *Request) {
	s := l.s
	err := fmt.Errorf("%w: laps cannot carry another segment; set journal_size to more", ErrJournalFull)
	if s.mono >= s.nextRoomReport {
		s.nextRoomReport = s.mono + roomReportPause
		s.report("appends are refused", l.cfg.ID, err)
	}
	s.answer(r, err)
}

// roomReportPause is the least time between two reports of a lack of room, in nanoseconds.
const roomReportPause = 10e9

// CheckCarry reports an error if a lap of what the store has been given leaves no room for a group.
func (s *Store) CheckCarry() error {
	j := &s.journal
	if size := j.files[0].Size; j.lapRoom()+int64(j.groupMax())+BlockSize > size {
		const mib = 1 << 20
		least := (s.fixed*2*16/logsShare + mib - 1) / mib
		return fmt.Errorf("%w: %d logs take %d bytes in every lap, and a file has %d bytes: set journal_size to %d MiB at least",
			errJournalTooSmall, len(s.order), s.fixed, size, least)
	}
	return nil
}

// fixedCarry is what l takes in every lap, whatever its tail holds.
func (l *Log) fixedCarry() int64 {
	return logCarry + int64(len(l.segs.list))*sealedSize + int64(len(l.offsets.list))*offsetSize
}

// noteFixed keeps the sum of what all logs take in every lap.
func (l *Log) noteFixed() {
	n := l.fixedCarry()
	l.s.fixed += n - l.fixed
	l.fixed = n
}

// carrySize bounds the bytes that carry adds.
func (l *Log) carrySize() int64 {
	n := l.fixedCarry() + int64(entryHeadSize)*int64(len(l.tail.writes)+l.s.journal.marksOf(l))
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

func (j *journal) marksOf(l *Log) int {
	n := 0
	if j.marks == 0 {
		return 0
	}
	for _, g := range j.unsafe.all() {
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
	if l.tail.side == sideSafe {
		l.carryBounds(j)
		return
	}
	first := l.pend.firstOpen(l.tail.done) // the checkpoint stands before it
	seg, end, next, ts := Offset(0), Pos(0), l.bounds.next, l.bounds.lastTS
	if g := l.segs.last(); g != nil && g.fresh {
		seg, end = l.segs.before(g)
	} else if g != nil {
		seg, end = g.base, g.end
	}
	if first < l.pend.len() {
		n := l.pend.at(first)
		seg, end, next, ts = n.prevSeg, n.prevEnd, n.prevNext, n.ts
	}
	startSeg := Offset(0)
	if len(l.segs.list) > 0 {
		startSeg = l.segs.list[0].base
	}
	e := entry{kind: entryCheckpoint, level: LevelPersisted, log: l.cfg.ID, seg: seg, pos: end, next: next, base: l.bounds.start,
		prevSeg: startSeg, prevEnd: Pos(l.recordBytesAt(seg, first)), prevNext: l.reservation.bound, length: uint32(l.reservation.level), timestamp: ts, stable: l.stableNext()}
	if g := l.segs.find(seg); g != nil {
		e.generation, e.check = g.gen, g.firstTS
	}
	j.add(&e, nil)
	l.carrySealed(j, seg)
	l.carryBytes(j, seg, end)
	for i := first; i < l.pend.len(); i++ {
		n := l.pend.at(i)
		l.journalNode(n, l.tail.holds(n.seg, n.pos))
	}
	l.carryMarks(j)
	l.carryOffsets(j)
}

// carryBounds is carry for a fenced log: the side file has the rest.
func (l *Log) carryBounds(j *journal) {
	j.add(l.reservation.entry(l.cfg.ID), nil)
	j.add(&entry{kind: entryStart, level: LevelPersisted, log: l.cfg.ID, base: l.bounds.start}, nil)
	l.carryMarks(j)
	l.carryOffsets(j)
}

// carryMarks adds what takes effect with groups that are not on stable storage yet.
func (l *Log) carryMarks(j *journal) {
	for _, g := range j.unsafe.all() {
		for i := range g.marks {
			if m := &g.marks[i]; m.log == l {
				j.add(m.entry(), nil)
			}
		}
	}
}

// recordBytesAt is what the segment of the checkpoint held before the pending batches from first on.
func (l *Log) recordBytesAt(seg Offset, first int) int64 {
	n := int64(0)
	if g := l.segs.find(seg); g != nil {
		n = g.recordBytes
	}
	return n - l.pend.bytesIn(seg, first)
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
			j.add(&entry{kind: entryBytes, level: LevelPersisted, log: l.cfg.ID, seg: g.base, generation: g.gen, pos: from, base: l.bounds.start}, c.bytes(from, to))
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

// carrySealed describes the segments before the one that the checkpoint is in. Those that the state file describes as they
// are need no word.
func (l *Log) carrySealed(j *journal, before Offset) {
	data := l.segs.describe(l.s.scratch[:0], before)
	if l.s.scratch = data; len(data) > 0 {
		j.add(&entry{kind: entrySealed, level: LevelPersisted, log: l.cfg.ID}, data)
	}
}
