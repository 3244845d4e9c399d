package storage

import (
	"errors"
	"fmt"
)

// The journal of a shard: two files of equal size, preallocated and written once with zeros, used in turn.
//
//	file:  head block | group | group | ... | lap group | unused
//
// Everything appended in a turn by all logs leaves as one group. At most two groups are being written at a time; while
// they are, the next one gathers. The last group of a file is its lap group: it holds all that the shard still needs of
// what went before, and only when it is safe is the other file overwritten. The last quarter of a file is kept for it.
//
// What every lap takes in any case is bounded, in sixteenths of a file, so that a lap and the largest group always fit: logs
// that come into use up to 4 (CarryMax), new consumers' offsets up to 5, new segments up to 6, so that none uses up what the next needs, and
// metadata commands 2 beside them. Beyond its bound each is refused.

var errJournalTooSmall = errors.New("storage: the journal is too small for the logs and stored offsets of its shard; set journal_size to more")

// JournalFile is one file of a journal, open for buffered and, where the filesystem allows it, direct writes.
type JournalFile struct {
	FD     int32 // buffered
	Direct int32 // for synced writes: O_DIRECT, or FD again
	Sync   int32 // for syncs, and never for synced writes: each descriptor hears of an error once
	Size   int64
}

const (
	cachedMax         = 8 << 20 // synced in the background beyond it, however young: many small syncs stall nobody
	groupsInFlightMax = 2
	groupsReadyMax    = 2 // closed and waiting for their place; beyond that, requests wait
	groupBytesMin     = 32 << 10
	groupBytesLeast   = DirectMin + BlockSize // what the largest batch of a journal needs, if nothing else does
	groupBytesMax     = 2 << 20               // that a group grows to; a larger one has one entry
	lapBytesMax       = 4 << 20               // that a lap takes if it can be made smaller

	// namedMax bounds what a start after a kill reads of segments: a lap says that it is there, and a file of the journal has names for many times as much.
	namedMax = 128 << 20

	// JournalBytesMin is the least size of a journal file: its lower half must hold the largest entry.
	JournalBytesMin = 512 << 10
)

const (
	logsShare     = 4 // sixteenths of a file, see above
	offsetsShare  = 5
	segmentsShare = 6
	metaShare     = 2
	growthShare   = 1 // while a lap is on its way
	groupShare    = 16 - segmentsShare - metaShare - growthShare
)

// What a lap leaves of the smallest journal file holds the head block and the largest batch that goes through the journal.
const _ uint = JournalBytesMin/16*groupShare - BlockSize - groupHeadSize - 2*entryHeadSize - DirectMin - BlockSize

// group is a journal group being gathered, in flight, or written and not yet safe.
type group struct {
	number  uint64 // order on disk, given when it is placed
	seq     uint64 // order of gathering, which is the order of placing; 0 for lap groups
	flags   uint16
	persist bool
	direct  bool // written with DSYNC: synced when written
	written bool
	synced  bool
	syncing bool
	refused bool // there was no room for it: to be written again
	again   bool // it was refused before
	frees   bool // something in it frees space on the disk
	file    int
	pos     int64 // of it in the file
	buf     []byte
	memory  Memory // that buf is of
	n       int    // bytes used, head included
	count   int
	meta    uint64 // index of the last metadata command in it, 0: none
	born    int64  // monotonic nanoseconds of its write
	logs    []*Log
	wait    requestList // answered when safe at their level
	marks   []mark
}

