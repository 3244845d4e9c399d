package storage

import (
	"encoding/binary"
	"fmt"

	"github.com/zeebo/xxh3"
)

// The superblock is the file galgo.meta: two copies of one block, written and synced one after the other, the newer valid one
// counts.
//
//	at  size  field
//	 0     4  magic          "GMET"
//	 4     4  format version 1
//	 8     8  sequence       rises with every write; the copy at sequence%2 * 4096 is written
//	16    16  node id        random, made once
//	32     8  seed           secret of the directory: seeds the checksums of journal groups
//	40     8  first          first group number of the present run; older groups count no more
//	48     8  state          number of the state file, 0: none
//	56    16  boot id        of the last run that finished its recovery; zero: what the page cache holds is not trusted
//	72     8  mount id       of the same
//	80     8  created        microseconds
//	88     8  checksum       XXH3-64 of bytes 0..88
const (
	superMagic   = 0x54454d47
	superVersion = 1
	superSize    = 96
)

// SuperblockName is the superblock's file in the data directory; it carries the lock as well.
const SuperblockName = "galgo.meta"

type superblock struct {
	sequence, seed, first, state, mount, created uint64
	node, boot                                   [16]byte
}

func (b *superblock) put(p []byte) {
	le := binary.LittleEndian
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
	le.PutUint64(p[88:], xxh3.Hash(p[:88]))
}

// decodeSuperblock reads one copy. A valid copy of an unknown version is an error of its own.
func decodeSuperblock(p []byte) (b superblock, err error) {
	le := binary.LittleEndian
	if len(p) < superSize || le.Uint32(p) != superMagic || le.Uint64(p[88:]) != xxh3.Hash(p[:88]) {
		return b, fmt.Errorf("%w: superblock", ErrDamaged)
	}
	if v := le.Uint32(p[4:]); v != superVersion {
		return b, fmt.Errorf("storage: data directory has format version %d, this build knows %d", v, superVersion)
	}
	b = superblock{sequence: le.Uint64(p[8:]), seed: le.Uint64(p[32:]), first: le.Uint64(p[40:]), state: le.Uint64(p[48:]),
		mount: le.Uint64(p[72:]), created: le.Uint64(p[80:]), node: [16]byte(p[16:32]), boot: [16]byte(p[56:72])}
	return b, nil
}

// readSuperblock reads the newer valid copy of p, the whole file. fresh: there is none, because the file is empty, or has
// only zeros: the very first write was interrupted.
func readSuperblock(p []byte) (b superblock, fresh bool, err error) {
	if allZero(p) {
		return b, true, nil
	}
	first := fmt.Errorf("%w: superblock of %d bytes", ErrDamaged, len(p))
	found := false
	for _, at := range []int{0, BlockSize} {
		if len(p) < at+superSize {
			continue
		}
		c, err := decodeSuperblock(p[at:])
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
