package storage

import (
	"fmt"
	"slices"
	"sort"
)

// segments are the files of a log, oldest first, and what is being done about them. The last one is active unless it is sealed; only it
// may be fresh.
type segments struct {
	list      []*segment
	described int  // of list: the state file describes them as they are
	opening   bool // a new one is being made, or the active one opened for appends
	growing   bool // space for the active one is being asked for
	dirReady  bool // the log's directory is there, and synced
	unlinking int  // whose names are being removed
	uses      int  // reads in flight, also of those that have left the log
}

// last returns the newest segment, or nil.
func (v *segments) last() *segment {
	if k := len(v.list); k > 0 {
		return v.list[k-1]
	}
	return nil
}

// active returns the segment that takes appends, or nil.
func (v *segments) active() *segment {
	if g := v.last(); g != nil && !g.sealed {
		return g
	}
	return nil
}

// search returns the first for which found holds, and all behind it, or nil. A fresh one holds nothing.
func (v *segments) search(found func(g *segment) bool) *segment {
	i := sort.Search(len(v.list), func(i int) bool { return found(v.list[i]) })
	if i == len(v.list) || v.list[i].fresh {
		return nil
	}
	return v.list[i]
}

// reaching returns the segment that holds the record at o or the first one behind it, or nil.
func (v *segments) reaching(o Offset) *segment {
	return v.search(func(g *segment) bool { return g.next > o })
}

// since returns the segment that holds the first record appended at ts or later, or nil.
func (v *segments) since(ts uint64) *segment {
	return v.search(func(g *segment) bool { return g.lastTS >= ts })
}

// index is the number of the segment with that base offset; -1: there is none.
func (v *segments) index(base Offset) int {
	i := sort.Search(len(v.list), func(i int) bool { return v.list[i].base >= base })
	if i == len(v.list) || v.list[i].base != base {
		return -1
	}
	return i
}

// find returns the segment with that base offset, or nil.
func (v *segments) find(base Offset) *segment {
	if i := v.index(base); i >= 0 {
		return v.list[i]
	}
	return nil
}

// behind returns the segment that follows g, or nil.
func (v *segments) behind(g *segment) *segment {
	i := v.index(g.base)
	if i < 0 || v.list[i] != g || i+1 == len(v.list) || v.list[i+1].fresh {
		return nil
	}
	return v.list[i+1]
}

// before says where the log ended before g: in which segment, and at which byte.
func (v *segments) before(g *segment) (Offset, Pos) {
	if i := v.index(g.base); i > 0 {
		return v.list[i-1].base, v.list[i-1].end
	}
	return 0, 0
}

// below counts the oldest segments that hold nothing from start on.
func (v *segments) below(start Offset) (n int) {
	for n < len(v.list) && v.list[n].sealed && v.list[n].next <= start {
		n++
	}
	return n
}

// cut takes the n oldest out of the list.
func (v *segments) cut(n int) {
	for _, g := range v.list[:n] {
		if g.described {
			v.described--
		}
	}
	v.list = slices.Delete(v.list, 0, n)
}

// undescribed counts those that laps describe, or will when they are sealed.
func (v *segments) undescribed() int { return len(v.list) - v.described }

// sealed sums up the records of the sealed ones, and says which is the last that has any.
func (v *segments) sealed() (bytes int64, newest int) {
	for i, g := range v.list {
		if g.sealed {
			bytes += g.recordBytes
		}
		if g.next > g.base {
			newest = i
		}
	}
	return bytes, newest
}

// grow says up to where space is to be asked for before records may end at end of g; 0: there is enough, or it is on its way. It asks ahead,
// while the segment is smaller than it is to be.
func (v *segments) grow(g *segment, end, size Pos) Pos {
	enough := end <= g.alloc && (g.alloc-end > g.step()/2 || g.alloc >= size)
	if enough || v.growing {
		return 0
	}
	v.growing = true
	return max(g.alloc+g.step(), alignUp(end))
}

// making reports whether one is being made, opened, extended or removed.
func (v *segments) making() bool { return v.opening || v.growing || v.unlinking > 0 }

// quiet reports whether no operation on any of them is in flight or waits.
func (v *segments) quiet() bool {
	if v.uses > 0 || v.making() {
		return false
	}
	for _, g := range v.list {
		if g.busy() {
			return false
		}
	}
	return true
}

// files counts the descriptors.
func (v *segments) files() (n int) {
	for _, g := range v.list {
		for _, fd := range [...]int32{g.fd, g.readFD} {
			if fd >= 0 {
				n++
			}
		}
	}
	return n
}

// describe appends what laps say of those that are sealed and begin before an offset. Of those that the state file describes as they are
// they need say nothing.
func (v *segments) describe(dst []byte, before Offset) []byte {
	for _, g := range v.list {
		if g.sealed && !g.described && g.base < before {
			dst = appendSegment(dst, &SegmentState{Base: g.base, Generation: g.gen, Next: g.next, End: g.end, RecordBytes: g.recordBytes, FirstTS: g.firstTS, LastTS: g.lastTS})
		}
	}
	return dst
}

func (v *segments) invariants(id LogID) {
	described := 0
	for i, g := range v.list {
		last := i == len(v.list)-1
		if g.described {
			described++
		}
		switch {
		case g.gone || !last && (!g.sealed || g.next > v.list[i+1].base || g.next <= g.base || g.lastTS > v.list[i+1].lastTS):
			panic(fmt.Sprintf("BUG: log %d: segment %d to %d, sealed %v, gone %v, last append at %d", id, g.base, g.next, g.sealed, g.gone, g.lastTS))
		case g.end < segmentStart || g.stable > alignUp(g.end) || g.end > g.alloc:
			panic(fmt.Sprintf("BUG: log %d: segment %d ends at %d, stable to %d, allocated to %d", id, g.base, g.end, g.stable, g.alloc))
		}
		for k := 1; k < len(g.index); k++ {
			if a, b := g.index[k-1], g.index[k]; a.offset >= b.offset || a.pos+indexStep > b.pos && k > 1 && g.found == 0 || a.ts > b.ts {
				panic(fmt.Sprintf("BUG: log %d: index entry %v follows %v", id, b, a))
			}
		}
	}
	if described != v.described {
		panic(fmt.Sprintf("BUG: log %d: the state file describes %d segments, %d were counted", id, described, v.described))
	}
}
