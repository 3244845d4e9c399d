package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"
)

// The superblock is the file galgo.meta: two copies of one block, written and synced one after the other, the newer valid one
// counts.
//
//	at  size  field
//	  0    4  magic          "GMET"
//	  4    4  format version 2
//	  8    8  sequence       rises with every write; the copy at sequence%2 * 4096 is written
//	 16   16  node id        random, made once
//	 32    8  seed           secret of the directory: seeds the checksums of journal groups
//	 40    8  first          first group number of the present run; older groups count no more
//	 48    8  state          number of the state file, 0: none
//	 56   16  boot id        of the last run that finished its recovery; zero: what the page cache holds is not trusted
//	 72    8  mount id       of the same
//	 80    8  created        microseconds
//	 88    8  head checksum  XXH3-64 of bytes 0..88; version 1 ends here
//	 96    8  boot number    rises with every start
//	104   16  cluster id     zero: none
//	120    4  node number    0: none
//	124    4  flags          1 the journals of this run are there
//	128    4  shards         whose journals this run has, two files each
//	132    1  journal way    how synced groups are written: 1 direct, 2 through the page cache; 0: not chosen yet
//	133    1  way lost       starts in a row in which the other way was clearly faster
//	134    2  reserved       0
//	136    8  shards since   first group number of the run that began with this number of shards
//	144    8  journal size   of each journal file, in bytes
//	152       zeros
//	504    8  checksum       XXH3-64 of bytes 0..504
//	512    8  sequence       of the block, when a run has ended in order; else zeros up to the end of the block
//	520    4  mark count
//	524    4  reserved       0
//	528       clean marks, 16 bytes for each shard: where its last group lies
//	             0  8  group number
//	             8  4  position in the file, in blocks
//	            12  4  file, 0 or 1
//	4088   8  checksum       XXH3-64 of bytes 512..4088
//
// What a start can't do without lies in the first sector of 512 bytes, which a disk writes whole or not at all: writes of the copies
// may be torn, both of them after failed syncs, and are not damage then. Magic, version, and the checksums at 88 and 504 lie at the
// same place in every later version.
const (
	superMagic    = 0x54454d47
	superVersion  = 2
	superHeadSize = 96 // all of version 1
	sectorSize    = 512
	superSumAt    = sectorSize - 8
	superMarksAt  = sectorSize
	superMarks    = superMarksAt + 16
	marksSumAt    = BlockSize - 8
	cleanMarkSize = 16
	cleanMarksMax = (marksSumAt - superMarks) / cleanMarkSize
)

// SuperblockName is the superblock's file in the data directory; it carries the lock as well.
const SuperblockName = "galgo.meta"

const superJournalsMade = 1

// JournalWay says how synced journal groups are written.
type JournalWay uint8

// The ways of the journal.
const (
	WayUnknown JournalWay = iota
	WayDirect
	WayBuffered
)

// cleanMark says where the last group of a shard lies that ended in order: a lap group that holds all that is still needed.
type cleanMark struct {
	number uint64
	block  uint32
	file   uint32
}

type superblock struct {
	sequence, seed, first, state, mount, created uint64
	node, boot                                   [16]byte

	bootNumber   uint64
	cluster      [16]byte
	nodeNumber   uint32
	flags        uint32
	shards       uint32 // 0: not known, the block is of version 1
	way          JournalWay
	wayLost      uint8
	since        uint64
	journalBytes uint64
	markCount    uint32 // 0: the run has not ended in order
	marks        [cleanMarksMax]cleanMark
}

// put fills p, a whole block.
func (b *superblock) put(p []byte) {
	le := binary.LittleEndian
	p = p[:BlockSize]
	clear(p)
	le.PutUint32(p[0:], superMagic)
	le.PutUint32(p[4:], superVersion)
	le.PutUint64(p[8:], b.sequence)
	copy(p[16:], b.node[:])
	le.PutUint64(p[32:], b.seed)
	le.PutUint64(p[40:], b.first)
	le.PutUint64(p[48:], b.state)
	copy(p[56:], b.boot[:])
	le.PutUint64(p[72:], b.mount)
	le.PutUint64(p[80:], b.created)
	le.PutUint64(p[88:], xxh3.Hash(p[:88])) // builds that know version 1 only find a valid block, and say that it is newer
	le.PutUint64(p[96:], b.bootNumber)
	copy(p[104:], b.cluster[:])
	le.PutUint32(p[120:], b.nodeNumber)
	le.PutUint32(p[124:], b.flags)
	le.PutUint32(p[128:], b.shards)
	p[132], p[133] = byte(b.way), b.wayLost
	le.PutUint64(p[136:], b.since)
	le.PutUint64(p[144:], b.journalBytes)
	le.PutUint64(p[superSumAt:], xxh3.Hash(p[:superSumAt]))
	if b.markCount > 0 {
		b.putMarks(p)
	}
}

