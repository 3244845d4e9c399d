package storage

import (
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
