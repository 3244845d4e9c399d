package storage

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"
)

// A state file is what recovery found, written whole before the journals it came from are retired. Little endian.
//
//	at  size  field
//	 0     4  magic        "GSTA"
//	 4     4  version      3
//	 8     8  size         of the file in bytes
//	16     8  first        first group number of the run it begins
//	24     8  meta size
//	32     8  log count
//	40     8  checksum     XXH3-64 of everything behind this head
//	48        metadata snapshot, then logs
//
// A log:
//
//	log id, next, last, reserved, start, last timestamp, offset count    7 x u64
//	fence length u32, fence text
//	group part length u32, then the group part, which a reader that wants nothing of it skips:
//	    replica id u64, generation u32, reserved u32, term count u32 (0 today), member count u32 (0 today), then those
//	segment count u32, then as many descriptions, see description.go                         120 bytes each
//	gap count u32, then from, to    2 x u64 each
//	offset count u32, then offset u64, count u64, consumer u32, flags u32 (1 group, 2 deleted), user u32 (who stored it;
//	    0xFFFFFFFF: not known), reserved u32, moved u64 (microseconds; 0: not known)           40 bytes each
//
// Version 2 has descriptions of 56 bytes. Version 1 has them of 40, its offsets have 24, up to the flags, and there is no group part.
const (
	stateMagic    = 0x41545347
	stateVersion  = 3
	stateHeadSize = 48
	offsetSize    = 40
	offsetSize1   = 24
	groupPartSize = 24
)

// User is who stored an offset. Numbers are given out again: Since, which rises, tells one that has a number from those that had it.
type User struct {
	Number uint32
	Since  uint32 // the lower bits of the revision of the metadata that made the user; 0: an older build did not say
}

// UserUnknown is the number of the user of an offset of which it is not known who stored it.
const UserUnknown = 0xFFFFFFFF

// SegmentState describes a segment of a recovered log.
type SegmentState struct {
	Base, Next  Offset
	End         Pos
	RecordBytes int64
	LastTS      uint64
	FirstTS     uint64 // append time of the first record; 0: not known
	Generation  uint32
}

// ID names the segment.
func (g *SegmentState) ID() SegmentID { return SegmentID{Base: g.Base, Generation: g.Generation} }

// OffsetState is a recovered stored offset.
type OffsetState struct {
	Key     ConsumerKey
	Offset  Offset
	Count   uint64
	Deleted bool
	User    User   // who stored it, or UserUnknown
	Moved   uint64 // when the offset last changed, microseconds; 0: not known
}

// LogState is where a log stands after recovery.
type LogState struct {
	ID                          LogID
	Next, Last, Reserved, Start Offset
	LastTS, OffsetCount         uint64
	Fence                       string // why it takes no appends, empty: it does
	Segments                    []SegmentState
	Gaps                        []Gap
	Offsets                     []OffsetState
	Replica                     uint64 // id of this replica in the log's group, 0: it has none
	Generation                  uint32 // of the replica's files

	Aside bool // a side file of this run has what its segments lack; not in the file
}

func (l *LogState) clone() *LogState {
	c := *l
	c.Segments, c.Gaps, c.Offsets = slices.Clone(l.Segments), slices.Clone(l.Gaps), slices.Clone(l.Offsets)
	return &c
}

func appendState(dst []byte, first uint64, meta []byte, logs []*LogState) []byte {
	le := binary.LittleEndian
	at := len(dst)
	dst = append(dst, make([]byte, stateHeadSize)...)
	dst = append(dst, meta...)
	for _, l := range logs {
		dst = l.append(dst)
	}
	p := dst[at:]
	le.PutUint32(p[0:], stateMagic)
	le.PutUint32(p[4:], stateVersion)
	le.PutUint64(p[8:], uint64(len(p)))
	le.PutUint64(p[16:], first)
	le.PutUint64(p[24:], uint64(len(meta)))
	le.PutUint64(p[32:], uint64(len(logs)))
	le.PutUint64(p[40:], xxh3.Hash(p[stateHeadSize:]))
	return dst
}

func (l *LogState) append(dst []byte) []byte {
	le := binary.LittleEndian
	for _, v := range []uint64{uint64(l.ID), uint64(l.Next), uint64(l.Last), uint64(l.Reserved), uint64(l.Start), l.LastTS, l.OffsetCount} {
		dst = le.AppendUint64(dst, v)
	}
	dst = le.AppendUint32(dst, uint32(len(l.Fence)))
	dst = append(dst, l.Fence...)
	dst = le.AppendUint64(le.AppendUint32(dst, groupPartSize), l.Replica)
	dst = le.AppendUint32(le.AppendUint32(dst, l.Generation), 0)
	dst = le.AppendUint32(le.AppendUint32(dst, 0), 0) // no terms, no members
	dst = le.AppendUint32(dst, uint32(len(l.Segments)))
	for i := range l.Segments {
		dst = appendSegment(dst, &l.Segments[i])
	}
	dst = le.AppendUint32(dst, uint32(len(l.Gaps)))
	for _, g := range l.Gaps {
		dst = le.AppendUint64(le.AppendUint64(dst, uint64(g.From)), uint64(g.To))
	}
	dst = le.AppendUint32(dst, uint32(len(l.Offsets)))
	for i := range l.Offsets {
		dst = appendOffset(dst, &l.Offsets[i])
	}
	return dst
}

