package storage

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"sort"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/galgo-mq/galgo/batch"
)

const fuzzSeed = 0x5eed

// aGroup is a group with an entry of every kind.
func aGroup(t testing.TB) []byte {
	t.Helper()
	p := make([]byte, BlockSize)
	n, count := groupHeadSize, 0
	for k := entryBatch; k <= entryKindMax; k++ {
		data := []byte(nil)
		e := entry{kind: k, level: LevelPersisted, log: 7, seg: 100, pos: 8192, base: 110, next: 120, prevSeg: 100, prevEnd: 8000, prevNext: 110, timestamp: 5, stable: 90, check: 3}
		if k == entryBatch || k == entryBytes || k == entryMeta {
			data = bytes.Repeat([]byte{byte(k)}, 60)
			e.length = 60
		}
		e.put(p[n:], len(data))
		n += entryHeadSize + copy(p[n+entryHeadSize:], data)
		count++
	}
	sealGroup(p, groupHead{number: 12, safe: 11, first: 4, entries: uint32(n - groupHeadSize), count: uint32(count), shard: 1}, fuzzSeed)
	return p
}

// FuzzGroup reads journal groups whose checksum is right and everything else is the fuzzer's: nothing panics, entries lie
// within the group, and an entry that is read and written again is the same.
func FuzzGroup(f *testing.F) {
	f.Add(aGroup(f), false)
	f.Add(aGroup(f), true)
	f.Add([]byte("GGRP"), true)
	f.Fuzz(func(t *testing.T, p []byte, sealed bool) {
		if sealed && len(p) >= BlockSize {
			p = p[:len(p)/BlockSize*BlockSize]
			le := binary.LittleEndian
			le.PutUint32(p, groupMagic)
			le.PutUint16(p[4:], 1+le.Uint16(p[4:])%groupVersion)
			le.PutUint32(p[32:], uint32(len(p)))
			le.PutUint64(p[48:], 0)
			if le.Uint16(p[4:]) > 1 {
				le.PutUint64(p[64:], 0)
			}
			sum := xxh3.HashSeed(p, fuzzSeed)
			le.PutUint64(p[48:], sum)
			if le.Uint16(p[4:]) > 1 {
				le.PutUint64(p[64:], xxh3.HashSeed(p[:64], fuzzSeed))
			}
		}
		before := bytes.Clone(p)
		h, err := decodeGroup(p, fuzzSeed)
		if !bytes.Equal(p, before) {
			t.Fatal("decoding changed the bytes")
		}
		if err != nil {
			return
		}
		if int(h.size) > len(p) || h.size%BlockSize != 0 || h.number == 0 || h.safe >= h.number || h.number < h.first {
			t.Fatalf("head %+v of %d bytes", h, len(p))
		}
		total := 0
		_ = entriesOf(p, h, func(e *entry) error {
			again := make([]byte, entryHeadSize+len(e.data))
			e.put(again, len(e.data))
			copy(again[entryHeadSize:], e.data)
			d, n, err := decodeEntry(again, groupVersion)
			if len(e.data) == 0 && len(d.data) == 0 {
				d.data = e.data // nil or empty
			}
			if err != nil || n != len(again) || !reflect.DeepEqual(d, *e) {
				t.Fatalf("%+v reads back as %+v, %v", *e, d, err)
			}
			if total += n; h.version == groupVersion && total > int(h.entries) { // descriptions of older ones have grown
				t.Fatalf("entries of %d bytes in %d", total, h.entries)
			}
			return nil
		})
	})
}

// aState is a state file with everything in it.
func aState() []byte {
	return appendState(nil, 9, []byte("metadata"), []*LogState{
		{ID: 1, Next: 10, Last: 9, Reserved: 20, Start: 2, LastTS: 77, OffsetCount: 3, Fence: "why",
			Segments: []SegmentState{{Base: 0, Next: 5, End: 9000, RecordBytes: 4000, FirstTS: 60, LastTS: 70}, {Base: 5, Next: 10, End: 8192, Generation: 4}},
			Gaps:     []Gap{{3, 4}},
			Offsets:  []OffsetState{{Key: ConsumerKey{ID: 5}, Offset: 4, Count: 2, User: User{Number: 3}, Moved: 9}, {Key: ConsumerKey{Group: true, ID: 6}, Deleted: true, Count: 3, User: User{Number: UserUnknown}}}},
		{ID: 2, Replica: 1 << 40, Generation: 4},
	})
}

// FuzzState reads state files, stored offsets in them, whose checksum is right: what is read and written again is read the
// same, and counts that the bytes cannot hold allocate nothing.
func FuzzState(f *testing.F) {
	f.Add(aState(), true)
	f.Add(aState()[:stateHeadSize+3], true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, p []byte, sealed bool) {
		if sealed && len(p) >= stateHeadSize {
			le := binary.LittleEndian
			le.PutUint32(p, stateMagic)
			le.PutUint32(p[4:], 1+le.Uint32(p[4:])%stateVersion)
			le.PutUint64(p[8:], uint64(len(p)))
			le.PutUint64(p[40:], xxh3.Hash(p[stateHeadSize:]))
		}
		first, meta, logs, err := decodeState(p)
		if err != nil {
			return
		}
		again, meta2, logs2, err := decodeState(appendState(nil, first, meta, logs))
		if err != nil || again != first || !bytes.Equal(meta, meta2) || !reflect.DeepEqual(logs, logs2) {
			t.Fatalf("%+v reads back as %+v, %v", logs, logs2, err)
		}
	})
}

