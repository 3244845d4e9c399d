package storage

// chunk is memory that holds the newest bytes of a segment, aligned as they lie on disk: byte pos of the segment is
// buf[pos-base]. A batch never crosses chunks: the next chunk begins at the block in which the last one ended, with a
// copy of that block's first bytes.
type chunk struct {
	log   *Log
	seg   *segment
	base  Pos
	end   Pos // of the last batch
	first Pos // of the first whole batch
	buf   []byte
	refs  int // poll replies that have not been sent

	firstOffset Offset
	nextOffset  Offset
	index       []indexEntry // one per 4 KiB at most

	prev, nextc *chunk // Store.evictable
	listed      bool
	dropped     bool
}

// chunkList holds chunks whose bytes are all in their segment, oldest first.
type chunkList struct{ first, last *chunk }

func (c *chunk) bytes(from, to Pos) []byte { return c.buf[from-c.base : to-c.base] }

// chunkIndexStep is how many bytes lie between two entries of a chunk's index, at least.
const chunkIndexStep = 4096

// add notes a batch that lies in c.
func (c *chunk) add(n *pendNode) {
	c.note(n.base, n.pos, n.ts)
	c.end, c.nextOffset = n.pos+Pos(n.length), n.next
}

func (c *chunk) note(offset Offset, pos Pos, ts uint64) {
	if k := len(c.index); k > 0 && pos-c.index[k-1].pos < chunkIndexStep {
		return
	}
	c.index = append(c.index, indexEntry{offset, pos, ts})
}

// tailRoom returns the chunk in which n bytes from pos on go, or nil when there is no memory for it now.
func (l *Log) tailRoom(seg *segment, pos Pos, n int) *chunk {
	var c *chunk
	if k := len(l.chunks); k > 0 {
		c = l.chunks[k-1]
		if c.seg == seg && pos+Pos(n) <= c.base+Pos(len(c.buf)) {
			if c.listed {
				l.s.unlist(c)
			}
			if pos > c.end { // after padding
				clear(c.buf[c.end-c.base : pos-c.base])
			}
			return c
		}
	}
	base := alignDown(pos)
	size := l.chunkSize
	for size < int(pos-base)+n {
		size *= 2
	}
	if n >= DirectMin {
		size = max(size, min(chunkMax, int(alignUp(Pos(4*n)))))
	}
	buf := l.s.tailMemory(size)
	if need := int(alignUp(pos - base + Pos(n))); buf == nil && need < size {
		buf = l.s.tailMemory(need)
	}
	if buf == nil {
		l.s.squeeze(n)
		return nil
	}
	l.s.tails++
	l.s.tailBytes += int64(cap(buf))
	l.chunkSize = min(chunkMax, max(l.chunkSize, size)*2)
	nc := l.s.newChunk()
	nc.log, nc.seg, nc.base, nc.buf, nc.first, nc.end = l, seg, base, buf, pos, pos
	nc.firstOffset, nc.nextOffset = l.bounds.next, l.bounds.next
	if c != nil && c.seg == seg {
		l.flushBlocks(c, base)
		if k := copy(buf[:pos-base], c.tailFrom(base)); k < int(pos-base) {
			clear(buf[k : pos-base])
		}
	} else {
		clear(buf[:pos-base])
	}
	l.chunks = append(l.chunks, nc)
	return nc
}

// tailFrom returns the bytes of c from pos on, which may lie at its end or beyond it.
func (c *chunk) tailFrom(pos Pos) []byte {
	if pos >= c.end {
		return nil
	}
	return c.bytes(pos, c.end)
}

func (s *Store) newChunk() *chunk {
	if k := len(s.chunkFree); k > 0 {
		c := s.chunkFree[k-1]
		s.chunkFree = s.chunkFree[:k-1]
		*c = chunk{index: c.index[:0]}
		return c
	}
	return &chunk{}
}

// tailTargetMin is what the tails of a store keep to at first: memory that is used again is warm. When readers find that
// what they want has just left, the target doubles, up to all that there is.
const tailTargetMin = 64 << 20

