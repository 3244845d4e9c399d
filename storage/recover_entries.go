package storage

import (
	"bytes"
	"slices"
	"sort"
)

// logEntries is what the journals say of one log. Of bytes that belong into segments it has the places. Batches that follow one another
// are one entry, as long as nothing comes between them: a log may have as many in the journals as these have room for.
type logEntries struct {
	list    []entry
	pieces  map[SegmentID]*pieces
	offsets map[ConsumerKey]int // where in list the newest of each consumer is
	going   int                 // where in list the batches are that may go on; -1: there are none
	mark    Offset              // next of the last checkpoint: a log is followed from there, so batches begin anew
}

func newLogEntries() *logEntries {
	return &logEntries{pieces: map[SegmentID]*pieces{}, offsets: map[ConsumerKey]int{}, going: -1}
}

const runBytesMax = 1 << 31 // of batches in one entry

// add takes an entry that follows those before it in its journal. Its data is only lent.
func (x *logEntries) add(e *entry, at place) {
	data := e.data
	e.firstNext, e.firstTS, e.data = e.next, e.timestamp, nil
	switch e.kind {
	case entryBatch:
		x.piecesOf(e.segment()).add(piece{pos: e.pos, n: uint32(len(data)), place: at, batch: true})
		if x.goesOn(e) {
			return
		}
		x.going = len(x.list)
	case entryBytes:
		x.piecesOf(e.segment()).add(piece{pos: e.pos, n: uint32(len(data)), place: at})
	case entryOffset:
		if x.newerOffset(e) {
			return
		}
	case entryReserve:
		if x.reservedAgain(e) {
			return
		}
	case entryCheckpoint:
		x.mark, x.going = e.next, -1
	case entryDirect, entryLeft:
		x.going = -1
	case entryOffsets, entrySealed:
		e.data = slices.Clone(data)
	}
	x.list = append(x.list, *e)
}

// goesOn adds e to the batches before it, if it follows them or is one of them.
func (x *logEntries) goesOn(e *entry) bool {
	if x.going < 0 {
		return false
	}
	r := &x.list[x.going]
	if r.shard != e.shard || r.doubt != e.doubt || r.segment() != e.segment() {
		return false
	}
	end := r.pos + Pos(r.length)
	if e.prevNext >= r.prevNext && e.next <= r.next && e.pos >= r.pos && e.pos+Pos(e.length) <= end { // a lap had it before its own group did
		r.stable = max(r.stable, e.stable)
		return true
	}
	if e.prevNext != r.next || e.next <= r.next || e.prevSeg != r.seg || e.prevEnd != end || e.pos != end || e.prevNext == x.mark || int64(r.length)+int64(e.length) > runBytesMax {
		return false
	}
	r.next, r.timestamp, r.stable = e.next, e.timestamp, max(r.stable, e.stable)
	r.length += e.length
	return true
}

// reservedAgain reports whether e says what the last entry says: each flush adds one, and there may be as many as the journals have room for.
func (x *logEntries) reservedAgain(e *entry) bool {
	k := len(x.list) - 1
	if k < 0 {
		return false
	}
	r := &x.list[k]
	if r.kind != entryReserve || r.shard != e.shard || r.doubt != e.doubt || r.next != e.next || r.length != e.length {
		return false
	}
	r.stable = max(r.stable, e.stable)
	return true
}

// newerOffset keeps the newest offset of each consumer.
func (x *logEntries) newerOffset(e *entry) bool {
	o := e.storedOffset()
	i, ok := x.offsets[o.Key]
	if !ok || x.list[i].shard != e.shard {
		x.offsets[o.Key] = len(x.list)
		return false
	}
	if old := x.list[i].storedOffset(); o.Count > old.Count {
		x.list[i] = *e
	}
	return true
}

// pieces are bytes of a segment that journals hold, by position. Where two have the same position they have the same bytes.
type pieces struct {
	list []piece
	ends []Pos // the furthest end up to each
}

type piece struct {
	pos Pos
	n   uint32
	place
	batch bool // it is a whole batch, and the head of its entry lies before it
}

func (p *piece) end() Pos { return p.pos + Pos(p.n) }

func (p *pieces) add(x piece) { p.list = append(p.list, x) }

