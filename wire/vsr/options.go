package vsr

import (
	"unicode/utf8"

	"github.com/galgo-mq/galgo/wire"
)

// An options block is entries back to back, each:
//
//	key kind u8 (2, string), key length u32 (1 to 255), key, value kind u8, value length u32 (1 to 255), value
//
// with keys that differ. In a request it runs to the end of the body; in a reply a u32 with its size is before it.
const entryLenMax = 255

// options takes an options block that runs to the end. Kinds and sizes that an option does not allow are left to
// whoever knows the option. Fails with StatusOptionsBlockTooLarge when there is too much of it.
func (r *reader) options() []wire.Option {
	if len(r.p) > wire.OptionsBytesMax {
		r.failWith(wire.StatusOptionsBlockTooLarge)
	}
	if len(r.p) == 0 {
		return nil
	}
	var options []wire.Option
	seen := make(map[string]struct{})
	for len(r.p) > 0 {
		option := r.option()
		if _, twice := seen[string(option.Key)]; twice {
			r.fail()
		}
		if r.status != wire.StatusOK {
			return nil
		}
		if len(options) == wire.OptionsMax {
			r.failWith(wire.StatusOptionsBlockTooLarge)
			return nil
		}
		seen[string(option.Key)] = struct{}{}
		options = append(options, option)
	}
	return options
}

func (r *reader) option() (o wire.Option) {
	if wire.ValueKind(r.u8()) != wire.KindString {
		r.fail()
	}
	o.Key = r.entryBytes()
	o.Kind = wire.ValueKind(r.u8())
	o.Value = r.entryBytes()
	if _, known := o.Kind.Size(); !known || !utf8.Valid(o.Key) {
		r.fail()
	}
	return o
}

func (r *reader) entryBytes() []byte {
	n := r.u32()
	if n == 0 || n > entryLenMax {
		r.fail()
		return nil
	}
	return r.bytes(n)
}

// sizedOptions takes an options block with its size before it, as replies have it.
func (r *reader) sizedOptions() []wire.Option {
	block := reader{p: r.bytes32(), status: r.status}
	options := block.options()
	if block.status != wire.StatusOK {
		r.failWith(block.status)
	}
	return options
}

func appendOptions(dst []byte, options []wire.Option) []byte {
	for _, o := range options {
		dst = appendBytes32(append(dst, byte(wire.KindString)), o.Key)
		dst = appendBytes32(append(dst, byte(o.Kind)), o.Value)
	}
	return dst
}

func appendSizedOptions(dst []byte, options []wire.Option) []byte {
	at := len(dst)
	dst = appendOptions(append32(dst, 0), options)
	put32(dst[at:], uint32(len(dst)-at-4))
	return dst
}