// FuzzSuperblock reads both copies of a superblock: the newer valid one counts, and two bad ones are an error.
func FuzzSuperblock(f *testing.F) {
	two := make([]byte, 2*BlockSize)
	for i := range uint64(2) {
		b := superblock{sequence: 8 + i, seed: 3, first: 4, state: 4, created: 5, node: [16]byte{1}, boot: [16]byte{2}, shards: 3, markCount: 1}
		b.put(two[(8+i)%2*BlockSize:])
	}
	f.Add(two, true)
	f.Add(two[:BlockSize+10], false)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, p []byte, sealed bool) {
		for _, at := range []int{0, BlockSize} {
			if sealed && len(p) >= at+superHeadSize {
				binary.LittleEndian.PutUint64(p[at+88:], xxh3.Hash(p[at:at+88]))
			}
			if sealed && len(p) >= at+BlockSize {
				binary.LittleEndian.PutUint64(p[at+superSumAt:], xxh3.Hash(p[at:at+superSumAt]))
				binary.LittleEndian.PutUint64(p[at+marksSumAt:], xxh3.Hash(p[at+superMarksAt:at+marksSumAt]))
			}
		}
		b, fresh, err := readSuperblock(p)
		if err != nil || fresh {
			return
		}
		q := make([]byte, BlockSize)
		b.put(q)
		if again, err := decodeSuperblock(q); err != nil || again != b {
			t.Fatalf("%+v reads back as %+v, %v", b, again, err)
		}
	})
}

// FuzzSegment looks at arbitrary bytes as the head and the batches of a segment, and makes their index: nothing panics,
// and the index is in order and names places within what was read.
func FuzzSegment(f *testing.F) {
	head := make([]byte, BlockSize)
	putSegmentHead(head, 7, SegmentID{Base: 100})
	var b batch.Builder
	var h batch.Hasher
	records := []byte(nil)
	for i := range 3 {
		b.Reset(1)
		if err := b.Add([16]byte{byte(i)}, bytes.Repeat([]byte{1}, 300), nil); err != nil {
			f.Fatal(err)
		}
		h.Stamp(b.Bytes(), 0, Offset(100+i), uint64(10+i))
		records = append(records, b.Bytes()...)
	}
	f.Add(append(head, records...), uint16(0))
	f.Add(append(bytes.Clone(records), make([]byte, 5000)...), uint16(700))
	f.Add([]byte{1, 2, 3}, uint16(5))
	f.Fuzz(func(t *testing.T, p []byte, shift uint16) {
		if err := checkSegmentHead(p, 7, SegmentID{Base: 100}); err == nil && len(p) < 48 {
			t.Fatal("a head of less than 48 bytes")
		}
		pos := segmentStart + Pos(shift)
		g := &segment{log: &Log{cfg: LogConfig{ID: 7}, s: &Store{}}, base: 100, next: 1 << 40}
		ix, next, _ := g.indexBatches(nil, p, pos, pos+Pos(len(p)))
		if next < pos {
			t.Fatalf("reads on at %d, before %d", next, pos)
		}
		for i, e := range ix {
			if e.pos < pos || e.pos >= pos+Pos(len(p)) || i > 0 && e.pos <= ix[i-1].pos {
				t.Fatalf("entry %d at %d of bytes %d to %d", i, e.pos, pos, pos+Pos(len(p)))
			}
		}
	})
}

// FuzzIndex compares the searches of an index with looking at every entry.
func FuzzIndex(f *testing.F) {
	f.Add(uint64(1), uint64(50))
	f.Add(uint64(2), uint64(0))
	f.Fuzz(func(t *testing.T, seed, want uint64) { compareIndex(t, rand.New(rand.NewPCG(seed, 1)), want%400) })
}

// compareIndex makes an index in order and asks it for want.
func compareIndex(t *testing.T, r *rand.Rand, want uint64) {
	t.Helper()
	var ix []indexEntry
	e := indexEntry{offset: Offset(r.IntN(20)), pos: segmentStart, ts: uint64(r.IntN(20))}
	for range r.IntN(30) {
		ix = append(ix, e)
		e.offset, e.pos, e.ts = e.offset+1+Offset(r.IntN(20)), e.pos+1+Pos(r.IntN(9000)), e.ts+uint64(r.IntN(15))
	}
	last := func(ok func(indexEntry) bool) (found indexEntry, any bool) {
		for _, e := range ix {
			if ok(e) {
				found, any = e, true
			}
		}
		return found, any
	}
	first := func(ok func(indexEntry) bool) (indexEntry, bool) {
		for _, e := range ix {
			if ok(e) {
				return e, true
			}
		}
		return indexEntry{}, false
	}
	check := func(name string, got indexEntry, ok bool, twin indexEntry, twinOK bool) {
		t.Helper()
		if ok != twinOK || ok && got != twin {
			t.Fatalf("%s(%d) of %+v: %+v %t, looking at each gives %+v %t", name, want, ix, got, ok, twin, twinOK)
		}
	}
	got, ok := floorOffset(ix, Offset(want))
	twin, twinOK := last(func(e indexEntry) bool { return e.offset <= Offset(want) })
	check("floorOffset", got, ok, twin, twinOK)
	got, ok = ceilOffset(ix, Offset(want))
	twin, twinOK = first(func(e indexEntry) bool { return e.offset >= Offset(want) })
	check("ceilOffset", got, ok, twin, twinOK)
	got, ok = floorTime(ix, want)
	twin, twinOK = last(func(e indexEntry) bool { return e.ts < want })
	check("floorTime", got, ok, twin, twinOK)
	if !sort.SliceIsSorted(ix, func(i, j int) bool { return ix[i].pos < ix[j].pos }) {
		t.Fatal("the test's own index is out of order")
	}
}
