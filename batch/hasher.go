package batch

import (
	"encoding/binary"
	"fmt"

	"github.com/zeebo/xxh3"
)

// sumsBufferMax is how many frame checksums are gathered before they are hashed. Batches of up to this many records
// are hashed in one call, which is several times faster than streaming; 1000 is what producers send by default.
const sumsBufferMax = 1024

// Hasher computes batch checksums, and so checks, stamps and slices batches. It allocates nothing and its zero value
// is ready. It is some 9 KiB large and not for two goroutines at a time: each shard owns one.
type Hasher struct {
	used     int
	streamed bool
	sums     [checksumPos + 4 + sumsBufferMax*8]byte
	stream   xxh3.Hasher
}

// Stamp makes b the batch that begins at offset base of the partition, appended at timestampMicros (since 1970), and
// recomputes its checksum. b is valid; its frames are read and not changed.
func (h *Hasher) Stamp(b Batch, partition uint64, base Offset, timestampMicros uint64) {
	binary.LittleEndian.PutUint64(b[partitionIDPos:], partition)
	binary.LittleEndian.PutUint64(b[baseOffsetPos:], uint64(base))
	binary.LittleEndian.PutUint64(b[baseTimestampPos:], timestampMicros)
	binary.LittleEndian.PutUint64(b[checksumPos:], h.checksum(b, b.Frames()))
}

// Slice cuts the records [skip, skip+count) out of b for a poll reply. It appends the header of the slice to dst and
// returns that header alone, and the view of b's frames that belongs behind it. Offsets and times stay those of b, so
// that the deltas in the frames keep their meaning; length, count and checksum are the slice's own.
//
// b is valid and holds all the records asked for, at least one; anything else is the caller's mistake.
func (h *Hasher) Slice(dst []byte, b Batch, skip, count int) (header, frames []byte) {
	if skip < 0 || count < 1 || skip > b.Count()-count {
		panic(fmt.Sprintf("BUG: slice of records %d to %d from a batch of %d", skip, skip+count, b.Count()))
	}
	from := skipFrames(b.Frames(), skip)
	frames = from[:len(from)-len(skipFrames(from, count))]

	at := len(dst)
	dst = append(dst, b[:HeaderSize]...)
	header = dst[at:]
	binary.LittleEndian.PutUint64(header[lengthPos:], uint64(HeaderSize+len(frames)))
	binary.LittleEndian.PutUint32(header[countPos:], uint32(count))
	binary.LittleEndian.PutUint64(header[checksumPos:], h.checksum(header, frames))
	return header, frames
}

func skipFrames(frames []byte, n int) []byte {
	for range n {
		frames = frames[frameSize(frames):]
	}
	return frames
}

// checksum is the batch checksum of header and frames, both valid.
func (h *Hasher) checksum(header, frames []byte) uint64 {
	h.begin(header)
	for len(frames) > 0 {
		h.add(frames)
		frames = frames[frameSize(frames):]
	}
	return h.sum()
}

// begin starts a checksum with the 44 header bytes that count; add takes the first 8 bytes of each frame, in order;
// sum ends it.
func (h *Hasher) begin(header []byte) {
	h.streamed = false
	h.used = copy(h.sums[:], header[:checksumPos])
	h.used += copy(h.sums[h.used:], header[countPos:reservedPos])
}

func (h *Hasher) add(frame []byte) {
	if h.used > len(h.sums)-8 {
		h.flush()
	}
	binary.LittleEndian.PutUint64(h.sums[h.used:], binary.LittleEndian.Uint64(frame))
	h.used += 8
}

func (h *Hasher) flush() {
	if !h.streamed {
		h.streamed = true
		h.stream.Reset()
	}
	_, _ = h.stream.Write(h.sums[:h.used]) // never fails, says its documentation
	h.used = 0
}

func (h *Hasher) sum() uint64 {
	if !h.streamed {
		return xxh3.Hash(h.sums[:h.used])
	}
	h.flush()
	return h.stream.Sum64()
}
