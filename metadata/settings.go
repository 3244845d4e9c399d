package metadata

import "math"

// Level says when a message, or a stored offset, is acknowledged.
type Level uint8

const (
	LevelReplicated Level = iota + 1 // the server's setting decides, persisted unless changed
	LevelPersisted                   // it is on stable storage
	LevelWritten                     // the kernel has it: survives the process, not a power cut
	LevelMemory                      // survives neither
)

var levelNames = [...]string{LevelReplicated: "replicated", LevelPersisted: "persisted", LevelWritten: "written", LevelMemory: "memory"}

func (l Level) String() string {
	if l < LevelReplicated || l > LevelMemory {
		return "unknown"
	}
	return levelNames[l]
}

// ParseLevel reads the name of a level, in any case. False: there is no such level.
func ParseLevel(name string) (Level, bool) {
	for l := LevelReplicated; l <= LevelMemory; l++ {
		if equalFoldASCII(name, levelNames[l]) {
			return l, true
		}
	}
	return 0, false
}

// Compression is a label that producers and consumers agree upon; the server never changes a payload.
type Compression uint8

const (
	CompressionNone Compression = 1
	CompressionGzip Compression = 2
)

func (c Compression) String() string {
	if c == CompressionGzip {
		return "gzip"
	}
	return "none"
}

// NeverExpires and Unlimited are the values of MessageExpiryMicros and MaxTopicSize that mean no bound.
const (
	NeverExpires = math.MaxUint64
	Unlimited    = math.MaxUint64
)

// Settings are a topic's options, typed. Every topic has all of them.
type Settings struct {
	Compression            Compression
	MessageExpiryMicros    uint64 // NeverExpires: for ever
	MaxTopicSize           uint64 // bytes; Unlimited: no bound
	SegmentSize            uint64 // bytes
	Durability             Level  // of messages
	OffsetDurability       Level  // of stored consumer offsets
	MessagesRequiredToSave uint32
	BytesRequiredToSave    uint64
	PreallocateSegments    bool
	Deduplication          Deduplication
	Description            string // at most descriptionMax bytes of UTF-8; empty: none
	OffsetsHoldMicros      uint64 // how long a stored offset that stands still keeps what is expired; 0: it never does; HoldDefault
}

// HoldDefault is the value of OffsetsHoldMicros that leaves it to the server's setting.
const HoldDefault = math.MaxUint64

const (
	descriptionMax     = 255
	segmentSizeMin     = 1 << 20
	segmentSizeMax     = 1 << 30
	segmentSizeUnit    = 512
	messagesToSaveMax  = 16_777_216
	bytesToSaveMax     = 1 << 30
	expirySecondsMax   = math.MaxUint32 // of an expiry given as text
	expiryTextNanosMax = expirySecondsMax * 1_000_000_000
)

func defaultSettings() Settings {
	return Settings{
		Compression:            CompressionNone,
		MessageExpiryMicros:    NeverExpires,
		MaxTopicSize:           Unlimited,
		SegmentSize:            segmentSizeMax,
		Durability:             LevelReplicated,
		OffsetDurability:       LevelReplicated,
		MessagesRequiredToSave: 1024,
		BytesRequiredToSave:    1 << 20,
		OffsetsHoldMicros:      HoldDefault,
	}
}

// segmentsPerCap is into how many segments the share that a partition has of its topic's size is divided, where nobody asked for a
// segment size: what is kept is exact to one of them.
const segmentsPerCap = 4

// fit makes the segments of a topic with a size small enough for it, unless their size was asked for, and judges what no single option
// shows. Commands of version 1 know neither small segments nor a smallest share.
func (s *Settings) fit(partitions int, explicit optionSet, version uint32) error {
	if s.MaxTopicSize != Unlimited && version >= 2 {
		share := s.MaxTopicSize / uint64(max(partitions, 1))
		if share < segmentSizeMin {
			return ErrTopicSize
		}
		if explicit&optionNamed("segment_size") == 0 {
			s.SegmentSize = min(segmentSizeMax, max(segmentSizeMin, share/segmentsPerCap/segmentSizeUnit*segmentSizeUnit))
		}
	} else if version >= 2 && explicit&optionNamed("segment_size") == 0 {
		s.SegmentSize = segmentSizeMax
	}
	return s.check(partitions)
}

// refit is fit for a topic whose cap stays as it is: one that was accepted by older rules is left alone.
func (s *Settings) refit(partitions int, explicit optionSet, version uint32) {
	if changed := *s; changed.fit(partitions, explicit, version) == nil {
		*s = changed
	}
}

// check judges what holds for all settings, also those made by older rules.
func (s *Settings) check(partitions int) error {
	if s.MaxTopicSize < s.SegmentSize {
		return ErrTopicSize
	}
	if !s.preallocationFits(partitions) {
		return OptionError{"preallocate_segments", ErrOptionValue}
	}
	return nil
}

func (s *Settings) preallocationFits(partitions int) bool {
	return !s.PreallocateSegments || s.SegmentSize*uint64(partitions) <= PreallocateBytesMax
}

// Segment size times the most partitions stays within 64 bits.
const _ = uint64(math.MaxUint64/segmentSizeMax - PartitionsMax)

func equalFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerASCII(a[i]) != lowerASCII(b[i]) {
			return false
		}
	}
	return true
}

func lowerASCII(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
