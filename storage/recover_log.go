package storage

import (
	"errors"
	"fmt"
	"sort"

	"github.com/galgo-mq/galgo/batch"
)

// logRecovery brings one log to a state in which its segments hold everything that counts and nothing else.
type logRecovery struct {
	r         *recovery
	st        *LogState
	level     Level
	journaled journaledLog
	files     segmentFiles
	bounds    reservedBounds

	byNext map[Offset]*entry // batches by the offset the log would have given out before them
	stable Offset            // the log was on stable storage up to here
	hasher batch.Hasher

	uncertain bool // its journal is lost
	unfiled   bool // a segment that a journal names is not there
	rewrite   bool // what reads back right may not be on disk
}

// logRecovery is how one log is recovered of which journals say so much; nil: they say nothing.
func (r *recovery) logRecovery(id LogID, said *logEntries) *logRecovery {
	if said == nil {
		said = newLogEntries()
	}
	return &logRecovery{r: r, st: r.logs[id], level: r.out.Meta.Live[id], rewrite: r.rewrite,
		journaled: journaledLog{logEntries: said, log: id, journal: &r.journal, memory: r.cfg.Memory}, files: newSegmentFiles(r.d, r.cfg.Dir, id),
		byNext: map[Offset]*entry{}}
}

func (l *logRecovery) run() error {
	defer l.close()
	if l.quarantined() {
		return l.quarantine()
	}
	if err := l.readSide(); err != nil {
		return err
	}
	before := l.st.clone()
	sealed := l.collect()
	l.describeSealed(sealed)
	if err := l.follow(); err != nil {
		return err
	}
	if l.r.journal.lost && !l.certain() {
		onDisk, err := l.files.onDisk()
		if err != nil {
			return err
		}
		if err := l.followSegments(onDisk); err != nil {
			return err
		}
		l.st.Reserved = max(l.st.Reserved, l.toldBound(onDisk))
		l.uncertain = true
	}
	if l.stable > l.st.Next {
		l.damaged(fmt.Errorf("%w: records up to offset %d were on stable storage, only those below %d are found", ErrDamaged, l.stable, l.st.Next))
	}
	if e := l.journaled.unreached(l.st.Next); e != nil && l.r.journal.clean {
		l.damaged(fmt.Errorf("%w: the run ended in order, but records are found only below offset %d, not those before %d", ErrDamaged, l.st.Next, e.next))
	}
	l.dropBelowStart()
	err := l.writeDown()
	if unreadable(err) || FullDisk(err) { // a block that is copied when it is overwritten, and shared with a snapshot
		l.st.Fence = fmt.Sprintf("%s: %v", fenceAside, err)
		l.r.report("log fenced", l.st.ID, err)
		if err = l.r.distrust(); err == nil {
			err = l.setAside(before)
		}
	}
	l.closeGap()
	return err
}

// writeDown makes the segments hold what counts, and nothing else.
func (l *logRecovery) writeDown() error {
	if err := l.putBack(); err != nil {
		return err
	}
	return l.removeStrangers()
}

func (l *logRecovery) damaged(err error) {
	l.st.Fence = err.Error()
	l.r.report("log damaged", l.st.ID, err)
}

// collect sorts the entries: batches by predecessor, and the furthest of everything that only rises.
func (l *logRecovery) collect() (sealed []SegmentState) {
	offsets := foundOffsets{at: map[ConsumerKey]int{}}
	offsets.all(l.st.Offsets, l.st.OffsetCount)
	l.journaled.dropSuperseded()
	for i := range l.journaled.list {
		e := &l.journaled.list[i]
		l.stable = max(l.stable, e.stable)
		switch e.kind {
		case entryBatch, entryDirect:
			l.byNext[e.prevNext] = e
		case entryReserve:
			l.reserved(e, e.next)
		case entryStart:
			l.st.Start = max(l.st.Start, e.base)
		case entryOffset:
			offsets.one(e.storedOffset())
		case entryOffsets:
			offsets.all(e.storedOffsets(), uint64(e.next))
		case entrySealed:
			for r := (stateReader{p: e.data, version: stateVersion}); len(r.p) >= sealedSize; {
				sealed = append(sealed, r.segment())
			}
		case entryCheckpoint:
			l.checkpoint(e)
		}
	}
	l.st.Offsets, l.st.OffsetCount = offsets.left(), offsets.count
	for _, p := range l.journaled.pieces {
		p.sort()
	}
	return sealed
}

