package metadata

import (
	"strconv"
	"strings"
)

// Deduplication says within what window a topic's messages of an id it has are acknowledged and not stored again. The zero
// value is none.
type Deduplication struct {
	WindowMicros uint64 // since the first one was appended; 0: as long as it is among the last Count
	Count        uint32 // messages of a partition; 0: as the window says, at most dedupCountDefault
}

// Bounds of the option.
const (
	dedupWindowMin    = 1e6           // microseconds
	dedupWindowMax    = 30 * 86_400e6 // microseconds
	dedupCountMax     = 16_777_216    // messages
	dedupCountDefault = 1_000_000     // messages, where only a time is given
)

// On reports whether there is a window.
func (d Deduplication) On() bool { return d != Deduplication{} }

// CountMax is how many messages of a partition the window holds at most; 0: there is none.
func (d Deduplication) CountMax() uint32 {
	if d.On() && d.Count == 0 {
		return dedupCountDefault
	}
	return d.Count
}

// String writes the window as the option's text: "10m", "100000", "10m,100000", "off".
func (d Deduplication) String() string {
	switch {
	case !d.On():
		return "off"
	case d.WindowMicros == 0:
		return strconv.FormatUint(uint64(d.Count), 10)
	case d.Count == 0:
		return durationText(d.WindowMicros)
	}
	return durationText(d.WindowMicros) + "," + strconv.FormatUint(uint64(d.Count), 10)
}

// parseDeduplication reads "10m", "100000", "10 min, 100000", "off" or "none".
func parseDeduplication(text string) (d Deduplication, ok bool) {
	if equalFoldASCII(text, "off") || equalFoldASCII(text, "none") {
		return d, true
	}
	first, second, both := strings.Cut(text, ",")
	if both {
		if d.Count, ok = parseDedupCount(cutSpaces(second)); !ok {
			return d, false
		}
		text = first
	} else if d.Count, ok = parseDedupCount(text); ok {
		return d, true
	}
	d.WindowMicros, ok = parseDurationMicros(text)
	return d, ok && d.WindowMicros >= dedupWindowMin && d.WindowMicros <= dedupWindowMax
}

func parseDedupCount(text string) (uint32, bool) {
	n, rest, ok := cutDigits(text)
	if !ok || rest != "" || n == 0 || n > dedupCountMax {
		return 0, false
	}
	return uint32(n), true
}

// durationText writes a time in the largest unit that it is a whole number of; parseDurationMicros reads it.
func durationText(micros uint64) string {
	for _, u := range [...]struct {
		name   string
		micros uint64
	}{{"d", 86_400e6}, {"h", 3600e6}, {"m", 60e6}, {"s", 1e6}, {"ms", 1e3}} {
		if micros%u.micros == 0 {
			return strconv.FormatUint(micros/u.micros, 10) + u.name
		}
	}
	return strconv.FormatUint(micros, 10) + "us"
}

func setDeduplication(s *Settings, kind Kind, value []byte) (asked, ok bool) {
	d, ok := parseDeduplication(string(value))
	if kind != KindString || !ok {
		return false, false
	}
	if d.On() {
		s.Deduplication = d
	}
	return d.On(), true
}
