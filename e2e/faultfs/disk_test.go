package faultfs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// TestDisk compares the disk with plain memory, through cuts: each sector is what it was at the last flush, or what was
// written since.
func TestDisk(t *testing.T) {
	const size = 64 << 10
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	d := NewDisk(size, seed)
	now, flushed := make([]byte, size), make([]byte, size)
	since := map[int][][]byte{}
	for range 5000 {
		at := rng.IntN(size)
		n := 1 + rng.IntN(min(size-at, 5000))
		switch rng.IntN(20) {
		default:
			p := bytes.Repeat([]byte{byte(rng.IntN(256))}, n)
			if _, err := d.WriteAt(p, int64(at)); err != nil {
				t.Fatal(err)
			}
			copy(now[at:], p)
			for s := at / SectorSize; s <= (at+n-1)/SectorSize; s++ {
				since[s] = append(since[s], bytes.Clone(now[s*SectorSize:(s+1)*SectorSize]))
			}
		case 0, 1, 2, 3:
			p := make([]byte, n)
			if k, err := d.ReadAt(p, int64(at)); err != nil || k != n || !bytes.Equal(p, now[at:at+n]) {
				t.Fatalf("read %d bytes at %d: %d, %v", n, at, k, err)
			}
		case 4:
			if err := d.Flush(); err != nil {
				t.Fatal(err)
			}
			copy(flushed, now)
			clear(since)
		case 5:
			d.Cut([]int{0, 50, 100}[rng.IntN(3)])
			if _, err := d.ReadAt(make([]byte, 1), 0); !errors.Is(err, syscall.EIO) {
				t.Fatalf("read without power: %v", err)
			}
			d.On()
			if _, err := d.ReadAt(now, 0); err != nil {
				t.Fatal(err)
			}
			for s := range size / SectorSize {
				have := now[s*SectorSize : (s+1)*SectorSize]
				ok := bytes.Equal(have, flushed[s*SectorSize:(s+1)*SectorSize])
				for _, v := range since[s] {
					ok = ok || bytes.Equal(have, v)
				}
				if !ok {
					t.Fatalf("sector %d holds what was never written there", s)
				}
			}
			copy(flushed, now)
			clear(since)
		}
	}
	if s := d.Stats(); s.SectorsDropped == 0 || s.SectorsKept == 0 {
		t.Fatalf("nothing happened: %+v", s)
	}
}

// TestHeldFlush: the flush that was asked for waits, fails, and leaves what it should have made stable to chance.
func TestHeldFlush(t *testing.T) {
	d := NewDisk(8192, 1)
	held := d.Hold(2)
	d.Flush()
	d.WriteAt([]byte{1}, 5000)
	done := make(chan error)
	go func() { done <- d.Flush() }()
	<-held
	d.Release(syscall.EIO)
	if err := <-done; !errors.Is(err, syscall.EIO) {
		t.Fatalf("held flush: %v", err)
	}
	d.Cut(0)
	d.On()
	p := make([]byte, 1)
	if d.ReadAt(p, 5000); p[0] != 0 {
		t.Fatal("a failed flush made a write stable")
	}
}
