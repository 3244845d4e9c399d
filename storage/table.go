package storage

import "fmt"

// The log table holds where the logs of a shard stand that laps need not carry, so that what a lap takes depends on the logs in use and not
// on all logs. It is two files, used in turn, beside the shard's journal:
//
//	journal/shard-NNNN-K.logs:  group | group | ...      of records: what a lap would carry of a log that rests
//
// A log begins with the state file: as long as nothing is journaled of it, that tells where it stands. With the first entry laps carry it
// (stir). When it has rested from one lap to the next, and laps are not small, it is written to the table, and when that is on stable storage
// laps carry it no more, until the next entry. Its record may be older then; that changes nothing: recovery takes the furthest of everything that
// only rises, and bytes of a position never change.
//
// Records of logs that have gone on are of no use. When a file holds more of these than of others, the others are copied to the other file,
// which is free when no lap that may still be read names it.
//
// What is written: when laps take more than a sixteenth of a journal file, once per lap the logs that rest; and when a log finds no room
// in laps, whatever rests.
type logTable struct {
	s      *Store
	files  [2]tableFile
	cur    int     // where records go
	last   uint64  // generation begun last; 0: none in this run
	live   int64   // bytes of records of logs that the table tells
	named  [2]bool // by the newest lap on stable storage
	naming [2]bool // by the one made last

	wanted   bool // a round over the logs in laps is due, or under way
	wait     lapWait
	copying  bool // records of the other file
	waits    bool // for a lap that does not name the other file
	missed   bool // a group of the copy was refused: some records are in the other file still
	cursor   cursor
	round    tableRound
	next     int64 // not before
	extendAt int64 // not before that is a file made or extended
	refusal  error // why it could not be written the last time; nil: it could

	g       *group        // being filled
	batch   []tableRecord // in it
	opening bool
	writing bool
	landed  bool // it is on stable storage, and that has not taken effect
	failed  bool // no more is written in this run
}

// tableRecord is one of the group that is filled or written.
type tableRecord struct {
	log  *Log
	size int64
}

// tableRound counts what one round over the logs in laps found.
type tableRound struct {
	added    int // to the group that is filled
	cooled   int // passed over, as they were used since the last one
	unsynced int // rest but for what their journal has not synced
}

const (
	tableGroup   = 256 << 10 // bytes of a group, unless one record is larger
	tableCarry   = 2 * entryHeadSize
	tableSlack   = 1 << 20    // of records that are of no use, before others are copied
	tablePause   = int64(2e6) // when there is no memory for a group, nanoseconds
	tableRefused = int64(1e9) // between tries when the disk is full
)

func (t *logTable) begin(s *Store) {
	t.s = s
	t.files[0].fd, t.files[1].fd = -1, -1
}

// carries reports whether laps have room for a log that takes so many bytes more. One that alone takes more than all may together is not
// turned away for it.
func (r *LapRoom) carries(bytes int64) bool {
	most := r.CarryMax()
	if bytes > most {
		most = r.share(segmentsShare)
	}
	return r.Carry()+bytes <= most
}

// admits reports whether the journal may say something of l: laps carry it, or have room for it. False without an error: it may, when
// others have been written to the table.
func (t *logTable) admits(l *Log) (bool, error) {
	if l.standing.lapped() {
		return true, nil
	}
	w, bytes := &t.wait, (carried{l}).fixed()
	if (w.lets(l.cfg.ID) || t.failed) && t.s.room.carries(bytes) {
		in := t.s.journal.takesIn(bytes)
		if in {
			w.served(l.cfg.ID)
		}
		return in, nil
	}
	if t.failed || w.refuses(t.s.mono) {
		err := t.lack()
		t.s.reportRoom("appends are refused", l.cfg.ID, err, &t.s.room.nextSegments)
		return false, err
	}
	w.ask(l.cfg.ID, bytes)
	t.wanted = true
	return false, nil
}

