package storage

import "fmt"

// laps are the lap groups of a journal, each the last one of its file. A lap holds, for every log that laps carry: a checkpoint; the bytes
// below the checkpoint that no synced segment block has; the pending batches behind a direct batch whose write has not returned, by their
// entries; the descriptions of its segments that were sealed in this run; stored offsets; reservations and log starts that are in flight;
// and the metadata commands that no snapshot has.
//
// It is made in steps, so that no turn looks at all logs. No other group is placed meanwhile; what logs do goes into the group that gathers,
// which comes behind the lap, into the next file:
//
//	sizing     how large it will be
//	shrinking  what makes it too large is written to segments first; when that is done the size is taken again
//	making     its memory
//	filling    with what is carried of one log after the other. One that has grown too much meanwhile: the size is taken again
type laps struct {
	wanted  bool
	stage   lapStage
	cursor  cursor
	size    int64  // of the logs that were looked at so far
	excess  int64  // shrinking: so much less would do
	busy    bool   // shrinking: writes are on their way
	waits   bool   // for such a write to come back,
	ended   uint64 // when so many had before it began
	shrunk  bool   // nothing more can be written
	turns   int    // since the size was begun to be taken: what is known is exact in the first one
	tries   int    // how often it did not fit, when that was not exact
	slack   int64  // for what logs grow while it is filled
	filling *group // what was filled so far
	placed  *group // in flight
	paused  bool   // its next step is for the next turn, and waits for nothing else
	asleep  bool   // it waits for what is in flight; its completion tells

	named     int64     // bytes of direct batches below LevelPersisted since the last one: a start after a kill reads them
	flushedAt int64     // how many sixteenths of the file were full when long tails were last written out
	final     bool      // it is the last group of this run
	mark      cleanMark // where that lies
}

type lapStage uint8

const (
	lapSizing lapStage = iota
	lapShrinking
	lapMaking
	lapFilling
)

// lapSlack is room in a lap for its head, and for what changes while it is on its way.
const lapSlack = 16 << 10

// lapTries is how often a lap is begun again that seemed too large, while logs went on.
const lapTries = 100

// again has the size taken anew.
func (v *laps) again() {
	v.stage, v.size, v.cursor, v.busy, v.shrunk, v.turns = lapSizing, 0, cursor{}, false, false, 0
}

// shrink has tails written out; ended is how many writes have come back so far.
func (v *laps) shrink(excess int64, ended uint64) {
	v.stage, v.cursor, v.excess, v.ended = lapShrinking, cursor{}, excess, ended
}

// startLap writes the lap group of the present journal file, or goes on with it, for some logs in each turn.
func (j *journal) startLap() {
	v := &j.laps
	v.wanted, v.paused, v.asleep = true, false, true
	if j.writing > 0 {
		return // its place is behind the groups in flight, and they may change what it holds
	}
	if v.waits && v.ended == j.s.chunks.ended {
		return // no write has come back yet
	}
	v.waits = false
	v.turns++
	for left := j.s.cfg.LogsPerTurn; ; {
		goesOn := false
		switch v.stage {
		case lapSizing:
			goesOn = j.sizeLap(&left)
		case lapShrinking:
			goesOn = j.shrinkLap(&left)
		case lapMaking:
			goesOn = j.makeLap(left)
		case lapFilling:
			goesOn = j.fillLap(&left)
		}
		if !goesOn {
			v.asleep = v.asleep && !v.paused
			return
		}
	}
}

// sizeLap takes the size of a lap made now.
func (j *journal) sizeLap(left *int) bool {
	s, v := j.s, &j.laps
	for {
		l, end := v.cursor.next(&s.logs.lapped, left)
		if l != nil {
			v.size += carried{l}.size()
			continue
		}
		if v.paused = !end; !end {
			return false
		}
		size := j.lapSize()
		if v.stage = lapMaking; size > j.lapMost() && !v.shrunk {
			v.shrink(size-s.room.fixed, s.chunks.ended)
		}
		return true
	}
}

