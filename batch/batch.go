// Package batch is the record batch: one layout for what a producer sends, what the log stores and what a poll
// returns, so that bytes go from socket to disk to socket unchanged but for the few fields the server stamps.
//
// It reads, checks, stamps and slices batches in place. Where a batch lies, who may write it and when it is safe is
// left to storage; the frame around it to wire.
package batch

import "encoding/binary"

// A batch record, all integers little endian:
//
//	 at  size  field              producer          after Stamp
//	  0     8  partition id       0                 id within the topic
//	  8     8  base offset        0                 offset of the first record of the original send
//	 16     8  base timestamp     0                 append time, microseconds since 1970
//	 24     8  origin timestamp   smallest creation time of its records, microseconds; never changes
//	 32     8  length             256 + all frames; smaller in a slice
//	 40     8  checksum           XXH3-64 of bytes 0..40, 48..52 and each frame's checksum in order
//	 48     4  count              number of frames; smaller in a slice
//	 52   204  reserved           zero, by both sides
//	256     -  frames             back to back, nothing between and nothing behind; see Record
const (
	partitionIDPos     = 0
	baseOffsetPos      = 8
	baseTimestampPos   = 16
	originTimestampPos = 24
	lengthPos          = 32
	checksumPos        = 40
	countPos           = 48
	reservedPos        = 52

	// HeaderSize is the size of a batch header in bytes.
	HeaderSize = 256

	// LengthMax bounds the length of any batch in bytes: the protocol's ceiling for a frame. A longer one in a
	// header is damage, whatever the configured limit.
	LengthMax = 256 << 20
)

// Offset is a record's place in its partition's log.
type Offset uint64

// Batch is a view of one whole batch record, header and frames, that Admit, Verify or a Builder has vouched for.
// The accessors read the header without further checks.
type Batch []byte

// PartitionID is the partition that the batch was stamped for; as the producer sent it before that.
func (b Batch) PartitionID() uint64 { return binary.LittleEndian.Uint64(b[partitionIDPos:]) }

// BaseOffset is the offset of the first record of the original send; in a slice that record may be absent.
func (b Batch) BaseOffset() Offset { return Offset(binary.LittleEndian.Uint64(b[baseOffsetPos:])) }

// BaseTimestamp is the append time of all its records in microseconds since 1970.
func (b Batch) BaseTimestamp() uint64 { return binary.LittleEndian.Uint64(b[baseTimestampPos:]) }

// OriginTimestamp is the smallest creation time of its records in microseconds since 1970, by the producer's clock.
func (b Batch) OriginTimestamp() uint64 { return binary.LittleEndian.Uint64(b[originTimestampPos:]) }

// Length is the size of the record in bytes, header included, as its header says it; len(b) for a valid batch.
func (b Batch) Length() int { return int(binary.LittleEndian.Uint64(b[lengthPos:])) }

// Checksum is the stored batch checksum.
func (b Batch) Checksum() uint64 { return binary.LittleEndian.Uint64(b[checksumPos:]) }

// Count is the number of records in the batch.
func (b Batch) Count() int { return int(binary.LittleEndian.Uint32(b[countPos:])) }

// NextOffset is the offset after the last record of a whole batch. Not for slices, which keep the base offset of
// the original: ask their last Record.
func (b Batch) NextOffset() Offset { return b.BaseOffset() + Offset(b.Count()) }

// Header is the view of the first 256 bytes.
func (b Batch) Header() []byte { return b[:HeaderSize:HeaderSize] }

// Frames is the view of all frames, for Next to walk.
func (b Batch) Frames() []byte { return b[HeaderSize:] }

// Limits bounds what Admit accepts. The zero value admits nothing.
type Limits struct {
	LengthMax  int // bytes of a batch, header included
	PayloadMax int // bytes of one record's payload
	HeadersMax int // bytes of one record's user headers
}

// DefaultLimits returns the limits that the protocol's clients keep to, within a frame of 64 MiB.
func DefaultLimits() Limits {
	return Limits{LengthMax: 64 << 20, PayloadMax: 64_000_000, HeadersMax: 100_000}
}
