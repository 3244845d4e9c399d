package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/galgo-mq/galgo/metadata"
)

var update = flag.Bool("update", false, "rewrite the tables in docs")

// load reads a file with this text (none if it is empty), this environment and these arguments.
func load(t *testing.T, file string, env, args []string) (*Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags)
	if file != "" {
		path := filepath.Join(t.TempDir(), "galgo.toml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", path}, args...)
	}
	if err := flags.Parse(args); err != nil {
		return nil, FlagError(flags, err)
	}
	return Load(flags, env)
}

func TestFlagsWinOverEnvironmentOverFileOverDefaults(t *testing.T) {
	f := func(file, env, arg, want string) {
		t.Helper()
		var environ, args []string
		if env != "" {
			environ = []string{"GALGO_TCP_ADDRESS=" + env}
		}
		if arg != "" {
			args = []string{"--tcp-address", arg}
		}
		if file != "" {
			file = "[tcp]\naddress = \"" + file + "\"\n"
		}
		c, err := load(t, file, environ, args)
		if err != nil || c.TCPAddress != want {
			t.Errorf("file %q, environment %q, flag %q: %v, %v, want %s", file, env, arg, c, err, want)
		}
	}
	f("", "", "", "127.0.0.1:8090")
	f("a:1", "", "", "a:1")
	f("", "a:2", "", "a:2")
	f("", "", "a:3", "a:3")
	f("a:1", "a:2", "", "a:2")
	f("a:1", "", "a:3", "a:3")
	f("", "a:2", "a:3", "a:3")
	f("a:1", "a:2", "a:3", "a:3")
}

// Every setting is heard from every source that it has.
func TestEverySourceSetsEverySetting(t *testing.T) {
	values := map[string]string{
		"data_dir": "/tmp/x", "io": "epoll", "shards": "3", "cpus": "0-1,5", "pin": "false", "memory": "128MiB", "journal_size": "16MiB",
		"replicated": "written", "written_loss_bound": "2s", "retention_interval": "5s", "retention.offsets_hold": "30m0s", "frame_size_max": "1MiB", "connections_max": "7",
		"handshake_timeout": "3s", "request_timeout": "4s", "send_timeout": "6s", "tcp.address": "127.0.0.1:0", "log.level": "debug", "log.format": "json", "pprof.address": ":6060",
		"shutdown_timeout": "41s", "hash_timeout": "3s", "tcp.keepalive_idle": "11s", "tcp.keepalive_interval": "2s", "tcp.user_timeout": "21s",
		"journal_writes": "buffered", "retry_fenced": "true", "accept_loss": "true",
		"heartbeat.enabled": "false", "heartbeat.interval": "2s", "personal_access_token.max_tokens_per_user": "5", "personal_access_token.cleaner_interval": "9s",
		"consumer_group.rebalancing_timeout": "8s", "poll.hold": "20ms", "limits.connections_per_address": "11", "limits.streams": "12",
		"limits.topics_per_stream": "13", "limits.partitions_per_topic": "14", "limits.users": "15", "limits.groups_per_topic": "16",
		"limits.members_per_group": "17", "limits.name_bytes": "18",
		"limits.requests_in_flight": "19", "limits.connection_memory": "512KiB", "limits.metadata_bytes": "33MiB", "limits.consumers_per_log": "21",
		"root.username": "admin", "root.password_file": "", "root.password": "",
	}
	for _, s := range Default().settings() {
		v, ok := values[s.key]
		if !ok {
			t.Errorf("%s has no value in this test", s.key)
		}
		if v == "" {
			continue
		}
		f := func(from string, c *Config, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s from %s: %v", s.key, from, err)
			} else if got := find(c.settings(), s.key).show(); got != v && got != v+"s" {
				t.Errorf("%s from %s is %s, want %s", s.key, from, got, v)
			}
		}
		c, err := load(t, s.key+" = \""+v+"\"", nil, nil)
		f("file", c, err)
		c, err = load(t, "", []string{s.env() + "=" + v}, nil)
		f("environment", c, err)
		c, err = load(t, "", nil, []string{"--" + s.flag() + "=" + v})
		f("flags", c, err)
	}
}

