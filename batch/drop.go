package batch

import (
	"encoding/binary"
	"fmt"

	"github.com/zeebo/xxh3"
)

// Drop cuts the frames of those indexes out of b, in place, and returns the batch that is left: the others in their order,
// with offset deltas, message checksums, length, count and checksum that are right again. The bytes behind it are left
// over. The origin timestamp stays: the times of the frames are relative to it.
//
// b is valid, the indexes ascend, and at least one frame stays; anything else is the caller's mistake.
func (h *Hasher) Drop(b Batch, indexes []uint32) Batch {
	if len(indexes) >= b.Count() {
		panic(fmt.Sprintf("BUG: %d records dropped from a batch of %d", len(indexes), b.Count()))
	}
	end, kept := HeaderSize, uint32(0)
	i, pos := uint32(0), HeaderSize
	for pos < len(b) {
		frame := b[pos : pos+frameSize(b[pos:])]
		pos += len(frame)
		drop := len(indexes) > 0 && indexes[0] == i
		if i++; drop {
			indexes = indexes[1:]
			continue
		}
		if at := pos - len(frame); at != end {
			frame = b[end : end+copy(b[end:], frame)]
			binary.LittleEndian.PutUint32(frame[offsetDeltaPos:], kept)
			binary.LittleEndian.PutUint64(frame, xxh3.Hash(frame[idPos:]))
		}
		end += len(frame)
		kept++
	}
	if len(indexes) > 0 {
		panic(fmt.Sprintf("BUG: record %d dropped from a batch of %d", indexes[0], i))
	}
	b = b[:end:end]
	binary.LittleEndian.PutUint64(b[lengthPos:], uint64(end))
	binary.LittleEndian.PutUint32(b[countPos:], kept)
	binary.LittleEndian.PutUint64(b[checksumPos:], h.checksum(b, b.Frames()))
	return b
}
