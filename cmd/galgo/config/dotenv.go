package config

import (
	"fmt"
	"strings"
)

// parseDotenv reads lines of NAME=value. A line may begin with export; a value may be quoted; # begins a comment at the
// start of a line, and after a blank behind a value that is not quoted. Errors name the line and not what is in it,
// which may be a secret.
func parseDotenv(text string) (map[string]string, error) {
	env := map[string]string{}
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t\"'#") {
			return nil, fmt.Errorf("line %d is not NAME=value", i+1)
		}
		if value, ok = dotenvValue(strings.TrimSpace(value)); !ok {
			return nil, fmt.Errorf("line %d has a quotation mark that is not closed", i+1)
		}
		env[name] = value
	}
	return env, nil
}

func dotenvValue(v string) (value string, ok bool) {
	switch {
	case v == "" || v[0] == '#':
		return "", true
	case v[0] == '\'':
		value, _, ok = strings.Cut(v[1:], "'")
		return value, ok
	case v[0] != '"':
		if i := strings.Index(strings.ReplaceAll(v, "\t#", " #"), " #"); i >= 0 {
			v = strings.TrimSpace(v[:i])
		}
		return v, true
	}
	var b strings.Builder
	for i := 1; i < len(v); i++ {
		switch {
		case v[i] == '"':
			return b.String(), true
		case v[i] == '\\' && i+1 < len(v):
			i++
			if v[i] == 'n' {
				b.WriteByte('\n')
				continue
			}
			b.WriteByte(v[i])
		default:
			b.WriteByte(v[i])
		}
	}
	return "", false
}
