package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/galgo-mq/galgo/metadata"
)

const autoWord = "auto"

// boundError is about a value that is understood and beyond a bound. bound is the nearest value that will do.
type boundError struct{ text, fault, bound, way string }

func (e *boundError) Error() string {
	return e.text + " is " + e.fault + ": write " + e.bound + " or " + e.way
}

// auto lets that word stand for zero, which leaves the choice to the server.
func auto[T comparable](to *T, s setting) setting {
	var zero T
	parse, show := s.parse, s.show
	s.kind += " or auto"
	s.parse = func(text string) error {
		if strings.EqualFold(text, autoWord) {
			*to = zero
			return nil
		}
		if err := parse(text); err != nil {
			return fmt.Errorf("%w; auto leaves it to the server", err)
		}
		return nil
	}
	s.show = func() string {
		if *to == zero {
			return autoWord
		}
		return show()
	}
	return s
}

// optional lets nothing stand for nothing.
func optional(s setting) setting {
	parse := s.parse
	s.parse = func(text string) error {
		if err := parse(text); text != "" {
			return err
		}
		return nil
	}
	return s
}

// named lets nothing be said by nothing.
func named(s setting) setting {
	parse := s.parse
	s.parse = func(text string) error {
		if text == "" {
			return errors.New("it is empty: leave it out, or give a value")
		}
		return parse(text)
	}
	return s
}

// also lets another word stand for one of a choice.
func (s setting) also(word, means string) setting {
	parse := s.parse
	s.parse = func(text string) error {
		if strings.EqualFold(text, word) {
			text = means
		}
		return parse(text)
	}
	return s
}

func firstUser(s setting) setting {
	s.first = true
	return s
}

func text(key, kind string, to *string, help string) setting {
	return setting{key: key, kind: kind, help: help, show: func() string { return *to },
		parse: func(text string) error { *to = text; return nil }}
}

func choice(key string, to *string, help string, words ...string) setting {
	return setting{key: key, kind: strings.Join(words, ", "), help: help, show: func() string { return *to },
		parse: func(text string) error {
			if *to = strings.ToLower(text); !slices.Contains(words, *to) {
				return fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
			}
			return nil
		}}
}

const boolKind = "true or false"

func boolean(key string, to *bool, help string) setting {
	return setting{key: key, kind: boolKind, help: help, show: func() string { return strconv.FormatBool(*to) },
		parse: func(text string) (err error) {
			*to, err = parseBool(text)
			return err
		}}
}

