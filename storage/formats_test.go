package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"
)

// The files of testdata/formats hold one example of each format and version, 16 bytes a line; those of older versions were written
// by the builds that knew no newer one, and are never written again.
var writeFormats = flag.Bool("write-formats", false, "write the examples of the newest version of each format")

func hexLines(p []byte) string {
	var b strings.Builder
	zeros := 0
	for len(p) > 0 {
		line := p[:min(16, len(p))]
		p = p[len(line):]
		if allZero(line) {
			zeros += len(line)
		}
		if zeros > 0 && (!allZero(line) || len(p) == 0) {
			fmt.Fprintf(&b, "zeros %d\n", zeros)
			zeros = 0
		}
		if !allZero(line) {
			b.WriteString(hex.EncodeToString(line) + "\n")
		}
	}
	return b.String()
}

func example(t *testing.T, name string) (p []byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/formats/" + name + ".hex")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(strings.ReplaceAll(string(text), "zeros ", "zeros=")) {
		n := 0
		if _, err := fmt.Sscanf(line, "zeros=%d", &n); err == nil {
			p = append(p, make([]byte, n)...)
			continue
		}
		b, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		p = append(p, b...)
	}
	return p
}

// written compares what this build writes with the example.
func written(t *testing.T, name string, p []byte) {
	t.Helper()
	if *writeFormats {
		if err := os.WriteFile("testdata/formats/"+name+".hex", []byte(hexLines(p)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(example(t, name), p) {
		t.Errorf("%s: this build writes\n%s", name, hexLines(p))
	}
}

func refusedAsNewer(t *testing.T, err error, has, knows string) {
	t.Helper()
	if !errors.Is(err, ErrNewer) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), has) || !strings.Contains(err.Error(), knows) {
		t.Errorf("%v, want that it is newer: %s, and this build knows %s", err, has, knows)
	}
}

func TestSuperblockFormats(t *testing.T) {
	v1 := superblock{sequence: 8, seed: 3, first: 4, state: 4, created: 5, mount: 6, node: [16]byte{1}, boot: [16]byte{2}}
	if b, err := decodeSuperblock(example(t, "superblock-1")); err != nil || b != v1 {
		t.Errorf("version 1: %+v, %v", b, err)
	}
	b := v1
	b.bootNumber, b.flags, b.shards, b.way, b.wayLost, b.since, b.journalBytes = 17, superJournalsMade, 2, WayBuffered, 1, 3, 4<<20
	b.markCount, b.marks[0], b.marks[1] = 2, cleanMark{number: 70, block: 9}, cleanMark{number: 81, block: 1, file: 1}
	p := make([]byte, BlockSize)
	b.put(p)
	written(t, "superblock-2", p)
	if again, err := decodeSuperblock(example(t, "superblock-2")); err != nil || again != b {
		t.Errorf("version 2: %+v, %v", again, err)
	}
	binary.LittleEndian.PutUint32(p[4:], 3)
	binary.LittleEndian.PutUint64(p[88:], xxh3.Hash(p[:88]))
	binary.LittleEndian.PutUint64(p[superSumAt:], xxh3.Hash(p[:superSumAt]))
	both := append(example(t, "superblock-2"), p...)
	_, _, err := readSuperblock(both)
	refusedAsNewer(t, err, "version 3", "up to 2")
	p[500]++
	if got, _, err := readSuperblock(append(example(t, "superblock-2"), p...)); err != nil || got != b {
		t.Errorf("a damaged copy beside a whole one: %+v, %v", got, err)
	}
	torn, want := example(t, "superblock-2"), b
	clear(torn[sectorSize:])
	want.markCount, want.marks = 0, [cleanMarksMax]cleanMark{}
	if got, err := decodeSuperblock(torn); err != nil || got != want {
		t.Errorf("a block of which only the first sector was written: %+v, %v", got, err)
	}
}

// entriesOfExample are those of the group that is the example of every version.
func entriesOfExample() []entry {
	offsets := appendOffset(nil, &OffsetState{Key: ConsumerKey{ID: 5}, Offset: 4, Count: 2, User: User{Number: UserUnknown}})
	offsets = appendOffset(offsets, &OffsetState{Key: ConsumerKey{Group: true, ID: 6}, Deleted: true, Count: 3, User: User{Number: UserUnknown}})
	sealed := appendSegment(nil, &SegmentState{Base: 0, Next: 100, End: 9000, RecordBytes: 4000, LastTS: 70})
	return []entry{
		{kind: entryBatch, level: LevelWritten, log: 7, seg: 100, pos: 8192, length: 20, base: 110, next: 120, prevSeg: 100, prevEnd: 8000, prevNext: 110,
			timestamp: 5, stable: 90, data: []byte("twenty bytes of data")},
		{kind: entryOffset, level: LevelPersisted, log: 7, base: 115, next: 4, check: 9, pos: 1, prevSeg: UserUnknown, data: []byte{}},
		{kind: entryOffset, level: LevelPersisted, log: 7, base: 116, next: 5, check: 10, length: 1, prevSeg: UserUnknown, data: []byte{}},
		{kind: entrySealed, level: LevelPersisted, log: 7, data: sealed},
		{kind: entryOffsets, level: LevelPersisted, log: 7, data: offsets},
	}
}

func groupOf(list []entry) []byte {
	p := make([]byte, BlockSize)
	n := groupHeadSize
	for i := range list {
		list[i].put(p[n:], len(list[i].data))
		n += entryHeadSize + copy(p[n+entryHeadSize:], list[i].data)
	}
	sealGroup(p, groupHead{number: 12, safe: 11, first: 4, entries: uint32(n - groupHeadSize), count: uint32(len(list)), shard: 1, meta: 3}, fuzzSeed)
	return p
}

func entriesFrom(t *testing.T, p []byte) (h groupHead, list []entry) {
	t.Helper()
	h, err := decodeGroup(p, fuzzSeed)
	if err == nil {
		err = entriesOf(p, h, func(e *entry) error {
			list = append(list, *e)
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return h, list
}

// TestGroupFormats: what an older build journaled reads as what this one would have journaled.
func TestGroupFormats(t *testing.T) {
	h, list := entriesFrom(t, example(t, "group-1"))
	if h.version != 1 || h.number != 12 || h.safe != 11 || h.first != 4 || h.shard != 1 || h.meta != 3 {
		t.Errorf("version 1: %+v", h)
	}
	if want := entriesOfExample(); !reflect.DeepEqual(list, want) {
		t.Errorf("version 1: entries\n%+v, want\n%+v", list, want)
	}
	full := entriesOfExample()
	full[0].term, full[0].generation, full[0].index, full[0].batches = 3, 4, 5, 6
	full[1].prevSeg, full[1].timestamp = 8, 1234567
	p := groupOf(full)
	written(t, "group-3", p)
	for version, name := range map[uint16]string{2: "group-2", 3: "group-3"} {
		if h, list = entriesFrom(t, example(t, name)); h.version != version || !reflect.DeepEqual(list, full) {
			t.Errorf("version %d: %+v, entries\n%+v, want\n%+v", version, h, list, full)
		}
	}
	if o := list[1].storedOffset(); o != (OffsetState{Key: ConsumerKey{Group: true, ID: 9}, Offset: 115, Count: 4, User: User{8, 0}, Moved: 1234567}) {
		t.Errorf("stored offset %+v", o)
	}
	reseal := func(p []byte) {
		le := binary.LittleEndian
		le.PutUint64(p[48:], 0)
		le.PutUint64(p[64:], 0)
		le.PutUint64(p[48:], xxh3.HashSeed(p, fuzzSeed))
		le.PutUint64(p[64:], xxh3.HashSeed(p[:64], fuzzSeed))
	}
	kind := bytes.Clone(p)
	kind[groupHeadSize+4] = byte(entryKindMax) + 1
	reseal(kind)
	h, err := decodeGroup(kind, fuzzSeed)
	if err != nil {
		t.Fatal(err)
	}
	err = entriesOf(kind, h, func(*entry) error { return nil })
	refusedAsNewer(t, err, "kind 13", "up to 12")
	for _, at := range []int{12, 16, 17, 18, 19} { // rewrite, seal, packing, place, flags
		form := entriesOfExample()
		form[3].data[at] += 2
		_, err = decodeGroup(groupOf(form), fuzzSeed)
		if err == nil {
			err = entriesOf(groupOf(form), h, func(*entry) error { return nil })
		}
		refusedAsNewer(t, err, "segment 0 is", "local segments")
	}
	binary.LittleEndian.PutUint16(p[4:], 4)
	reseal(p)
	_, err = decodeGroup(p, fuzzSeed)
	refusedAsNewer(t, err, "version 4", "up to 3")
}

func TestSegmentFormats(t *testing.T) {
	id := SegmentID{Base: 100}
	if err := checkSegmentHead(example(t, "segment-1"), 7, id); err != nil {
		t.Errorf("version 1: %v", err)
	}
	if err := checkSegmentHead(example(t, "segment-1"), 7, SegmentID{Base: 100, Generation: 1}); !errors.Is(err, ErrDamaged) {
		t.Errorf("version 1 is generation 0, and taken for 1: %v", err)
	}
	p := make([]byte, BlockSize)
	putSegmentHead(p, 7, SegmentID{Base: 100, Generation: 2})
	written(t, "segment-2", p)
	if err := checkSegmentHead(p, 7, SegmentID{Base: 100, Generation: 2}); err != nil {
		t.Errorf("version 2: %v", err)
	}
	for _, other := range []SegmentID{id, {Base: 101, Generation: 2}} {
		if err := checkSegmentHead(p, 7, other); !errors.Is(err, ErrDamaged) {
			t.Errorf("taken for %+v: %v", other, err)
		}
	}
	for _, at := range []int{segmentFormAt, segmentFormEnd - 1} {
		form := bytes.Clone(p)
		form[at] = 1
		binary.LittleEndian.PutUint64(form[segmentSumAt:], xxh3.Hash(form[:segmentSumAt]))
		refusedAsNewer(t, checkSegmentHead(form, 7, SegmentID{Base: 100, Generation: 2}), "a segment in form", "plain")
	}
	binary.LittleEndian.PutUint16(p[4:], 3)
	binary.LittleEndian.PutUint64(p[segmentSumAt:], xxh3.Hash(p[:segmentSumAt]))
	refusedAsNewer(t, checkSegmentHead(p, 7, SegmentID{Base: 100, Generation: 2}), "version 3", "up to 2")
	for id, name := range map[SegmentID]string{{Base: 5}: "00000000000000000005.segment", {Base: 5, Generation: 7}: "00000000000000000005-0000000007.segment"} {
		if got, ok := parseSegmentName(name); id.name() != name || !ok || got != id {
			t.Errorf("%+v is named %s, and %s is %+v %t", id, id.name(), name, got, ok)
		}
	}
	for _, name := range []string{"5.segment", "00000000000000000005-0000000000.segment", "00000000000000000005.segment.tmp", "fenced-0000000000000001.group"} {
		if id, ok := parseSegmentName(name); ok {
			t.Errorf("%s is taken for segment %+v", name, id)
		}
	}
}

func TestStateFormats(t *testing.T) {
	first, meta, logs, err := decodeState(example(t, "state-1"))
	v1 := []*LogState{
		{ID: 1, Next: 10, Last: 9, Reserved: 20, Start: 2, LastTS: 77, OffsetCount: 3, Fence: "why",
			Segments: []SegmentState{{Base: 0, Next: 5, End: 9000, RecordBytes: 4000, LastTS: 70}, {Base: 5, Next: 10, End: 8192}},
			Gaps:     []Gap{{3, 4}},
			Offsets: []OffsetState{{Key: ConsumerKey{ID: 5}, Offset: 4, Count: 2, User: User{Number: UserUnknown}},
				{Key: ConsumerKey{Group: true, ID: 6}, Deleted: true, Count: 3, User: User{Number: UserUnknown}}}},
		{ID: 2},
	}
	if err != nil || first != 9 || string(meta) != "metadata" || !reflect.DeepEqual(logs, v1) {
		t.Errorf("version 1: %d %q %+v, %v", first, meta, logs, err)
	}
	p := aState()
	written(t, "state-3", p)
	for version, name := range map[int]string{2: "state-2", 3: "state-3"} {
		if _, _, logs, err = decodeState(example(t, name)); err != nil || !bytes.Equal(appendState(nil, first, meta, logs), p) {
			t.Errorf("version %d: %+v, %v", version, logs, err)
		}
	}
	described := appendSegment(nil, &logs[0].Segments[0])
	form := bytes.Clone(p)
	form[bytes.Index(form, described)+17] = 1
	binary.LittleEndian.PutUint64(form[40:], xxh3.Hash(form[stateHeadSize:]))
	_, _, _, err = decodeState(form)
	refusedAsNewer(t, err, "packing 1", "local segments")
	// A longer group part, of a build that writes terms and members, is skipped by its length.
	one := (&LogState{ID: 3, Replica: 9, Generation: 1, Gaps: []Gap{{1, 2}}}).append(nil)
	at := 7*8 + 4
	longer := append(bytes.Clone(one[:at+4+groupPartSize]), bytes.Repeat([]byte{0xEE}, 40)...)
	binary.LittleEndian.PutUint32(longer[at:], groupPartSize+40)
	longer = append(longer, one[at+4+groupPartSize:]...)
	r := stateReader{p: longer, version: stateVersion}
	if l := r.log(); r.bad || len(r.p) != 0 || l.Replica != 9 || l.Generation != 1 || len(l.Gaps) != 1 {
		t.Errorf("a longer group part: %+v, %d bytes left", l, len(r.p))
	}
	more := append(bytes.Clone(p), make([]byte, 8)...) // which a newer version has
	binary.LittleEndian.PutUint64(more[8:], uint64(len(more)))
	binary.LittleEndian.PutUint64(more[40:], xxh3.Hash(more[stateHeadSize:]))
	empty := appendState(nil, 9, nil, nil)
	for _, p := range [][]byte{more, empty} {
		binary.LittleEndian.PutUint32(p[4:], 4)
		_, _, _, err = decodeState(p)
		refusedAsNewer(t, err, "version 4", "up to 3")
	}
	for _, p := range [][]byte{p, empty} { // nothing of them is newer
		for _, version := range []uint32{0, 67} {
			binary.LittleEndian.PutUint32(p[4:], version)
			if _, _, _, err = decodeState(p); !errors.Is(err, ErrDamaged) {
				t.Errorf("version %d: %v", version, err)
			}
		}
	}
}

// TestOffsetsNameWhoStoredThem: a user is told from others that had its number, in journals and in state files.
func TestOffsetsNameWhoStoredThem(t *testing.T) {
	want := OffsetState{Key: ConsumerKey{Group: true, ID: 9}, Offset: 4, Count: 2, User: User{Number: 8, Since: 1<<32 - 2}, Moved: 3}
	var e entry
	want.put(&e, 7, LevelPersisted)
	_, list := entriesFrom(t, groupOf([]entry{e}))
	if got := list[0].storedOffset(); got != want {
		t.Errorf("a journal has %+v, want %+v", got, want)
	}
	r := stateReader{p: appendOffset(nil, &want), version: stateVersion}
	if got := r.offset(); got != want {
		t.Errorf("a state file has %+v, want %+v", got, want)
	}
}
