package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Who asks for encryption must not be served in clear, whatever else is passed over with a warning.

// asksForEncryption says what the variable asks for, TLS or encryption at rest; empty: neither. Of another server's families, which
// have it off unless told otherwise, only the switch counts; of ours, which has no such settings yet, whatever sets one.
func asksForEncryption(name, value string) string {
	what := ""
	switch padded := name + "_"; {
	case strings.Contains(padded, "_TLS_"):
		what = "TLS"
	case strings.Contains(padded, "_ENCRYPTION_"):
		what = "encryption at rest"
	default:
		return ""
	}
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "0", "false", "no", "off", "none", "disabled":
		return ""
	}
	if strings.HasPrefix(name, iggyPrefix) && !strings.HasSuffix(name, "_ENABLED") {
		return ""
	}
	return what
}

// refuseEncryption is the error for variables, of ours or of another server's, that ask for what is not there.
func refuseEncryption(environ []string) error {
	values := map[string]iggyValue{}
	for _, kv := range environ {
		if k, v, _ := strings.Cut(kv, "="); strings.HasPrefix(k, envPrefix) || strings.HasPrefix(k, iggyPrefix) {
			values[k] = iggyValue{text: v, name: k}
		}
	}
	return refuseEncrypted(values)
}

// refuseOurs is refuseEncryption for variables of ours alone.
func refuseOurs(env map[string]string) error {
	values := map[string]iggyValue{}
	for k, v := range env {
		values[k] = iggyValue{text: v, name: k}
	}
	return refuseEncrypted(values)
}

func refuseEncrypted(values map[string]iggyValue) (err error) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		if what := asksForEncryption(name, v.text); what != "" && !closedDoor(name, values) {
			err = errors.Join(err, fmt.Errorf("%s=%s asks for %s, which this version does not have: the server does not start, rather than serve in clear; unset it, and protect the connections or the disk by other means",
				v.where(), shown(name, v.text), what))
		}
	}
	return err
}

// closedDoor reports whether the variable is about a transport of another server's that is switched off.
func closedDoor(name string, values map[string]iggyValue) bool {
	door, _, _ := strings.Cut(name, "_TLS_")
	on, err := parseBool(values[door+"_ENABLED"].text)
	return strings.HasPrefix(name, iggyPrefix) && err == nil && !on && door != name
}

// shown is a value for a message; what is not a switch may be secret.
func shown(name, value string) string {
	if strings.HasSuffix(name, "_ENABLED") || strings.HasSuffix(name, "_MODE") {
		return value
	}
	return "..."
}
