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
	s.moves.carry(g)
	for _, l := range s.order {
		carried{l}.add(j)
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
	size := int64(groupHeadSize) + s.metaCarrySize() + s.moves.bytes()
	for _, l := range s.order {
		size += carried{l}.size()
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

// refuseSegment says why an append that needs one is refused where there is none.
func (s *Store) refuseSegment(id LogID) error {
	err := fmt.Errorf("%w: laps cannot carry another segment; set journal_size to more", ErrJournalFull)
	if s.mono >= s.nextRoomReport {
		s.nextRoomReport = s.mono + roomReportPause
		s.report("appends are refused", id, err)
	}
	return err
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
