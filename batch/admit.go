package batch

import (
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"
)

// Why bytes are not a batch. Each is the sender's fault, or the disk's when they were stored.
var (
	ErrLength          = errors.New("batch: length does not match the bytes")
	ErrReserved        = errors.New("batch: reserved bytes are not zero")
	ErrCount           = errors.New("batch: count is zero or does not match the frames")
	ErrTiling          = errors.New("batch: frames do not fill the batch exactly")
	ErrOffsetDelta     = errors.New("batch: offset deltas are not 0, 1, 2 in order")
	ErrMessageChecksum = errors.New("batch: message checksum is wrong")
	ErrChecksum        = errors.New("batch: batch checksum is wrong")
	ErrTooLarge        = errors.New("batch: batch is larger than allowed")
	ErrPayloadEmpty    = errors.New("batch: payload is empty")
	ErrPayloadTooLarge = errors.New("batch: payload is larger than allowed")
	ErrHeadersTooLarge = errors.New("batch: user headers are larger than allowed")
)

// Admit checks that p is exactly one batch as a producer may send it: length, reserved bytes, tiling, count, offset
// deltas, lim, every message checksum and the batch checksum. The fields that Stamp will set may hold anything, as
// long as the checksum covers it. It reads p once, from front to end, allocates nothing and changes nothing; the
// batch is p. The error is one of this package's, the first that was met.
func (h *Hasher) Admit(p []byte, lim Limits) (Batch, error) {
	if len(p) > lim.LengthMax {
		return nil, ErrTooLarge
	}
	return h.check(p, lim, 0)
}

// Admit is Hasher.Admit for a caller that keeps no Hasher.
func Admit(p []byte, lim Limits) (Batch, error) {
	var h Hasher
	return h.Admit(p, lim)
}

// Verify checks a whole stored batch that was read back: as Admit, without limits, which may have been others when
// it was written. p may be longer than the batch; the batch is its beginning.
func (h *Hasher) Verify(p []byte) (Batch, error) {
	length, ok := Peek(p)
	if !ok || length > len(p) {
		return nil, ErrLength
	}
	b, err := h.check(p[:length:length], unlimited, 0)
	if err == nil && b.NextOffset() < b.BaseOffset() {
		return nil, ErrCount
	}
	return b, err
}

// VerifySlice is Verify for a batch of a poll reply, whose records may be a part of the original: the first offset
// delta may be any, the rest follow it.
func (h *Hasher) VerifySlice(p []byte) (Batch, error) {
	length, ok := Peek(p)
	if !ok || length > len(p) || length < HeaderSize+FrameHeaderSize {
		return nil, ErrLength
	}
	return h.check(p[:length:length], unlimited, binary.LittleEndian.Uint32(p[HeaderSize+offsetDeltaPos:]))
}

// Peek says whether p begins with a plausible batch header, and if so how long that batch is in bytes, at most
// LengthMax. It looks at the first 256 bytes only; fewer are not plausible. For scanning; it proves nothing.
func Peek(p []byte) (length int, ok bool) {
	if len(p) < HeaderSize {
		return 0, false
	}
	size := binary.LittleEndian.Uint64(p[lengthPos:])
	count := uint64(binary.LittleEndian.Uint32(p[countPos:]))
	if count == 0 || size < HeaderSize+count*FrameHeaderSize || size > LengthMax || !reservedZero(p) {
		return 0, false
	}
	return int(size), true
}

var unlimited = Limits{LengthMax: LengthMax, PayloadMax: LengthMax, HeadersMax: LengthMax}

// check is the one pass over a batch. The frames' headers are looked at just before their bytes are hashed, so that
// each cache line is fetched once.
func (h *Hasher) check(p []byte, lim Limits, delta uint32) (Batch, error) {
	if len(p) < HeaderSize || binary.LittleEndian.Uint64(p[lengthPos:]) != uint64(len(p)) {
		return nil, ErrLength
	}
	if !reservedZero(p) {
		return nil, ErrReserved
	}
	h.begin(p)
	rest, count := p[HeaderSize:], uint32(0)
	for len(rest) > 0 {
		size, err := checkFrame(rest, lim, delta+count)
		if err != nil {
			return nil, err
		}
		if xxh3.Hash(rest[idPos:size]) != binary.LittleEndian.Uint64(rest) {
			return nil, ErrMessageChecksum
		}
		h.add(rest)
		rest = rest[size:]
		count++
	}
	if count == 0 || count != binary.LittleEndian.Uint32(p[countPos:]) {
		return nil, ErrCount
	}
	if h.sum() != binary.LittleEndian.Uint64(p[checksumPos:]) {
		return nil, ErrChecksum
	}
	return Batch(p), nil
}

// checkFrame checks all but the checksum of the frame that p begins with, and returns its size, at most len(p).
func checkFrame(p []byte, lim Limits, delta uint32) (size int, err error) {
	if len(p) < FrameHeaderSize {
		return 0, ErrTiling
	}
	headers := int(binary.LittleEndian.Uint32(p[headersSizePos:]))
	payload := int(binary.LittleEndian.Uint32(p[payloadSizePos:]))
	size = FrameHeaderSize + headers + payload
	switch {
	case payload == 0:
		return 0, ErrPayloadEmpty
	case payload > lim.PayloadMax:
		return 0, ErrPayloadTooLarge
	case headers > lim.HeadersMax:
		return 0, ErrHeadersTooLarge
	case size > len(p):
		return 0, ErrTiling
	case binary.LittleEndian.Uint64(p[frameReservedPos:]) != 0:
		return 0, ErrReserved
	case binary.LittleEndian.Uint32(p[offsetDeltaPos:]) != delta:
		return 0, ErrOffsetDelta
	}
	return size, nil
}

// reservedZero says whether the 204 reserved bytes of the header are zero.
func reservedZero(p []byte) bool {
	p = p[reservedPos:HeaderSize]
	bits := uint64(binary.LittleEndian.Uint32(p))
	for p = p[4:]; len(p) >= 8; p = p[8:] {
		bits |= binary.LittleEndian.Uint64(p)
	}
	return bits == 0
}

// The reserved bytes are one u32 and whole u64s, as reservedZero reads them.
const _ uint = -uint((HeaderSize - reservedPos - 4) % 8)
