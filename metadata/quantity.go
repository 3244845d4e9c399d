package metadata

import "math/bits"

// Sizes and durations as people write them, in whole numbers: the same text gives the same value on every machine.

// sizeUnits: GiB is binary, GB decimal. Case does not matter.
var sizeUnits = []struct {
	name  string
	bytes uint64
}{
	{"", 1}, {"b", 1},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"pb", 1e15}, {"eb", 1e18},
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40}, {"pib", 1 << 50}, {"eib", 1 << 60},
	{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"t", 1e12},
}

// parseByteSize reads "1 GiB", "1.5GB", "4096". Not ok: other text, or a size beyond 64 bits.
func parseByteSize(text string) (size uint64, ok bool) {
	whole, rest, ok := cutDigits(text)
	if !ok {
		return 0, false
	}
	fraction, scale := uint64(0), uint64(1)
	if len(rest) > 0 && rest[0] == '.' {
		digits := len(rest) - 1
		fraction, rest, ok = cutDigits(rest[1:])
		if digits -= len(rest); !ok || digits > 9 {
			return 0, false
		}
		for range digits {
			scale *= 10
		}
	}
	unit, ok := sizeUnit(cutSpaces(rest))
	if !ok {
		return 0, false
	}
	size, ok = mulAdd(whole, unit, 0)
	if !ok {
		return 0, false
	}
	hi, lo := bits.Mul64(fraction, unit)
	part, _ := bits.Div64(hi, lo, scale) // fraction < scale, so the quotient is below unit
	return mulAdd(size, 1, part)
}

func sizeUnit(name string) (bytes uint64, ok bool) {
	for _, u := range sizeUnits {
		if equalFoldASCII(name, u.name) {
			return u.bytes, true
		}
	}
	return 0, false
}

// durationUnits in nanoseconds. A month is a twelfth of a year of 365.25 days.
var durationUnits = []struct {
	names []string
	nanos uint64
}{
	{[]string{"nsec", "ns"}, 1},
	{[]string{"usec", "us"}, 1e3},
	{[]string{"msec", "ms"}, 1e6},
	{[]string{"seconds", "second", "secs", "sec", "s"}, 1e9},
	{[]string{"minutes", "minute", "mins", "min", "m"}, 60e9},
	{[]string{"hours", "hour", "hrs", "hr", "h"}, 3600e9},
	{[]string{"days", "day", "d"}, 86_400e9},
	{[]string{"weeks", "week", "w"}, 604_800e9},
	{[]string{"months", "month", "M"}, 2_630_016e9},
	{[]string{"years", "year", "y"}, 31_557_600e9},
}

// parseDurationMicros reads "7 days", "1h 30m", "500ms". Not ok: other text, more than 2^32-1 seconds, or a time that is
// above zero and below a microsecond, which would read as zero.
func parseDurationMicros(text string) (micros uint64, ok bool) {
	nanos := uint64(0)
	for rest := text; ; {
		var count, unit uint64
		if count, rest, ok = cutDigits(rest); !ok {
			return 0, false
		}
		if unit, rest, ok = cutDurationUnit(cutSpaces(rest)); !ok {
			return 0, false
		}
		if nanos, ok = mulAdd(count, unit, nanos); !ok || nanos > expiryTextNanosMax {
			return 0, false
		}
		if rest = cutSpaces(rest); rest == "" {
			break
		}
	}
	return nanos / 1000, nanos == 0 || nanos >= 1000
}

func cutDurationUnit(text string) (nanos uint64, rest string, ok bool) {
	n := 0
	for n < len(text) && lowerASCII(text[n]) >= 'a' && lowerASCII(text[n]) <= 'z' {
		n++
	}
	for _, u := range durationUnits {
		for _, name := range u.names {
			if name == text[:n] {
				return u.nanos, text[n:], true
			}
		}
	}
	return 0, "", false
}

// cutDigits reads the number at the front. Not ok: there is none, or it is beyond 64 bits.
func cutDigits(text string) (v uint64, rest string, ok bool) {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		if v, ok = mulAdd(v, 10, uint64(text[n]-'0')); !ok {
			return 0, "", false
		}
		n++
	}
	return v, text[n:], n > 0
}

func cutSpaces(text string) string {
	for len(text) > 0 && text[0] == ' ' {
		text = text[1:]
	}
	return text
}

// mulAdd is a*b+c. Not ok: it is beyond 64 bits.
func mulAdd(a, b, c uint64) (sum uint64, ok bool) {
	hi, lo := bits.Mul64(a, b)
	sum, carry := bits.Add64(lo, c, 0)
	return sum, hi == 0 && carry == 0
}