// shrinkLap writes whole blocks out, and pads the tails that are left, until a lap is smaller by what is too much.
func (j *journal) shrinkLap(left *int) bool {
	v := &j.laps
	for {
		l, end := v.cursor.next(&j.s.logs.lapped, left)
		if end && v.busy {
			v.again() // when the writes are done
			v.waits = true
			return false
		}
		if end {
			v.stage, v.shrunk = lapMaking, true
			return true
		}
		if v.paused = l == nil; l == nil {
			return false
		}
		flushTail(l, BlockSize)
		if seg := l.segs.active(); seg != nil && v.excess > 0 && l.tail.flushed < seg.end && len(l.tail.writes) == 0 {
			v.excess -= l.tail.unwritten(seg)
			l.pad()
		}
		v.busy = v.busy || l.tail.inFlight() && l.fenced == nil
	}
}

// lapSize bounds a lap made of the logs that were looked at.
func (j *journal) lapSize() int64 {
	return groupHeadSize + tableCarry + j.s.room.meta.size() + j.s.moves.bytes() + j.laps.size
}

// makeLap gets the memory of the lap; so many logs can be filled in in this turn.
func (j *journal) makeLap(left int) bool {
	s, v := j.s, &j.laps
	room, size := j.files[j.cur].Size-j.pos, j.lapSize()
	if size > room && s.space.blocks.count > 0 {
		v.again() // when there is room for them
		return false
	}
	if size <= room {
		v.tries = 0
	}
	if size > room && v.turns > 1 && v.tries < lapTries {
		v.tries++
		v.again()
		v.paused = true
		return false
	}
	if size > room {
		j.fail(fmt.Errorf("%w: %d bytes for a lap, %d are left", errJournalTooSmall, size, room))
		return false
	}
	excess := size - s.room.fixed
	if len(s.logs.lapped.order) > left { // they may grow until they are filled in
		v.slack = max(v.slack, lapSlack, size/8)
		size = min(size+v.slack, room)
	}
	bytes := int(alignUp(Pos(size)))
	g := j.newGroup(bytes)
	if g == nil && !v.shrunk {
		v.shrink(excess, s.chunks.ended)
		return true
	}
	if g == nil { // groups that wait for this lap have the memory: it must not wait for them
		g = j.groupOf(s.cfg.LapMemory, bytes)
	}
	if g == nil {
		v.again() // in the next turn
		v.asleep = false
		return false
	}
	v.filling, v.stage, v.cursor, v.named = g, lapFilling, cursor{}, 0
	j.into(g, func() {
		s.room.meta.carry(j)
		s.moves.carry(g)
		s.table.carry(j)
	})
	return true
}

// into has f add to another group than the one that gathers.
func (j *journal) into(g *group, f func()) {
	gather := j.gather
	j.gather = g
	f()
	j.gather = gather
}

// fillLap adds what is carried of one log after the other, and places the lap.
func (j *journal) fillLap(left *int) bool {
	v := &j.laps
	g := v.filling
	for {
		l, end := v.cursor.next(&j.s.logs.lapped, left)
		if end {
			j.placeLap()
			return false
		}
		if v.paused = l == nil; l == nil {
			return false
		}
		size, before := carried{l}.size(), g.n
		if int64(g.n)+size > int64(len(g.buf)) {
			j.dropLap()
			return true
		}
		j.into(g, func() { carried{l}.add(j) })
		if int64(g.n-before) > size {
			panic(fmt.Sprintf("BUG: log %d takes %d bytes of a lap, %d were counted", l.cfg.ID, g.n-before, size))
		}
	}
}

// dropLap gives up a lap that has no room for what its logs have grown by, and begins again with more.
func (j *journal) dropLap() {
	v := &j.laps
	v.filling.memory.Put(v.filling.buf)
	v.filling.buf = nil
	j.free = append(j.free, v.filling)
	v.filling, v.slack = nil, max(2*v.slack, lapSlack)
	v.again()
	v.turns = 1 // it goes on in this one
}

// placeLap writes a lap that is whole.
func (j *journal) placeLap() {
	v := &j.laps
	g := v.filling
	g.flags, g.persist = groupLap, true
	if v.final {
		g.flags |= groupClean
		v.mark = cleanMark{number: j.number, block: uint32(j.pos / BlockSize), file: uint32(j.cur)}
	}
	v.again()
	v.wanted, v.filling, v.slack, v.tries = false, nil, 0, 0
	v.placed = g
	j.place(g)
}
