package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/zeebo/xxh3"
)

func TestAdmitNamesWhatIsWrong(t *testing.T) {
	const frame2 = HeaderSize + 53
	// f breaks a good batch; the checksums are made right again unless they are what is broken.
	f := func(name string, want error, breakIt func(p []byte) []byte) {
		t.Helper()
		p := breakIt(golden(t, "two_messages.hex"))
		if _, err := Admit(p, DefaultLimits()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	put32 := func(pos int, v uint32) func([]byte) []byte {
		return func(p []byte) []byte { binary.LittleEndian.PutUint32(p[pos:], v); return p }
	}
	f("nothing broken", nil, func(p []byte) []byte { return p })
	f("base fields set by the producer", nil, func(p []byte) []byte { p[0], p[8], p[16] = 1, 2, 3; return resum(p) })
	f("empty", ErrLength, func([]byte) []byte { return nil })
	f("header cut", ErrLength, func(p []byte) []byte { return p[:255] })
	f("end cut", ErrLength, func(p []byte) []byte { return p[:len(p)-1] })
	f("trailing byte", ErrLength, func(p []byte) []byte { return append(p, 0) })
	f("length beyond 32 bits", ErrLength, func(p []byte) []byte { p[lengthPos+7] = 1; return p })
	f("first reserved byte", ErrReserved, func(p []byte) []byte { p[reservedPos] = 1; return p })
	f("last reserved byte", ErrReserved, func(p []byte) []byte { p[HeaderSize-1] = 1; return p })
	f("reserved byte of a frame", ErrReserved, func(p []byte) []byte { p[frame2+47] = 1; return p })
	f("no frames", ErrCount, func(p []byte) []byte { return resum(put32(countPos, 0)(p[:HeaderSize])) })
	f("count too small", ErrCount, put32(countPos, 1))
	f("count too large", ErrCount, put32(countPos, 3))
	f("frame runs past the end", ErrTiling, put32(frame2+payloadSizePos, 7))
	f("frame ends early", ErrTiling, func(p []byte) []byte { return resum(append(p, make([]byte, 47)...)) })
	f("offset deltas swapped", ErrOffsetDelta, put32(HeaderSize+offsetDeltaPos, 1))
	f("offset delta repeated", ErrOffsetDelta, put32(frame2+offsetDeltaPos, 0))
	f("payload empty", ErrPayloadEmpty, put32(frame2+payloadSizePos, 0))
	f("payload too large", ErrPayloadTooLarge, put32(frame2+payloadSizePos, 64_000_001))
	f("headers too large", ErrHeadersTooLarge, put32(frame2+headersSizePos, 100_001))
	f("sizes that overflow", ErrPayloadTooLarge, put32(frame2+payloadSizePos, 1<<32-1))
	f("payload bit", ErrMessageChecksum, func(p []byte) []byte { p[len(p)-1] ^= 1; return p })
	f("id bit", ErrMessageChecksum, func(p []byte) []byte { p[HeaderSize+idPos] ^= 1; return p })
	f("message checksum bit", ErrMessageChecksum, func(p []byte) []byte { p[frame2] ^= 1; return p })
	f("batch checksum bit", ErrChecksum, func(p []byte) []byte { p[checksumPos] ^= 1; return p })
	f("origin timestamp bit", ErrChecksum, func(p []byte) []byte { p[originTimestampPos] ^= 1; return p })

	_, err := Admit(golden(t, "two_messages.hex"), Limits{LengthMax: 374, PayloadMax: 10, HeadersMax: 12})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("batch over the limit: %v", err)
	}
}

func TestPeekBelievesOnlyPlausibleHeaders(t *testing.T) {
	p := golden(t, "two_messages.hex")
	if n, ok := Peek(p[:HeaderSize]); !ok || n != 375 {
		t.Fatalf("Peek says %d, %v", n, ok)
	}
	f := func(name string, p []byte) {
		t.Helper()
		if n, ok := Peek(p); ok {
			t.Errorf("%s: plausible, length %d", name, n)
		}
	}
	f("short", p[:HeaderSize-1])
	f("zeros", make([]byte, HeaderSize))
	f("ones", bytes.Repeat([]byte{255}, HeaderSize))
	count := bytes.Clone(p)
	count[countPos] = 3
	f("more frames than fit", count)
	long := bytes.Clone(p)
	binary.LittleEndian.PutUint64(long[lengthPos:], LengthMax+1)
	f("longer than any batch", long)
}

func TestVerifyRefusesWhatOnlyASliceMayHave(t *testing.T) {
	var h Hasher
	b := randomBatch(rand.New(rand.NewPCG(1, 2)), 5)
	h.Stamp(b, 0, 100, 1)
	header, frames := h.Slice(nil, b, 2, 2)
	slice := append(header, frames...)
	if _, err := h.Verify(slice); !errors.Is(err, ErrOffsetDelta) {
		t.Errorf("a slice passed for a stored batch: %v", err)
	}
	if _, err := h.VerifySlice(slice); err != nil {
		t.Error(err)
	}
	h.Stamp(b, 0, 1<<64-3, 1)
	if _, err := h.Verify(b); !errors.Is(err, ErrCount) {
		t.Errorf("offsets that wrap around: %v", err)
	}
}

// twin says by the plainest means whether p is a batch that may be admitted.
func twin(p []byte, lim Limits) bool {
	if len(p) < HeaderSize || len(p) > lim.LengthMax || !bytes.Equal(p[52:256], make([]byte, 204)) {
		return false
	}
	le := binary.LittleEndian
	sums := append(bytes.Clone(p[:40]), p[48:52]...)
	n, pos := 0, 256
	for ; pos < len(p); n++ {
		if len(p)-pos < 48 {
			return false
		}
		headers, payload := uint64(le.Uint32(p[pos+32:])), uint64(le.Uint32(p[pos+36:]))
		if payload < 1 || payload > uint64(lim.PayloadMax) || headers > uint64(lim.HeadersMax) ||
			uint64(pos)+48+headers+payload > uint64(len(p)) {
			return false
		}
		frame := p[pos : pos+48+int(headers+payload)]
		if le.Uint32(frame[24:]) != uint32(n) || le.Uint64(frame[40:]) != 0 || le.Uint64(frame) != xxh3.Hash(frame[8:]) {
			return false
		}
		sums = append(sums, frame[:8]...)
		pos += len(frame)
	}
	return n > 0 && le.Uint32(p[48:]) == uint32(n) && le.Uint64(p[32:]) == uint64(len(p)) && le.Uint64(p[40:]) == xxh3.Hash(sums)
}

func TestAdmitAgreesWithItsSlowTwin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	var h Hasher
	admitted := 0
	for range 3000 {
		p := []byte(randomBatch(rng, 1+rng.IntN(6)))
		lim := Limits{LengthMax: 256 + rng.IntN(2000), PayloadMax: 1 + rng.IntN(100), HeadersMax: rng.IntN(100)}
		switch rng.IntN(4) {
		case 0:
			p[rng.IntN(len(p))] ^= 1 << rng.IntN(8)
		case 1: // a broken field under a right checksum
			p[rng.IntN(52)] ^= 1 << rng.IntN(8)
			p = resum(p)
		case 2:
			lim = DefaultLimits()
		}
		_, err := h.Admit(p, lim)
		if (err == nil) != twin(p, lim) {
			t.Fatalf("Admit says %v, the twin %v: limits %+v\n%x", err, twin(p, lim), lim, p)
		}
		if err == nil {
			admitted++
		}
	}
	if admitted < 300 || admitted > 2700 {
		t.Fatalf("%d of 3000 admitted: the test no longer tests both", admitted)
	}
}

