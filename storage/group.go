package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"
)

// A journal group is a head, entries, and zeros up to a whole number of blocks. Little endian.
//
//	at  size  field
//	 0     4  magic          "GGRP"
//	 4     2  version        3; 2 has descriptions of segments of 56 bytes, 1 another head as well
//	 6     2  flags          1 lap, 2 clean end, 4 of the log table
//	 8     8  number         rises by one per group; over files, laps and restarts it only rises
//	16     8  safe           number of the last group known to be on stable storage
//	24     8  first          first number of the run that wrote it
//	32     4  size           of the group in bytes, whole blocks
//	36     4  entries size   bytes of entries behind this head
//	40     4  entry count
//	44     4  shard
//	48     8  checksum       XXH3-64 over size bytes, this field zero, seeded with the directory's secret
//	56     8  metadata       index of the last metadata command in this group or before it; 0: none in this run
//	64     8  head checksum  XXH3-64 of bytes 0..64, seeded in the same way; version 1 has none, and its entries begin here
//	72        entries
//
// These 72 bytes stay what they are in every later version.
//
// The seed keeps bytes of a message that look like a group from ever being taken for one: clients do not know it.
const (
	groupMagic     = 0x50524747
	groupVersion   = 3
	groupHeadSize  = 72
	groupHeadSize1 = 64

	groupLap   = 1
	groupClean = 2
	groupTable = 4
)

type groupHead struct {
	version uint16 // sealGroup writes the newest
	sum     uint64
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
	le.PutUint64(p[64:], 0)
	clear(p[groupHeadSize+int(h.entries):])
	le.PutUint64(p[48:], xxh3.HashSeed(p, seed))
	le.PutUint64(p[64:], xxh3.HashSeed(p[:64], seed))
}

// headSize is where the entries begin.
func (h *groupHead) headSize() int64 {
	if h.version == 1 {
		return groupHeadSize1
	}
	return groupHeadSize
}

// decodeHead reads the head of a group at the start of p, a block at least. It says nothing of what follows.
func decodeHead(p []byte, seed uint64) (h groupHead, err error) {
	le := binary.LittleEndian
	if len(p) < BlockSize || le.Uint32(p) != groupMagic || le.Uint16(p[4:]) == 0 {
		return h, errGroup
	}
	h = groupHead{version: le.Uint16(p[4:]), flags: le.Uint16(p[6:]), number: le.Uint64(p[8:]), safe: le.Uint64(p[16:]), first: le.Uint64(p[24:]),
		size: le.Uint32(p[32:]), entries: le.Uint32(p[36:]), count: le.Uint32(p[40:]), shard: le.Uint32(p[44:]), sum: le.Uint64(p[48:]), meta: le.Uint64(p[56:])}
	if h.version > 1 && le.Uint64(p[64:]) != xxh3.HashSeed(p[:64], seed) {
		return h, errGroup
	}
	if h.size == 0 || h.size%BlockSize != 0 || h.headSize()+int64(h.entries) > int64(h.size) || h.number == 0 || h.number < h.first || h.safe >= h.number {
		return h, errGroup
	}
	return h, nil
}

// groupSum is the checksum of a group, taken piece by piece. One serves one seed.
type groupSum struct {
	hash *xxh3.Hasher
	head [groupHeadSize]byte
}

// begin starts with the group's first block.
func (s *groupSum) begin(h *groupHead, p []byte, seed uint64) {
	if s.hash == nil {
		s.hash = xxh3.NewSeed(seed)
	}
	s.hash.Reset()
	n := copy(s.head[:h.headSize()], p)
	clear(s.head[48:56])
	if h.version > 1 {
		clear(s.head[64:72])
	}
	_, _ = s.hash.Write(s.head[:n])
	_, _ = s.hash.Write(p[n:])
}

func (s *groupSum) write(p []byte) { _, _ = s.hash.Write(p) }

// decodeGroup reads the group at the start of p, which may be longer. It is valid only when all of it is there and its
// checksum holds; p is left as it was. A valid group of a newer version is ErrNewer.
func decodeGroup(p []byte, seed uint64) (h groupHead, err error) {
	h, err = decodeHead(p, seed)
	if err != nil {
		return h, err
	}
	if int64(h.size) > int64(len(p)) {
		return h, errGroup
	}
	var sum groupSum
	sum.begin(&h, p[:h.size], seed)
	return h, h.check(sum.hash.Sum64())
}

// check compares the checksum that was taken, and the version.
func (h *groupHead) check(sum uint64) error {
	if sum != h.sum {
		return errTorn
	}
	if h.version > groupVersion {
		return newer(fmt.Sprintf("journal group %d", h.number), int(h.version), groupVersion)
	}
	return nil
}

// entriesOf calls f for each entry of a valid group p. The entries alias p.
func entriesOf(p []byte, h groupHead, f func(e *entry) error) error {
	return entriesAt(p, h, func(e *entry, _ int) error { return f(e) })
}

// entriesAt is entriesOf for who wants to know as well where in p the data of an entry is.
func entriesAt(p []byte, h groupHead, f func(e *entry, at int) error) error {
	at, end := int(h.headSize()), int(h.headSize())+int(h.entries)
	for i := uint32(0); i < h.count; i++ {
		e, n, err := decodeEntry(p[at:end], h.version)
		if err != nil {
			return err
		}
		if err := f(&e, at+entryHeadOf(h.version)); err != nil {
			return err
		}
		at += n
	}
	if at != end {
		return errEntry
	}
	return nil
}
