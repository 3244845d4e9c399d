package wire

import "encoding/binary"

// ValueKind is the type of an option's or user header's value; it fixes the size of the fixed-size ones.
type ValueKind uint8

// Kinds of values, little endian where they are numbers.
const (
	KindRaw     ValueKind = 1 // 1 to 255 bytes
	KindString  ValueKind = 2 // 1 to 255 bytes of UTF-8
	KindBool    ValueKind = 3 // one byte, 0 or 1
	KindInt8    ValueKind = 4
	KindInt16   ValueKind = 5
	KindInt32   ValueKind = 6
	KindInt64   ValueKind = 7
	KindInt128  ValueKind = 8
	KindUint8   ValueKind = 9
	KindUint16  ValueKind = 10
	KindUint32  ValueKind = 11
	KindUint64  ValueKind = 12
	KindUint128 ValueKind = 13
	KindFloat32 ValueKind = 14
	KindFloat64 ValueKind = 15
)

// Size is the size in bytes of a value of kind k; ok is false for an unknown kind. 0: 1 to 255 bytes.
func (k ValueKind) Size() (size int, ok bool) {
	switch k {
	case KindRaw, KindString:
		return 0, true
	case KindBool, KindInt8, KindUint8:
		return 1, true
	case KindInt16, KindUint16:
		return 2, true
	case KindInt32, KindUint32, KindFloat32:
		return 4, true
	case KindInt64, KindUint64, KindFloat64:
		return 8, true
	case KindInt128, KindUint128:
		return 16, true
	}
	return 0, false
}

// An options block holds at most this many entries, and this many bytes in today's encoding.
const (
	OptionsMax      = 1024
	OptionsBytesMax = 100_000
)

// Option is one entry of an options block: a name that is unique in it, and a typed value.
type Option struct {
	Key   []byte
	Kind  ValueKind
	Value []byte
}

// TextOption is an option with a string, 1 to 255 bytes.
func TextOption(key, value string) Option {
	return Option{Key: []byte(key), Kind: KindString, Value: []byte(value)}
}

// Uint64Option is an option with a u64: bytes, or microseconds.
func Uint64Option(key string, value uint64) Option {
	return Option{Key: []byte(key), Kind: KindUint64, Value: binary.LittleEndian.AppendUint64(nil, value)}
}

// BoolOption is an option with a bool.
func BoolOption(key string, value bool) Option {
	o := Option{Key: []byte(key), Kind: KindBool, Value: []byte{0}}
	if value {
		o.Value[0] = 1
	}
	return o
}
