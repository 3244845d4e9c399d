package storage

import (
	"encoding/binary"
	"fmt"
)

// A description of a segment, in state files of version 3, and in entries of kind 8 in groups of version 3. Little endian.
//
//	at  size  field
//	 0     8  base
//	 8     4  generation
//	12     4  rewrite        0: the file is as it was appended
//	16     1  seal           0: plain
//	17     1  packing        0: none
//	18     1  place          1 local
//	19     1  flags          0
//	20     4  reserved       0
//	24     8  next
//	32     8  end
//	40     8  stored size    0: not known
//	48     8  records        0: not known
//	56     8  record bytes
//	64     8  first append time   0: not known
//	72     8  last append time
//	80     8  content        over the checksums of its batches; 0: not known
//	88    32  digest         of the file; zeros: not taken
//
// Version 2 has 56 bytes: base, next, end, record bytes, last and first append time (6 x u64), generation u32, reserved u32. Version 1 has
// the first 40 of them. A rewrite, seal, packing, place or flags other than these are of a newer build: the file is not what this one would
// take it for.
const (
	sealedSize  = 120
	sealedSize2 = 56
	sealedSize1 = 40

	descriptionFormAt = 12
	placeLocal        = 1
)

func appendSegment(dst []byte, g *SegmentState) []byte {
	le := binary.LittleEndian
	at := len(dst)
	dst = append(dst, make([]byte, sealedSize)...)
	p := dst[at:]
	le.PutUint64(p[0:], uint64(g.Base))
	le.PutUint32(p[8:], g.Generation)
	p[18] = placeLocal
	le.PutUint64(p[24:], uint64(g.Next))
	le.PutUint64(p[32:], uint64(g.End))
	le.PutUint64(p[56:], uint64(g.RecordBytes))
	le.PutUint64(p[64:], g.FirstTS)
	le.PutUint64(p[72:], g.LastTS)
	return dst
}

// segmentSize is the bytes of a description.
func (r *stateReader) segmentSize() int {
	switch r.version {
	case 1:
		return sealedSize1
	case 2:
		return sealedSize2
	}
	return sealedSize
}

func (r *stateReader) segment() SegmentState {
	if r.version > 2 {
		return r.description()
	}
	g := SegmentState{Base: Offset(r.u64()), Next: Offset(r.u64()), End: Pos(r.u64()), RecordBytes: int64(r.u64()), LastTS: r.u64()}
	if r.version > 1 {
		g.FirstTS, g.Generation = r.u64(), r.u32()
		r.u32()
	}
	return g
}

func (r *stateReader) description() SegmentState {
	p := r.bytes(sealedSize)
	if p == nil {
		return SegmentState{}
	}
	le := binary.LittleEndian
	g := SegmentState{Base: Offset(le.Uint64(p[0:])), Generation: le.Uint32(p[8:]), Next: Offset(le.Uint64(p[24:])), End: Pos(le.Uint64(p[32:])),
		RecordBytes: int64(le.Uint64(p[56:])), FirstTS: le.Uint64(p[64:]), LastTS: le.Uint64(p[72:])}
	if form := le.Uint64(p[descriptionFormAt:]); form != placeLocal<<48 && r.form == nil {
		r.form = fmt.Errorf("%w: segment %d is rewrite %d, seal %d, packing %d, place %d, flags %d, this build knows local segments as they were appended",
			ErrNewer, g.Base, uint32(form), p[16], p[17], p[18], p[19])
	}
	return g
}

// upgradeSegments makes descriptions of an older version what they are in this one.
func upgradeSegments(p []byte, version uint32) (dst []byte) {
	r := stateReader{p: p, version: version}
	for len(r.p) >= r.segmentSize() {
		g := r.segment()
		dst = appendSegment(dst, &g)
	}
	return dst
}

// checkSegments reports descriptions that this build cannot act on.
func checkSegments(p []byte) error {
	r := stateReader{p: p, version: stateVersion}
	for len(r.p) >= sealedSize && r.form == nil {
		r.segment()
	}
	return r.form
}
