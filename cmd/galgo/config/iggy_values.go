package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const zeroDuration = "0s"

// text writes a value the way s reads it. ok is false for what says nothing: RUST_LOG is written for others, too.
func (v *iggyVariable) text(s *setting, text string) (_ string, ok bool, err error) {
	switch {
	case s.key == "log.level":
		level, ok := iggyLevel(text)
		if !ok && v.name != iggyRustLog {
			return text, true, nil
		}
		return level, ok, nil
	case s.kind == durationKind:
		d, err := parseIggyDuration(text)
		if d == 0 && v.rare {
			d = iggyDurationMax
		}
		return d.String(), true, err
	}
	return text, true, nil
}

// iggyLevel finds the level that is said for all modules: info in info,iggy=debug.
func iggyLevel(text string) (level string, ok bool) {
	for word := range strings.SplitSeq(strings.ToLower(text), ",") {
		switch word = strings.TrimSpace(word); word {
		case "trace":
			return "debug", true
		case "off", "none":
			return "error", true
		case "debug", "info", "warn", "error":
			return word, true
		}
	}
	return "", false
}

// parseIggyDuration reads durations as people write them: 30 s, 1m 30s, 7 days. 0, never and their like are zero; nothing is
// longer than iggyDurationMax.
func parseIggyDuration(text string) (sum time.Duration, err error) {
	rest := strings.ToLower(strings.TrimSpace(text))
	switch rest {
	case "0", "never", "none", "unlimited", "disabled":
		return 0, nil
	}
	for first := true; first || rest != ""; first = false {
		letters := strings.TrimLeft(rest, "0123456789.")
		n, err := strconv.ParseFloat(rest[:len(rest)-len(letters)], 64) // beyond its range it is infinite
		if errors.Is(err, strconv.ErrRange) {
			err = nil
		}
		letters = strings.TrimLeft(letters, " ")
		rest = strings.TrimLeft(letters, "abcdefghijklmnopqrstuvwxyzµ")
		unit := iggyUnit(letters[:len(letters)-len(rest)])
		rest = strings.TrimLeft(rest, " ")
		if err != nil || unit == 0 {
			return 0, fmt.Errorf("%q is not a duration: write a number and a unit, as in 500 ms, 30 s or 7 days", text)
		}
		sum += time.Duration(min(n*float64(unit), float64(iggyDurationMax-sum)))
	}
	return sum, nil
}

const (
	iggyYear        = 8766 * time.Hour // 365.25 days
	iggyDurationMax = 100 * iggyYear
)

func iggyUnit(name string) time.Duration {
	switch name {
	case "ns", "nsec", "nanos":
		return time.Nanosecond
	case "us", "µs", "usec", "micros":
		return time.Microsecond
	case "ms", "msec", "millis":
		return time.Millisecond
	case "s", "sec", "secs", "second", "seconds":
		return time.Second
	case "m", "min", "mins", "minute", "minutes":
		return time.Minute
	case "h", "hr", "hrs", "hour", "hours":
		return time.Hour
	case "d", "day", "days":
		return 24 * time.Hour
	case "w", "week", "weeks":
		return 7 * 24 * time.Hour
	case "month", "months":
		return iggyYear / 12
	case "y", "year", "years":
		return iggyYear
	}
	return 0
}
