package storage

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// The first block of a journal file says of which run it is: a start writes it when the superblock has retired what the file held,
// and before the superblock says that the journals of the run are there. A file that is missing then, or is of an older run, has been
// taken away. Little endian.
//
//	at  size  field
//	  0    4  magic     "GJRN"
//	  4    4  version   2
//	  8    8  first     first group number of the run
//	 16    4  shard
//	 20    4  file      0 or 1
//	 24    8  size      of the file, in bytes
//	 32       zeros
//	504    8  checksum  XXH3-64 of bytes 0..504, seeded with the directory's secret
//	512       zeros up to 4096
const (
	journalMagic   = 0x4e524a47
	journalVersion = 2
)

type journalHead struct {
	first       uint64
	shard, file uint32
	size        uint64
}

func (h *journalHead) put(p []byte, seed uint64) {
	le := binary.LittleEndian
	clear(p)
	le.PutUint32(p[0:], journalMagic)
	le.PutUint32(p[4:], journalVersion)
	le.PutUint64(p[8:], h.first)
	le.PutUint32(p[16:], h.shard)
	le.PutUint32(p[20:], h.file)
	le.PutUint64(p[24:], h.size)
	le.PutUint64(p[superSumAt:], xxh3.HashSeed(p[:superSumAt], seed))
}

// decodeJournalHead reads the first block of a file; it is zero when there is none: an older build made the file, or it is damaged.
func decodeJournalHead(p []byte, seed uint64) (h journalHead) {
	le := binary.LittleEndian
	if len(p) < sectorSize || le.Uint32(p) != journalMagic || le.Uint64(p[superSumAt:]) != xxh3.HashSeed(p[:superSumAt], seed) {
		return h
	}
	return journalHead{first: le.Uint64(p[8:]), shard: le.Uint32(p[16:]), file: le.Uint32(p[20:]), size: le.Uint64(p[24:])}
}