// admitsNow is admits while space is short: the table is not written then, so that no log leaves laps, and nothing may have a lap come. What
// it lets in may be in every lap until there is space: it stays within what a whole file has room for.
func (t *logTable) admitsNow(l *Log, more int64) bool {
	if !l.standing.lapped() {
		more += carried{l}.fixed()
	}
	r := &t.s.room
	return more == 0 || r.Carry()+more <= r.share(segmentsShare) && t.s.journal.lapHolds(more)
}

// lapIsSafe is told of every lap on stable storage: what it does not name is needed no more.
func (t *logTable) lapIsSafe() {
	t.named, t.waits = t.naming, false
	t.wanted = t.wanted || t.s.room.Carry() > t.s.cfg.LapSmall
}

// carry has a lap say which files it needs. It is called before the lap is filled: logs that leave laps meanwhile are in groups that were
// safe before it is.
func (t *logTable) carry(j *journal) {
	for k := range t.files {
		f := &t.files[k]
		t.naming[k] = f.groups > 0 && (k == t.cur || t.copying)
		if t.naming[k] {
			j.add(&entry{kind: entryTable, level: LevelPersisted, base: Offset(f.generation), next: Offset(f.groups), pos: f.end, length: uint32(k)}, nil)
		}
	}
}

// busy reports whether something has to come back before the table can go on.
func (t *logTable) busy() bool {
	s := t.s
	return t.opening || t.writing || t.waits || t.failed || s.ending || s.space.short || s.journal.failed != nil
}

// deadline is when the table wants a turn; 0: it waits for something else, or for nothing.
func (t *logTable) deadline() int64 {
	next := int64(0)
	if t.busy() {
		return next
	}
	if (t.wanted || t.copying) && !t.wait.syncs(&t.s.journal) {
		next = max(t.next, t.s.mono)
	}
	if t.lacks() && (next == 0 || t.extendAt < next) {
		next = max(t.extendAt, t.s.mono)
	}
	return next
}

// goesOn reports whether there is anything that goOn may do.
func (t *logTable) goesOn() bool {
	return t.wanted || t.copying || t.landed || t.wait.refusing != 0 || t.lacks()
}

// goOn takes the table further, by some logs in each turn.
func (t *logTable) goOn() {
	if t.landed && t.s.journal.laps.filling == nil { // a lap that is being filled counts on who is in it
		t.settle()
	}
	if t.wait.refusing != 0 && !t.s.more {
		t.wait.tried(t.s.mono)
	}
	if t.busy() || t.prepare() || t.landed || !t.wanted && !t.copying {
		return
	}
	if t.wait.syncs(&t.s.journal) {
		t.s.journal.syncBuffered() // what came when it was being done already
		return
	}
	if t.s.mono < t.next || t.files[t.cur].fd < 0 {
		return
	}
	if t.files[t.cur].generation == 0 {
		t.restart()
	}
	left := t.s.cfg.LogsPerTurn
	switch {
	case t.copying || t.copyDue():
		t.copy(&left)
	case t.writing: // what was filled
	case t.overdue():
		t.askLap()
	default:
		t.look(&left)
	}
}

// look writes logs to the table that laps carry and that rest: those that were not used since the last round, unless others wait for their
// room for more than one.
func (t *logTable) look(left *int) {
	for {
		l, end := t.cursor.next(&t.s.logs.lapped, left)
		if end {
			t.flush()
			t.roundEnds()
			return
		}
		if l == nil {
			return
		}
		*left -= len(l.segs.list) / segmentsPerLog
		g := l.segs.active()
		switch v := &l.standing; {
		case v.used && t.wait.rounds == 0:
			v.used = false
			t.round.cooled++
		case !finished(l):
		case !v.safe(&t.s.journal):
			t.round.unsynced++
		case g != nil && l.tail.flushed < g.end:
			l.pad() // it is written the next time
		case !t.add(l):
			t.cursor.at-- // in the next group
			return
		default:
			t.round.added++
			l.standing.by = tellsSoon
		}
	}
}

