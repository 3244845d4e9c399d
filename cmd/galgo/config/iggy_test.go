package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// loadIggy loads with these variables; file, unless empty, is what IGGY_CONFIG_PATH names.
func loadIggy(t *testing.T, file string, env ...string) (*Config, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "server.toml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		env = append(env, "IGGY_CONFIG_PATH="+path)
	}
	return LoadIggy(IggyOptions{}, env)
}

func TestIggyDefaults(t *testing.T) {
	c, err := loadIggy(t, "", "IGGY_TCP_ADDRESS=", "IGGY_NONSENSE=", "HOME=/")
	want := Default()
	want.DataDir, want.Announce = "local_data", true
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("%+v, %v, want %+v", c, err, want)
	}
}

// Every variable with a counterpart sets it, from the environment and, but for secrets, from a file.
func TestIggyVariablesSetTheirCounterparts(t *testing.T) {
	values := map[string][2]string{ // as Iggy's files have them, as we show them
		"tcp.address": {"127.0.0.1:0", "127.0.0.1:0"}, "data_dir": {"/tmp/x", "/tmp/x"}, "log.level": {"TRACE", "debug"},
		"heartbeat.enabled": {"FALSE", "false"}, "heartbeat.interval": {"2 s", "2s"}, "personal_access_token.max_tokens_per_user": {"7", "7"},
		"personal_access_token.cleaner_interval": {"2 m", "2m0s"}, "consumer_group.rebalancing_timeout": {"500 ms", "500ms"},
		"retention_interval": {"1h 30 min", "1h30m0s"}, "frame_size_max": {"32 MiB", "32MiB"}, "root.username": {"admin", "admin"},
	}
	for _, row := range iggyVariables {
		v, ok := values[row.setting]
		if row.setting == "" || strings.HasPrefix(row.name, iggyPassword) {
			continue
		}
		if !ok {
			t.Errorf("%s has no value in this test", row.name)
		}
		f := func(from string, c *Config, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s from %s: %v", row.name, from, err)
			} else if got := find(c.settings(), row.setting).show(); got != v[1] || len(c.Warnings) > 0 {
				t.Errorf("%s from %s is %s, want %s; warnings %q", row.name, from, got, v[1], c.Warnings)
			}
		}
		more := "IGGY_USERNAME=nobody"
		if row.name == iggyUser {
			more = "IGGY_ROOT_PASSWORD=secret"
		}
		c, err := loadIggy(t, "", row.name+"="+v[0], more)
		f("environment", c, err)
		if !row.envOnly {
			key := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(row.name, iggyPrefix), "_", "."))
			c, err = loadIggy(t, key+" = \""+v[0]+"\"")
			f("file", c, err)
		}
	}
}

