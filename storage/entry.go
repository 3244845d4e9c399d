package storage

import (
	"encoding/binary"
	"errors"
)

// A journal entry is a fixed head and, for some kinds, data behind it. Little endian.
//
//	at  size  field
//	 0     4  magic            "GENT"
//	 4     1  kind             entryKind
//	 5     1  level            of the log when it was made
//	 6     2  reserved         0
//	 8     8  log id           0 for metadata
//	16     8  segment          base offset of the segment that pos is in
//	24     8  pos              where the data belongs in the segment
//	32     4  length           bytes of the batch in the segment
//	36     4  data length      bytes that follow this head
//	40     8  base offset      of the batch; other kinds: see entryKind
//	48     8  next offset      after it
//	56     8  previous segment where the log ended before this batch ...
//	64     8  previous end
//	72     8  previous next    ... and the offset it would have given out
//	80     8  timestamp        append time of the batch, microseconds
//	88     8  stable           next offset of what was on stable storage of this log when the entry was made
//	96     8  check            direct batches: the batch's checksum; others 0
//	104    4  term             for a leader's epoch, 0 today
//	108    4  reserved         0
//	112       data
const (
	entryMagic    = 0x544e4547
	entryHeadSize = 112
)

type entryKind uint8

const (
	// entryBatch carries a whole batch record: data belongs at pos.
	entryBatch entryKind = iota + 1
	// entryDirect names a batch whose whole blocks went straight to the segment; check is its checksum.
	entryDirect
	// entryBytes carries bytes of the log that no segment block holds yet.
	entryBytes
	// entryReserve raises the reserved bound to next offset.
	entryReserve
	// entryStart raises the log start to base offset; segment is the first one kept.
	entryStart
	// entryOffset stores a consumer offset: base = offset, next = its count, check = consumer, pos = kind; length 1 means deleted.
	entryOffset
	// entryCheckpoint says where a log stands: segment, pos = end, next; base = log start, previous segment = first
	// segment kept, previous next = reserved bound, previous end = record bytes in the active segment.
	entryCheckpoint
	// entrySealed describes segments that were rolled: data is segment descriptions as in the state file.
	entrySealed
	// entryMeta carries a metadata command: base = its index.
	entryMeta
	// entryOffsets carries stored offsets: data is offsets as in the state file.
	entryOffsets
	// entryLeft says that the log has left this shard: other journals say how it went on.
	entryLeft
	entryKindMax = entryLeft
)

type entry struct {
	kind      entryKind
	level     Level
	log       LogID
	seg       Offset
	pos       Pos
	length    uint32
	base      Offset
	next      Offset
	prevSeg   Offset
	prevEnd   Pos
	prevNext  Offset
	timestamp uint64
	stable    Offset
	check     uint64
	data      []byte

	// In recovery.
	shard uint32 // whose journal it is from
	doubt bool   // groups behind it are lost
}

var errEntry = errors.New("storage: malformed journal entry")

// put writes the head of e to dst[:entryHeadSize]; the data is the caller's.
func (e *entry) put(dst []byte, dataLen int) {
	_ = dst[entryHeadSize-1]
	le := binary.LittleEndian
	le.PutUint32(dst[0:], entryMagic)
	dst[4], dst[5], dst[6], dst[7] = byte(e.kind), byte(e.level), 0, 0
	le.PutUint64(dst[8:], uint64(e.log))
	le.PutUint64(dst[16:], uint64(e.seg))
	le.PutUint64(dst[24:], uint64(e.pos))
	le.PutUint32(dst[32:], e.length)
	le.PutUint32(dst[36:], uint32(dataLen))
	le.PutUint64(dst[40:], uint64(e.base))
	le.PutUint64(dst[48:], uint64(e.next))
	le.PutUint64(dst[56:], uint64(e.prevSeg))
	le.PutUint64(dst[64:], uint64(e.prevEnd))
	le.PutUint64(dst[72:], uint64(e.prevNext))
	le.PutUint64(dst[80:], e.timestamp)
	le.PutUint64(dst[88:], uint64(e.stable))
	le.PutUint64(dst[96:], e.check)
	le.PutUint64(dst[104:], 0)
}

// decodeEntry reads the entry at the start of p and its size. The data aliases p.
func decodeEntry(p []byte) (e entry, n int, err error) {
	le := binary.LittleEndian
	if len(p) < entryHeadSize || le.Uint32(p) != entryMagic || p[4] == 0 || p[4] > byte(entryKindMax) {
		return e, 0, errEntry
	}
	dataLen := int64(le.Uint32(p[36:]))
	if entryHeadSize+dataLen > int64(len(p)) {
		return e, 0, errEntry
	}
	n = entryHeadSize + int(dataLen)
	e = entry{
		kind: entryKind(p[4]), level: Level(p[5]), log: LogID(le.Uint64(p[8:])),
		seg: Offset(le.Uint64(p[16:])), pos: Pos(le.Uint64(p[24:])), length: le.Uint32(p[32:]),
		base: Offset(le.Uint64(p[40:])), next: Offset(le.Uint64(p[48:])),
		prevSeg: Offset(le.Uint64(p[56:])), prevEnd: Pos(le.Uint64(p[64:])), prevNext: Offset(le.Uint64(p[72:])),
		timestamp: le.Uint64(p[80:]), stable: Offset(le.Uint64(p[88:])), check: le.Uint64(p[96:]),
		data: p[entryHeadSize:n:n],
	}
	if e.pos < 0 || e.prevEnd < 0 {
		return e, 0, errEntry
	}
	if e.kind == entryBatch && dataLen != int64(e.length) {
		return e, 0, errEntry
	}
	return e, n, nil
}