func TestTypedValues(t *testing.T) {
	c, err := load(t, `
shards = 2
pin = true
memory = "1 GiB"
cpus = "3,0-1"
retention_interval = "1m 30s"
frame_size_max = 131072
replicated = "Memory"
log = { level = "warn" }
heartbeat.enabled = false
`, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Shards, want.Pin, want.Memory, want.CPUs = 2, "true", 1<<30, []int{3, 0, 1}
	want.RetentionInterval, want.FrameSizeMax, want.Replicated, want.LogLevel = 90*time.Second, 128<<10, metadata.LevelMemory, "warn"
	want.HeartbeatEnabled = false
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for _, args := range [][]string{{"--shards=auto", "--memory=auto", "--cpus=auto", "--journal-size=auto"}} {
		if c, err = load(t, "shards = 2\nmemory = \"1GiB\"\ncpus = \"1\"", nil, args); err != nil || !reflect.DeepEqual(c, Default()) {
			t.Errorf("auto over values: %+v, %v", c, err)
		}
	}
	if c, err = load(t, "heartbeat.enabled = false", nil, []string{"--heartbeat-enabled"}); err != nil || !c.HeartbeatEnabled {
		t.Errorf("--heartbeat-enabled: %+v, %v", c, err)
	}
	if c, err = load(t, "", nil, []string{"--pin"}); err != nil || c.Pin != "true" {
		t.Errorf("--pin: %v, %v", c, err)
	}
}

func TestWhatIsWrongIsSaidWithPlaceAndRemedy(t *testing.T) {
	f := func(file string, env, args []string, want ...string) {
		t.Helper()
		_, err := load(t, file, env, args)
		if err == nil {
			t.Errorf("%q %v %v: no error", file, env, args)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q %v %v:\n%v\nwithout %q", file, env, args, err, w)
			}
		}
	}
	// Unknown names.
	f("\n  shrads = 2", nil, nil, ":2:3: unknown key shrads: did you mean shards?")
	f("[tcp]\nadress = \"x:1\"", nil, nil, ":2:1: unknown key tcp.adress: did you mean tcp.address?")
	f("[tpc]\naddress = \"x:1\"", nil, nil, ":1:2: unknown table tpc: did you mean tcp?")
	f("log = { lvel = \"info\" }", nil, nil, "unknown key log.lvel: did you mean log.level?")
	f("zebra = 1", nil, nil, ":1:1: unknown key zebra: see docs/configuration.md")
	f("[io]\nx = 1", nil, nil, "io is a value and not a table: write io = ...")
	f("shrads = 2\nmemroy = 3", nil, nil, "shards?", "memory?")
	f("", nil, []string{"--shrads=2"}, "unknown flag: --shrads: did you mean --shards?")
	// Values.
	f("memory = \"12XB\"", nil, nil, `:1:1: memory: "12XB" is not a size: write a number and a unit, as in 64MiB; auto`)
	f("memory = \"1MiB\"", nil, nil, "1MiB is too small: write 64MiB or more")
	f("connections_max = -5", nil, nil, ":1:1: connections_max: -5 is too small: write 1 or more")
	f("connections_max = \"many\"", nil, nil, `:1:1: connections_max: "many" is not a number from 1 to 1000000`)
	f("", []string{"GALGO_PERSONAL_ACCESS_TOKEN_MAX_TOKENS_PER_USER=0"}, nil, "GALGO_PERSONAL_ACCESS_TOKEN_MAX_TOKENS_PER_USER: 0 is too small: write 1 or more")
	f("", []string{"GALGO_PERSONAL_ACCESS_TOKEN_MAX_TOKENS_PER_USER=99999999999999999999"}, nil, "is too large: write 1000 or less")
	f("cpus = [0, 1]", nil, nil, "a list is written as text here")
	f("data_dir = \"a\"\ndata_dir = \"b\"", nil, nil, ":2:")
	f("data_dir = \"a", nil, nil, ":1:")
	f("", []string{"GALGO_HANDSHAKE_TIMEOUT=30 parsecs"}, nil, "GALGO_HANDSHAKE_TIMEOUT: ", "is not a duration")
	f("", []string{"GALGO_HANDSHAKE_TIMEOUT=1ms"}, nil, "1ms is too short: write 100ms or more")
	f("", nil, []string{"--io=iocp"}, `--io: "iocp" is none of auto, uring, epoll`)
	f("", nil, []string{"--tcp-address=8090"}, `--tcp-address: "8090" is not an address: write host:port`)
	f("", nil, []string{"--tcp-address=a:65536"}, "not an address")
	f("", nil, []string{"--replicated=replicated"}, "none of persisted, written, memory")
	f("", nil, []string{"--config=/does/not/exist"}, "configuration file: open /does/not/exist")
	f("[poll]\nhold = \"2s\"", nil, nil, ":2:1: poll.hold: 2s is too long: write 1s or less")
	f("", []string{"GALGO_HEARTBEAT_ENABLED=maybe"}, nil, `GALGO_HEARTBEAT_ENABLED: "maybe" is neither true nor false`)
	f("[limits]\nname_bytes = 256", nil, nil, "256 is too large: write 255 or less")
	// Development.
	f("", nil, []string{"--dev", "--tcp-address=0.0.0.0:8090"}, "this machine only", "127.0.0.1:8090")
	f("", []string{"GALGO_DEV=maybe"}, nil, "neither true nor false")
	// Secrets are not repeated.
	f("root.password = \"topsecret\"", nil, nil, "GALGO_ROOT_PASSWORD")
	f("", []string{"GALGO_ROOT_PASSWORD=xy"}, nil, "3 to 100 bytes, and this one has 2")
	f("", []string{"GALGO_ROOT_PASSWORD=topsecret", "GALGO_ROOT_PASSWORD_FILE=/x"}, nil, "keep one")
	f("", nil, []string{"--root-password=topsecret"}, "unknown flag")
}

