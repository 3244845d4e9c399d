package metadata

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// The setters of the catalogue. Each takes a value in the kinds that the protocol allows for its key.

func setCompression(s *Settings, kind Kind, value []byte) (asked, ok bool) {
	switch {
	case kind == KindU8 && len(value) == 1 && (value[0] == 1 || value[0] == 2):
		s.Compression = Compression(value[0])
	case kind == KindString && equalFoldASCII(string(value), "none"):
		s.Compression = CompressionNone
	case kind == KindString && equalFoldASCII(string(value), "gzip"):
		s.Compression = CompressionGzip
	default:
		return false, false
	}
	return true, true
}

// setLevel takes the protocol's two names, and ours for the levels below.
func setLevel(to *Level, kind Kind, value []byte) (asked, ok bool) {
	level, known := ParseLevel(string(value))
	if kind != KindString || !known {
		return false, false
	}
	*to = level
	return true, true
}

func setMessageExpiry(s *Settings, kind Kind, value []byte) (asked, ok bool) {
	micros, ok := parseU64(kind, value)
	if kind == KindString {
		micros, ok = parseExpiry(string(value))
	}
	if !ok || micros == 0 {
		return false, ok
	}
	s.MessageExpiryMicros = micros
	return true, true
}

// parseExpiry reads the words, lower case only, and durations. 0 is the default.
func parseExpiry(text string) (micros uint64, ok bool) {
	switch text {
	case "none", "unlimited", "never_expire":
		return NeverExpires, true
	case "default", "server_default":
		return 0, true
	}
	return parseDurationMicros(text)
}

// setDescription takes any text; "none" takes a description back, as the protocol has no empty values.
func setDescription(s *Settings, kind Kind, value []byte) (asked, ok bool) {
	if kind != KindString || len(value) == 0 || len(value) > descriptionMax || !utf8.Valid(value) {
		return false, false
	}
	if s.Description = string(value); s.Description == "none" {
		s.Description = ""
	}
	return s.Description != "", true
}

// setOffsetsHold takes microseconds, or a duration; "never" and 0 mean that stored offsets keep nothing; "server_default" leaves it alone.
func setOffsetsHold(s *Settings, kind Kind, value []byte) (asked, ok bool) {
	micros, ok := parseU64(kind, value)
	if kind == KindString {
		switch text := string(value); text {
		case "never":
			micros, ok = 0, true
		case holdDefaultText:
			micros, ok = HoldDefault, true
		default:
			micros, ok = parseDurationMicros(text)
		}
	}
	if !ok || micros == HoldDefault {
		return false, ok
	}
	s.OffsetsHoldMicros = micros
	return true, true
}

const holdDefaultText = "server_default"

// holdText is the canonical text of a hold, which setOffsetsHold reads.
func holdText(micros uint64) string {
	switch micros {
	case HoldDefault:
		return holdDefaultText
	case 0:
		return "never"
	}
	return strconv.FormatUint(micros, 10) + "us"
}

func setMaxTopicSize(s *Settings, kind Kind, value []byte) (asked, ok bool) {
	size, ok := parseU64(kind, value)
	if kind == KindString {
		switch text := string(value); text {
		case "server_default":
			size, ok = 0, true
		case "unlimited":
			size, ok = Unlimited, true
		default:
			size, ok = parseByteSize(text)
		}
	}
	if !ok || size == 0 {
		return false, ok
	}
	s.MaxTopicSize = size
	return true, true
}

func setSegmentSize(s *Settings, kind Kind, value []byte) (asked, ok bool) {
	size, ok := parseSize(kind, value)
	if !ok || size == 0 {
		return false, ok
	}
	if size < segmentSizeMin || size > segmentSizeMax || size%segmentSizeUnit != 0 {
		return false, false
	}
	s.SegmentSize = size
	return true, true
}

func setMessagesRequired(s *Settings, kind Kind, value []byte) (asked, ok bool) {
	var count uint64
	switch {
	case kind == KindU32 && len(value) == 4:
		count = uint64(binary.LittleEndian.Uint32(value))
	case kind == KindString:
		n, err := strconv.ParseUint(string(value), 10, 32)
		if err != nil {
			return false, false
		}
		count = n
	}
	if count == 0 || count > messagesToSaveMax {
		return false, false
	}
	s.MessagesRequiredToSave = uint32(count)
	return true, true
}

func setBytesRequired(s *Settings, kind Kind, value []byte) (asked, ok bool) {
	size, ok := parseSize(kind, value)
	if !ok || size == 0 {
		return false, ok
	}
	if size > bytesToSaveMax {
		return false, false
	}
	s.BytesRequiredToSave = size
	return true, true
}

func setPreallocate(s *Settings, kind Kind, value []byte) (asked, ok bool) {
	on, ok := parseBool(kind, value)
	if ok {
		s.PreallocateSegments = on
	}
	return ok, ok
}

func parseBool(kind Kind, value []byte) (on, ok bool) {
	switch {
	case kind == KindBool && len(value) == 1 && value[0] <= 1:
		return value[0] == 1, true
	case kind == KindString && string(value) == "true":
		return true, true
	case kind == KindString && string(value) == "false":
		return false, true
	}
	return false, false
}

func parseU64(kind Kind, value []byte) (v uint64, ok bool) {
	if kind != KindU64 || len(value) != 8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(value), true
}

// parseSize takes a number of bytes or its text.
func parseSize(kind Kind, value []byte) (size uint64, ok bool) {
	if kind == KindString {
		return parseByteSize(string(value))
	}
	return parseU64(kind, value)
}
