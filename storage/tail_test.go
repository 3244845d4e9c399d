package storage

import "testing"

// tailRig is a tail with its memory, and a segment that batches of fixed sizes are put into.
type tailRig struct {
	m    chunks
	t    tail
	seg  *segment
	next Offset
}

func newTailRig(most int) *tailRig {
	r := &tailRig{m: chunks{memory: &bounded{left: most}, target: 1 << 40}, seg: &segment{end: segmentStart, alloc: 1 << 40, stable: segmentStart}}
	r.t.flushed = segmentStart
	return r
}

// put places a batch of n bytes, all of them mark, behind the others.
func (r *tailRig) put(t *testing.T, n int, mark byte) (c *chunk, flush *segWrite) {
	t.Helper()
	pos := max(r.seg.end, r.t.flushed)
	c, flush = r.t.room(&r.m, r.seg, pos, n, r.next)
	if c == nil {
		return nil, flush
	}
	for i, b := 0, c.bytes(pos, pos+Pos(n)); i < n; i++ {
		b[i] = mark
	}
	node := pendNode{base: r.next, next: r.next + 1, pos: pos, length: uint32(n)}
	c.add(&node)
	r.seg.add(&node)
	r.next++
	r.check()
	return c, flush
}

func (r *tailRig) check() {
	r.t.invariants(1, r.seg)
	count, bytes, listed := 0, int64(0), 0
	for _, c := range r.t.chunks {
		count++
		bytes += int64(cap(c.buf))
		if c.listed {
			listed++
		}
	}
	r.m.invariants(count, bytes, listed)
}

// landed is the end of a write of the rig, as the store does it.
func (r *tailRig) landed(w *segWrite) {
	r.m.unref(w.chunk)
	r.t.landed(&r.m, w)
	r.check()
}

// TestATailWritesEachBlockOnce: a new chunk begins at the block in which the last one ended, with what that block holds already, and the
// whole blocks before it go out first.
func TestATailWritesEachBlockOnce(t *testing.T) {
	r := newTailRig(1 << 20)
	first, flush := r.put(t, 3000, 'a')
	if flush != nil {
		t.Fatal("an empty tail has something to be written")
	}
	second, flush := r.put(t, 6000, 'b')
	if second == first || flush != nil {
		t.Fatal("a batch that does not fit lies in the chunk before, or a block that is not full was written")
	}
	if got := second.bytes(segmentStart, segmentStart+9000); got[0] != 'a' || got[2999] != 'a' || got[3000] != 'b' {
		t.Error("the new chunk lacks what its first block holds")
	}
	w := r.t.write(&r.m, second, alignDown(r.seg.end))
	if w == nil || w.from != segmentStart || w.to != segmentStart+2*BlockSize || r.t.write(&r.m, second, alignDown(r.seg.end)) != nil {
		t.Fatalf("%+v", w)
	}
	pad := r.t.pad(&r.m, r.seg)
	if pad.from != w.to || pad.to != alignUp(r.seg.end) || pad.end != r.seg.end || r.t.unwritten(r.seg) != 0 {
		t.Fatalf("%+v", pad)
	}
	if n := r.t.unsynced(r.seg); n != int64(w.to-w.from+pad.end-pad.from) {
		t.Errorf("%d bytes are on their way", n)
	}
	r.landed(pad)
	if r.t.done != 0 || r.seg.stable != segmentStart || second.listed || !r.t.inFlight() {
		t.Error("the second write counts before the first is done")
	}
	r.landed(w)
	if r.t.done != 2 || r.seg.stable != alignUp(r.seg.end) || !second.listed || r.t.inFlight() || r.t.unsynced(r.seg) != 0 {
		t.Errorf("%+v", r.t)
	}
	if c, _ := r.put(t, 100, 'c'); c != second || c.listed || c.bytes(w.to, w.to+1)[0] != 'b' {
		t.Error("a chunk that is written on may be evicted, or lost what it had")
	}
	if at := r.seg.end - 100; at != alignDown(at) {
		t.Errorf("the batch behind a padded block begins at %d", at)
	}
}

// TestChunksAreEvictedOldestFirst, not while they are read, and never before their bytes are on disk.
func TestChunksAreEvictedOldestFirst(t *testing.T) {
	r := newTailRig(5 * BlockSize)
	first, _ := r.put(t, 4000, 'a')
	second, flush := r.put(t, 4000, 'b')
	if second == nil || flush != nil {
		t.Fatal("no room for two chunks")
	}
	if c, _ := r.put(t, 12000, 'c'); c != nil {
		t.Fatal("there is memory although nothing is on disk")
	}
	r.landed(r.t.pad(&r.m, r.seg))
	first.refs++
	if c, _ := r.put(t, 12000, 'c'); c != nil || r.t.first() != first {
		t.Fatal("a chunk is evicted that is being read, or one before it is")
	}
	r.m.unref(first)
	if c, _ := r.put(t, 12000, 'c'); c == nil || r.t.first() == first {
		t.Fatal("nothing is evicted")
	}
	r.t.drop(&r.m, nil)
	if r.m.count != 0 || r.m.bytes != 0 || r.m.memory.(*bounded).left != 5*BlockSize {
		t.Errorf("%d chunks with %d bytes are left", r.m.count, r.m.bytes)
	}
}

func TestADroppedChunkStaysWhileItIsSent(t *testing.T) {
	r := newTailRig(1 << 20)
	c, _ := r.put(t, 100, 'a')
	c.refs++
	r.t.drop(&r.m, r.seg)
	if len(r.t.chunks) != 0 || r.m.count != 1 || c.bytes(segmentStart, segmentStart+1)[0] != 'a' {
		t.Error("its memory is gone")
	}
	if r.m.unref(c); r.m.count != 0 {
		t.Error("its memory is never given back")
	}
}
