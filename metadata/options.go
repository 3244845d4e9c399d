package metadata

import (
	"encoding/binary"
	"fmt"
)

// Kind is the type of an option's value, numbered as in the protocol.
type Kind uint8

const (
	KindString Kind = 2
	KindBool   Kind = 3
	KindU8     Kind = 9
	KindU32    Kind = 11
	KindU64    Kind = 12
)

// Option is one entry of an options block. Numbers are little endian.
type Option struct {
	Key   string
	Kind  Kind
	Value []byte
}

// optionSpec is a row of the catalogue: one key that topics have.
type optionSpec struct {
	key         string
	kind        Kind // canonical: in which it is stored and listed
	updatable   bool
	hidden      bool // not described to clients, and listed by a topic that asked for it only
	description string
	// set judges a value in any accepted kind and stores it. asked is false for a value that means "use the default":
	// s is unchanged then. ok is false for a value that is not acceptable.
	set func(s *Settings, kind Kind, value []byte) (asked, ok bool)
	// value is the setting in the canonical kind.
	value func(s *Settings) []byte
}

// catalogue lists the options of topics, ascending by key.
var catalogue = [...]optionSpec{
	{"compression_algorithm", KindString, true, false, "Label for the compression of payloads by clients: none or gzip.",
		setCompression, func(s *Settings) []byte { return []byte(s.Compression.String()) }},
	{"consumer_offset_durability", KindString, false, false, "When a stored consumer offset is acknowledged: replicated or persisted.",
		func(s *Settings, k Kind, v []byte) (bool, bool) { return setLevel(&s.OffsetDurability, k, v) },
		func(s *Settings) []byte { return []byte(s.OffsetDurability.String()) }},
	{"deduplication", KindString, false, true, "Within what time or number of messages those of one id are stored once.",
		setDeduplication, func(s *Settings) []byte { return []byte(s.Deduplication.String()) }},
	{"description", KindString, true, true, "What the topic is for, in words for people: at most 255 bytes of UTF-8; none takes it back.",
		setDescription, func(s *Settings) []byte { return []byte(s.Description) }},
	{"durability", KindString, false, false, "When a message is acknowledged: replicated or persisted.",
		func(s *Settings, k Kind, v []byte) (bool, bool) { return setLevel(&s.Durability, k, v) },
		func(s *Settings) []byte { return []byte(s.Durability.String()) }},
	{"max_topic_size", KindU64, true, false, "Bytes after which the oldest segments are removed; the maximum means unlimited.",
		setMaxTopicSize, func(s *Settings) []byte { return u64(s.MaxTopicSize) }},
	{"message_expiry", KindU64, true, false, "Microseconds after which messages are removed; the maximum means never.",
		setMessageExpiry, func(s *Settings) []byte { return u64(s.MessageExpiryMicros) }},
	{"messages_required_to_save", KindU32, false, false, "Messages after which a partition is flushed.",
		setMessagesRequired, func(s *Settings) []byte { return binary.LittleEndian.AppendUint32(nil, s.MessagesRequiredToSave) }},
	{"offsets_hold", KindString, true, true, "How long a stored offset that stands still keeps expired messages; never: not at all.",
		setOffsetsHold, func(s *Settings) []byte { return []byte(holdText(s.OffsetsHoldMicros)) }},
	{"preallocate_segments", KindBool, false, false, "Whether segment files are allocated in full when they are created.",
		setPreallocate, func(s *Settings) []byte { return []byte{boolByte(s.PreallocateSegments)} }},
	{"segment_size", KindU64, false, false, "Bytes after which a segment is sealed.",
		setSegmentSize, func(s *Settings) []byte { return u64(s.SegmentSize) }},
	{"size_of_messages_required_to_save", KindU64, false, false, "Bytes after which a partition is flushed.",
		setBytesRequired, func(s *Settings) []byte { return u64(s.BytesRequiredToSave) }},
}

// optionSet says of each row of the catalogue whether it is in.
type optionSet uint16

const _ = uint(16 - len(catalogue))

// keyEnforceFsync is what older clients send for durability persisted. It is understood on create and listed nowhere.
const keyEnforceFsync = "enforce_fsync"