func (b *superblock) putMarks(p []byte) {
	le := binary.LittleEndian
	le.PutUint64(p[superMarksAt:], b.sequence)
	le.PutUint32(p[superMarksAt+8:], b.markCount)
	for i := range b.marks[:b.markCount] {
		m, q := &b.marks[i], p[superMarks+i*cleanMarkSize:]
		le.PutUint64(q[0:], m.number)
		le.PutUint32(q[8:], m.block)
		le.PutUint32(q[12:], m.file)
	}
	le.PutUint64(p[marksSumAt:], xxh3.Hash(p[superMarksAt:marksSumAt]))
}

// decodeSuperblock reads one copy. A valid copy of a newer version is ErrNewer.
func decodeSuperblock(p []byte) (b superblock, err error) {
	le := binary.LittleEndian
	damaged := fmt.Errorf("%w: superblock", ErrDamaged)
	if len(p) < superHeadSize || le.Uint32(p) != superMagic {
		return b, damaged
	}
	version := le.Uint32(p[4:])
	if version <= 1 && le.Uint64(p[88:]) != xxh3.Hash(p[:88]) {
		return b, damaged
	}
	if version > 1 && (len(p) < sectorSize || le.Uint64(p[superSumAt:]) != xxh3.Hash(p[:superSumAt])) {
		return b, damaged
	}
	if version == 0 || version > superVersion {
		return b, newer(SuperblockName, int(version), superVersion)
	}
	b = superblock{sequence: le.Uint64(p[8:]), seed: le.Uint64(p[32:]), first: le.Uint64(p[40:]), state: le.Uint64(p[48:]),
		mount: le.Uint64(p[72:]), created: le.Uint64(p[80:]), node: [16]byte(p[16:32]), boot: [16]byte(p[56:72])}
	if version == 1 {
		return b, nil
	}
	b.bootNumber, b.cluster, b.nodeNumber = le.Uint64(p[96:]), [16]byte(p[104:120]), le.Uint32(p[120:])
	b.flags, b.shards, b.way, b.wayLost = le.Uint32(p[124:]), le.Uint32(p[128:]), JournalWay(p[132]), p[133]
	b.since, b.journalBytes = le.Uint64(p[136:]), le.Uint64(p[144:])
	b.readMarks(p)
	return b, nil
}

// readMarks reads the marks of an orderly end, if all of them were written with the rest of the block.
func (b *superblock) readMarks(p []byte) {
	le := binary.LittleEndian
	if len(p) < BlockSize || le.Uint64(p[superMarksAt:]) != b.sequence || le.Uint64(p[marksSumAt:]) != xxh3.Hash(p[superMarksAt:marksSumAt]) {
		return
	}
	n := le.Uint32(p[superMarksAt+8:])
	if n > cleanMarksMax {
		return
	}
	b.markCount = n
	for i := range b.marks[:n] {
		q := p[superMarks+i*cleanMarkSize:]
		b.marks[i] = cleanMark{number: le.Uint64(q), block: le.Uint32(q[8:]), file: le.Uint32(q[12:])}
	}
}

// readSuperblock reads the newer valid copy of p, the whole file. fresh: there is none, because the file is empty, or has
// only zeros: the very first write was interrupted. A copy that a newer build wrote is the newest one, whatever the other says.
func readSuperblock(p []byte) (b superblock, fresh bool, err error) {
	if allZero(p) {
		return b, true, nil
	}
	first := fmt.Errorf("%w: superblock of %d bytes", ErrDamaged, len(p))
	found := false
	for _, at := range []int{0, BlockSize} {
		if len(p) < at+superHeadSize {
			continue
		}
		c, err := decodeSuperblock(p[at:min(len(p), at+BlockSize)])
		if errors.Is(err, ErrNewer) {
			return superblock{}, false, err
		}
		if err != nil {
			first = err
			continue
		}
		if !found || c.sequence > b.sequence {
			b, found = c, true
		}
	}
	if !found {
		return b, false, first
	}
	return b, false, nil
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