// tailMissed has the tails grow if a poll at from would have been served by tails twice as large, and they are as large
// as they may be.
func (l *Log) tailMissed(from Offset) {
	s := l.s
	if len(l.chunks) == 0 || l.bounds.records == 0 || s.tailBytes < s.tailTarget/4*3 {
		return
	}
	behind := int64(l.chunks[0].firstOffset-min(from, l.chunks[0].firstOffset)) * int64(l.bounds.bytes/l.bounds.records+1)
	if behind <= s.tailTarget {
		s.tailTarget *= 2
	}
}

// tailMemory returns n bytes, giving up the oldest chunks that nobody reads if need be.
func (s *Store) tailMemory(n int) []byte {
	for s.tailBytes+int64(n) > s.tailTarget && s.evict() {
	}
	for {
		if b := s.cfg.TailMemory.Get(n); b != nil {
			return b
		}
		if !s.evict() {
			return nil
		}
	}
}

// squeeze has tails written out, with their last block padded, so that n bytes can be evicted soon. The logs take turns.
func (s *Store) squeeze(n int) {
	coming := 0
	for i := range s.order {
		l := s.order[(s.squeezed+i)%len(s.order)]
		k := len(l.chunks)
		if k == 0 || l.fenced != nil || l.chunks[k-1].listed {
			continue
		}
		l.pad()
		for ; k > 0 && !l.chunks[k-1].listed; k-- {
			coming += len(l.chunks[k-1].buf)
		}
		if coming >= n {
			s.squeezed = (s.squeezed + i + 1) % len(s.order)
			return
		}
	}
}

// listEvictable lists the chunks of l that may be evicted, oldest first.
func (l *Log) listEvictable() {
	k := len(l.chunks)
	for k > 0 && !l.chunks[k-1].listed {
		k--
	}
	for _, c := range l.chunks[k:] {
		l.s.maybeEvictable(c)
	}
}

// maybeEvictable lists c when its bytes are in the segment for good.
func (s *Store) maybeEvictable(c *chunk) {
	if c.listed || c.seg.stable < c.end && c.log.side != sideSafe {
		return
	}
	c.listed = true
	c.prev, c.nextc = s.evictable.last, nil
	if c.prev == nil {
		s.evictable.first = c
	} else {
		c.prev.nextc = c
	}
	s.evictable.last = c
}

func (s *Store) unlist(c *chunk) {
	if c.prev == nil {
		s.evictable.first = c.nextc
	} else {
		c.prev.nextc = c.nextc
	}
	if c.nextc == nil {
		s.evictable.last = c.prev
	} else {
		c.nextc.prev = c.prev
	}
	c.prev, c.nextc, c.listed = nil, nil, false
}

// evict drops the oldest chunk that can be dropped: the first of its log, with no reader.
func (s *Store) evict() bool {
	for c := s.evictable.first; c != nil; c = c.nextc {
		if c.refs == 0 && c.log.chunks[0] == c {
			s.unlist(c)
			l := c.log
			k := copy(l.chunks, l.chunks[1:])
			l.chunks[k] = nil
			if l.chunks = l.chunks[:k]; k == 0 {
				l.chunkSize = chunkMin // it is quiet: it begins small again
			}
			s.freeChunk(c)
			return true
		}
	}
	return false
}

func (s *Store) freeChunk(c *chunk) {
	s.tails--
	s.tailBytes -= int64(cap(c.buf))
	s.cfg.TailMemory.Put(c.buf)
	c.buf, c.log, c.seg = nil, nil, nil
	s.chunkFree = append(s.chunkFree, c)
}

// dropChunks gives up all chunks of l; those being sent go when their last reader is done.
func (l *Log) dropChunks() {
	for i, c := range l.chunks {
		if c.listed {
			l.s.unlist(c)
		}
		if c.refs == 0 {
			l.s.freeChunk(c)
		} else {
			c.dropped = true
		}
		l.chunks[i] = nil
	}
	l.chunks = l.chunks[:0]
}

// chunkFor returns the chunk of segment seg that holds pos.
func (l *Log) chunkFor(seg *segment, pos Pos) *chunk {
	for i := len(l.chunks) - 1; i >= 0; i-- {
		if c := l.chunks[i]; c.seg == seg && c.base <= pos && pos < c.end {
			return c
		}
	}
	return nil
}
