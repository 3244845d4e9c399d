package e2e

import (
	bin "encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/zeebo/xxh3"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
)

// A payload says what it is, so that any mix-up is seen:
//
//	at  size  field
//	 0     2  producer
//	 2     4  sequence   of its record batch, per producer; never used twice
//	 6     2  index      of the message in its batch
//	 8     2  count      of messages in its batch
//	10     1  slot       of the topic
//	11     1  partition
//	12     8  checksum   XXH3-64 of everything else
//	20     -  filler
const payloadHead = 20

// batchID names one record batch for good.
type batchID struct {
	producer uint16
	seq      uint32
}

func (id batchID) String() string { return fmt.Sprintf("%d/%d", id.producer, id.seq) }

// place is where a batch was sent.
type place struct{ slot, partition uint8 }

// filler is what payloads are filled from.
var filler = func() []byte {
	p, rng := make([]byte, 16<<20), rand.NewPCG(1, 2)
	for i := 0; i < len(p); i += 8 {
		bin.LittleEndian.PutUint64(p[i:], rng.Uint64())
	}
	return p
}()

// fill makes the batch of that id with payloads of the given sizes, each at least payloadHead.
func fill(b *batch.Builder, scratch []byte, id batchID, to place, sizes []int) (batch.Batch, []byte, error) {
	b.Reset(uint64(id.seq) + 1)
	from := (int(id.producer)*7919 + int(id.seq)*4099) % (len(filler) / 2)
	for i, n := range sizes {
		p := append(scratch[:0], make([]byte, payloadHead)...)
		bin.LittleEndian.PutUint16(p[0:], id.producer)
		bin.LittleEndian.PutUint32(p[2:], id.seq)
		bin.LittleEndian.PutUint16(p[6:], uint16(i))
		bin.LittleEndian.PutUint16(p[8:], uint16(len(sizes)))
		p[10], p[11] = to.slot, to.partition
		at := (from + i*31) % (len(filler) / 2)
		p = append(p, filler[at:at+n-payloadHead]...)
		bin.LittleEndian.PutUint64(p[12:], sum(p))
		if err := b.Add([16]byte(p[:16]), p, nil); err != nil { // no two have the same
			return nil, p, err
		}
		scratch = p
	}
	return b.Bytes(), scratch, nil
}

func sum(p []byte) uint64 {
	return xxh3.Hash(p[:12]) ^ xxh3.HashSeed(p[payloadHead:], 1)
}

// piece is the messages of one batch that a poll returned, in a row.
type piece struct {
	id           batchID
	count        int    // messages of the whole batch
	base         uint64 // offset of its first message
	first, taken int    // index of the first message here, and how many
}

var errPayload = errors.New("a message that nobody sent")

// pieces takes apart what a poll returned and checks every byte of it.
func pieces(p client.Polled, from place) (list []piece, err error) {
	for m := range p.Messages() {
		b := m.Payload()
		if len(b) < payloadHead || bin.LittleEndian.Uint64(b[12:]) != sum(b) {
			return list, fmt.Errorf("%w: offset %d, %d bytes: % x", errPayload, m.Offset, len(b), b[:min(len(b), 32)])
		}
		id := batchID{bin.LittleEndian.Uint16(b), bin.LittleEndian.Uint32(b[2:])}
		index, count := int(bin.LittleEndian.Uint16(b[6:])), int(bin.LittleEndian.Uint16(b[8:]))
		if at := (place{b[10], b[11]}); at != from {
			return list, fmt.Errorf("offset %d holds batch %v, which was sent to %v", m.Offset, id, at)
		}
		if k := len(list) - 1; k >= 0 {
			l := &list[k]
			if l.id == id && l.first+l.taken == index && l.base+uint64(index) == m.Offset {
				l.taken++
				continue
			}
			if last := l.base + uint64(l.first+l.taken) - 1; m.Offset <= last {
				return list, fmt.Errorf("offset %d follows offset %d", m.Offset, last)
			}
		}
		list = append(list, piece{id: id, count: count, base: m.Offset - uint64(index), first: index, taken: 1})
	}
	return list, nil
}