func TestIggyEnvironmentOverFileOverDefaults(t *testing.T) {
	dir := t.TempDir()
	ours := filepath.Join(dir, "galgo.toml")
	dotenv := filepath.Join(dir, "env")
	for path, text := range map[string]string{
		ours:   "[tcp]\naddress = \"ours-file:1\"\n",
		dotenv: "# comment\nexport IGGY_TCP_ADDRESS='dotenv:1' # more\nGALGO_LOG_LEVEL=warn\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := func(want, file string, env ...string) {
		t.Helper()
		if c, err := loadIggy(t, file, env...); err != nil || c.TCPAddress != want {
			t.Errorf("%q %q: %+v, %v, want %s", file, env, c, err, want)
		}
	}
	const theirs = "[tcp]\naddress = \"their-file:1\"\n"
	f("their-file:1", theirs)
	f("ours-file:1", theirs, "GALGO_CONFIG="+ours)
	f("dotenv:1", theirs, "GALGO_CONFIG="+ours, "IGGY_ENV_PATH="+dotenv)
	f("env:1", theirs, "IGGY_ENV_PATH="+dotenv, "IGGY_TCP_ADDRESS=env:1")
	f("ours-env:1", theirs, "IGGY_TCP_ADDRESS=env:1", "GALGO_TCP_ADDRESS=ours-env:1")
	c, err := loadIggy(t, "", "IGGY_ENV_PATH="+dotenv)
	if err != nil || c.LogLevel != "warn" {
		t.Errorf("ours from the dotenv file: %+v, %v", c, err)
	}
	c, err = loadIggy(t, "", "IGGY_ENV_PATH=/does/not/exist")
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "there is no /does/not/exist") {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestIggyRoot(t *testing.T) {
	f := func(byDefault bool, user, password, problem string, env ...string) {
		t.Helper()
		c, err := LoadIggy(IggyOptions{DefaultRoot: byDefault}, env)
		switch {
		case problem != "":
			if err == nil || !strings.Contains(err.Error(), problem) || strings.Contains(err.Error(), "topsecret") {
				t.Errorf("%q: %v, want %s", env, err, problem)
			}
		case err != nil || c.RootUsername != user || c.RootPassword != password:
			t.Errorf("%q: %+v, %v", env, c, err)
		}
	}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(false, "iggy", "", "")
	f(false, "admin", "topsecret", "", "IGGY_ROOT_USERNAME=admin", "IGGY_ROOT_PASSWORD=topsecret")
	f(false, "admin", "from the file", "", "IGGY_ROOT_USERNAME=admin", "IGGY_ROOT_PASSWORD_FILE="+file)
	f(false, "", "", "IGGY_ROOT_USERNAME is set and IGGY_ROOT_PASSWORD is not: set both, or neither", "IGGY_ROOT_USERNAME=admin")
	f(false, "", "", "IGGY_ROOT_PASSWORD is set and IGGY_ROOT_USERNAME is not", "IGGY_ROOT_PASSWORD=topsecret")
	f(false, "", "", "IGGY_ROOT_PASSWORD is set and", "IGGY_ROOT_PASSWORD=topsecret", "IGGY_ROOT_USERNAME=")
	f(false, "", "", "IGGY_ROOT_USERNAME: \"ab\" is not a user name", "IGGY_ROOT_USERNAME=ab", "IGGY_ROOT_PASSWORD=topsecret")
	f(false, "", "", "3 to 100 bytes, and this one has 108", "IGGY_ROOT_USERNAME=admin", "IGGY_ROOT_PASSWORD="+strings.Repeat("topsecret", 12))
	f(true, "iggy", "iggy", "")
	f(true, "admin", "iggy", "", "IGGY_ROOT_USERNAME=admin")
	f(true, "iggy", "topsecret", "", "IGGY_ROOT_PASSWORD=topsecret")
	f(true, "iggy", "ours", "", "GALGO_ROOT_PASSWORD=ours")
	f(true, "iggy", "from the file", "", "GALGO_ROOT_PASSWORD_FILE="+file)
}

// Encryption that is asked for and not there ends the start, wherever it is asked for; the setting is named and its value not,
// if it may be secret.
func TestEncryptionIsNotPassedOver(t *testing.T) {
	f := func(file string, env []string, name, what string) {
		t.Helper()
		_, err := loadIggy(t, file, env...)
		_, ours := load(t, "", env, nil)
		if file != "" {
			ours = err
		}
		for _, err := range []error{err, ours} {
			switch {
			case name == "" && err != nil:
				t.Errorf("%q %q: %v", file, env, err)
			case name != "" && (err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "topsecret")):
				t.Errorf("%q %q: %v, want an error about %s and %s", file, env, err, name, what)
			}
		}
	}
	f("", []string{"IGGY_TCP_TLS_ENABLED=true", "IGGY_TCP_TLS_CERT_FILE=x"}, "IGGY_TCP_TLS_ENABLED=true", "TLS")
	f("", []string{"IGGY_SYSTEM_ENCRYPTION_ENABLED=1", "IGGY_SYSTEM_ENCRYPTION_KEY=topsecret"}, "IGGY_SYSTEM_ENCRYPTION_ENABLED=1", "encryption at rest")
	f("", []string{"IGGY_HTTP_TLS_ENABLED=TRUE"}, "IGGY_HTTP_TLS_ENABLED", "TLS")
	f("", []string{"IGGY_WEBSOCKET_TLS_ENABLED=true"}, "IGGY_WEBSOCKET_TLS_ENABLED", "TLS")
	f("", []string{"GALGO_TCP_TLS_MODE=required"}, "GALGO_TCP_TLS_MODE=required", "TLS")
	f("", []string{"GALGO_TCP_TLS_CERT_FILE=/cert.pem"}, "GALGO_TCP_TLS_CERT_FILE", "TLS")
	f("", []string{"GALGO_ENCRYPTION_KEY=topsecret"}, "GALGO_ENCRYPTION_KEY", "encryption at rest")
	f("[tcp.tls]\nenabled = true\n", nil, "tcp.tls.enabled", "TLS")
	f("[system.encryption]\nenabled = true\nkey = \"topsecret\"\n", nil, "system.encryption.enabled", "encryption at rest")

	f("", []string{"IGGY_TCP_TLS_ENABLED=false", "IGGY_TCP_TLS_CERT_FILE=x", "IGGY_SYSTEM_ENCRYPTION_KEY=topsecret", "GALGO_TCP_TLS_MODE=off"}, "", "")
	f("", []string{"IGGY_HTTP_TLS_ENABLED=true", "IGGY_HTTP_ENABLED=false"}, "", "")
	f("[tcp.tls]\nenabled = false\ncert_file = \"x\"\n", nil, "", "")
	f("[tcp.tls]\nenabled = true\n", []string{"IGGY_TCP_TLS_ENABLED=false"}, "", "")
}