type journal struct {
	s        *Store
	files    [2]JournalFile
	cur      int
	pos      int64
	number   uint64 // of the next group placed
	first    uint64 // of this run
	meta     uint64 // index of the last metadata command placed
	psafe    uint64 // last group safe on stable storage
	wsafe    uint64 // last group safe in the kernel
	seq      uint64 // of the last group begun
	pseq     uint64 // gathering order of the last group safe on stable storage
	wseq     uint64 // and in the kernel
	gather   *group
	ready    []*group   // closed, waiting to be placed
	unsafe   groupQueue // placed, in order, not yet synced
	unasked  uint64     // groups below are synced or being synced
	marks    int        // in unsafe groups
	cached   int64      // bytes in the page cache that no sync was asked for
	writing  int
	syncing  [2]bool
	laps     laps
	failed   error
	refusals refusals
	free     []*group
	scratch  []byte // for what laps carry
}

// groupQueue holds groups with consecutive numbers; it finds one by its number and reuses its memory.
type groupQueue struct {
	items []*group
	head  int
}

// all is valid until the queue changes.
func (q *groupQueue) all() []*group { return q.items[q.head:] }

// from returns the groups from number n on.
func (q *groupQueue) from(n uint64) []*group {
	all := q.all()
	if len(all) == 0 || n <= all[0].number {
		return all
	}
	return all[min(uint64(len(all)), n-all[0].number):]
}

func (q *groupQueue) push(g *group) {
	if q.head > len(q.items)/2 && len(q.items) == cap(q.items) {
		k := copy(q.items, q.all())
		clear(q.items[k:])
		q.items, q.head = q.items[:k], 0
	}
	q.items = append(q.items, g)
}

func (q *groupQueue) pop() {
	q.items[q.head] = nil
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
}

// groupMax is what a group may grow to, groupLimit what it may have at all.
func (j *journal) groupMax() int { return int(j.s.room.groupMax()) }

// Laps of a directory that an older build filled, whose entries were smaller, take more than their share, and leave groups less.
func (j *journal) groupLimit() int {
	size := j.files[0].Size
	return int(max(groupBytesLeast, min(size/16*groupShare, size-j.lapRoom())-2*BlockSize))
}

// lapRoom is what is kept at the end of each file for the lap group: a quarter, or what a lap holds in any case.
func (j *journal) lapRoom() int64 {
	size := j.files[0].Size
	return max(size/4, j.s.room.fixed+max(lapSlack, size/16*growthShare)) &^ (BlockSize - 1)
}

// takesIn reports whether laps can have so many bytes more from now on. Where the next one would not fit into what is left of the file, it is
// made first: then there is a whole file.
func (j *journal) takesIn(bytes int64) bool {
	if j.pos == BlockSize || j.lapHolds(bytes) {
		return true
	}
	j.laps.wanted = true
	return false
}

// lapHolds reports whether what is left of the file is kept for the next lap also when that takes n bytes more in any case.
func (j *journal) lapHolds(n int64) bool {
	size := j.files[j.cur].Size
	return j.laps.placed != nil || max(j.lapRoom(), j.s.room.fixed+n+max(lapSlack, size/16*growthShare)) <= size-j.pos
}

func (j *journal) newGroup(size int) *group { return j.groupOf(j.s.cfg.JournalMemory, size) }

func (j *journal) groupOf(memory Memory, size int) *group {
	buf := memory.Get(size)
	if buf == nil {
		return nil
	}
	var g *group
	if k := len(j.free); k > 0 {
		g = j.free[k-1]
		j.free = j.free[:k-1]
	} else {
		g = &group{logs: make([]*Log, 0, 16)}
	}
	logs, marks := g.logs[:0], g.marks[:0]
	*g = group{memory: memory, buf: buf, n: groupHeadSize, logs: logs, marks: marks}
	return g
}

// room makes the gathering group hold n more bytes of entries, or reports false: no memory, or too many groups wait.
func (j *journal) room(n int) bool {
	if j.failed != nil {
		return false
	}
	if g := j.gather; g != nil {
		if g.n+n <= min(len(g.buf), j.groupLimit()) || j.grow(g, n) {
			return true
		}
		if len(j.ready) >= groupsReadyMax {
			return false
		}
		j.ready = append(j.ready, g)
		j.gather = nil
	}
	size := groupBytesMin
	for size < n+groupHeadSize {
		size *= 2
	}
	if j.gather = j.newGroup(size); j.gather == nil {
		return false
	}
	j.seq++
	j.gather.seq = j.seq
	return true
}