// checkpoint takes e when it is further than what is known.
func (l *logRecovery) checkpoint(e *entry) {
	s := l.st
	s.Start = max(s.Start, e.base)
	l.reserved(e, e.prevNext)
	if e.next < s.Next || e.next == s.Next && len(s.Segments) > 0 && e.pos <= s.Segments[len(s.Segments)-1].End {
		return
	}
	if e.next > s.Next {
		s.Last = e.next - 1
	}
	s.Next, s.LastTS = e.next, max(s.LastTS, e.timestamp)
	if e.pos == 0 {
		return
	}
	g := SegmentState{Base: e.seg, Generation: e.generation, Next: e.next, End: e.pos, RecordBytes: int64(e.prevEnd), FirstTS: e.check, LastTS: e.timestamp}
	if k := len(s.Segments); k > 0 && s.Segments[k-1].ID() == e.segment() {
		if g.FirstTS == 0 {
			g.FirstTS = s.Segments[k-1].FirstTS
		}
		s.Segments[k-1] = g
	} else {
		s.Segments = append(s.Segments, g)
	}
}

// describeSealed fills in the segments that were rolled since the state file was written.
func (l *logRecovery) describeSealed(sealed []SegmentState) {
	have := map[SegmentID]int{}
	for i := range l.st.Segments {
		have[l.st.Segments[i].ID()] = i
	}
	for _, g := range sealed {
		if g.Next > l.st.Next {
			continue // goes beyond the checkpoint: its batches are followed one by one
		}
		if i, ok := have[g.ID()]; ok {
			l.st.Segments[i] = g
			continue
		}
		have[g.ID()] = len(l.st.Segments)
		l.st.Segments = append(l.st.Segments, g)
	}
	sort.Slice(l.st.Segments, func(i, j int) bool { return l.st.Segments[i].Base < l.st.Segments[j].Base })
}

// follow goes from batch to batch, each the successor of the one before, as long as they are whole.
func (l *logRecovery) follow() error {
	for {
		e := l.byNext[l.st.Next]
		if e == nil || e.next <= l.st.Next || !l.succeeds(e) {
			var err error
			if e, err = l.journaled.rest(l.st.Next); e == nil || err != nil || !l.succeeds(e) {
				return err
			}
		}
		whole, err := l.whole(e)
		if err != nil || !whole {
			return err
		}
		l.take(e)
	}
}

// succeeds reports whether e begins where the log ends.
func (l *logRecovery) succeeds(e *entry) bool {
	k := len(l.st.Segments)
	if e.prevEnd == 0 { // the log had no segment: none yet, or all were removed by retention
		return k == 0 || l.st.Segments[k-1].Next <= l.st.Start
	}
	if k == 0 {
		return false
	}
	g := l.st.Segments[k-1]
	return e.prevSeg == g.Base && e.prevEnd == g.End
}

func (l *logRecovery) take(e *entry) {
	if plantedPanic && l.journaled.says(e, PanicOnRecovery) {
		panic("planted: a log that cannot be recovered")
	}
	s := l.st
	if k := len(s.Segments); k == 0 || s.Segments[k-1].ID() != e.segment() {
		s.Segments = append(s.Segments, SegmentState{Base: e.seg, Generation: e.generation, FirstTS: e.firstTS})
	}
	g := &s.Segments[len(s.Segments)-1]
	g.Next, g.End, g.LastTS = e.next, e.pos+Pos(e.length), e.timestamp
	g.RecordBytes += int64(e.length)
	s.Next, s.Last, s.LastTS = e.next, e.next-1, max(s.LastTS, e.timestamp)
}