// roundEnds decides whether another round follows.
func (t *logTable) roundEnds() {
	r, w := t.round, &t.wait
	t.round = tableRound{}
	if !w.on {
		t.wanted = false
		return
	}
	var hopeless bool
	if t.next, hopeless = w.roundEnds(r, &t.s.journal); hopeless {
		t.wanted, t.refusal = false, nil
		w.refuse(t.s.mono + waitRefusing)
	}
	if !w.asked && t.s.room.Carry() <= t.s.room.CarryMax()/2 { // a large log may wait for more than that
		w.end()
	}
	w.asked = false
}

// enough is how large the file that records go to is without a copy: as much of it is of no use as is of use.
func (t *logTable) enough() int64 { return 2*(t.live+BlockSize) + t.s.cfg.TableSlack }

// overdue reports whether records have to be copied before others are written. A copy waits for a lap that does not name the other file, and when
// laps are rare so much may be written meanwhile as such a lap takes: that one is asked for costs no more than was saved.
func (t *logTable) overdue() bool {
	return int64(t.files[t.cur].end) > t.enough()+t.s.room.Carry() && t.files[1-t.cur].fd >= 0
}

// askLap waits for the next lap, and has one made unless it is on its way.
func (t *logTable) askLap() {
	t.waits = true
	if v := &t.s.journal.laps; !v.wanted && v.placed == nil {
		v.wanted, v.paused = true, true
	}
}

// copyDue begins a copy to the other file when more of this one is of no use than of use, and the other one is free.
func (t *logTable) copyDue() bool {
	other := 1 - t.cur
	if int64(t.files[t.cur].end) <= t.enough() || t.files[other].fd < 0 || (t.named[other] || t.naming[other]) && !plantedTableOverwritten {
		return false
	}
	t.flush()
	if t.writing {
		return false
	}
	t.cur, t.copying, t.missed, t.cursor, t.round = other, true, false, cursor{}, tableRound{}
	t.restart()
	return true
}

// copy writes records anew that are in the other file.
func (t *logTable) copy(left *int) {
	f := &t.files[t.cur]
	for {
		l, end := t.cursor.next(&t.s.logs.places, left)
		if end {
			t.flush()
			t.copying, t.missed = t.writing || t.missed, false // its end is that of the last write
			return
		}
		if l == nil {
			return
		}
		if v := &l.standing; v.by == tellsTable && v.generation != f.generation && !t.add(l) {
			t.cursor.at--
			return
		}
	}
}

// add has the group that is filled say where l stands. False: there is no room in it, and it is written, or no memory.
func (t *logTable) add(l *Log) bool {
	j := &t.s.journal
	size := int(carried{l}.size())
	if t.g != nil && t.g.n+size > len(t.g.buf) {
		t.flush()
		return false
	}
	if t.writing {
		panic("BUG: a group of the log table is filled while it is written")
	}
	if t.g == nil {
		t.g = j.newGroup(max(tableGroup, int(alignUp(Pos(groupHeadSize+size)))))
	}
	if t.g == nil {
		t.next = t.s.mono + tablePause
		return false
	}
	before := t.g.n
	j.into(t.g, func() { carried{l}.add(j) })
	t.batch = append(t.batch, tableRecord{l, int64(t.g.n - before)})
	l.standing.row = len(t.batch)
	return true
}

// flush writes the group that is filled, if one is.
func (t *logTable) flush() {
	g, f := t.g, &t.files[t.cur]
	if g == nil || g.count == 0 {
		return
	}
	first := t.s.journal.first
	p := g.buf[:alignUp(Pos(g.n))]
	sealGroup(p, groupHead{flags: groupTable, number: tableNumber(first, f.generation, f.groups), first: first, entries: uint32(g.n - groupHeadSize),
		count: uint32(g.count), shard: uint32(t.s.cfg.Shard)}, t.s.cfg.Seed)
	t.writing = true
	t.s.ops.issue(Op{Kind: OpWrite, FD: f.fd, Pos: int64(f.end), Buf: p, DSync: !plantedTableUnsynced}, pendingOp{done: tableWritten, n: int64(len(p))})
}