// What is missing is one line; what asks for nothing, or belongs to others, is none.
func TestIggyWarnings(t *testing.T) {
	f := func(file string, env []string, want ...string) {
		t.Helper()
		c, err := loadIggy(t, file, env...)
		if err != nil {
			t.Errorf("%q: %v", env, err)
			return
		}
		got := c.Warnings
		for i, w := range got {
			got[i] = strings.TrimPrefix(w, "asked for, but not there, so that it changes nothing: ")
		}
		if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%q %q:\n%q, want\n%q", file, env, got, want)
		}
	}
	f("", []string{"IGGY_HTTP_ADDRESS=127.0.0.1:0", "IGGY_QUIC_ADDRESS=127.0.0.1:0"}, "QUIC (IGGY_QUIC_ADDRESS); HTTP (IGGY_HTTP_ADDRESS)")
	f("", []string{"IGGY_HTTP_ADDRESS=127.0.0.1:0", "IGGY_HTTP_ENABLED=false", "IGGY_QUIC_ENABLED=False"})
	f("", []string{"IGGY_TCP_TLS_SELF_SIGNED=true", "IGGY_TCP_TLS_ENABLED=false", "IGGY_CLUSTER_NAME=x", "IGGY_TCP_ENABLED=true"})
	f("", []string{"IGGY_DATA_MAINTENANCE_MESSAGES_CLEANER_ENABLED=true", "IGGY_SYSTEM_PARTITION_VALIDATE_CHECKSUM=true", "IGGY_SHARD_RUNTIME_CAPACITY=64",
		"IGGY_TEST_VERBOSE=1", "IGGY_USERNAME=a", "RUST_LOG=iggy_server=trace"})
	f("", []string{"IGGY_DATA_MAINTENANCE_MESSAGES_CLEANER_ENABLED=false"},
		"switching off retention, which is always on (IGGY_DATA_MAINTENANCE_MESSAGES_CLEANER_ENABLED)")
	f("", []string{"IGGY_SYSTEM_MESSAGE_DEDUPLICATION_ENABLED=true"},
		"server-wide deduplication: give topics the option deduplication (IGGY_SYSTEM_MESSAGE_DEDUPLICATION_ENABLED)")
	f("", []string{"IGGY_TCP_ADRESS=x:1"}, "IGGY_TCP_ADRESS is not a setting and changes nothing: did you mean IGGY_TCP_ADDRESS?")
	f("", []string{"IGGY_MESSAGE_BUS_MAX_MESAGE_SIZE=1"}, "IGGY_MESSAGE_BUS_MAX_MESAGE_SIZE is not a setting and changes nothing: did you mean IGGY_MESSAGE_BUS_MAX_MESSAGE_SIZE?")
	f("", []string{"IGGY_HTP_ADDRESS=x:1", "IGGY_ZZZZZZZZZZZZZZZZZZZZZZ=1"}, "IGGY_HTP_ADDRESS is not a setting and changes nothing: did you mean IGGY_HTTP_ADDRESS?",
		"IGGY_ZZZZZZZZZZZZZZZZZZZZZZ is not a setting and changes nothing")
	f("[quic]\nenabled = true\naddress = \"a:1\"\ninitial_mtu = \"1200 B\"\nsend_window = 1\n[http]\nenabled = false\naddress = \"a:2\"\n[cluster]\nenabled = false\nnodes = [{ name = \"a\" }]\n", nil,
		"QUIC (quic.address, quic.enabled, quic.initial_mtu and 1 more)")
	f("[quic]\nenabled = true\n", []string{"IGGY_QUIC_ENABLED=false"})
	c, err := LoadIggy(IggyOptions{Ignored: []string{"--follower"}}, nil)
	if err != nil || len(c.Warnings) != 1 || !strings.HasSuffix(c.Warnings[0], ": flags of Iggy 0.8 (--follower)") {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = loadIggy(t, "root = { username = \"x\", password = \"topsecret\" }\n[tcp]\nadress = \"x:1\"\n")
	if said := fmt.Sprint(c.Warnings); err != nil || len(c.Warnings) != 3 || strings.Contains(said, "topsecret") ||
		!strings.Contains(said, "root.password is not read from a file: set IGGY_ROOT_PASSWORD") || !strings.Contains(said, "did you mean the key of IGGY_TCP_ADDRESS?") {
		t.Errorf("%q, %v", c.Warnings, err)
	}
}

