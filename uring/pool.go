package uring

import (
	"fmt"
	"math/bits"

	"golang.org/x/sys/unix"
)

// Pool gives out page-aligned buffers outside the Go heap, out of one line of the budget. It belongs to one thread.
//
// Buffers up to half a slab are powers of two cut from slabs of 2 MiB (a buddy system: halves that are both free become
// one again); larger ones are mappings of their own. What is given back is kept for the next request, which finds it
// warm; Trim, once in a while, gives to the machine what was not used since the last time.
//
//	slab, 2 MiB:   | 1 MiB          | 512 KiB | 256 KiB | 128 | 64 | .. 4 |
type Pool struct {
	line    *Line
	slabs   map[uintptr]*slab // by address
	free    [orders][]block   // by order; a name may be stale or doubled, the slab's state decides
	empty   int               // slabs that are free as a whole
	cached  []mapping         // free mappings of large buffers, newest last
	spare   int               // the fewest empty slabs since Trim
	unused  int               // the fewest cached mappings since Trim
	out     int64             // bytes given out
	mapped  int64             // bytes taken from the line
	largest map[uintptr]int
}

const (
	slabBytes  = 2 << 20
	orderMax   = 9 // a slab is pageSize << orderMax
	orders     = orderMax + 1
	largeRound = 256 << 10
)

const _ = -uint(slabBytes - pageSize<<orderMax) // a slab is exactly the largest block

// slab is 2 MiB cut into blocks. state holds, for every page that begins a block, its order and whether it is free.
type slab struct {
	mem   []byte
	state [slabBytes / pageSize]uint8
}

const (
	blockFree = 0x80
	blockUsed = 0x40
	orderMask = 0x0f
)

// block names a free block; it may be stale, in which case the slab's state says so.
type block struct {
	slab *slab
	page uint16
}

type mapping struct{ mem []byte }

// NewPool makes an empty pool that draws on line.
func NewPool(line *Line) *Pool {
	return &Pool{line: line, slabs: make(map[uintptr]*slab), largest: make(map[uintptr]int)}
}

// Get returns a buffer of n bytes, whose content is whatever was there before; its capacity may be larger and is the
// caller's too. nil: the line is used up. Put gives it back, as it was returned.
func (p *Pool) Get(n int) []byte {
	if n <= 0 {
		n = 1
	}
	if n > slabBytes {
		return p.getLarge(n)
	}
	order := bits.Len(uint((n - 1) / pageSize))
	b, ok := p.popFree(order)
	if !ok {
		return nil
	}
	size := pageSize << order
	p.out += int64(size)
	at := int(b.page) * pageSize
	return b.slab.mem[at : at+n : at+size]
}

// Put gives a buffer back that Get returned. Nothing in flight may name it.
func (p *Pool) Put(buf []byte) {
	if cap(buf) == 0 {
		panic("BUG: empty buffer put into a pool")
	}
	buf = buf[:cap(buf)]
	poison(buf)
	if len(buf) > slabBytes {
		p.putLarge(buf)
		return
	}
	addr := addressOf(buf)
	base := addr &^ (slabBytes - 1)
	s := p.slabs[base]
	if s == nil || addr%pageSize != 0 {
		panic("BUG: buffer put into a pool that it is not from")
	}
	page := uint16((addr - base) / pageSize)
	order := int(s.state[page] & orderMask)
	if s.state[page]&blockUsed == 0 || len(buf) != pageSize<<order {
		panic(fmt.Sprintf("BUG: %d bytes put into a pool twice, or not as they were given out", len(buf)))
	}
	p.out -= int64(len(buf))
	p.freeBlock(s, page, order)
}

// popFree takes a block of that order out of the free ones, splitting a larger one or mapping a slab if need be.
func (p *Pool) popFree(order int) (block, bool) {
	for k := order; k < orders; k++ {
		for n := len(p.free[k]); n > 0; n = len(p.free[k]) {
			b := p.free[k][n-1]
			p.free[k] = p.free[k][:n-1]
			if b.slab.mem == nil || b.slab.state[b.page] != blockFree|uint8(k) {
				continue // merged or unmapped since
			}
			if k == orderMax {
				p.empty--
				p.spare = min(p.spare, p.empty)
			}
			p.split(b, k, order)
			return b, true
		}
	}
	s := p.newSlab()
	if s == nil {
		return block{}, false
	}
	b := block{s, 0}
	p.split(b, orderMax, order)
	return b, true
}

// split cuts b, of order k, down to order; the upper halves become free.
func (p *Pool) split(b block, k, order int) {
	for k > order {
		k--
		buddy := b.page + 1<<k
		b.slab.state[buddy] = blockFree | uint8(k)
		p.free[k] = append(p.free[k], block{b.slab, buddy})
	}
	b.slab.state[b.page] = blockUsed | uint8(order)
}

// freeBlock makes a block free and merges it with its buddies.
func (p *Pool) freeBlock(s *slab, page uint16, order int) {
	s.state[page] = 0
	for order < orderMax {
		buddy := page ^ 1<<order
		if s.state[buddy] != blockFree|uint8(order) {
			break
		}
		s.state[buddy] = 0
		page &^= 1 << order
		order++
	}
	s.state[page] = blockFree | uint8(order)
	if order == orderMax {
		p.empty++
	}
	p.free[order] = append(p.free[order], block{s, page})
	if len(p.free[order]) > 2*slabBytes/pageSize && len(p.free[order]) > 8*len(p.slabs)*(slabBytes/pageSize>>order) {
		p.compact(order)
	}
}

