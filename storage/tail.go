package storage

import "fmt"

// tail is what of a log's newest bytes is in memory, and how far they have come on their way to the segment. Blocks are written once, in
// order of number; a number counts as done when all before it are.
type tail struct {
	chunks  []*chunk // oldest first
	size    int      // of the next chunk; 0: chunkMin
	flushed Pos      // blocks of the active segment below are written or being written

	writes   []*segWrite // to segments, in flight or behind such ones, oldest first
	number   uint64      // of the last write
	done     uint64      // and of the last one that is done, with all before it
	direct   uint64      // of the last direct batch
	lostFrom uint64      // of the first that failed, 0: none
	refused  int         // of writes: there was no room for them
	side     sideState   // of the file that has what the segment of a fenced log could not take
}

// segWrite is a write of whole blocks to a segment, from a chunk's memory, synced when it completes.
type segWrite struct {
	seg      *segment
	chunk    *chunk
	from, to Pos
	end      Pos // of the records it holds, when the last block is padded; else to
	number   uint64
	done     bool
	refused  bool // there was no room for it: to be written again
	suspect  bool // in flight when another one was refused
	again    bool // it was refused before
}

// sideState is how far the side file of a fenced log has come.
type sideState uint8

const (
	sideNone sideState = iota
	sideOpening
	sideSafe   // laps need not carry what it holds
	sideFailed // they have to
)

// last returns the newest chunk, or nil.
func (t *tail) last() *chunk {
	if k := len(t.chunks); k > 0 {
		return t.chunks[k-1]
	}
	return nil
}

// first returns the oldest chunk, or nil.
func (t *tail) first() *chunk {
	if len(t.chunks) == 0 {
		return nil
	}
	return t.chunks[0]
}

// holds returns the chunk of segment seg that holds pos.
func (t *tail) holds(seg *segment, pos Pos) *chunk {
	for i := len(t.chunks) - 1; i >= 0; i-- {
		if c := t.chunks[i]; c.seg == seg && c.base <= pos && pos < c.end {
			return c
		}
	}
	return nil
}

// shift drops the oldest chunk, whose memory is given up.
func (t *tail) shift() {
	k := copy(t.chunks, t.chunks[1:])
	t.chunks[k] = nil
	if t.chunks = t.chunks[:k]; k == 0 {
		t.size = chunkMin // it is quiet: it begins small again
	}
}

// room returns the chunk in which n bytes of seg from pos on go, or nil when there is no memory for it now; next is their first offset. A
// new chunk begins behind whole blocks of the last one that have to be written before anything else of the segment: flush, if it is not nil.
func (t *tail) room(m *chunks, seg *segment, pos Pos, n int, next Offset) (c *chunk, flush *segWrite) {
	last := t.last()
	if last != nil && last.holds(seg, pos, n) {
		if last.listed {
			m.unlist(last)
		}
		if pos > last.end { // after padding
			clear(last.buf[last.end-last.base : pos-last.base])
		}
		return last, nil
	}
	base := alignDown(pos)
	size := max(t.size, chunkMin)
	for size < int(pos-base)+n {
		size *= 2
	}
	if n >= DirectMin {
		size = max(size, min(chunkMax, int(alignUp(Pos(4*n)))))
	}
	c = m.make(size, int(alignUp(pos-base+Pos(n))))
	if c == nil {
		return nil, nil
	}
	goesOn := last != nil && last.seg == seg // it may have been evicted just now, and be c
	t.size = min(chunkMax, max(t.size, size)*2)
	c.tail, c.seg, c.base, c.first, c.end = t, seg, base, pos, pos
	c.firstOffset, c.nextOffset = next, next
	kept := 0
	if goesOn {
		flush = t.write(m, last, base)
		kept = copy(c.buf[:pos-base], last.tailFrom(base))
	}
	clear(c.buf[kept : pos-base])
	t.chunks = append(t.chunks, c)
	return c, flush
}

// write begins a write of the blocks of c that are in no other one, up to to; nil: there are none.
func (t *tail) write(m *chunks, c *chunk, to Pos) *segWrite {
	if t.flushed >= to {
		return nil
	}
	if t.flushed < c.base || to > c.base+Pos(len(c.buf)) {
		panic(fmt.Sprintf("BUG: blocks written up to %d, flushed to %d, from a chunk at %d to %d", to, t.flushed, c.base, c.base+Pos(len(c.buf))))
	}
	t.number++
	w := m.newWrite()
	*w = segWrite{seg: c.seg, chunk: c, from: t.flushed, to: to, end: min(to, c.end), number: t.number}
	t.flushed = to
	t.writes = append(t.writes, w)
	c.refs++
	return w
}

