package storage

import (
	"errors"
	"fmt"
	"sort"

	"github.com/galgo-mq/galgo/batch"
)

// logRecovery brings one log to a state in which its segments hold everything that counts and nothing else.
type logRecovery struct {
	r     *recovery
	st    *LogState
	level Level
	*logEntries

	byNext map[Offset]*entry // batches by the offset the log would have given out before them
	stable Offset            // the log was on stable storage up to here
	hasher batch.Hasher
	fds    map[SegmentID]int32
	direct *openSegment        // the last one read around the page cache
	sizes  map[SegmentID]int64 // of their files, as they were found

	stored    map[ConsumerKey]int // where in st.Offsets
	side      []byte              // the side file
	sideHead  groupHead           // zero: it does not count
	uncertain bool                // its journal is lost
	unfiled   bool                // a segment that a journal names is not there
	rewrite   bool                // what reads back right may not be on disk
	bounds    []reservedBound
}

type openSegment struct {
	id SegmentID
	fd int32
}

func (l *logRecovery) run() error {
	l.byNext, l.fds, l.stored = map[Offset]*entry{}, map[SegmentID]int32{}, map[ConsumerKey]int{}
	l.sizes = map[SegmentID]int64{}
	if l.logEntries == nil {
		l.logEntries = newLogEntries()
	}
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
		onDisk, err := l.segmentsOnDisk()
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
	if e := l.unreached(); e != nil && l.r.journal.clean {
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
	for i, o := range l.st.Offsets {
		l.stored[o.Key] = i
	}
	l.dropSuperseded()
	for i := range l.list {
		e := &l.list[i]
		l.stable = max(l.stable, e.stable)
		switch e.kind {
		case entryBatch, entryDirect:
			l.byNext[e.prevNext] = e
		case entryReserve:
			l.reserved(e, e.next)
		case entryStart:
			l.st.Start = max(l.st.Start, e.base)
		case entryOffset:
			l.offset(e.storedOffset())
		case entryOffsets:
			for r := (stateReader{p: e.data, version: stateVersion}); len(r.p) >= offsetSize; {
				l.offset(r.offset())
			}
		case entrySealed:
			for r := (stateReader{p: e.data, version: stateVersion}); len(r.p) >= sealedSize; {
				sealed = append(sealed, r.segment())
			}
		case entryCheckpoint:
			l.checkpoint(e)
		}
	}
	for _, p := range l.pieces {
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

// offset takes a stored offset when it is the newest of its consumer.
func (l *logRecovery) offset(o OffsetState) {
	l.st.OffsetCount = max(l.st.OffsetCount, o.Count)
	if i, ok := l.stored[o.Key]; ok {
		if o.Count > l.st.Offsets[i].Count {
			l.st.Offsets[i] = o
		}
		return
	}
	l.stored[o.Key] = len(l.st.Offsets)
	l.st.Offsets = append(l.st.Offsets, o)
}

// follow goes from batch to batch, each the successor of the one before, as long as they are whole.
func (l *logRecovery) follow() error {
	for {
		e := l.byNext[l.st.Next]
		if e == nil || e.next <= l.st.Next || !l.succeeds(e) {
			var err error
			if e, err = l.rest(l.st.Next); e == nil || err != nil || !l.succeeds(e) {
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

// unreached returns a batch that the log should have and does not reach, or nil.
func (l *logRecovery) unreached() *entry {
	for i := range l.list {
		if e := &l.list[i]; (e.kind == entryBatch || e.kind == entryDirect) && e.next > l.st.Next {
			return e
		}
	}
	return nil
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
	if plantedPanic && l.says(e, PanicOnRecovery) {
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
	if fd, err := l.openDirect(e.segment()); err == nil {
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
	if err := l.over(e.segment(), buf, e.pos); err != nil {
		return false, err
	}
	b, err := l.hasher.Verify(buf)
	return err == nil && len(b) == len(buf) && b.Checksum() == e.check && b.BaseOffset() == e.base, nil
}

func (l *logRecovery) path(id SegmentID) string { return SegmentPath(l.r.cfg.Dir, l.st.ID, id) }

func (l *logRecovery) open(id SegmentID) (int32, error) {
	if fd, ok := l.fds[id]; ok {
		return fd, nil
	}
	fd, err := l.r.d.Open(l.path(id), false, false)
	if err == nil {
		l.fds[id] = fd
	}
	return fd, err
}

// openDirect opens a segment for reads around the page cache, unless that may have what the disk has not.
func (l *logRecovery) openDirect(id SegmentID) (int32, error) {
	if l.rewrite {
		return l.open(id)
	}
	if l.direct != nil && l.direct.id == id {
		return l.direct.fd, nil
	}
	fd, err := l.r.d.Open(l.path(id), false, true)
	if err != nil {
		return fd, err
	}
	l.closeDirect()
	l.direct = &openSegment{id, fd}
	return fd, nil
}

func (l *logRecovery) closeDirect() {
	if l.direct != nil {
		l.r.d.Close(l.direct.fd)
		l.direct = nil
	}
}

func (l *logRecovery) close() {
	l.closeDirect()
	if l.side != nil {
		l.r.cfg.FileMemory.Put(l.side)
	}
	for _, fd := range l.fds {
		l.r.d.Close(fd)
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
	names, err := l.r.d.List(dir)
	if notExist(err) {
		return nil
	}
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

// reservedBound is a bound below which offsets may have been told, and the level at which.
type reservedBound struct {
	bound Offset
	level Level
}

// reserved takes a bound that e states.
func (l *logRecovery) reserved(e *entry, bound Offset) {
	l.st.Reserved = max(l.st.Reserved, bound)
	r := reservedBound{bound, Level(e.length)}
	if r.level == 0 { // an older build did not say: it is what the log has now
		r.level = l.level
	}
	l.bounds = append(l.bounds, r)
}

// toldAt is the lowest level at which offsets behind the end of the log may have been told. The level that the log has now says nothing of
// that: the run before may have had another one.
func (l *logRecovery) toldAt() Level {
	at := LevelPersisted
	for _, r := range l.bounds {
		if r.bound > l.st.Next {
			at = min(at, r.level)
		}
	}
	return at
}

// closeGap makes the log go on behind every offset that may have been told and is lost. Either way the next run reserves
// anew before it tells one: a run without journal groups has told none.
func (l *logRecovery) closeGap() {
	s := l.st
	trusted := l.side == nil && (l.r.journal.clean || l.toldAt() >= LevelWritten && !l.r.power || l.toldAt() == LevelPersisted)
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
func (l *logRecovery) certain() bool {
	if l.unfiled {
		return false
	}
	for i := 0; i < len(l.list); {
		shard, passed, left := l.list[i].shard, false, false
		for ; i < len(l.list) && l.list[i].shard == shard; i++ {
			e := &l.list[i]
			batch := e.kind == entryBatch || e.kind == entryDirect
			if !e.doubt && (batch || e.kind == entryCheckpoint) && (e.firstNext <= l.st.Next || batch && e.prevNext == l.st.Next) {
				passed = true
			}
			left = e.kind == entryLeft
		}
		if passed && !left {
			return true
		}
	}
	return false
}