// compact drops stale and doubled names from the list of free blocks of that order.
func (p *Pool) compact(order int) {
	seen := make(map[block]bool, len(p.free[order]))
	k := 0
	for _, b := range p.free[order] {
		if b.slab.mem != nil && b.slab.state[b.page] == blockFree|uint8(order) && !seen[b] {
			seen[b] = true
			p.free[order][k] = b
			k++
		}
	}
	clear(p.free[order][k:])
	p.free[order] = p.free[order][:k]
}

func (p *Pool) newSlab() *slab {
	if !p.take(slabBytes) {
		return nil
	}
	mem, err := mapAligned(slabBytes)
	if err != nil {
		p.giveBack(slabBytes)
		return nil
	}
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // one fault instead of 512, where the machine allows it
	s := &slab{mem: mem}
	p.slabs[addressOf(mem)] = s
	return s
}

func (p *Pool) unmapSlab(s *slab) {
	delete(p.slabs, addressOf(s.mem))
	unmapMemory(s.mem)
	s.mem = nil
	p.giveBack(slabBytes)
}

// take takes n bytes from the line; what the pool keeps for later is given up for it.
func (p *Pool) take(n int) bool {
	for !p.line.take(n) {
		if !p.unmapOne() {
			return false
		}
	}
	p.mapped += int64(n)
	return true
}

func (p *Pool) giveBack(n int) {
	p.line.give(n)
	p.mapped -= int64(n)
}

// Trim gives up what was not used since the last call. An idle pool is empty after the second.
func (p *Pool) Trim() {
	for range p.unused {
		p.unmapCached()
	}
	for range p.spare {
		p.unmapEmpty()
	}
	p.spare, p.unused = p.empty, len(p.cached)
}

// Drop gives up all that is kept for later, at once.
func (p *Pool) Drop() {
	for p.unmapOne() {
	}
}

// Kept reports whether the pool keeps something that Trim may give up.
func (p *Pool) Kept() bool { return p.empty > 0 || len(p.cached) > 0 }

// unmapOne gives up one thing that is kept for later, and reports whether there was one.
func (p *Pool) unmapOne() bool {
	if len(p.cached) > 0 {
		p.unmapCached()
		return true
	}
	return p.unmapEmpty()
}

// unmapCached gives up the mapping that was not used for longest.
func (p *Pool) unmapCached() {
	m := p.cached[0]
	p.cached = append(p.cached[:0], p.cached[1:]...)
	p.unmapLarge(m.mem)
	p.unused = min(p.unused, len(p.cached))
}

func (p *Pool) unmapEmpty() bool {
	for k := len(p.free[orderMax]); k > 0; k = len(p.free[orderMax]) {
		b := p.free[orderMax][k-1]
		p.free[orderMax] = p.free[orderMax][:k-1]
		if b.slab.mem != nil && b.slab.state[0] == blockFree|orderMax {
			p.empty--
			p.spare = min(p.spare, p.empty)
			p.unmapSlab(b.slab)
			return true
		}
	}
	return false
}

func (p *Pool) getLarge(n int) []byte {
	size := roundUp(n, largeRound)
	for i := len(p.cached) - 1; i >= 0; i-- {
		if m := p.cached[i].mem; len(m) >= size && len(m) <= 2*size {
			p.cached = append(p.cached[:i], p.cached[i+1:]...)
			p.unused = min(p.unused, len(p.cached))
			p.out += int64(len(m))
			return m[:n]
		}
	}
	if !p.take(size) {
		return nil
	}
	mem, err := mapMemory(size, 0)
	if err != nil {
		p.giveBack(size)
		return nil
	}
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // where the machine allows it
	p.largest[addressOf(mem)] = size
	p.out += int64(size)
	return mem[:n]
}

func (p *Pool) putLarge(mem []byte) {
	if p.largest[addressOf(mem)] != len(mem) {
		panic("BUG: large buffer put into a pool that it is not from")
	}
	for _, m := range p.cached {
		if addressOf(m.mem) == addressOf(mem) {
			panic("BUG: large buffer put into its pool twice")
		}
	}
	p.out -= int64(len(mem))
	p.cached = append(p.cached, mapping{mem})
}

func (p *Pool) unmapLarge(mem []byte) {
	delete(p.largest, addressOf(mem))
	unmapMemory(mem)
	p.giveBack(len(mem))
}

// Out is how many bytes are given out.
func (p *Pool) Out() int64 { return p.out }

// Close gives all memory back, also what is given out: nothing may be in flight.
func (p *Pool) Close() {
	for _, s := range p.slabs {
		unmapMemory(s.mem)
		s.mem = nil
	}
	for _, m := range p.cached {
		delete(p.largest, addressOf(m.mem))
		unmapMemory(m.mem)
	}
	p.line.give(int(p.mapped))
	*p = Pool{line: p.line, slabs: make(map[uintptr]*slab), largest: make(map[uintptr]int)}
}
