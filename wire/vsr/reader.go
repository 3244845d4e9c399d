package vsr

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/galgo-mq/galgo/wire"
)

// reader takes fields off the front of a body. A field that is not there or cannot be makes it fail: that field and
// all that follow read as zero, and err says so. What is left over at the end is the next field's or nobody's: bodies
// may be longer than what is decoded.
type reader struct {
	p      []byte
	status wire.Status // other than StatusOK when it failed
}

func (r *reader) err() error {
	if r.status == wire.StatusOK {
		return nil
	}
	return r.status
}

func (r *reader) fail() { r.failWith(wire.StatusInvalidCommand) }

func (r *reader) failWith(s wire.Status) {
	if r.status == wire.StatusOK {
		r.status = s
	}
	r.p = nil
}

// bytes takes n bytes, a view. n is compared with what is there before anything else.
func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.p)) {
		r.fail()
		return nil
	}
	b := r.p[:n:n]
	r.p = r.p[n:]
	return b
}

func (r *reader) u8() uint8 {
	if len(r.p) < 1 {
		r.fail()
		return 0
	}
	v := r.p[0]
	r.p = r.p[1:]
	return v
}

func (r *reader) u16() uint16 {
	if len(r.p) < 2 {
		r.fail()
		return 0
	}
	v := binary.LittleEndian.Uint16(r.p)
	r.p = r.p[2:]
	return v
}

func (r *reader) u32() uint32 {
	if len(r.p) < 4 {
		r.fail()
		return 0
	}
	v := binary.LittleEndian.Uint32(r.p)
	r.p = r.p[4:]
	return v
}

func (r *reader) u64() uint64 {
	if len(r.p) < 8 {
		r.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(r.p)
	r.p = r.p[8:]
	return v
}

func (r *reader) f32() float32 { return math.Float32frombits(r.u32()) }

// flag takes a byte that is 0 or 1.
func (r *reader) flag() bool {
	v := r.u8()
	if v > 1 {
		r.fail()
	}
	return v == 1
}

// nonZero takes a byte that means true unless it is 0, as those of permissions do.
func (r *reader) nonZero() bool { return r.u8() != 0 }

// bytes8 takes a length byte, 0 included, and so many bytes.
func (r *reader) bytes8() []byte { return r.bytes(uint32(r.u8())) }

// bytes32 takes a u32 length and so many bytes.
func (r *reader) bytes32() []byte { return r.bytes(r.u32()) }

// str8 takes a length byte, 1 to 255, and so many bytes of UTF-8.
func (r *reader) str8() []byte {
	s := r.bytes8()
	if len(s) == 0 || !utf8.Valid(s) {
		r.fail()
		return nil
	}
	return s
}

// text8 takes a length byte, 0 included, and so many bytes of UTF-8: a name whose length is judged by the caller, with
// a status of its own.
func (r *reader) text8() []byte {
	s := r.bytes8()
	if !utf8.Valid(s) {
		r.fail()
		return nil
	}
	return s
}

// str32 takes a u32 length and so many bytes of UTF-8.
func (r *reader) str32() string {
	s := r.bytes32()
	if !utf8.Valid(s) {
		r.fail()
		return ""
	}
	return string(s)
}

// result takes a result section; a failure in it becomes the reader's.
func (r *reader) result() {
	if count := r.u32(); count == 0 {
		return
	}
	r.u32() // index
	if s := wire.Status(r.u32()); s != wire.StatusOK {
		r.failWith(s)
		return
	}
	r.fail() // a failure that claims success
}

// An identifier: kind u8 (1 number, 2 name), length u8 (4 for a number), value.
func (r *reader) identifier() wire.Identifier {
	id := wire.Identifier{Kind: wire.IdentifierKind(r.u8())}
	switch id.Kind {
	case wire.ByNumber:
		if r.u8() != 4 {
			r.fail()
		}
		id.Number = r.u32()
	case wire.ByName:
		id.Name = r.str8()
	default:
		r.fail()
	}
	return id
}

// ids takes a count u32 and so many u32. The count is compared with what is there before anything is made for it.
func (r *reader) ids() []uint32 {
	count := r.u32()
	if uint64(count)*4 > uint64(len(r.p)) {
		r.fail()
		return nil
	}
	if count == 0 {
		return nil
	}
	ids := make([]uint32, count)
	for i := range ids {
		ids[i] = r.u32()
	}
	return ids
}

// A consumer: kind u8 (1 single, 2 group), identifier.
func (r *reader) consumer() wire.Consumer {
	c := wire.Consumer{Kind: wire.ConsumerKind(r.u8())}
	if c.Kind != wire.SingleConsumer && c.Kind != wire.GroupConsumer {
		r.fail()
	}
	c.ID = r.identifier()
	return c
}

// An optional partition: flag u8, id u32, which is there and means nothing when the flag is 0.
func (r *reader) partitionChoice() wire.PartitionChoice {
	c := wire.PartitionChoice{Named: r.flag(), ID: r.u32()}
	if !c.Named {
		c.ID = 0
	}
	return c
}

// Partitioning: kind u8 (1 balanced, 2 partition, 3 key), length u8 (0, 4, 1 to 255), value.
func (r *reader) partitioning() wire.Partitioning {
	p := wire.Partitioning{Kind: wire.PartitioningKind(r.u8())}
	size := r.u8()
	value := r.bytes(uint32(size))
	switch {
	case p.Kind == wire.Balanced && size == 0:
	case p.Kind == wire.ToPartition && len(value) == 4:
		p.Partition = binary.LittleEndian.Uint32(value)
	case p.Kind == wire.ByKey && len(value) > 0:
		p.Key = value
	default:
		r.fail()
	}
	return p
}

// A polling strategy: kind u8 (1 to 5), value u64.
func (r *reader) strategy() wire.Strategy {
	s := wire.Strategy{Kind: wire.StrategyKind(r.u8()), Value: r.u64()}
	if s.Kind < wire.FromOffset || s.Kind > wire.FromNext {
		r.fail()
	}
	return s
}

func (r *reader) ack() wire.Ack {
	a := wire.Ack(r.u8())
	if a > wire.AckQuorum {
		r.fail()
	}
	return a
}
