package storage

import (
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"
)

// A journal group is a head, entries, and zeros up to a whole number of blocks. Little endian.
//
//	at  size  field
//	 0     4  magic          "GGRP"
//	 4     2  version        1
//	 6     2  flags          1 lap, 2 clean end
//	 8     8  number         rises by one per group; over files, laps and restarts it only rises
//	16     8  safe           number of the last group known to be on stable storage
//	24     8  first          first number of the run that wrote it
//	32     4  size           of the group in bytes, whole blocks
//	36     4  entries size   bytes of entries behind this head
//	40     4  entry count
//	44     4  shard
//	48     8  checksum       XXH3-64 over size bytes, this field zero, seeded with the directory's secret
//	56     8  metadata       index of the last metadata command in this group or before it; 0: none in this run
//	64        entries
//
// The seed keeps bytes of a message that look like a group from ever being taken for one: clients do not know it.
const (
	groupMagic    = 0x50524747
	groupVersion  = 1
	groupHeadSize = 64

	groupLap   = 1
	groupClean = 2
)

type groupHead struct {
	flags   uint16
	number  uint64
	safe    uint64
	first   uint64
	size    uint32
	entries uint32
	count   uint32
	shard   uint32
	meta    uint64
}

var (
	errGroup = errors.New("storage: not a journal group")
	errTorn  = errors.New("storage: head of a journal group that is not whole")
)

// sealGroup fills the head of p, a whole group, zeros the rest behind its entries and sets the checksum.
func sealGroup(p []byte, h groupHead, seed uint64) {
	le := binary.LittleEndian
	le.PutUint32(p[0:], groupMagic)
	le.PutUint16(p[4:], groupVersion)
	le.PutUint16(p[6:], h.flags)
	le.PutUint64(p[8:], h.number)
	le.PutUint64(p[16:], h.safe)
	le.PutUint64(p[24:], h.first)
	le.PutUint32(p[32:], uint32(len(p)))
	le.PutUint32(p[36:], h.entries)
	le.PutUint32(p[40:], h.count)
	le.PutUint32(p[44:], h.shard)
	le.PutUint64(p[48:], 0)
	le.PutUint64(p[56:], h.meta)
	clear(p[groupHeadSize+int(h.entries):])
	le.PutUint64(p[48:], xxh3.HashSeed(p, seed))
}

// decodeGroup reads the group at the start of p, which may be longer. It is valid only when all of it is there and its
// checksum holds; p is left as it was.
func decodeGroup(p []byte, seed uint64) (h groupHead, err error) {
	le := binary.LittleEndian
	if len(p) < BlockSize || le.Uint32(p) != groupMagic || le.Uint16(p[4:]) != groupVersion {
		return h, errGroup
	}
	h = groupHead{flags: le.Uint16(p[6:]), number: le.Uint64(p[8:]), safe: le.Uint64(p[16:]), first: le.Uint64(p[24:]),
		size: le.Uint32(p[32:]), entries: le.Uint32(p[36:]), count: le.Uint32(p[40:]), shard: le.Uint32(p[44:]), meta: le.Uint64(p[56:])}
	if h.size == 0 || h.size%BlockSize != 0 || int64(h.size) > int64(len(p)) ||
		groupHeadSize+int64(h.entries) > int64(h.size) || h.number == 0 || h.number < h.first || h.safe >= h.number {
		return h, errGroup
	}
	sum := le.Uint64(p[48:])
	le.PutUint64(p[48:], 0)
	got := xxh3.HashSeed(p[:h.size], seed)
	le.PutUint64(p[48:], sum)
	if got != sum {
		return h, errTorn
	}
	return h, nil
}

// entriesOf calls f for each entry of a valid group p. The entries alias p.
func entriesOf(p []byte, h groupHead, f func(e *entry) error) error {
	q := p[groupHeadSize : groupHeadSize+int(h.entries)]
	for i := uint32(0); i < h.count; i++ {
		e, n, err := decodeEntry(q)
		if err != nil {
			return err
		}
		if err := f(&e); err != nil {
			return err
		}
		q = q[n:]
	}
	if len(q) != 0 {
		return errEntry
	}
	return nil
}