func tableWritten(s *Store, p *pendingOp, _ int64, err error) {
	t := &s.table
	t.writing = false
	t.g.memory.Put(t.g.buf)
	t.g.buf = nil
	s.journal.free = append(s.journal.free, t.g)
	t.g = nil
	if err == nil {
		f := &t.files[t.cur]
		f.groups++
		f.end += Pos(p.n)
		f.alloc = max(f.alloc, f.end)
		t.landed, t.refusal = true, nil
		return
	}
	for i := range t.batch {
		if l := t.batch[i].log; l != nil && l.standing.by == tellsSoon {
			l.standing.by = tellsLap
		}
	}
	t.missed = t.missed || t.copying
	t.drop()
	t.refused(err)
}

// settle has laps carry the logs no more whose records are on stable storage, but for those that have gone on meanwhile.
func (t *logTable) settle() {
	t.landed = false
	for i := range t.batch {
		l := t.batch[i].log
		if l == nil {
			continue
		}
		v := &l.standing
		if l.gone || v.by != tellsSoon && v.by != tellsTable {
			continue
		}
		if v.by == tellsSoon {
			t.s.logs.lapped.cut(v.at)
			v.by, v.size, t.wait.left = tellsTable, 0, true
			l.noteFixed()
			t.s.stats.Records++
		} else {
			t.s.stats.Copied++
		}
		t.live += t.batch[i].size - v.size
		v.size, v.generation = t.batch[i].size, t.files[t.cur].generation
	}
	t.drop()
}

// drop forgets which logs are in the group that was written.
func (t *logTable) drop() {
	for i := range t.batch {
		if l := t.batch[i].log; l != nil {
			l.standing.row = 0
		}
	}
	clear(t.batch)
	t.batch = t.batch[:0]
}

// forget is told of a log that leaves the store.
func (t *logTable) forget(l *Log) {
	switch v := &l.standing; v.by {
	case tellsLap, tellsSoon:
		t.s.logs.lapped.cut(v.at)
	case tellsTable:
		t.live -= v.size
	}
	l.standing.by = tellsState
	l.noteFixed()
	if row := &l.standing.row; *row > 0 {
		t.batch[*row-1].log, *row = nil, 0 // it may be another shard's from now on
	}
}

func (t *logTable) invariants() {
	lapped, live, rows := 0, int64(0), 0
	for i, r := range t.batch {
		if r.log == nil {
			continue
		}
		if rows++; r.log.standing.row != i+1 {
			panic(fmt.Sprintf("BUG: log %d is row %d of the group of the table, its mark says %d", r.log.cfg.ID, i+1, r.log.standing.row))
		}
	}
	for l := range t.s.logs.all() {
		v := &l.standing
		if v.row > 0 {
			rows--
		}
		switch v.by {
		case tellsLap, tellsSoon:
			if lapped++; t.s.logs.lapped.order[v.at] != l {
				panic(fmt.Sprintf("BUG: log %d is not among those that laps carry", l.cfg.ID))
			}
		case tellsTable:
			live += v.size
			if v.generation != t.files[t.cur].generation && !t.copying {
				panic(fmt.Sprintf("BUG: the record of log %d is in generation %d of the table, records go to %d", l.cfg.ID, v.generation, t.files[t.cur].generation))
			}
		}
		if !v.lapped() && (v.fixed != 0 || v.marks != 0 || l.pend.len() > 0 || len(l.tail.writes) > 0 || l.tail.unwritten(l.segs.active()) > 0 || l.fenced != nil) {
			panic(fmt.Sprintf("BUG: log %d has something in flight, and laps do not carry it", l.cfg.ID))
		}
	}
	if n := t.s.logs.lapped.count(); n != lapped || live != t.live || rows != 0 {
		panic(fmt.Sprintf("BUG: %d more rows than marks; laps carry %d logs, %d places are taken; the table has records of %d bytes, %d were counted", rows, lapped, n, live, t.live))
	}
}

// tableNumber is the number of a group of the table. Journals have no such groups.
func tableNumber(first, generation uint64, index int64) uint64 {
	return first + generation<<32 + uint64(index)
}

func tableName(shard, k int) string { return fmt.Sprintf("shard-%04d-%d%s", shard, k, tableSuffix) }

const tableSuffix = ".logs"

func tablePath(dir string, shard, k int) string { return dir + "/journal/" + tableName(shard, k) }
