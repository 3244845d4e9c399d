package sim

import (
	"math/rand/v2"
	"slices"
)

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// blockSize is the unit in which space is allocated.
const blockSize = 4096

// file is what an inode holds: what is read now, what a power cut leaves for certain, and the changes between the two.
type file struct {
	seen    []byte // page cache and disk cache
	stable  []byte
	pending []change // not on stable storage for certain, oldest first
	blocks  []bool   // allocated
}

// change is a write, or a new size, that a power cut may undo.
type change struct {
	seq  uint64
	pos  int64
	data []byte
	gone []bool // by sector: overwritten since by something stable
	// sized: the change sets the size to pos; grow: but never makes it smaller.
	sized, grow bool
}

func resize(p []byte, n int64) []byte {
	if n <= int64(len(p)) {
		return p[:n]
	}
	k := len(p)
	p = slices.Grow(p, int(n)-k)[:n]
	clear(p[k:])
	return p
}

// write puts data at pos. Durable: it is on stable storage now, with the size that it needs.
func (f *file) write(pos int64, data []byte, durable bool, seq uint64) {
	end := pos + int64(len(data))
	if end > int64(len(f.seen)) {
		f.seen = resize(f.seen, end)
	}
	copy(f.seen[pos:], data)
	if !durable {
		f.pending = append(f.pending, change{seq: seq, pos: pos, data: slices.Clone(data)})
		return
	}
	f.settleSizes()
	for i := range f.pending {
		f.pending[i].overwritten(pos, end)
	}
	if end > int64(len(f.stable)) {
		f.stable = resize(f.stable, end)
	}
	copy(f.stable[pos:], data)
}

// settleSizes makes the pending sizes stable: a synced write carries the metadata with it.
func (f *file) settleSizes() {
	kept := f.pending[:0]
	for _, c := range f.pending {
		if c.sized {
			f.setStableSize(&c)
			continue
		}
		kept = append(kept, c)
	}
	f.pending = kept
}

func (f *file) setStableSize(c *change) {
	if !c.grow || c.pos > int64(len(f.stable)) {
		f.stable = resize(f.stable, c.pos)
	}
}

// overwritten notes that [from, to) is stable with other bytes: c must not come back there.
func (c *change) overwritten(from, to int64) {
	c.sectors(func(i int, lo, hi int64) {
		if lo >= from && hi <= to {
			if c.gone == nil {
				c.gone = make([]bool, (len(c.data)+sectorSize-1)/sectorSize+1)
			}
			c.gone[i] = true
		}
	})
}

// sectors calls f for each piece of the change that lies in one sector.
func (c *change) sectors(f func(i int, lo, hi int64)) {
	end := c.pos + int64(len(c.data))
	i := 0
	for lo := c.pos; lo < end; i++ {
		hi := min(end, (lo/sectorSize+1)*sectorSize)
		f(i, lo, hi)
		lo = hi
	}
}

func (f *file) truncate(size int64, seq uint64) {
	f.seen = resize(f.seen, size)
	if k := int((size + blockSize - 1) / blockSize); k < len(f.blocks) {
		f.blocks = f.blocks[:k]
	}
	f.pending = append(f.pending, change{seq: seq, sized: true, pos: size})
}

func (f *file) grow(size int64, seq uint64) {
	if size > int64(len(f.seen)) {
		f.seen = resize(f.seen, size)
	}
	f.pending = append(f.pending, change{seq: seq, sized: true, grow: true, pos: size})
}

// sync makes the changes up to seq stable.
func (f *file) sync(seq uint64) {
	kept := f.pending[:0]
	for i := range f.pending {
		c := &f.pending[i]
		if c.seq > seq {
			kept = append(kept, *c)
			continue
		}
		f.settle(c, func() bool { return true }, true)
	}
	f.pending = kept
}

// settle puts the sectors of c that keep says into the stable bytes; extend says that the size of c counts too.
func (f *file) settle(c *change, keep func() bool, extend bool) {
	if c.sized {
		if extend {
			f.setStableSize(c)
		}
		return
	}
	if end := c.pos + int64(len(c.data)); extend && end > int64(len(f.stable)) {
		f.stable = resize(f.stable, end)
	}
	c.sectors(func(i int, lo, hi int64) {
		if c.gone != nil && c.gone[i] || !keep() {
			return
		}
		if hi = min(hi, int64(len(f.stable))); lo < hi {
			copy(f.stable[lo:hi], c.data[lo-c.pos:hi-c.pos])
		}
	})
}

// lose is a power cut: of the pending changes each sector is kept with probability p, and the sizes up to some point.
func (f *file) lose(rng *rand.Rand, p float64) {
	sizes := rng.IntN(len(f.pending) + 1)
	for i := range f.pending {
		f.settle(&f.pending[i], func() bool { return rng.Float64() < p }, i < sizes)
	}
	f.pending = nil
	f.seen = slices.Clone(f.stable)
	if k := (len(f.seen) + blockSize - 1) / blockSize; k < len(f.blocks) {
		f.blocks = f.blocks[:k]
	}
}

// failSync is a sync that failed: the pages count as clean, whether they reached the disk or not, and may be dropped.
func (f *file) failSync(rng *rand.Rand) {
	for i := range f.pending {
		f.settle(&f.pending[i], func() bool { return rng.IntN(2) == 0 }, true)
	}
	f.pending = nil
	if rng.IntN(2) == 0 {
		f.seen = slices.Clone(f.stable)
		return
	}
	f.pending = nil // what is seen is not what is stable, and no later sync will make it so
}

// newBlocks counts the blocks that a write to [pos, end) would allocate, or allocates them.
func (f *file) newBlocks(pos, end int64, take bool) (n int64) {
	for b := pos / blockSize; b*blockSize < end; b++ {
		for take && int64(len(f.blocks)) <= b {
			f.blocks = append(f.blocks, false)
		}
		if b < int64(len(f.blocks)) && f.blocks[b] {
			continue
		}
		n++
		if take {
			f.blocks[b] = true
		}
	}
	return n
}

func (f *file) used() (n int64) {
	for _, b := range f.blocks {
		if b {
			n++
		}
	}
	return n
}