func TestUnknownVariablesAreWarnings(t *testing.T) {
	c, err := load(t, "", []string{"GALGO_TCP_ADRESS=x", "GALGO_PORT=tcp://10.0.0.1:8090", "GALGO_SEED=1", "GALGO_PASSWORD=topsecret", "HOME=/"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 2 || !strings.Contains(c.Warnings[0], "GALGO_PORT is not a setting") ||
		!strings.HasSuffix(c.Warnings[1], "did you mean GALGO_TCP_ADDRESS?") {
		t.Errorf("warnings: %q", c.Warnings)
	}
}

func TestRootPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(env, args []string, want string) {
		t.Helper()
		if c, err := load(t, "", env, args); err != nil || c.RootPassword != want {
			t.Errorf("%v %v: %v, want %q", env, args, err, want)
		}
	}
	f(nil, nil, "")
	f([]string{"GALGO_ROOT_PASSWORD=topsecret"}, nil, "topsecret")
	f([]string{"GALGO_ROOT_PASSWORD_FILE=" + file}, nil, "from the file")
	f(nil, []string{"--dev"}, "iggy")
	f([]string{"GALGO_DEV=1"}, nil, "iggy")
	f([]string{"GALGO_DEV=1"}, []string{"--dev=false"}, "")
	f([]string{"GALGO_ROOT_PASSWORD=topsecret"}, []string{"--dev"}, "topsecret")
}

// Where there is data, what is said of the first user is judged by FirstPassword: only a start that finds no user asks.
func TestFirstUserIsJudgedByTheStartThatMakesIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("xy\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(text string, env, args []string, want string) {
		t.Helper()
		dir := t.TempDir()
		env = append(env, "GALGO_DATA_DIR="+dir)
		if _, err := load(t, text, env, args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q %v %v, new: %v, want %s", text, env, args, err, want)
		}
		if err := os.WriteFile(filepath.Join(dir, SuperblockName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := load(t, text, env, args)
		if err != nil {
			t.Errorf("%q %v %v, with data: %v", text, env, args, err)
			return
		}
		if _, err := c.FirstPassword(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q %v %v, with data: %v, want %s", text, env, args, err, want)
		}
	}
	f("", []string{"GALGO_ROOT_PASSWORD=xy"}, nil, "GALGO_ROOT_PASSWORD: a password has 3 to 100 bytes, and this one has 2")
	f("", []string{"GALGO_ROOT_USERNAME=ad"}, nil, `GALGO_ROOT_USERNAME: "ad" is not a user name`)
	f("", nil, []string{"--root-username=ad"}, `--root-username: "ad" is not a user name`)
	f("[root]\nusername = \"ad\"", nil, nil, `:2:1: root.username: "ad" is not a user name`)
	f("", []string{"GALGO_ROOT_PASSWORD=topsecret", "GALGO_ROOT_PASSWORD_FILE=/x"}, nil, "keep one")
	f("", nil, []string{"--root-password-file=/does/not/exist"}, "root.password_file: open /does/not/exist")
	f("", nil, []string{"--root-password-file=" + file}, file+": a password has 3 to 100 bytes, and this one has 2")
	if err := os.WriteFile(file, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, SuperblockName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, "", nil, []string{"--root-password-file=" + file, "--data-dir=" + dir})
	if err != nil {
		t.Fatal(err)
	}
	if password, err := c.FirstPassword(); err != nil || password != "from the file" {
		t.Errorf("%q, %v", password, err)
	}
}

func TestWhatIsWrittenIsReadAgainAndHoldsNoSecret(t *testing.T) {
	c, err := load(t, "", []string{"GALGO_ROOT_PASSWORD=topsecret", "GALGO_CPUS=1-3", "GALGO_MEMORY=3GiB", "GALGO_DATA_DIR=a \"b\" \\ c"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.TOML(Process{PID: 7, Version: "0.1.0"})
	if err != nil || strings.Contains(string(text), "topsecret") || !strings.Contains(string(text), "pid = 7") {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := load(t, string(text), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.RootPassword = ""
	if !reflect.DeepEqual(c, again) {
		t.Errorf("written %+v, read %+v", c, again)
	}
}

func TestCPULists(t *testing.T) {
	f := func(text string, want []int) {
		t.Helper()
		got, err := ParseCPUs(text)
		if (err != nil) != (want == nil) || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
		if err == nil {
			if again, _ := ParseCPUs(FormatCPUs(got)); !reflect.DeepEqual(again, got) {
				t.Errorf("%v written as %s", got, FormatCPUs(got))
			}
		}
	}
	f("0", []int{0})
	f("0-3,6", []int{0, 1, 2, 3, 6})
	f("6, 0-1", []int{6, 0, 1})
	for _, bad := range []string{"", ",", "1,", "a", "3-1", "-1", "1-", "0-1,1", "99999", "1--2"} {
		f(bad, nil)
	}
}

func TestSizesAreWrittenExactly(t *testing.T) {
	f := func(n int64, want string) {
		t.Helper()
		if got := FormatSize(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	f(0, "0")
	f(1000, "1000")
	f(64<<20, "64MiB")
	f(3<<30, "3GiB")
	f(1<<30+1024, "1048577KiB")
}

const docs = "../../../docs/configuration.md"

// The documentation lists what there is. -update writes the list.
func TestDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString("| In the file | Environment | Flag | Value | Default | Meaning |\n|---|---|---|---|---|---|\n")
	for _, s := range Default().settings() {
		key, flag, def := "`"+s.key+"`", "`--"+s.flag()+"`", s.show()
		if s.secret {
			key, flag = "", ""
		}
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", key, s.env(), flag, s.kind, def, s.help)
	}
	documented(t, docs, "settings", b.String())
}

// documented checks that the page has this list between the comments with its name.
func documented(t *testing.T, page, name, list string) {
	t.Helper()
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(text), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	switch {
	case !ok1 || !ok2:
		t.Fatalf("%s has no place for the list of %s", page, name)
	case list == old:
	case !*update:
		t.Fatalf("the list of %s in %s is not that of the code: run go test ./cmd/galgo/config -update", name, page)
	default:
		if err := os.WriteFile(page, []byte(head+begin+list+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
