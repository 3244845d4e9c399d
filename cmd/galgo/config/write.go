package config

import (
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// processTable is where a running server says more about itself.
const processTable = "process"

// Process is what a running server says about itself beside its settings.
type Process struct {
	PID     int    `toml:"pid"`
	Version string `toml:"version"`
}

// TOML writes the configuration as a file that Load would read, without secrets.
func (c *Config) TOML(p Process) ([]byte, error) {
	root := map[string]any{processTable: p}
	for _, s := range c.settings() {
		if s.secret {
			continue
		}
		table, key := root, s.key
		if name, rest, ok := strings.Cut(s.key, "."); ok {
			if table[name] == nil {
				table[name] = map[string]any{}
			}
			table, key = table[name].(map[string]any), rest
		}
		table[key] = s.show()
		if n, err := strconv.Atoi(s.show()); err == nil {
			table[key] = n
		}
		if s.kind == boolKind {
			table[key] = s.show() == "true"
		}
	}
	return toml.Marshal(root)
}

// Changed lists the settings that differ.
func Changed(a, b *Config) (keys []string) {
	before, now := a.settings(), b.settings()
	for i := range before {
		if before[i].show() != now[i].show() {
			keys = append(keys, before[i].key)
		}
	}
	return keys
}
