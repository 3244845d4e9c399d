package vsr

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/galgo-mq/galgo/wire"
)

// The counterparts of reader: each appends one field.

func append16(dst []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(dst, v) }

func append32(dst []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(dst, v) }

func append64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

func appendF32(dst []byte, v float32) []byte { return append32(dst, math.Float32bits(v)) }

func appendFlag(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// append8 appends a length byte and s. What is longer than 255 bytes was to be refused where it came in.
func append8[S string | []byte](dst []byte, s S) []byte {
	if len(s) > math.MaxUint8 {
		panic(fmt.Sprintf("BUG: field of %d bytes where at most 255 fit", len(s)))
	}
	dst = append(dst, byte(len(s)))
	return append(dst, s...)
}

func appendBytes32[S string | []byte](dst []byte, s S) []byte {
	dst = append32(dst, uint32(len(s)))
	return append(dst, s...)
}

func appendIDs(dst []byte, ids []uint32) []byte {
	dst = append32(dst, uint32(len(ids)))
	for _, id := range ids {
		dst = append32(dst, id)
	}
	return dst
}

func appendIdentifier(dst []byte, id wire.Identifier) []byte {
	if id.Kind == wire.ByNumber {
		return append32(append(dst, byte(wire.ByNumber), 4), id.Number)
	}
	return append8(append(dst, byte(wire.ByName)), id.Name)
}

func appendConsumer(dst []byte, c wire.Consumer) []byte {
	return appendIdentifier(append(dst, byte(c.Kind)), c.ID)
}

func appendPartitionChoice(dst []byte, c wire.PartitionChoice) []byte {
	return append32(appendFlag(dst, c.Named), c.ID)
}

func appendPartitioning(dst []byte, p wire.Partitioning) []byte {
	dst = append(dst, byte(p.Kind))
	switch p.Kind {
	case wire.ToPartition:
		return append32(append(dst, 4), p.Partition)
	case wire.ByKey:
		return append8(dst, p.Key)
	}
	return append(dst, 0)
}

func appendStrategy(dst []byte, s wire.Strategy) []byte {
	return append64(append(dst, byte(s.Kind)), s.Value)
}

func put32(dst []byte, v uint32) { binary.LittleEndian.PutUint32(dst, v) }