func TestIggyMistakes(t *testing.T) {
	f := func(file, want string, env ...string) {
		t.Helper()
		if _, err := loadIggy(t, file, env...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q %q: %v, want %s", file, env, err, want)
		}
	}
	f("", `IGGY_HEARTBEAT_INTERVAL: "30 parsecs" is not a duration`, "IGGY_HEARTBEAT_INTERVAL=30 parsecs")
	f("", `IGGY_PERSONAL_ACCESS_TOKEN_MAX_TOKENS_PER_USER: "many" is not a number`, "IGGY_PERSONAL_ACCESS_TOKEN_MAX_TOKENS_PER_USER=many")
	f("", `IGGY_MESSAGE_BUS_MAX_MESSAGE_SIZE: "64 parsecs" is not a size`, "IGGY_MESSAGE_BUS_MAX_MESSAGE_SIZE=64 parsecs")
	f("", `IGGY_HEARTBEAT_ENABLED: "yes" is neither true nor false`, "IGGY_HEARTBEAT_ENABLED=yes")
	f("", `IGGY_TCP_ADDRESS: "8090" is not an address`, "IGGY_TCP_ADDRESS=8090")
	f("", `IGGY_SYSTEM_LOGGING_LEVEL: "loud" is none of`, "IGGY_SYSTEM_LOGGING_LEVEL=loud")
	f("", "IGGY_DISPLAY_CONFIG: ", "IGGY_DISPLAY_CONFIG=maybe")
	f("", "IGGY_CONFIG_PATH: open /does/not/exist", "IGGY_CONFIG_PATH=/does/not/exist")
	f("[tcp\n", ":1:")
	f("[heartbeat]\ninterval = \"x\"\n", "server.toml: heartbeat.interval: ")
	dir := t.TempDir()
	for text, want := range map[string]string{"A=1\n\ntopsecret\n": ": line 3 is not NAME=value", "A=\"topsecret\n": ": line 1 has a quotation mark"} {
		path := filepath.Join(dir, "env")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := loadIggy(t, "", "IGGY_ENV_PATH="+path)
		if err == nil || !strings.Contains(err.Error(), path+want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What is understood and beyond our bounds is clamped, and said in one line: files that were written for another server have to do.
func TestIggyValuesBeyondOurBounds(t *testing.T) {
	f := func(file string, env []string, key, want, warning string) {
		t.Helper()
		c, err := loadIggy(t, file, env...)
		if err != nil {
			t.Errorf("%q: %v", env, err)
			return
		}
		if got := find(c.settings(), key).show(); got != want {
			t.Errorf("%q %q: %s is %s, want %s", file, env, key, got, want)
		}
		said := strings.Join(c.Warnings, "\n")
		if warning != "" {
			warning = "asked for, but beyond what there is here, so that the nearest is used: " + warning
		}
		if said != warning {
			t.Errorf("%q %q: warnings %q, want %q", file, env, said, warning)
		}
	}
	const (
		retention = "IGGY_DATA_MAINTENANCE_MESSAGES_INTERVAL"
		size      = "IGGY_MESSAGE_BUS_MAX_MESSAGE_SIZE"
		tokens    = "IGGY_PERSONAL_ACCESS_TOKEN_MAX_TOKENS_PER_USER"
		heartbeat = "IGGY_HEARTBEAT_INTERVAL"
	)
	f("", []string{retention + "=2 days"}, "retention_interval", "24h0m0s", "24h for "+retention+"=2 days")
	f("", []string{retention + "=10 ms"}, "retention_interval", "100ms", "100ms for "+retention+"=10 ms")
	f("", []string{size + "=512 MiB"}, "frame_size_max", "256MiB", "256MiB for "+size+"=512 MiB")
	f("", []string{size + "=0"}, "frame_size_max", "64KiB", "64KiB for "+size+"=0")
	f("", []string{tokens + "=5000"}, "personal_access_token.max_tokens_per_user", "1000", "1000 for "+tokens+"=5000")
	f("", []string{tokens + "=0"}, "personal_access_token.max_tokens_per_user", "1", "1 for "+tokens+"=0")
	f("", []string{"IGGY_CONSUMER_GROUP_REBALANCING_TIMEOUT=1 month"}, "consumer_group.rebalancing_timeout", "1h0m0s",
		"1h for IGGY_CONSUMER_GROUP_REBALANCING_TIMEOUT=1 month")
	f("", []string{tokens + "=5000", retention + "=2 days"}, "retention_interval", "24h0m0s", "1000 for "+tokens+"=5000; 24h for "+retention+"=2 days")

	// Zero: off, as rarely as there is, or the shortest.
	f("", []string{heartbeat + "=never"}, "heartbeat.enabled", "false", "")
	f("", []string{heartbeat + "=0 s", "IGGY_HEARTBEAT_ENABLED=true"}, "heartbeat.enabled", "false", "")
	f("", []string{heartbeat + "=0"}, "heartbeat.interval", "30s", "")
	f("", []string{retention + "=0"}, "retention_interval", "24h0m0s", "24h for "+retention+"=0")
	f("", []string{"IGGY_PERSONAL_ACCESS_TOKEN_CLEANER_INTERVAL=disabled"}, "personal_access_token.cleaner_interval", "24h0m0s",
		"24h for IGGY_PERSONAL_ACCESS_TOKEN_CLEANER_INTERVAL=disabled")
	f("", []string{"IGGY_CONSUMER_GROUP_REBALANCING_TIMEOUT=0"}, "consumer_group.rebalancing_timeout", "100ms",
		"100ms for IGGY_CONSUMER_GROUP_REBALANCING_TIMEOUT=0")

	// What wins is not spoken of as if it had not.
	f("", []string{retention + "=2 days", "GALGO_RETENTION_INTERVAL=1h"}, "retention_interval", "1h0m0s", "")
	f("[message_bus]\nmax_message_size = \"1 GiB\"\n", []string{size + "=1 MiB"}, "frame_size_max", "1MiB", "")
	c, err := loadIggy(t, "[message_bus]\nmax_message_size = \"1 GiB\"\n")
	if err != nil || c.FrameSizeMax != 256<<20 || len(c.Warnings) != 1 || !strings.HasSuffix(c.Warnings[0], "server.toml: message_bus.max_message_size=1 GiB") {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestIggyDurations(t *testing.T) {
	f := func(text string, want time.Duration) {
		t.Helper()
		if got, err := parseIggyDuration(text); got != want || (err != nil) != (want < 0) {
			if want < 0 && err != nil {
				return
			}
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	f("30 s", 30*time.Second)
	f("30s", 30*time.Second)
	f("500 ms", 500*time.Millisecond)
	f("7 days", 7*24*time.Hour)
	f("1m 30s", 90*time.Second)
	f("1h30m", 90*time.Minute)
	f("1.5 hours", 90*time.Minute)
	f("10 µs", 10*time.Microsecond)
	f("0", 0)
	f("0 s", 0)
	f("Never", 0)
	f("1 month", iggyYear/12)
	f("1000 years", iggyDurationMax)
	f("99999999999 weeks 1 s", iggyDurationMax)
	f(strings.Repeat("9", 400)+" s", iggyDurationMax)
	for _, bad := range []string{"", " ", "s", "5", "00", "5 parsecs", "-1 s", "1..5 s", "1 s,", "30 s s"} {
		f(bad, -1)
	}
}

func TestDotenv(t *testing.T) {
	got, err := parseDotenv("\ufeffA=1\r\n # c\nexport B = two words # c\nC='# \\n \"'\nD=\"a\\\"b\\n#c\" # c\nE=\nF=a#b\nG= # c\nH=a=b\n")
	want := map[string]string{"A": "1", "B": "two words", "C": "# \\n \"", "D": "a\"b\n#c", "E": "", "F": "a#b", "G": "", "H": "a=b"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// The table is sound: counterparts exist, nothing has both, and no row hides behind one before it.
func TestIggyTable(t *testing.T) {
	seen := map[string]bool{}
	for i := range iggyVariables {
		row := &iggyVariables[i]
		name := strings.Replace(row.name, "*", "X", 1)
		switch {
		case seen[row.name] || row.means == "":
			t.Errorf("%s: twice, or without a meaning", row.name)
		case row.setting != "" && (find(Default().settings(), row.setting) == nil || row.missing != ""):
			t.Errorf("%s: counterpart %q, missing %q", row.name, row.setting, row.missing)
		case lookupIggy(name) != row:
			t.Errorf("%s is never found", row.name)
		}
		seen[row.name] = true
	}
}

const dropInDocs = "../../../docs/drop-in.md"

// docs/drop-in.md has the same table. -update writes it.
func TestIggyDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString("| Variable | Here | What it means | If it is asked for |\n|---|---|---|---|\n")
	for _, row := range iggyVariables {
		here, asked := "", ""
		switch {
		case row.refused:
			here, asked = "-", "refused: the start ends with code 2"
		case row.setting != "":
			here = "`" + row.setting + "`"
		case row.missing != "":
			here, asked = "-", "warned of: "+row.missing
		}
		switch {
		case row.fine != "":
			asked += "; not for `" + row.fine + "`"
		case row.asleep:
			asked += "; only when its `_ENABLED` is `true`"
		case row.missing != "" && strings.HasSuffix(row.name, "*"):
			asked += "; not when its `_ENABLED` is `false`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", row.name, here, row.means, asked)
	}
	documented(t, dropInDocs, "variables", b.String())
}
