package metadata

import "encoding/binary"

var le = binary.LittleEndian

// decoder reads fields from the front of p. After the first field that is not there every read gives zero and failed
// stays set: callers read all they want and ask once. What it returns aliases p.
type decoder struct {
	p       []byte
	failed  bool
	version uint32        // of what is read: a command or a snapshot
	newer   *VersionError // why it cannot be read, if a newer version wrote it
}

// bytes takes n bytes; nil when they are not there.
func (d *decoder) bytes(n int) []byte {
	if d.failed || n > len(d.p) {
		d.failed, d.p = true, nil
		return nil
	}
	b := d.p[:n:n]
	d.p = d.p[n:]
	return b
}

func (d *decoder) u8() uint8 {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u16() uint16 {
	if b := d.bytes(2); b != nil {
		return le.Uint16(b)
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.bytes(4); b != nil {
		return le.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.bytes(8); b != nil {
		return le.Uint64(b)
	}
	return 0
}

// bool takes 0 or 1; anything else is a failure, so that equal states have equal bytes.
func (d *decoder) bool() bool {
	v := d.u8()
	if v > 1 {
		d.failed = true
	}
	return v == 1
}

// text takes a u16 length and that many bytes.
func (d *decoder) text() []byte { return d.bytes(int(d.u16())) }

// count takes a u32 count of items of at least itemBytesMin each and fails when so many cannot follow: what is
// allocated by a count is bounded by the bytes that are there.
func (d *decoder) count(itemBytesMin int) int {
	n := d.u32()
	if uint64(n)*uint64(itemBytesMin) > uint64(len(d.p)) {
		d.failed, d.p = true, nil
		return 0
	}
	return int(n)
}

// whole tells whether every field was there and nothing is left.
func (d *decoder) whole() bool { return !d.failed && len(d.p) == 0 }

// textMax is the longest text that a length of two bytes can say. Every text of the state has a bound far below.
const textMax = 1<<16 - 1

const _ = uint(textMax - passwordPHCMax - 1)
const _ = uint(textMax - OptionsBytesMax/OptionsMax)

// appendText writes a u16 length and the bytes. A text beyond textMax is cut: it is too long for whatever it is, and
// cut it still is, so that Apply refuses it with the error of its field.
func appendText[T ~string | ~[]byte](dst []byte, text T) []byte {
	text = text[:min(len(text), textMax)]
	return append(le.AppendUint16(dst, uint16(len(text))), text...)
}

// An Ident in a command is one byte of kind, then for 0 a u32 number, for 1 a name as text.
func appendIdent(dst []byte, id Ident) []byte {
	if id.byName {
		return appendText(append(dst, 1), id.name)
	}
	return le.AppendUint32(append(dst, 0), id.number)
}

func (d *decoder) ident() Ident {
	if d.bool() {
		return ByName(d.text())
	}
	return ByNumber(d.u32())
}

func (d *decoder) memberKey() (k MemberKey) {
	copy(k[:], d.bytes(len(k)))
	return k
}

// room takes n bytes that commands have for clusters since version 2.
func (d *decoder) room(what string, n int) {
	if d.version >= 2 {
		d.reserved(what, n)
	}
}

// placement takes where the partitions of a command go: nothing says so yet.
func (d *decoder) placement() { d.room("placement of partitions", placementBytes) }

// member takes the key of a member of a group.
func (d *decoder) member() MemberKey {
	key := d.memberKey()
	d.room("node of a member", memberNodeBytes)
	return key
}

// Options are a u32 count, then per entry the key as text, one byte of kind, the value as text.
func appendOptions(dst []byte, options []Option) []byte {
	dst = le.AppendUint32(dst, uint32(len(options)))
	for _, o := range options {
		dst = appendText(append(appendText(dst, o.Key), byte(o.Kind)), o.Value)
	}
	return dst
}

func (d *decoder) options() []Option {
	options := make([]Option, d.count(5))
	for i := range options {
		options[i] = Option{Key: string(d.text()), Kind: Kind(d.u8()), Value: d.text()}
	}
	return options
}
