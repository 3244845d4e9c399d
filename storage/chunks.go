package storage

import "fmt"

// chunks is the memory of all tails of a store. Chunks whose bytes are all on disk are given up, oldest first, when others need memory.
type chunks struct {
	memory    Memory
	count     int   // that hold memory
	bytes     int64 // and how much
	target    int64 // beyond it old chunks are given up for new ones
	evictable chunkList
	free      []*chunk
	writes    []*segWrite // to be used again
	ended     uint64      // writes that have come back
	flying    int64       // bytes of those that have not
}

// chunkList holds chunks whose bytes are all in their segment, oldest first.
type chunkList struct{ first, last *chunk }

// tailTargetMin is what the tails of a store keep to at first: memory that is used again is warm. When readers find that
// what they want has just left, the target doubles, up to all that there is.
const tailTargetMin = 64 << 20

// get returns n bytes, giving up the oldest chunks that nobody reads if need be.
func (m *chunks) get(n int) []byte {
	for m.bytes+int64(n) > m.target && m.evict() {
	}
	for {
		if b := m.memory.Get(n); b != nil {
			return b
		}
		if !m.evict() {
			return nil
		}
	}
}

// make returns a chunk of size bytes, or of least if there are no more, or nil.
func (m *chunks) make(size, least int) *chunk {
	buf := m.get(size)
	if buf == nil && least < size {
		buf = m.get(least)
	}
	if buf == nil {
		return nil
	}
	m.count++
	m.bytes += int64(cap(buf))
	c := &chunk{}
	if k := len(m.free); k > 0 {
		c = m.free[k-1]
		m.free = m.free[:k-1]
		*c = chunk{index: c.index[:0]}
	}
	c.buf = buf
	return c
}

// missed has the target grow if bytes that a poll wanted lay less than it behind the tail, and tails are as large as they may be.
func (m *chunks) missed(behind int64) {
	if m.bytes >= m.target/4*3 && behind <= m.target {
		m.target *= 2
	}
}

// list adds c to those that may be evicted when its bytes are in the segment for good.
func (m *chunks) list(c *chunk) {
	if c.listed || !c.safe() {
		return
	}
	c.listed = true
	c.prev, c.nextc = m.evictable.last, nil
	if c.prev == nil {
		m.evictable.first = c
	} else {
		c.prev.nextc = c
	}
	m.evictable.last = c
}

func (m *chunks) unlist(c *chunk) {
	if c.prev == nil {
		m.evictable.first = c.nextc
	} else {
		c.prev.nextc = c.nextc
	}
	if c.nextc == nil {
		m.evictable.last = c.prev
	} else {
		c.nextc.prev = c.prev
	}
	c.prev, c.nextc, c.listed = nil, nil, false
}

// evictLooks is how many chunks are looked at to find one that can be dropped.
const evictLooks = 64

// evict drops the oldest chunk that can be dropped: the first of its log, with no reader. Those that cannot go behind all others; when they
// are many, whoever wants memory tries again.
func (m *chunks) evict() bool {
	for range evictLooks {
		c := m.evictable.first
		if c == nil {
			return false
		}
		m.unlist(c)
		if t := c.tail; c.refs == 0 && t.chunks[0] == c {
			t.shift()
			m.put(c)
			return true
		}
		m.list(c)
	}
	return false
}

// put takes the memory of c back.
func (m *chunks) put(c *chunk) {
	m.count--
	m.bytes -= int64(cap(c.buf))
	m.memory.Put(c.buf)
	c.buf, c.tail, c.seg = nil, nil, nil
	m.free = append(m.free, c)
}

// unref ends one use of a chunk's memory.
func (m *chunks) unref(c *chunk) {
	if c.refs--; c.refs < 0 {
		panic("BUG: chunk released more often than held")
	}
	if c.refs == 0 && c.dropped {
		m.put(c)
	}
}

// drop gives c up, which its tail has no more; one that is being sent goes when its last reader is done.
func (m *chunks) drop(c *chunk) {
	if c.listed {
		m.unlist(c)
	}
	if c.refs == 0 {
		m.put(c)
	} else {
		c.dropped = true
	}
}

func (m *chunks) newWrite() *segWrite {
	if k := len(m.writes); k > 0 {
		w := m.writes[k-1]
		m.writes = m.writes[:k-1]
		return w
	}
	return &segWrite{}
}

// invariants compares sums and list with the chunks that tails have: so many, with so many bytes, of which so many are listed.
func (m *chunks) invariants(count int, bytes int64, listed int) {
	if count > m.count || bytes > m.bytes { // those of dropped logs that are being sent count too
		panic(fmt.Sprintf("BUG: %d chunks with %d bytes, %d with %d were counted", count, bytes, m.count, m.bytes))
	}
	var prev *chunk
	for c := m.evictable.first; c != nil; prev, c = c, c.nextc {
		if c.prev != prev || !c.listed || c.dropped || !c.safe() {
			panic(fmt.Sprintf("BUG: chunk at %d of offset %d cannot be evicted", c.base, c.firstOffset))
		}
		listed--
	}
	if prev != m.evictable.last || listed != 0 {
		panic(fmt.Sprintf("BUG: %d chunks say that they are listed and are not", listed))
	}
}