const (
	offsetGroup   = 1
	offsetDeleted = 2
)

func appendOffset(dst []byte, o *OffsetState) []byte {
	le := binary.LittleEndian
	flags := uint32(0)
	if o.Key.Group {
		flags |= offsetGroup
	}
	if o.Deleted {
		flags |= offsetDeleted
	}
	dst = le.AppendUint64(le.AppendUint64(dst, uint64(o.Offset)), o.Count)
	dst = le.AppendUint32(le.AppendUint32(dst, o.Key.ID), flags)
	dst = le.AppendUint32(le.AppendUint32(dst, o.User.Number), o.User.Since)
	return le.AppendUint64(dst, o.Moved)
}

// decodeState reads a state file. Errors wrap ErrDamaged, or ErrNewer.
func decodeState(p []byte) (first uint64, meta []byte, logs []*LogState, err error) {
	le := binary.LittleEndian
	bad := func(what string) (uint64, []byte, []*LogState, error) {
		return 0, nil, nil, fmt.Errorf("%w: state file: %s", ErrDamaged, what)
	}
	if len(p) < stateHeadSize || le.Uint32(p) != stateMagic || le.Uint64(p[8:]) > uint64(len(p)) || le.Uint64(p[8:]) < stateHeadSize {
		return bad("head")
	}
	p = p[:le.Uint64(p[8:])]
	if le.Uint64(p[40:]) != xxh3.Hash(p[stateHeadSize:]) {
		return bad("checksum")
	}
	version := le.Uint32(p[4:])
	if version == 0 || version > stateVersion {
		// The checksum does not cover the head. A newer version has something that this one has not: at least where there are logs.
		if r := readState(p, stateVersion, &meta, &logs); r.whole() && (len(logs) > 0 || version == 0 || version > stateVersion+stateVersionsAhead) {
			return bad(fmt.Sprintf("its version is %d, and all of it reads as version %d", version, stateVersion))
		}
		return 0, nil, nil, newer("state file", int(version), stateVersion)
	}
	switch r := readState(p, version, &meta, &logs); {
	case r.form != nil:
		return 0, nil, nil, fmt.Errorf("state file: %w", r.form)
	case !r.whole():
		return bad("length")
	}
	return le.Uint64(p[16:]), meta, logs, nil
}

// stateVersionsAhead is how many versions may come before one is taken for damage in a file without logs.
const stateVersionsAhead = 16

// readState reads what lies behind the head of p, as of that version.
func readState(p []byte, version uint32, meta *[]byte, logs *[]*LogState) (r stateReader) {
	le := binary.LittleEndian
	metaSize, count := le.Uint64(p[24:]), le.Uint64(p[32:])
	r = stateReader{p: p[stateHeadSize:], version: version}
	*meta = r.bytes(metaSize)
	for i := uint64(0); i < count && !r.bad && r.form == nil; i++ {
		*logs = append(*logs, r.log())
	}
	return r
}

// stateReader takes values off the front of p; bad says that it was too short, form that a segment has one that is not known.
type stateReader struct {
	p       []byte
	version uint32
	bad     bool
	form    error
}

// whole reports whether it has read everything, and nothing more.
func (r *stateReader) whole() bool { return !r.bad && r.form == nil && len(r.p) == 0 }

func (r *stateReader) bytes(n uint64) []byte {
	if n > uint64(len(r.p)) {
		r.bad, r.p = true, nil
		return nil
	}
	b := r.p[:n:n]
	r.p = r.p[n:]
	return b
}

func (r *stateReader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *stateReader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// count reads how many items of size bytes each follow; never more than there are bytes for.
func (r *stateReader) count(size int) int {
	n := int(r.u32())
	if r.bad || n*size > len(r.p) {
		r.bad = true
		return 0
	}
	return n
}

func (r *stateReader) log() *LogState {
	l := &LogState{ID: LogID(r.u64()), Next: Offset(r.u64()), Last: Offset(r.u64()), Reserved: Offset(r.u64()),
		Start: Offset(r.u64()), LastTS: r.u64(), OffsetCount: r.u64()}
	l.Fence = string(r.bytes(uint64(r.u32())))
	if r.version > 1 {
		g := stateReader{p: r.bytes(uint64(r.u32()))}
		l.Replica, l.Generation = g.u64(), g.u32()
		r.bad = r.bad || g.bad
	}
	for n := r.count(r.segmentSize()); n > 0; n-- {
		l.Segments = append(l.Segments, r.segment())
	}
	for n := r.count(16); n > 0; n-- {
		l.Gaps = append(l.Gaps, Gap{Offset(r.u64()), Offset(r.u64())})
	}
	for n := r.count(r.offsetSize()); n > 0; n-- {
		l.Offsets = append(l.Offsets, r.offset())
	}
	return l
}

func (r *stateReader) offset() OffsetState {
	o := OffsetState{Offset: Offset(r.u64()), Count: r.u64(), Key: ConsumerKey{ID: r.u32()}, User: User{Number: UserUnknown}}
	flags := r.u32()
	o.Key.Group, o.Deleted = flags&offsetGroup != 0, flags&offsetDeleted != 0
	if r.version > 1 {
		o.User = User{Number: r.u32(), Since: r.u32()}
		o.Moved = r.u64()
	}
	return o
}

// offsetSize is the bytes of a stored offset.
func (r *stateReader) offsetSize() int {
	if r.version == 1 {
		return offsetSize1
	}
	return offsetSize
}