// pad begins a write of all that is in none, with zeros behind the last, partly filled block; the next batch begins at the next block.
func (t *tail) pad(m *chunks, seg *segment) *segWrite {
	c, to := t.last(), alignUp(seg.end)
	if c == nil || c.seg != seg || t.flushed >= to {
		return nil
	}
	clear(c.buf[c.end-c.base : to-c.base])
	w := t.write(m, c, to)
	t.flushed = afterPadding(seg.end)
	return w
}

// landed notes that w is done. Segments are stable up to the first write that is not.
func (t *tail) landed(m *chunks, w *segWrite) {
	w.done = true
	for len(t.writes) > 0 && t.writes[0].done {
		f := t.writes[0]
		k := copy(t.writes, t.writes[1:])
		t.writes[k] = nil
		t.writes = t.writes[:k]
		f.seg.stable = f.to
		t.done = f.number
		f.chunk = nil
		m.writes = append(m.writes, f)
	}
	t.list(m)
}

// suspect notes that all writes in flight beside w may have gone wrong with it.
func (t *tail) suspect(w *segWrite) {
	for _, x := range t.writes {
		x.suspect = x.suspect || x != w && !x.done && !x.refused
	}
}

// lost notes that the write of that number failed, and returns the first one that did.
func (t *tail) lost(number uint64) uint64 {
	if t.lostFrom == 0 || number < t.lostFrom {
		t.lostFrom = number
	}
	return t.lostFrom
}

// list has the chunks evicted, oldest first, that may be.
func (t *tail) list(m *chunks) {
	k := len(t.chunks)
	for k > 0 && !t.chunks[k-1].listed {
		k--
	}
	for _, c := range t.chunks[k:] {
		m.list(c)
	}
}

// drop gives up all chunks of a segment, or of all for nil; those being sent go when their last reader is done.
func (t *tail) drop(m *chunks, seg *segment) {
	k := 0
	for _, c := range t.chunks {
		if seg == nil || c.seg == seg {
			m.drop(c)
			continue
		}
		t.chunks[k] = c
		k++
	}
	clear(t.chunks[k:])
	t.chunks = t.chunks[:k]
}

// inFlight reports whether a write is on its way.
func (t *tail) inFlight() bool {
	for _, w := range t.writes {
		if !w.done && !w.refused {
			return true
		}
	}
	return false
}

// writesTo reports whether a write of seg is not done, or behind one that is not.
func (t *tail) writesTo(seg *segment) bool {
	for _, w := range t.writes {
		if w.seg == seg {
			return true
		}
	}
	return false
}

// read reports whether a chunk is being sent, or written.
func (t *tail) read() bool {
	for _, c := range t.chunks {
		if c.refs > 0 {
			return true
		}
	}
	return false
}

// unwritten is how many bytes no write has, of the active segment; nil: there is none.
func (t *tail) unwritten(active *segment) int64 {
	if active == nil {
		return 0
	}
	return int64(max(0, active.end-t.flushed))
}

// unsynced bounds the bytes that no synced block has.
func (t *tail) unsynced(active *segment) int64 {
	n := t.unwritten(active)
	for _, w := range t.writes {
		if !w.done {
			n += int64(w.end - w.from)
		}
	}
	return n
}

func (t *tail) invariants(id LogID, active *segment) {
	for i := 1; i < len(t.chunks); i++ {
		if a, b := t.chunks[i-1], t.chunks[i]; a.nextOffset > b.firstOffset || a.seg == b.seg && a.end > b.first {
			panic(fmt.Sprintf("BUG: log %d: chunk to %d at %d is followed by %d at %d", id, a.nextOffset, a.end, b.firstOffset, b.first))
		}
	}
	refused := 0
	for i, w := range t.writes {
		if w.number != t.done+1+uint64(i) || w.from >= w.to || w.end > w.to {
			panic(fmt.Sprintf("BUG: log %d: write %d of blocks %d to %d, %d are done", id, w.number, w.from, w.to, t.done))
		}
		if w.refused {
			refused++
		}
	}
	if refused != t.refused {
		panic(fmt.Sprintf("BUG: log %d: %d writes are refused, %d were counted", id, refused, t.refused))
	}
	if active == nil {
		return
	}
	if t.flushed != alignDown(t.flushed) || t.flushed > afterPadding(active.end) {
		panic(fmt.Sprintf("BUG: log %d ends at %d, flushed to %d", id, active.end, t.flushed))
	}
	if t.flushed >= active.end || t.side == sideSafe {
		return
	}
	if c := t.last(); c == nil || c.seg != active || c.base > t.flushed || c.end != active.end {
		panic(fmt.Sprintf("BUG: log %d: bytes %d to %d are in no segment block and in no chunk", id, t.flushed, active.end))
	}
}
