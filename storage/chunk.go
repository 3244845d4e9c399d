package storage

// chunk is memory that holds the newest bytes of a segment, aligned as they lie on disk: byte pos of the segment is
// buf[pos-base]. A batch never crosses chunks: the next chunk begins at the block in which the last one ended, with a
// copy of that block's first bytes.
type chunk struct {
	tail  *tail
	seg   *segment
	base  Pos
	end   Pos // of the last batch
	first Pos // of the first whole batch
	buf   []byte
	refs  int // poll replies that have not been sent, and writes

	firstOffset Offset
	nextOffset  Offset
	index       []indexEntry // one per 4 KiB at most

	prev, nextc *chunk // chunks.evictable
	listed      bool
	dropped     bool // by its tail: it goes when nobody uses it
}

// chunkIndexStep is how many bytes lie between two entries of a chunk's index, at least.
const chunkIndexStep = 4096

func (c *chunk) bytes(from, to Pos) []byte { return c.buf[from-c.base : to-c.base] }

// tailFrom returns the bytes of c from pos on, which may lie at its end or beyond it.
func (c *chunk) tailFrom(pos Pos) []byte {
	if pos >= c.end {
		return nil
	}
	return c.bytes(pos, c.end)
}

// holds reports whether n bytes at pos of a segment fit into c.
func (c *chunk) holds(seg *segment, pos Pos, n int) bool {
	return c.seg == seg && pos+Pos(n) <= c.base+Pos(len(c.buf))
}

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

// safe reports whether all bytes of c are on disk for good.
func (c *chunk) safe() bool { return c.seg.stable >= c.end || c.tail.side == sideSafe }