// whole reports whether every byte of the batch is there. What the journal carries is, by its group's checksum.
func (l *logRecovery) whole(e *entry) (bool, error) {
	if e.kind == entryBatch || e.next <= l.st.Start {
		return true, nil
	}
	if sure, err := l.onStable(e); err != nil || sure {
		return sure, err
	}
	from := alignDown(e.pos)
	room := l.r.cfg.Memory.Get(int(alignUp(e.pos+Pos(e.length)) - from))
	if room == nil {
		return false, ErrNoMemory
	}
	defer l.r.cfg.Memory.Put(room)
	clear(room)
	open := l.files.openDirect
	if l.rewrite { // the page cache may have what the disk has not
		open = l.files.open
	}
	if fd, err := open(e.segment()); err == nil {
		if _, err := l.r.d.Read(fd, room, int64(from)); unreadable(err) {
			l.damaged(fmt.Errorf("%w: batch at offset %d: %w", ErrDamaged, e.base, err))
			return false, nil
		} else if err != nil {
			return false, err
		}
	} else if !notExist(err) {
		return false, err
	} else {
		l.unfiled = true
	}
	buf := room[e.pos-from:][:e.length]
	if err := l.journaled.over(e.segment(), buf, e.pos); err != nil {
		return false, err
	}
	b, err := l.hasher.Verify(buf)
	return err == nil && len(b) == len(buf) && b.Checksum() == e.check && b.BaseOffset() == e.base, nil
}

func (l *logRecovery) close() {
	l.files.close()
	if l.journaled.side != nil {
		l.r.cfg.FileMemory.Put(l.journaled.side)
	}
}

// dropBelowStart forgets segments that hold nothing at or behind the log start.
func (l *logRecovery) dropBelowStart() {
	s := l.st
	k := 0
	for k < len(s.Segments) && s.Segments[k].Next <= s.Start {
		k++
	}
	s.Segments = append([]SegmentState(nil), s.Segments[k:]...)
	for len(s.Gaps) > 0 && s.Gaps[0].To <= s.Start {
		s.Gaps = s.Gaps[1:]
	}
}

// removeStrangers unlinks segment files that the log does not have: made and never used, cut, or below its start.
func (l *logRecovery) removeStrangers() error {
	dir := LogDir(l.r.cfg.Dir, l.st.ID)
	names, err := l.files.list()
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, g := range l.st.Segments {
		keep[g.ID().name()] = true
	}
	removed := false
	for _, n := range names {
		var number uint64
		if _, err := fmt.Sscanf(n, "fenced-%016x.group", &number); err == nil && number != l.r.retired {
			keep[n] = false // of an earlier run, or of a recovery that was interrupted
		} else if _, ok := parseSegmentName(n); !ok || keep[n] || l.st.Fence != "" {
			continue
		}
		if err := l.r.d.Unlink(dir + "/" + n); err != nil && !errors.Is(err, ErrDamaged) {
			return err
		}
		removed = true
	}
	if removed {
		return l.r.d.SyncDir(dir)
	}
	return nil
}

// reserved takes a bound that e states.
func (l *logRecovery) reserved(e *entry, bound Offset) {
	l.st.Reserved = max(l.st.Reserved, bound)
	l.bounds.add(e, bound, l.level)
}

// closeGap makes the log go on behind every offset that may have been told and is lost. Either way the next run reserves
// anew before it tells one: a run without journal groups has told none.
func (l *logRecovery) closeGap() {
	s := l.st
	toldAt := l.bounds.toldAt(s.Next)
	trusted := l.journaled.side == nil && (l.r.journal.clean || toldAt >= LevelWritten && !l.r.power || toldAt == LevelPersisted)
	if !l.uncertain && (trusted || plantedReusedOffset) {
		s.Reserved = s.Next
	}
	if len(l.r.journal.holes) > 0 && !l.certain() {
		s.Reserved = max(s.Reserved, s.Next+l.r.journal.lostMax())
	}
	if s.Reserved > s.Next {
		s.Gaps = append(s.Gaps, Gap{From: s.Next, To: s.Reserved})
		l.r.report("offsets skipped", s.ID, fmt.Errorf("offsets %d to %d may have been given out and are lost", s.Next, s.Reserved-1))
		s.Next = s.Reserved
	}
	s.Reserved = s.Next
}

// certain reports whether the log was followed past the place where journal groups are lost: by a journal that it had not
// left, as far as that journal knows. It was not when a segment is gone: then the lost groups may have had the log's deletion, and it
// had given out what lay there.
func (l *logRecovery) certain() bool { return !l.unfiled && l.journaled.passes(l.st.Next) }