func TestLargeBatchesAreHashedAsSmallOnes(t *testing.T) {
	for _, count := range []int{sumsBufferMax - 1, sumsBufferMax, sumsBufferMax + 1, 2*sumsBufferMax + 7, 5000} {
		var b Builder
		b.Reset(7)
		for range count {
			must(t, b.Add([16]byte{}, []byte("x"), nil))
		}
		if !twin(b.Bytes(), DefaultLimits()) {
			t.Errorf("%d records: the twin does not admit what the builder made", count)
		}
		if _, err := Admit(b.Bytes(), DefaultLimits()); err != nil {
			t.Errorf("%d records: %v", count, err)
		}
	}
}

func FuzzAdmit(f *testing.F) {
	f.Add(golden(f, "two_messages.hex"))
	f.Add(golden(f, "sdk_send.hex"))
	f.Add(golden(f, "slice.hex"))
	f.Fuzz(func(t *testing.T, p []byte) {
		lim := DefaultLimits()
		for _, p := range [][]byte{p, resum(bytes.Clone(p))} { // as found, and so that checksums are no obstacle
			var h Hasher
			b, err := h.Admit(p, lim)
			if (err == nil) != twin(p, lim) {
				t.Fatalf("Admit says %v, the twin %v", err, twin(p, lim))
			}
			if _, errStored := h.Verify(p); err == nil && errStored != nil && b.NextOffset() > b.BaseOffset() {
				t.Fatalf("admitted, but not verified: %v", errStored)
			}
			if err != nil {
				continue
			}
			h.Stamp(b, 1, 2, 3)
			header, frames := h.Slice(nil, b, b.Count()-1, 1)
			if _, err := h.VerifySlice(append(header, frames...)); err != nil {
				t.Fatalf("its last record as a slice: %v", err)
			}
		}
	})
}

// resum makes length and checksums of p right, as far as its frames can be walked.
func resum(p []byte) []byte {
	if len(p) < HeaderSize {
		return p
	}
	binary.LittleEndian.PutUint64(p[lengthPos:], uint64(len(p)))
	sums := append(bytes.Clone(p[:checksumPos]), p[countPos:reservedPos]...)
	for rest := p[HeaderSize:]; len(rest) >= FrameHeaderSize && frameSize(rest) <= len(rest); rest = rest[frameSize(rest):] {
		binary.LittleEndian.PutUint64(rest, xxh3.Hash(rest[idPos:frameSize(rest)]))
		sums = append(sums, rest[:8]...)
	}
	binary.LittleEndian.PutUint64(p[checksumPos:], xxh3.Hash(sums))
	return p
}

func randomBatch(rng *rand.Rand, count int) Batch {
	var b Builder
	b.Reset(rng.Uint64N(1 << 50))
	for range count {
		payload, headers := make([]byte, 1+rng.IntN(80)), make([]byte, rng.IntN(60))
		for i := range payload {
			payload[i] = byte(rng.Uint32())
		}
		if err := b.Add([16]byte{byte(rng.Uint32())}, payload, headers); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}
