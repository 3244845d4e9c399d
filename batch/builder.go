package batch

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/zeebo/xxh3"
)

// ErrTimestampSpan: a record is more than about 71.6 minutes younger than the first of its batch, or older than it.
var ErrTimestampSpan = errors.New("batch: creation times too far apart")

// Builder makes batches for a producer. The zero value is ready; Reset makes it so again and keeps the memory.
type Builder struct {
	buf    []byte
	count  uint32
	hasher Hasher
}

// Reset empties the builder and sets the origin timestamp of the next batch, in microseconds since 1970. What Bytes
// returned is overwritten by the records to come.
func (b *Builder) Reset(originMicros uint64) {
	if cap(b.buf) < HeaderSize {
		b.buf = make([]byte, HeaderSize, 4096)
	}
	b.buf, b.count = b.buf[:HeaderSize], 0
	clear(b.buf)
	binary.LittleEndian.PutUint64(b.buf[originTimestampPos:], originMicros)
}

// Add appends a record created at the origin timestamp. The builder copies payload and headers (typed entries, as
// the protocol encodes them; nil for none). ErrPayloadEmpty, ErrPayloadTooLarge, ErrHeadersTooLarge, ErrTooLarge:
// nothing was added.
func (b *Builder) Add(id [16]byte, payload, headers []byte) error {
	if b.count == 0 && len(b.buf) < HeaderSize {
		b.Reset(0)
	}
	return b.AddAt(binary.LittleEndian.Uint64(b.buf[originTimestampPos:]), id, payload, headers)
}

// AddAt is Add for a record created at timestampMicros, which may not be before the origin timestamp nor more than
// 2^32 microseconds after it (ErrTimestampSpan).
func (b *Builder) AddAt(timestampMicros uint64, id [16]byte, payload, headers []byte) error {
	if len(b.buf) < HeaderSize {
		b.Reset(timestampMicros)
	}
	lim := DefaultLimits()
	delta := timestampMicros - binary.LittleEndian.Uint64(b.buf[originTimestampPos:])
	switch {
	case len(payload) == 0:
		return ErrPayloadEmpty
	case len(payload) > lim.PayloadMax:
		return ErrPayloadTooLarge
	case len(headers) > lim.HeadersMax:
		return ErrHeadersTooLarge
	case len(b.buf)+FrameHeaderSize+len(payload)+len(headers) > lim.LengthMax:
		return ErrTooLarge
	case delta > math.MaxUint32: // also when it wrapped around, the record being older than the origin
		return ErrTimestampSpan
	}
	at := len(b.buf)
	var head [FrameHeaderSize]byte
	copy(head[idPos:], id[:])
	binary.LittleEndian.PutUint32(head[offsetDeltaPos:], b.count)
	binary.LittleEndian.PutUint32(head[timestampDeltaPos:], uint32(delta))
	binary.LittleEndian.PutUint32(head[headersSizePos:], uint32(len(headers)))
	binary.LittleEndian.PutUint32(head[payloadSizePos:], uint32(len(payload)))
	b.buf = append(b.buf, head[:]...)
	b.buf = append(b.buf, payload...)
	b.buf = append(b.buf, headers...)
	binary.LittleEndian.PutUint64(b.buf[at:], xxh3.Hash(b.buf[at+idPos:]))
	b.count++
	return nil
}

// Count is the number of records added since Reset.
func (b *Builder) Count() int { return int(b.count) }

// Size is the length in bytes of the batch as it stands.
func (b *Builder) Size() int { return max(len(b.buf), HeaderSize) }

// Bytes completes the header and returns the batch, nil if it has no records. It is the builder's memory, valid
// until Reset; more records may be added, and then it is to be asked for again.
func (b *Builder) Bytes() Batch {
	if b.count == 0 {
		return nil
	}
	out := Batch(b.buf)
	binary.LittleEndian.PutUint64(out[lengthPos:], uint64(len(out)))
	binary.LittleEndian.PutUint32(out[countPos:], b.count)
	binary.LittleEndian.PutUint64(out[checksumPos:], b.hasher.checksum(out, out.Frames()))
	return out
}