// sort has to be called between add and those that follow.
func (p *pieces) sort() {
	before := func(a, b piece) int { return int(min(1, max(-1, a.pos-b.pos))) }
	if !slices.IsSortedFunc(p.list, before) {
		slices.SortStableFunc(p.list, before)
	}
	p.ends = make([]Pos, len(p.list))
	end := Pos(0)
	for i := range p.list {
		end = max(end, p.list[i].end())
		p.ends[i] = end
	}
}

// within returns those that have bytes of [from, to), and perhaps others.
func (p *pieces) within(from, to Pos) []piece {
	i := sort.Search(len(p.ends), func(i int) bool { return p.ends[i] > from })
	k := i + sort.Search(len(p.list)-i, func(k int) bool { return p.list[i+k].pos >= to })
	return p.list[i:k]
}

func (x *logEntries) piecesOf(id SegmentID) *pieces {
	p := x.pieces[id]
	if p == nil {
		p = &pieces{}
		x.pieces[id] = p
	}
	return p
}

// over copies what the journals have of a segment into buf, which begins at pos.
func (l *logRecovery) over(id SegmentID, buf []byte, pos Pos) error {
	p := l.pieces[id]
	if p == nil {
		return nil
	}
	end := pos + Pos(len(buf))
	for _, x := range p.within(pos, end) {
		if from, to := max(x.pos, pos), min(x.end(), end); from < to {
			if err := l.copyOf(x.place, int64(from-x.pos), buf[from-pos:to-pos]); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyOf copies what lies at a place, from skip on.
func (l *logRecovery) copyOf(at place, skip int64, dst []byte) error {
	skip += int64(at.at)
	if at.group == inSide {
		copy(dst, l.side[skip:])
		return nil
	}
	return l.r.journal.copyOf(l.r.journal.chain[at.group], skip, dst)
}

// rest returns the batches from offset next on of those that began before it and go beyond it, or nil.
func (l *logRecovery) rest(next Offset) (*entry, error) {
	for i := len(l.list) - 1; i >= 0; i-- {
		r := &l.list[i]
		if r.kind != entryBatch || r.prevNext >= next || next >= r.next {
			continue
		}
		if e, err := l.split(r, next); e != nil || err != nil {
			return e, err
		}
	}
	return nil, nil
}

// split finds the batch of r that begins with offset next, by the heads that the journal has: it returns it and all behind it.
func (l *logRecovery) split(r *entry, next Offset) (*entry, error) {
	end := r.pos + Pos(r.length)
	var list []piece
	for _, x := range l.pieces[r.segment()].within(r.pos, end) {
		if x.batch && x.pos >= r.pos && x.end() <= end {
			list = append(list, x)
		}
	}
	var failed error
	head := func(i int) (e entry) {
		if failed == nil {
			e, failed = l.headOf(&list[i])
		}
		return e
	}
	i := sort.Search(len(list), func(i int) bool { return head(i).prevNext >= next })
	if failed != nil || i == len(list) {
		return nil, failed
	}
	e := head(i)
	if failed != nil || e.prevNext != next || e.segment() != r.segment() {
		return nil, failed
	}
	e.shard, e.doubt, e.firstNext, e.firstTS, e.data = r.shard, r.doubt, e.next, e.timestamp, nil
	e.next, e.timestamp, e.length = r.next, r.timestamp, uint32(end-e.pos)
	return &e, nil
}

// headOf reads the head of a batch's entry.
func (l *logRecovery) headOf(x *piece) (e entry, err error) {
	version := l.sideHead.version
	if x.group != inSide {
		version = l.r.journal.chain[x.group].head.version
	}
	n := entryHeadOf(version)
	buf := l.r.cfg.Memory.Get(n + int(x.n))
	if buf == nil {
		return e, ErrNoMemory
	}
	defer l.r.cfg.Memory.Put(buf)
	if err := l.copyOf(x.place, -int64(n), buf); err != nil {
		return e, err
	}
	e, _, err = decodeEntry(buf, version)
	return e, err
}

// says reports whether the journals have text in the batches of e.
func (l *logRecovery) says(e *entry, text string) bool {
	if e.kind != entryBatch {
		return false
	}
	buf := l.r.cfg.Memory.Get(int(e.length))
	if buf == nil {
		return false
	}
	defer l.r.cfg.Memory.Put(buf)
	return l.over(e.segment(), buf, e.pos) == nil && bytes.Contains(buf, []byte(text))
}