// grow moves a gathering group into a larger buffer, up to the largest group.
func (j *journal) grow(g *group, n int) bool {
	size := len(g.buf)
	for size < g.n+n {
		size *= 2
	}
	if size > j.groupMax() {
		return false
	}
	buf := j.s.cfg.JournalMemory.Get(size)
	if buf == nil {
		return false
	}
	copy(buf, g.buf[:g.n])
	j.s.cfg.JournalMemory.Put(g.buf)
	g.buf = buf
	return true
}

// add appends e with its data to the gathering group. room was asked before.
func (j *journal) add(e *entry, data []byte) {
	g := j.gather
	e.put(g.buf[g.n:], len(data))
	g.n += entryHeadSize
	g.n += copy(g.buf[g.n:], data)
	if len(data) > 0 {
		j.s.stats.copied(len(data))
	}
	g.count++
	if e.level == LevelPersisted {
		g.persist = true
	}
	if e.kind == entryMeta {
		g.meta = uint64(e.base)
	}
}

// touch notes that l has to be looked at when the gathering group is safe.
func (j *journal) touch(l *Log) {
	g := j.gather
	if l.touched == g && g != nil {
		return
	}
	l.touched = g
	g.logs = append(g.logs, l)
}

// flush places what is ready, as far as two groups in flight allow.
func (j *journal) flush() {
	if j.failed != nil || j.laps.placed != nil || j.stuck() {
		return
	}
	if j.laps.wanted || j.namesMuch() {
		j.startLap()
		return
	}
	for j.writing < groupsInFlightMax {
		g := j.next()
		if g == nil {
			return
		}
		size := int64(alignUp(Pos(g.n)))
		if end := j.pos + size; j.laps.wanted || end > j.files[j.cur].Size-j.lapRoom() {
			j.putBack(g)
			if j.pos == BlockSize {
				j.fail(fmt.Errorf("%w: %d bytes for each lap", errJournalTooSmall, j.s.room.fixed))
				return
			}
			j.startLap()
			return
		}
		j.place(g)
		if part := j.pos * 16 / j.files[j.cur].Size; part >= 8 && part > j.laps.flushedAt {
			j.laps.flushedAt = part // at most once per sixteenth of the file
			j.s.rounds.sweeping = true
		}
	}
}

// namesMuch reports whether a lap is due for the bytes that a start after a kill would have to read. That is not urgent: while much is in
// flight, which a lap would have to wait for, it may be twice as many.
func (j *journal) namesMuch() bool {
	most := j.s.cfg.NamedMax
	if j.laps.named <= most || j.pos == BlockSize {
		return false
	}
	return j.laps.named > 2*most || j.s.room.fixed+j.s.chunks.flying <= j.lapMost()
}

// lapMost is how large a lap may be that nothing is made smaller for.
func (j *journal) lapMost() int64 {
	return min(j.lapRoom(), j.s.room.fixed+lapBytesMax, j.files[j.cur].Size-j.pos)
}

func (j *journal) next() *group {
	if len(j.ready) > 0 {
		g := j.ready[0]
		copy(j.ready, j.ready[1:])
		j.ready = j.ready[:len(j.ready)-1]
		return g
	}
	g := j.gather
	if g == nil || g.count == 0 && g.flags == 0 {
		return nil
	}
	j.gather = nil
	return g
}

func (j *journal) putBack(g *group) {
	j.ready = append(j.ready, nil)
	copy(j.ready[1:], j.ready)
	j.ready[0] = g
}