func parseBool(text string) (bool, error) {
	switch {
	case strings.EqualFold(text, "true"):
		return true, nil
	case strings.EqualFold(text, "false"):
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

func level(key string, to *metadata.Level, help string) setting {
	var word string
	s := choice(key, &word, help, "persisted", "written", "memory")
	parse := s.parse
	s.show = func() string { return to.String() }
	s.parse = func(text string) error {
		err := parse(text)
		if err == nil {
			*to, _ = metadata.ParseLevel(word)
		}
		return err
	}
	return s
}

func count(key string, to *int, least, most int, help string) setting {
	return setting{key: key, kind: "number", help: help, show: func() string { return strconv.Itoa(*to) },
		parse: func(text string) error {
			n, err := strconv.Atoi(text) // beyond its range it is the end of that
			switch {
			case err != nil && !errors.Is(err, strconv.ErrRange):
				return fmt.Errorf("%q is not a number from %d to %d", text, least, most)
			case n < least:
				return &boundError{text, "too small", strconv.Itoa(least), "more"}
			case n > most:
				return &boundError{text, "too large", strconv.Itoa(most), "less"}
			}
			*to = n
			return nil
		}}
}

func size(key string, to *int64, least, most int64, help string) setting {
	return setting{key: key, kind: "size", help: help, show: func() string { return FormatSize(*to) },
		parse: func(text string) error {
			n, err := humanize.ParseBytes(text)
			switch {
			case err != nil:
				return fmt.Errorf("%q is not a size: write a number and a unit, as in 64MiB", text)
			case n < uint64(least):
				return &boundError{text, "too small", FormatSize(least), "more"}
			case n > uint64(most):
				return &boundError{text, "too large", FormatSize(most), "less"}
			}
			*to = int64(n)
			return nil
		}}
}

// FormatSize writes a size exactly, in the largest binary unit that divides it.
func FormatSize(n int64) string {
	for i, unit := range []string{"PiB", "TiB", "GiB", "MiB", "KiB"} {
		if one := int64(1) << (50 - 10*i); n >= one && n%one == 0 {
			return strconv.FormatInt(n/one, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

const durationKind = "duration"

func duration(key string, to *time.Duration, least, most string, help string) setting {
	return setting{key: key, kind: durationKind, help: help, show: func() string { return to.String() },
		parse: func(text string) error {
			d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
			lo, _ := time.ParseDuration(least)
			hi, _ := time.ParseDuration(most)
			switch {
			case err != nil:
				return fmt.Errorf("%q is not a duration: write a number and a unit, as in 500ms, 30s or 5m", text)
			case d < lo:
				return &boundError{text, "too short", least, "more"}
			case d > hi:
				return &boundError{text, "too long", most, "less"}
			}
			*to = d
			return nil
		}}
}

func address(key string, to *string, help string) setting {
	return setting{key: key, kind: "host:port", help: help, show: func() string { return *to },
		parse: func(text string) error {
			_, port, err := net.SplitHostPort(text)
			if n, e := strconv.Atoi(port); err != nil || e != nil || n < 0 || n > 65535 {
				return fmt.Errorf("%q is not an address: write host:port, as in 127.0.0.1:8090", text)
			}
			*to = text
			return nil
		}}
}

func username(key string, to *string, help string) setting {
	return setting{key: key, kind: "name", help: help, show: func() string { return *to },
		parse: func(text string) error {
			if len(text) < 3 || len(text) > 50 {
				return fmt.Errorf("%q is not a user name: write 3 to 50 bytes", text)
			}
			*to = text
			return nil
		}}
}

func password(key string, to *string, help string) setting {
	return setting{key: key, kind: "password", help: help, secret: true, show: func() string { return "" }, parse: parsePassword(to)}
}

// parsePassword reads a password. Its error says nothing of it but the length.
func parsePassword(to *string) func(string) error {
	return func(text string) error {
		if len(text) < 3 || len(text) > 100 {
			return fmt.Errorf("a password has 3 to 100 bytes, and this one has %d", len(text))
		}
		*to = text
		return nil
	}
}

func cpuList(key string, to *[]int, help string) setting {
	return setting{key: key, kind: "list or auto", help: help,
		show: func() string {
			if len(*to) == 0 {
				return autoWord
			}
			return FormatCPUs(*to)
		},
		parse: func(text string) (err error) {
			*to = nil
			if !strings.EqualFold(text, autoWord) {
				*to, err = ParseCPUs(text)
			}
			return err
		}}
}

const cpuMax = 8191

var errCPUs = errors.New("write numbers and ranges, as in 0-3,6")

// ParseCPUs reads a list such as 0-3,6. The order is kept: the first shard gets the first core.
func ParseCPUs(text string) ([]int, error) {
	var list []int
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		lo, err := strconv.Atoi(first)
		hi := lo
		if isRange && err == nil {
			hi, err = strconv.Atoi(last)
		}
		if err != nil || lo < 0 || hi < lo || hi > cpuMax {
			return nil, fmt.Errorf("%q in %q is not a list of cores: %w", part, text, errCPUs)
		}
		for cpu := lo; cpu <= hi; cpu++ {
			if slices.Contains(list, cpu) {
				return nil, fmt.Errorf("core %d is in %q twice: name each once", cpu, text)
			}
			list = append(list, cpu)
		}
	}
	return list, nil
}

// FormatCPUs is the shortest list that ParseCPUs reads as cpus.
func FormatCPUs(cpus []int) string {
	var b strings.Builder
	for i := 0; i < len(cpus); {
		j := i
		for j+1 < len(cpus) && cpus[j+1] == cpus[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(cpus[i]))
		if j > i {
			b.WriteString("-" + strconv.Itoa(cpus[j]))
		}
		i = j + 1
	}
	return b.String()
}
