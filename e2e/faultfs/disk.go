// Package faultfs is a disk of one file, served by FUSE, with a write cache that loses power: what was written and not
// flushed is gone at the cut, or there by chance. Tests put a filesystem on it by a loop device. It serves tests only.
package faultfs

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"
)

// SectorSize is the size in bytes of the pieces that survive a cut, or don't.
const SectorSize = 512

// FlushTakes is the longest that a flush takes. It covers what was written before it began.
const FlushTakes = 2 * time.Millisecond

// Disk holds bytes and a volatile cache over them. It is safe for use by many.
//
// At a cut every sector that was written since the last flush becomes, by itself, what it was then or any of the versions
// written since. The first block is one piece: no filesystem survives half a superblock.
type Disk struct {
	mu     sync.Mutex
	stable []byte
	cache  map[int64][]version // by number of the sector, oldest first
	clock  uint64              // of writes
	rng    *rand.Rand
	off    bool
	hold   int           // the flush that many from now is held; 0: none
	held   chan struct{} // closed when it has come, and nil from then on
	freed  chan error    // what it is answered with
	stats  Stats
}

// version is a content of a sector, and when it was written.
type version struct {
	clock uint64
	bytes []byte
}

// Stats counts what the disk was asked and what became of it.
type Stats struct {
	Writes, Flushes, Cuts       int
	SectorsDropped, SectorsKept int
}

// NewDisk makes a disk of zeros whose cuts follow from seed. size is a multiple of the block of 4096 bytes.
func NewDisk(size int64, seed uint64) *Disk {
	return &Disk{stable: make([]byte, size), cache: map[int64][]version{}, rng: rand.New(rand.NewPCG(seed, 1))}
}

// Size is the size in bytes.
func (d *Disk) Size() int64 { return int64(len(d.stable)) }

// ReadAt reads what was written last. EIO: the power is off.
func (d *Disk) ReadAt(p []byte, at int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return 0, syscall.EIO
	}
	if at >= d.Size() {
		return 0, nil
	}
	n := copy(p, d.stable[at:])
	for s := at / SectorSize; s*SectorSize < at+int64(n); s++ {
		if v := d.cache[s]; v != nil {
			overlay(p[:n], at, v[len(v)-1].bytes, s*SectorSize)
		}
	}
	return n, nil
}

// overlay copies the part of from, which lies at fromAt, that lies in p, which lies at at.
func overlay(p []byte, at int64, from []byte, fromAt int64) {
	if skip := at - fromAt; skip > 0 {
		if skip < int64(len(from)) {
			copy(p, from[skip:])
		}
		return
	}
	copy(p[fromAt-at:], from)
}

// WriteAt writes into the cache. EIO: the power is off; ENOSPC: beyond the end.
func (d *Disk) WriteAt(p []byte, at int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.off:
		return 0, syscall.EIO
	case at+int64(len(p)) > d.Size():
		return 0, syscall.ENOSPC
	}
	d.stats.Writes++
	d.clock++
	for n := 0; n < len(p); {
		s := (at + int64(n)) / SectorSize
		skip := at + int64(n) - s*SectorSize
		k := min(SectorSize-int(skip), len(p)-n)
		d.writeSector(s, p[n:n+k], skip)
		n += k
	}
	return len(p), nil
}

func (d *Disk) writeSector(s int64, p []byte, skip int64) {
	v := d.cache[s]
	next := make([]byte, SectorSize)
	if len(p) < SectorSize {
		copy(next, d.stable[s*SectorSize:])
		if v != nil {
			copy(next, v[len(v)-1].bytes)
		}
	}
	copy(next[skip:], p)
	d.cache[s] = append(v, version{d.clock, next})
}

// Flush makes everything written so far stable; what is written while it runs is not covered. EIO: the power went off. A
// flush that is held ends when it is released, and if that is with an error it makes nothing stable.
func (d *Disk) Flush() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return syscall.EIO
	}
	d.stats.Flushes++
	upTo := d.clock
	if err := d.takeTime(); err != nil {
		return err
	}
	if d.off {
		return syscall.EIO
	}
	for s, v := range d.cache {
		k := 0
		for k < len(v) && v[k].clock <= upTo {
			k++
		}
		if k > 0 {
			copy(d.stable[s*SectorSize:], v[k-1].bytes)
		}
		if d.cache[s] = v[k:]; k == len(v) {
			delete(d.cache, s)
		}
	}
	return nil
}

// takeTime lets others go on while a flush takes its time.
func (d *Disk) takeTime() error {
	held, freed, takes := d.held, d.freed, time.Duration(d.rng.Int64N(int64(FlushTakes)))
	if d.hold > 0 {
		d.hold--
	}
	here := held != nil && d.hold == 0
	if here {
		d.held = nil
	}
	d.mu.Unlock()
	defer d.mu.Lock()
	if here {
		close(held)
		return <-freed
	}
	time.Sleep(takes)
	return nil
}

// Hold makes the n-th flush from now wait for Release. The channel is closed when it has come.
func (d *Disk) Hold(n int) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold, d.held, d.freed = n, make(chan struct{}), make(chan error, 1)
	return d.held
}

// Release ends the flush that is held, or will be, with err.
func (d *Disk) Release(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.freed != nil {
		d.freed <- err
		d.freed = nil
	}
}

// Cut turns the power off: everything fails from now on. Of the sectors that were not flushed so many percent are kept,
// in any of their versions.
func (d *Disk) Cut(keepPercent int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	d.stats.Cuts++
	const head = 4096 / SectorSize
	keepHead := d.rng.IntN(2) == 0
	for _, s := range slices.Sorted(maps.Keys(d.cache)) {
		v := d.cache[s]
		switch {
		case s < head && keepHead:
			copy(d.stable[s*SectorSize:], v[len(v)-1].bytes)
		case s < head || d.rng.IntN(100) >= keepPercent:
			d.stats.SectorsDropped++
			continue
		default:
			copy(d.stable[s*SectorSize:], v[d.rng.IntN(len(v))].bytes)
		}
		d.stats.SectorsKept++
	}
	clear(d.cache)
}

// On turns the power on again.
func (d *Disk) On() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = false
}

// Stats returns the counts so far.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}
