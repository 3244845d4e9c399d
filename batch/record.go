package batch

import "encoding/binary"

// A message frame, one record of a batch; all integers little endian:
//
//	at  size  field
//	 0     8  checksum          XXH3-64 of the frame from byte 8 to its end; survives Stamp, being relative
//	 8    16  id                the producer's, verbatim; not necessarily unique
//	24     4  offset delta      record offset minus the batch's base offset: 0, 1, 2 ... as sent
//	28     4  timestamp delta   creation time minus the batch's origin timestamp, microseconds
//	32     4  headers size      bytes of user headers, after the payload
//	36     4  payload size      bytes of payload, at least 1
//	40     8  reserved          zero, by both sides
//	48     -  payload, then user headers
const (
	idPos             = 8
	offsetDeltaPos    = 24
	timestampDeltaPos = 28
	headersSizePos    = 32
	payloadSizePos    = 36
	frameReservedPos  = 40

	// FrameHeaderSize is the size in bytes of what precedes a record's payload.
	FrameHeaderSize = 48
)

// Record is a view of one whole message frame of a valid batch.
type Record []byte

// Next takes the first record off frames, which must be what Frames or Slice returned, or the rest of it. frames
// must not be empty.
func Next(frames []byte) (r Record, rest []byte) {
	size := frameSize(frames)
	return Record(frames[:size:size]), frames[size:]
}

// ID is the message id as the producer chose it, little endian.
func (r Record) ID() [16]byte { return [16]byte(r[idPos:]) }

// OffsetDelta is the record's offset minus the batch's base offset.
func (r Record) OffsetDelta() uint32 { return binary.LittleEndian.Uint32(r[offsetDeltaPos:]) }

// TimestampDelta is the record's creation time minus the batch's origin timestamp, in microseconds.
func (r Record) TimestampDelta() uint32 { return binary.LittleEndian.Uint32(r[timestampDeltaPos:]) }

// Checksum is the stored message checksum.
func (r Record) Checksum() uint64 { return binary.LittleEndian.Uint64(r) }

// Payload is the view of the payload.
func (r Record) Payload() []byte { return r[FrameHeaderSize : FrameHeaderSize+r.payloadSize()] }

// Headers is the view of the user headers: typed key/value entries, opaque to the server. Empty when there are none.
func (r Record) Headers() []byte { return r[FrameHeaderSize+r.payloadSize():] }

func (r Record) payloadSize() int { return int(binary.LittleEndian.Uint32(r[payloadSizePos:])) }

// frameSize is the size of the frame that p begins with, as its header says it. It does not overflow an int.
func frameSize(p []byte) int {
	_ = p[FrameHeaderSize-1]
	return FrameHeaderSize + int(binary.LittleEndian.Uint32(p[headersSizePos:])) +
		int(binary.LittleEndian.Uint32(p[payloadSizePos:]))
}

// An int holds the largest frame size that two 32-bit fields can announce; on a 32-bit machine this does not compile.
const _ int = FrameHeaderSize + 2*(1<<32-1)
