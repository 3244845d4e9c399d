package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A journal entry is a fixed head and, for some kinds, data behind it. Little endian.
//
//	at  size  field
//	 0     4  magic            "GENT"
//	 4     1  kind             entryKind
//	 5     1  level            of the log when it was made
//	 6     2  reserved         0
//	 8     8  log id           0 for metadata
//	16     8  segment          base offset of the segment that pos is in; its generation is at 108
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
//	96     8  check            direct batches: the batch's checksum; others: see entryKind
//	104    4  term             of a leader, 0 today
//	108    4  generation       of the segment, 0 today
//	112    8  index            in a group of replicas, 0 today
//	120    4  batch count      that the entry stands for, 0: one
//	124    4  reserved         0
//	128       data
//
// In groups of version 1 the head ends at 104, and data begins at 112. Groups of version 2 differ in descriptions of segments.
const (
	entryMagic     = 0x544e4547
	entryHeadSize  = 128
	entryHeadSize1 = 112
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
	// entryOffset stores a consumer offset: base = offset, next = its count, check = consumer, pos = kind, timestamp = when it
	// moved, previous segment = user; length 1 means deleted.
	entryOffset
	// entryCheckpoint says where a log stands: segment, pos = end, next; base = log start, previous segment = first
	// segment kept, previous next = reserved bound, previous end = record bytes in the active segment, check = append time of its
	// first record, 0: not known.
	entryCheckpoint
	// entrySealed describes segments that were rolled: data is segment descriptions as in the state file.
	entrySealed
	// entryMeta carries a metadata command: base = its index.
	entryMeta
	// entryOffsets carries stored offsets: data is offsets as in the state file; next = the count up to which they are all of the log's: of
	// one that is older, and not among them, nothing is left. 0: an older build did not say.
	entryOffsets
	// entryLeft says that the log has left this shard: other journals say how it went on.
	entryLeft
	// entryTable, in a lap, says that a file of the log table is needed: base = its generation, next = how many groups it has at least, pos =
	// where they end, length = which of the two files it is.
	entryTable
	entryKindMax = entryTable
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

	term, generation, batches uint32
	index                     uint64
	data                      []byte

	// In recovery. An entry for batches that follow one another has the first one's head, and the end of the last.
	shard     uint32 // whose journal it is from
	doubt     bool   // groups behind it are lost
	table     bool   // it is from the log table, not from a journal
	firstNext Offset // next of the first of them
	firstTS   uint64 // and its timestamp
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
	le.PutUint32(dst[104:], e.term)
	le.PutUint32(dst[108:], e.generation)
	le.PutUint64(dst[112:], e.index)
	le.PutUint32(dst[120:], e.batches)
	le.PutUint32(dst[124:], 0)
}

// entryHeadOf is the size of an entry's head in groups of that version.
func entryHeadOf(version uint16) int {
	if version == 1 {
		return entryHeadSize1
	}
	return entryHeadSize
}

// segment is the one that the entry is about.
func (e *entry) segment() SegmentID { return SegmentID{Base: e.seg, Generation: e.generation} }

// decodeEntry reads the entry at the start of p, of a group of that version, and its size. The data aliases p, unless the version is an
// older one and it has to be made what it is today. An entry of a kind that is not known is ErrNewer, and so is one that describes segments
// in a form that is not known: its group is whole.
func decodeEntry(p []byte, version uint16) (e entry, n int, err error) {
	le := binary.LittleEndian
	head := entryHeadOf(version)
	if len(p) < head || le.Uint32(p) != entryMagic || p[4] == 0 {
		return e, 0, errEntry
	}
	if p[4] > byte(entryKindMax) {
		return e, 0, fmt.Errorf("%w: a journal entry of kind %d, this build knows kinds up to %d", ErrNewer, p[4], entryKindMax)
	}
	dataLen := int64(le.Uint32(p[36:]))
	if int64(head)+dataLen > int64(len(p)) {
		return e, 0, errEntry
	}
	n = head + int(dataLen)
	e = entry{
		kind: entryKind(p[4]), level: Level(p[5]), log: LogID(le.Uint64(p[8:])),
		seg: Offset(le.Uint64(p[16:])), pos: Pos(le.Uint64(p[24:])), length: le.Uint32(p[32:]),
		base: Offset(le.Uint64(p[40:])), next: Offset(le.Uint64(p[48:])),
		prevSeg: Offset(le.Uint64(p[56:])), prevEnd: Pos(le.Uint64(p[64:])), prevNext: Offset(le.Uint64(p[72:])),
		timestamp: le.Uint64(p[80:]), stable: Offset(le.Uint64(p[88:])), check: le.Uint64(p[96:]),
		data: p[head:n:n],
	}
	if version > 1 {
		e.term, e.generation, e.index, e.batches = le.Uint32(p[104:]), le.Uint32(p[108:]), le.Uint64(p[112:]), le.Uint32(p[120:])
	}
	if e.pos < 0 || e.prevEnd < 0 {
		return e, 0, errEntry
	}
	if e.kind == entryBatch && dataLen != int64(e.length) {
		return e, 0, errEntry
	}
	if version == 1 {
		e.upgrade()
	}
	if e.kind == entrySealed {
		if version < groupVersion {
			e.data = upgradeSegments(e.data, uint32(version))
		} else if err := checkSegments(e.data); err != nil {
			return e, 0, err
		}
	}
	return e, n, nil
}

// upgrade makes an entry of version 1 what it is in version 2, but for descriptions of segments.
func (e *entry) upgrade() {
	r := stateReader{p: e.data, version: 1}
	switch e.kind {
	case entryOffset:
		e.timestamp, e.prevSeg = 0, Offset(UserUnknown)
	case entryCheckpoint:
		e.check = 0
	case entryOffsets:
		e.data = nil
		for len(r.p) >= offsetSize1 {
			o := r.offset()
			e.data = appendOffset(e.data, &o)
		}
	}
}