// OptionInfo describes a key for DESCRIBE_OPTIONS.
type OptionInfo struct {
	Option             // with the default as its value
	Updatable   bool   // by an update of the topic
	Description string // for people
}

// TopicOptions lists every key that topics accept and the protocol knows, ascending. Streams and users have none.
func TopicOptions() []OptionInfo {
	defaults := defaultSettings()
	infos := make([]OptionInfo, 0, len(catalogue))
	for i := range catalogue {
		o := &catalogue[i]
		if o.hidden {
			continue
		}
		infos = append(infos, OptionInfo{Option{o.key, o.kind, o.value(&defaults)}, o.updatable, o.description})
	}
	return infos
}

// OptionError says which option was refused, with ErrOptionKey or ErrOptionValue.
type OptionError struct {
	Key string // as it was sent: any bytes
	Err error
}

func (e OptionError) Error() string { return fmt.Sprintf("%v: %q", e.Err, e.Key) }

func (e OptionError) Unwrap() error { return e.Err }

// CheckOptions judges an options block as CreateTopic or UpdateTopic will, without a topic: ErrOptionsTooLarge,
// ErrOptionsMalformed, or an OptionError. A server asks before it looks at the caller's rights.
func CheckOptions(options []Option, update bool) error {
	s, explicit := defaultSettings(), optionSet(0)
	return s.apply(options, update, &explicit)
}

// apply changes the settings by an options block and adds the keys that were asked for to explicit. On error both are
// useless.
func (s *Settings) apply(options []Option, update bool, explicit *optionSet) error {
	if err := checkBlock(options); err != nil {
		return err
	}
	for _, o := range options {
		row := rowOf(o.Key)
		if fsync := o.Key == keyEnforceFsync && !update; !fsync && (row < 0 || update && !catalogue[row].updatable) {
			return OptionError{o.Key, ErrOptionKey}
		}
	}
	forced, defaults := false, defaultSettings()
	for _, o := range options {
		if o.Key == keyEnforceFsync {
			on, ok := parseBool(o.Kind, o.Value)
			if !ok {
				return OptionError{o.Key, ErrOptionValue}
			}
			forced = on
			continue
		}
		row := rowOf(o.Key)
		spec := &catalogue[row]
		asked, ok := spec.set(s, o.Kind, o.Value)
		switch {
		case !ok:
			return OptionError{o.Key, ErrOptionValue}
		case asked:
			*explicit |= 1 << row
		case spec.hidden && string(spec.value(s)) == string(spec.value(&defaults)): // taken back
			*explicit &^= 1 << row
		}
	}
	if forced { // also beside a weaker durability: newer clients always send that key
		s.Durability = LevelPersisted
		*explicit |= 1 << rowOf("durability")
	}
	return nil
}

// checkBlock judges the block's size as the protocol encodes it (two bytes of kind and two lengths of four bytes per
// entry), and that no key occurs twice.
func checkBlock(options []Option) error {
	size := 0
	for _, o := range options {
		size += 10 + len(o.Key) + len(o.Value)
	}
	if len(options) > OptionsMax || size > OptionsBytesMax {
		return ErrOptionsTooLarge
	}
	seen := make(map[string]struct{}, len(options))
	for _, o := range options {
		seen[o.Key] = struct{}{}
	}
	if len(seen) != len(options) {
		return ErrOptionsMalformed
	}
	return nil
}

// rowOf finds a key in the catalogue; -1: it is not there.
func rowOf(key string) int {
	for i := range catalogue {
		if catalogue[i].key == key {
			return i
		}
	}
	return -1
}

// lists writes the settings as two option lists: the keys that were asked for, and those filled from defaults. Together
// they hold every key once, but a hidden one that was not asked for.
func (s *Settings) lists(explicit optionSet) (asked, derived []Option) {
	for i := range catalogue {
		o := Option{catalogue[i].key, catalogue[i].kind, catalogue[i].value(s)}
		if explicit>>i&1 == 1 {
			asked = append(asked, o)
		} else if !catalogue[i].hidden {
			derived = append(derived, o)
		}
	}
	return asked, derived
}

func u64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}
