package uring

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pageSize is the alignment of every buffer, and the least that a pool gives out.
const pageSize = 4096

// Arena is memory outside the Go heap, page-aligned and zeroed. It belongs to who made it.
type Arena struct{ mem []byte }

// NewArena maps n bytes, rounded up to whole pages. The pages are touched when they are used.
func NewArena(n int) (*Arena, error) {
	mem, err := mapMemory(roundUp(n, pageSize), 0)
	if err != nil {
		return nil, err
	}
	return &Arena{mem}, nil
}

// Bytes is the arena's memory; it is valid until Close.
func (a *Arena) Bytes() []byte { return a.mem }

// Close gives the memory back. Nothing in flight may name it.
func (a *Arena) Close() error {
	unmapMemory(a.mem)
	a.mem = nil
	return nil
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

// mapMemory maps n bytes, whole pages, readable and writable.
func mapMemory(n, flags int) ([]byte, error) {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANONYMOUS|unix.MAP_PRIVATE|flags)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", n, err)
	}
	return unsafe.Slice((*byte)(p), n), nil
}

// mapAligned maps n bytes, a power of two, at a multiple of n.
func mapAligned(n int) ([]byte, error) {
	mem, err := mapMemory(2*n, 0)
	if err != nil {
		return nil, err
	}
	cut := int(-addressOf(mem) & uintptr(n-1))
	unmapMemory(mem[:cut])
	unmapMemory(mem[cut+n:])
	return mem[cut : cut+n : cut+n], nil
}

// unmapMemory gives whole pages back that mapMemory returned.
func unmapMemory(mem []byte) {
	if len(mem) == 0 {
		return
	}
	if err := unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem))); err != nil {
		panic(fmt.Sprintf("BUG: unmap %d bytes: %v", len(mem), err))
	}
}

// Budget is how much memory outside the heap the process may use, divided into lines, so that no user of memory can
// starve another. It is safe for concurrent use.
type Budget struct {
	total int64
	mu    sync.Mutex
	lines []*Line
}

// NewBudget makes a budget of so many bytes.
func NewBudget(total int64) *Budget { return &Budget{total: total} }

// Total is the size of the budget in bytes.
func (b *Budget) Total() int64 { return b.total }

// Line is one named part of a budget. Pools of several threads may draw on it.
type Line struct {
	name string
	max  int64
	used atomic.Int64
}

// Line takes n bytes of the budget for a use of that name. More than the budget holds is a mistake of the caller.
func (b *Budget) Line(name string, n int64) *Line {
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := n
	for _, l := range b.lines {
		sum += l.max
	}
	if sum > b.total {
		panic(fmt.Sprintf("BUG: lines of %d bytes in a budget of %d", sum, b.total))
	}
	l := &Line{name: name, max: n}
	b.lines = append(b.lines, l)
	return l
}

// LineStats says how a line stands.
type LineStats struct {
	Name      string
	Max, Used int64 // bytes
}

// Stats reports every line, in the order in which they were made.
func (b *Budget) Stats() []LineStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]LineStats, 0, len(b.lines))
	for _, l := range b.lines {
		out = append(out, LineStats{l.name, l.max, l.used.Load()})
	}
	return out
}

// Name says what the line is for.
func (l *Line) Name() string { return l.name }

// Max is how many bytes there are in all.
func (l *Line) Max() int64 { return l.max }

// Short reports whether less than an eighth of the line is left.
func (l *Line) Short() bool { return l.used.Load() > l.max-l.max/8 }

func (l *Line) take(n int) bool {
	if l.used.Add(int64(n)) <= l.max {
		return true
	}
	l.used.Add(-int64(n))
	return false
}

func (l *Line) give(n int) {
	if l.used.Add(-int64(n)) < 0 {
		panic("BUG: line " + l.name + " given back more than was taken")
	}
}

// recvBufs are the receive buffers of one IO: equal pieces of one mapping, named by number from 1 on.
type recvBufs struct {
	mem  []byte
	size int
	free []uint32
	held []bool // by id; guards against a buffer given back twice
}

func newRecvBufs(count, size int) (*recvBufs, error) {
	if count <= 0 || size <= 0 || size%pageSize != 0 {
		return nil, errors.New("uring: receive buffers are whole pages")
	}
	mem, err := mapMemory(count*size, unix.MAP_POPULATE)
	if err != nil {
		return nil, err
	}
	b := &recvBufs{mem: mem, size: size, free: make([]uint32, 0, count), held: make([]bool, count+1)}
	for id := count; id > 0; id-- {
		b.free = append(b.free, uint32(id))
	}
	return b, nil
}

// take returns a free buffer; id 0: there is none.
func (b *recvBufs) take() (id uint32, buf []byte) {
	k := len(b.free)
	if k == 0 {
		return 0, nil
	}
	id = b.free[k-1]
	b.free = b.free[:k-1]
	b.held[id] = true
	return id, b.bytes(id)
}

func (b *recvBufs) give(id uint32) {
	b.returned(id)
	b.free = append(b.free, id)
}

// returned notes that a buffer is not held any more, and poisons it in builds that check.
func (b *recvBufs) returned(id uint32) {
	if id == 0 || int(id) >= len(b.held) || !b.held[id] {
		panic(fmt.Sprintf("BUG: receive buffer %d released, which is not held", id))
	}
	b.held[id] = false
	poison(b.bytes(id))
}

func (b *recvBufs) bytes(id uint32) []byte {
	at := int(id-1) * b.size
	return b.mem[at : at+b.size : at+b.size]
}

func (b *recvBufs) close() {
	unmapMemory(b.mem)
	b.mem = nil
}

func addressOf(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }
