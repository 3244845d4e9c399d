package storage

import (
	"bytes"
	"sort"
)

// journaledLog is what is scanned of one log: what the journals say of it, and its side file, if it has one. Its bytes are read where they
// lie.
type journaledLog struct {
	*logEntries
	log      LogID
	journal  *journalScan
	memory   Memory
	side     []byte    // the side file
	sideHead groupHead // zero: it does not count
}

// addSide adds the entries of the side file, whose head is h.
func (x *journaledLog) addSide(h groupHead) error {
	x.sideHead, x.going = h, -1
	return entriesAt(x.side, h, func(e *entry, at int) error {
		if e.log == x.log {
			x.add(e, place{group: inSide, at: uint32(at)})
		}
		return nil
	})
}

// over copies what the journals have of a segment into buf, which begins at pos.
func (x *journaledLog) over(id SegmentID, buf []byte, pos Pos) error {
	p := x.pieces[id]
	if p == nil {
		return nil
	}
	end := pos + Pos(len(buf))
	for _, p := range p.within(pos, end) {
		if from, to := max(p.pos, pos), min(p.end(), end); from < to {
			if err := x.copyOf(p.place, int64(from-p.pos), buf[from-pos:to-pos]); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyOf copies what lies at a place, from skip on.
func (x *journaledLog) copyOf(at place, skip int64, dst []byte) error {
	skip += int64(at.at)
	if at.group == inSide {
		copy(dst, x.side[skip:])
		return nil
	}
	return x.journal.copyOf(x.journal.chain[at.group], skip, dst)
}

// rest returns the batches from offset next on of those that began before it and go beyond it, or nil.
func (x *journaledLog) rest(next Offset) (*entry, error) {
	for i := len(x.list) - 1; i >= 0; i-- {
		r := &x.list[i]
		if r.kind != entryBatch || r.prevNext >= next || next >= r.next {
			continue
		}
		if e, err := x.split(r, next); e != nil || err != nil {
			return e, err
		}
	}
	return nil, nil
}

// split finds the batch of r that begins with offset next, by the heads that the journal has: it returns it and all behind it.
func (x *journaledLog) split(r *entry, next Offset) (*entry, error) {
	end := r.pos + Pos(r.length)
	var list []piece
	for _, p := range x.pieces[r.segment()].within(r.pos, end) {
		if p.batch && p.pos >= r.pos && p.end() <= end {
			list = append(list, p)
		}
	}
	var failed error
	head := func(i int) (e entry) {
		if failed == nil {
			e, failed = x.headOf(&list[i])
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
func (x *journaledLog) headOf(p *piece) (e entry, err error) {
	version := x.sideHead.version
	if p.group != inSide {
		version = x.journal.chain[p.group].head.version
	}
	n := entryHeadOf(version)
	buf := x.memory.Get(n + int(p.n))
	if buf == nil {
		return e, ErrNoMemory
	}
	defer x.memory.Put(buf)
	if err := x.copyOf(p.place, -int64(n), buf); err != nil {
		return e, err
	}
	e, _, err = decodeEntry(buf, version)
	return e, err
}

// says reports whether the journals have text in the batches of e.
func (x *journaledLog) says(e *entry, text string) bool {
	if e.kind != entryBatch {
		return false
	}
	buf := x.memory.Get(int(e.length))
	if buf == nil {
		return false
	}
	defer x.memory.Put(buf)
	return x.over(e.segment(), buf, e.pos) == nil && bytes.Contains(buf, []byte(text))
}

// unreached returns a batch that a log that ends at next should have and does not reach, or nil.
func (x *journaledLog) unreached(next Offset) *entry {
	for i := range x.list {
		if e := &x.list[i]; (e.kind == entryBatch || e.kind == entryDirect) && e.next > next {
			return e
		}
	}
	return nil
}

// named says which segments batches of this run went straight to.
func (x *journaledLog) named() map[SegmentID]bool {
	m := map[SegmentID]bool{}
	for i := range x.list {
		if e := &x.list[i]; e.kind == entryDirect {
			m[e.segment()] = true
		}
	}
	return m
}

// eachEntry calls f for all that the journals and the side file say of the log. The data is valid during the call.
func (x *journaledLog) eachEntry(f func(e *entry)) error {
	err := x.journal.each(func(e *entry, _ place) {
		if e.log == x.log {
			f(e)
		}
	})
	if err != nil || x.sideHead.size == 0 {
		return err
	}
	return entriesOf(x.side, x.sideHead, func(e *entry) error {
		if e.log == x.log {
			f(e)
		}
		return nil
	})
}

// passes reports whether a journal that the log had not left, as far as that journal knows, follows it up to next.
func (x *journaledLog) passes(next Offset) bool {
	for i := 0; i < len(x.list); {
		shard, passed, left := x.list[i].shard, false, false
		for ; i < len(x.list) && x.list[i].shard == shard; i++ {
			e := &x.list[i]
			batch := e.kind == entryBatch || e.kind == entryDirect
			if !e.doubt && (batch || e.kind == entryCheckpoint) && (e.firstNext <= next || batch && e.prevNext == next) {
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