// place gives g its number and its place, and writes it.
func (j *journal) place(g *group) {
	size := int(alignUp(Pos(g.n)))
	p := g.buf[:size]
	g.number = j.number
	j.number++
	g.file = j.cur
	j.meta = max(j.meta, g.meta)
	h := groupHead{flags: g.flags, number: g.number, safe: j.psafe, first: j.first,
		entries: uint32(g.n - groupHeadSize), count: uint32(g.count), shard: uint32(j.s.cfg.Shard), meta: j.meta}
	sealGroup(p, h, j.s.cfg.Seed)
	g.direct = g.persist
	g.pos = j.pos
	j.pos += int64(size)
	if j.pos > j.files[j.cur].Size {
		panic("BUG: journal group beyond the end of its file")
	}
	j.unsafe.push(g)
	if !g.direct {
		j.cached += int64(size)
	}
	j.marks += len(g.marks)
	for i := range g.marks {
		g.marks[i].log.standing.marks++
	}
	j.s.stats.Groups++
	j.write(g)
	if g.persist && !plantedDirectAfterBuffered {
		j.syncBuffered()
	}
}

// write writes a group at its place, for the first time or again.
func (j *journal) write(g *group) {
	f := &j.files[g.file]
	op := Op{Kind: OpWrite, FD: f.FD, Pos: g.pos, Buf: g.buf[:alignUp(Pos(g.n))], Inline: true}
	if g.direct {
		op.FD, op.DSync, op.Inline = f.Direct, !plantedAckBeforeSyncBuffered, false
	}
	g.born = j.s.mono
	j.writing++
	j.s.ops.issue(op, pendingOp{done: groupWritten, g: g})
}

// syncBuffered syncs the files that hold groups which lie in the page cache only.
func (j *journal) syncBuffered() {
	for f := range j.files {
		if j.syncing[f] {
			continue
		}
		need := false
		for _, g := range j.unsafe.from(j.unasked) {
			if g.file == f && !g.direct && !g.synced && !g.refused {
				g.syncing = true
				need = true
			}
		}
		if need {
			j.syncing[f] = true
			j.cached = 0
			j.s.ops.issue(Op{Kind: OpFdatasync, FD: j.files[f].Sync}, pendingOp{done: journalSynced, n: int64(f)})
		}
	}
}

func groupWritten(s *Store, p *pendingOp, _ int64, err error) {
	j := &s.journal
	j.writing--
	if FullDisk(err) && j.failed == nil && !plantedRefusedIsWritten {
		j.refuse(p.g, err)
		return
	}
	if plantedRefusedIsWritten && FullDisk(err) {
		err = nil
	}
	p.g.memory.Put(p.g.buf)
	p.g.buf = nil
	if err != nil {
		j.fail(err)
	}
	if j.failed != nil {
		return
	}
	p.g.written = true
	j.accepted()
	if p.g.direct {
		p.g.synced = true
		if plantedDirectAfterBuffered {
			for _, g := range j.unsafe.all() {
				g.synced = g.synced || g.written && g.number < p.g.number
			}
		}
	}
	j.advance()
}

func journalSynced(s *Store, p *pendingOp, _ int64, err error) {
	j := &s.journal
	f := int(p.n)
	j.syncing[f] = false
	if err != nil {
		j.fail(err)
	}
	if j.failed != nil {
		return // what is synced now says nothing of what a failed sync lost
	}
	again, persist := false, j.lastPersist()
	for _, g := range j.unsafe.all() {
		if g.file != f || g.direct {
			continue
		}
		if g.syncing && g.written {
			g.synced = true
		} else if !g.synced {
			again = again || persist > g.number && !g.refused
			j.unasked = min(j.unasked, g.number)
		}
		g.syncing = false
	}
	j.advance()
	if again {
		j.syncBuffered()
	}
}

// lastPersist is the number of the last group that must be persisted; 0: there is none.
func (j *journal) lastPersist() uint64 {
	all := j.unsafe.all()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].persist {
			return all[i].number
		}
	}
	return 0
}

