package batch

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestEverySliceOfABatchHoldsThoseRecords(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	var h Hasher
	for range 50 {
		b := randomBatch(rng, 1+rng.IntN(12))
		h.Stamp(b, 9, Offset(rng.Uint32()), 77)
		whole := payloads(b.Frames())
		for skip := range b.Count() {
			count := 1 + rng.IntN(b.Count()-skip)
			header, frames := h.Slice(nil, b, skip, count)
			s, err := h.VerifySlice(append(header, frames...))
			if err != nil {
				t.Fatal(err)
			}
			if s.Count() != count || s.BaseOffset() != b.BaseOffset() || s.BaseTimestamp() != 77 || s.PartitionID() != 9 {
				t.Fatalf("slice [%d, +%d): header %x", skip, count, header)
			}
			if !slices.Equal(payloads(frames), whole[skip:skip+count]) {
				t.Fatalf("slice [%d, +%d) of %d holds other records", skip, count, b.Count())
			}
		}
	}
}

func TestSliceBeyondTheBatchIsABug(t *testing.T) {
	b := randomBatch(rand.New(rand.NewPCG(1, 1)), 3)
	f := func(skip, count int) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("Slice(%d, %d) of 3 did not panic", skip, count)
			}
		}()
		new(Hasher).Slice(nil, b, skip, count)
	}
	f(0, 4)
	f(3, 1)
	f(1, 0)
	f(-1, 1)
	f(1<<62, 1<<62)
}

func TestBuilderRefusesWhatTheServerWould(t *testing.T) {
	f := func(want error, add func(b *Builder) error) {
		t.Helper()
		var b Builder
		b.Reset(1000)
		if err := add(&b); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		if b.Count() != 0 || b.Bytes() != nil || b.Size() != HeaderSize {
			t.Errorf("refused, but the builder holds %d records", b.Count())
		}
	}
	f(ErrPayloadEmpty, func(b *Builder) error { return b.Add([16]byte{}, nil, nil) })
	f(ErrHeadersTooLarge, func(b *Builder) error { return b.Add([16]byte{}, []byte("x"), make([]byte, 100_001)) })
	f(ErrPayloadTooLarge, func(b *Builder) error { return b.Add([16]byte{}, make([]byte, 64_000_001), nil) })
	f(ErrTimestampSpan, func(b *Builder) error { return b.AddAt(999, [16]byte{}, []byte("x"), nil) })
	f(ErrTimestampSpan, func(b *Builder) error { return b.AddAt(1000+1<<32, [16]byte{}, []byte("x"), nil) })
}

func TestTheZeroBuilderWorksAndResetReusesIt(t *testing.T) {
	var b Builder
	must(t, b.AddAt(42, [16]byte{}, []byte("first"), nil))
	if b.Bytes().OriginTimestamp() != 42 {
		t.Fatalf("origin timestamp %d", b.Bytes().OriginTimestamp())
	}
	first := bytes.Clone(b.Bytes())
	b.Reset(42)
	must(t, b.Add([16]byte{}, []byte("first"), nil))
	if !bytes.Equal(first, b.Bytes()) {
		t.Fatal("the same records after Reset gave other bytes")
	}
}

func TestThePathOfAMessageDoesNotAllocate(t *testing.T) {
	var h Hasher
	var builder Builder
	payload, dst := make([]byte, 100), make([]byte, 0, HeaderSize)
	build := func(count int) Batch {
		builder.Reset(1)
		for range count {
			must(t, builder.Add([16]byte{}, payload, nil))
		}
		return builder.Bytes()
	}
	for _, count := range []int{1, 100, 3 * sumsBufferMax} {
		b := build(count)
		allocs := testing.AllocsPerRun(20, func() {
			build(count)
			if _, err := h.Admit(b, DefaultLimits()); err != nil {
				t.Fatal(err)
			}
			if _, err := Admit(b, DefaultLimits()); err != nil {
				t.Fatal(err)
			}
			h.Stamp(b, 1, 2, 3)
			if _, err := h.Verify(b); err != nil {
				t.Fatal(err)
			}
			h.Slice(dst, b, 0, 1)
		})
		if allocs != 0 {
			t.Errorf("%d records: %v allocations", count, allocs)
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	for _, c := range []struct {
		name        string
		count, size int
	}{{"1000x1000", 1000, 1000}, {"1000x100", 1000, 100}, {"1x1000", 1, 1000}, {"1x1000000", 1, 1_000_000}} {
		b.Run(c.name, func(b *testing.B) {
			var h Hasher
			p := benchBatch(b, c.count, c.size)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Admit(p, DefaultLimits()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStamp(b *testing.B) {
	var h Hasher
	p := benchBatch(b, 1000, 1000)
	b.ReportAllocs()
	for b.Loop() {
		h.Stamp(p, 1, 2, 3)
	}
}

func benchBatch(b *testing.B, count, size int) Batch {
	var builder Builder
	builder.Reset(1)
	for range count {
		must(b, builder.Add([16]byte{1}, make([]byte, size), nil))
	}
	return builder.Bytes()
}

func payloads(frames []byte) (out []string) {
	var r Record
	for len(frames) > 0 {
		r, frames = Next(frames)
		out = append(out, string(r.Payload()))
	}
	return out
}