// advance moves the safe numbers over the groups that are done, in order, and looks at what waited for them.
func (j *journal) advance() {
	for _, g := range j.unsafe.from(j.wsafe + 1) {
		if !g.written || g.number != j.wsafe+1 {
			break
		}
		j.wsafe = g.number
		j.wseq = max(j.wseq, g.seq)
		j.settle(g)
	}
	for all := j.unsafe.all(); len(all) > 0 && all[0].synced; all = j.unsafe.all() {
		g := all[0]
		j.unsafe.pop()
		j.marks -= len(g.marks)
		for i := range g.marks {
			g.marks[i].log.standing.marks--
		}
		j.psafe = g.number
		j.pseq = max(j.pseq, g.seq)
		j.settle(g)
		j.release(g)
	}
}

// settle looks at everything that may be answered now that g is safer than before.
func (j *journal) settle(g *group) {
	for _, l := range g.logs {
		j.s.working = l.cfg.ID
		l.settle()
	}
	if g.number <= j.psafe {
		for i := range g.marks {
			g.marks[i].apply(j.s)
		}
	}
	j.s.answerAll(g.answerable(j.psafe, j.wsafe), nil)
}

// answerable takes out the requests that waited for g and are as safe as they asked for, when groups are to psafe and to wsafe.
func (g *group) answerable(psafe, wsafe uint64) *Request {
	var safe requestList
	for r := g.wait.take(); r != nil; {
		next := r.next
		if g.number <= psafe || r.soFar.level <= LevelWritten && g.number <= wsafe {
			safe.push(r)
		} else {
			g.wait.push(r)
		}
		r = next
	}
	return safe.take()
}

func (j *journal) release(g *group) {
	for _, l := range g.logs {
		if l.touched == g {
			l.touched = nil
		}
	}
	if g == j.laps.placed {
		j.laps.placed = nil
		j.cur = 1 - j.cur
		j.pos, j.laps.flushedAt = BlockSize, 0
		j.s.stats.Laps++
		j.s.table.lapIsSafe()
	}
	clear(g.logs)
	clear(g.marks)
	j.free = append(j.free, g)
}

// fail stops all acknowledgements of this shard for good.
func (j *journal) fail(err error) {
	if j.failed == nil {
		j.failed = err
		j.s.report("journal failed", 0, err) // nothing that waits is answered: what is not safe was not told, and the process is about to end
	}
}

// finish has a lap group written as the last one of this run, when nothing else is on its way: the next start reads that group and nothing else. A log that lost what it
// told, because its segment failed, has no such end, and neither has the journal.
func (j *journal) finish() bool {
	ended, fenced := j.s.rounds.allEnded(&j.s.logs.lapped, j.s.cfg.LogsPerTurn)
	if !ended {
		return false
	}
	if fenced != nil {
		if !j.room(entryHeadSize) {
			return false
		}
		j.add(fenced.reservation.entry(fenced.cfg.ID), nil)
		return true
	}
	if g := j.gather; g != nil && g.count > 0 || len(j.ready) > 0 || j.writing > 0 || j.stuck() || j.laps.wanted || j.laps.placed != nil {
		return false
	}
	j.laps.final, j.laps.wanted = true, true
	return true
}

// syncDeadline returns when the oldest group in the page cache must go to stable storage; 0: none.
func (j *journal) syncDeadline() int64 {
	if j.failed != nil {
		return 0
	}
	groups, asked := j.unsafe.from(j.unasked), true
	for _, g := range groups {
		switch {
		case g.refused:
			asked = false
			continue
		case g.direct || g.synced || g.syncing:
			if asked {
				j.unasked = g.number + 1
			}
			continue
		case !j.syncing[g.file]:
			return g.born + j.s.cfg.LossBound.Nanoseconds()/2
		case g.file == groups[len(groups)-1].file:
			return 0 // all that follow lie in the file that is being synced
		}
		asked = false
	}
	return 0
}
