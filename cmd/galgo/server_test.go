package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/wire"
)

var ctx = context.Background()

var printedPassword = regexp.MustCompile(`(?m)^    ([A-Z2-7]{26})$`)

func TestFirstStartPrintsAPasswordOnceAndKeepsItNowhere(t *testing.T) {
	dir := t.TempDir()
	first := startServer(t, dir, nil)
	var m []string
	if !first.shows(&first.out, func(text string) bool { m = printedPassword.FindStringSubmatch(text); return m != nil }) {
		t.Fatalf("no password printed: %q", first.out.String())
	}
	if _, err := first.login("iggy", m[1]); err != nil {
		t.Errorf("login with what was printed: %v", err)
	}
	if _, err := first.login("iggy", "iggy"); !errors.Is(err, wire.StatusInvalidCredentials) {
		t.Errorf("login with another password: %v", err)
	}
	first.says("data directory "+dir, "shards: 2, on cores ", "input and output by ", "recovered in ", "the data directory is new",
		"its password was printed", "listening on "+first.address)
	first.signal(syscall.SIGTERM)
	first.ends(0)

	second := startServer(t, dir, []string{"GALGO_ROOT_PASSWORD=another"})
	if out := second.out.String(); out != "" {
		t.Errorf("the second start printed %q", out)
	}
	if _, err := second.login("iggy", m[1]); err != nil {
		t.Errorf("login after the second start: %v", err)
	}
	second.says("the last run ended in order", "count on the first start only")
	second.signal(syscall.SIGINT)
	second.ends(0)
	holdsNot(t, m[1], dir, first, second)
}

func TestGivenCredentialsAreUsedAndKeptNowhere(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, dir, []string{"GALGO_ROOT_USERNAME=admin", "GALGO_ROOT_PASSWORD=correct-horse"}, "--log-format", "json", "--log-level", "debug")
	if p.out.String() != "" {
		t.Errorf("printed %q", p.out.String())
	}
	if _, err := p.login("admin", "correct-horse"); err != nil {
		t.Errorf("login: %v", err)
	}
	p.says(`"msg":"first user admin made, with the password that was given"`)
	p.signal(syscall.SIGTERM)
	p.ends(0)
	holdsNot(t, "correct-horse", dir, p)
}

func TestDevelopment(t *testing.T) {
	p := startServer(t, t.TempDir(), nil, "--dev")
	if _, err := p.login("iggy", "iggy"); err != nil {
		t.Errorf("login: %v", err)
	}
	p.says("user iggy with password iggy")
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

func TestSecondServerOnADataDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := startServer(t, dir, nil, "--dev")
	second := serverNotAwaited(t, dir, nil, "--dev")
	second.ends(exitFailed)
	second.says("data directory " + dir + " is in use by another server: stop it, or give another --data-dir")
	if c := current(dir); c.Process.PID != first.cmd.Process.Pid {
		t.Errorf("current_config.toml is that of process %d", c.Process.PID)
	}
	if _, err := first.login("iggy", "iggy"); err != nil {
		t.Errorf("login at the first: %v", err)
	}
	first.signal(syscall.SIGTERM)
	first.ends(0)
}

// What was acknowledged is there after a kill, whichever way the kernel is asked before and after.
func TestKillAndRestart(t *testing.T) {
	for _, ways := range [][2]string{{"auto", "auto"}, {"epoll", "epoll"}, {"auto", "epoll"}} {
		t.Run(ways[0]+" then "+ways[1], func(t *testing.T) {
			dir := t.TempDir()
			first := startServer(t, dir, nil, "--dev", "--io", ways[0])
			c, err := first.login("iggy", "iggy")
			if err != nil {
				t.Fatal(err)
			}
			stream, topic := wire.Named("s"), wire.Named("t")
			if _, err := c.CreateStream(ctx, "s"); err != nil {
				t.Fatal(err)
			}
			made, err := c.CreateTopic(ctx, stream, "t", 1)
			if err != nil {
				t.Fatal(err)
			}
			partition := made.Partitions[0].ID
			want := []string{"one", "two", "three"}
			for _, m := range want {
				var b batch.Builder
				b.Reset(1)
				if err := b.Add([16]byte{}, []byte(m), nil); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Send(ctx, stream, topic, partition, b.Bytes()); err != nil {
					t.Fatal(err)
				}
			}
			first.signal(syscall.SIGKILL)
			first.ends(-1)

			second := startServer(t, dir, nil, "--dev", "--io", ways[1])
			second.says("the last run did not end in order")
			if c, err = second.login("iggy", "iggy"); err != nil {
				t.Fatal(err)
			}
			polled, err := c.Poll(ctx, wire.PollMessages{Consumer: wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)},
				Stream: stream, Topic: topic, Partition: wire.InPartition(partition), Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 10})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for m := range polled.Messages() {
				got = append(got, string(m.Payload()))
			}
			if !slices.Equal(got, want) {
				t.Errorf("after the restart %q, want %q", got, want)
			}
			second.signal(syscall.SIGTERM)
			second.ends(0)
		})
	}
}

func TestWrongCommandLinesEndWithCode2AndTouchNothing(t *testing.T) {
	f := func(env, args []string, want string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "data")
		p := galgo(t, env, append([]string{"server", "--data-dir", dir}, args...)...)
		p.ends(exitUsage)
		p.says(want)
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%v: the data directory was made", args)
		}
	}
	file := filepath.Join(t.TempDir(), "galgo.toml")
	if err := os.WriteFile(file, []byte("[tcp]\nadress = \"127.0.0.1:1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(nil, []string{"--config", file}, file+":2:1: unknown key tcp.adress: did you mean tcp.address?")
	f(nil, []string{"--shrads=1"}, "did you mean --shards?")
	f(nil, []string{"--cpus=4000"}, "core 4000 of --cpus is not one that this process may run on")
	f(nil, []string{"--memory=64MiB", "--shards=2"}, "memory of 64 MiB is too little for 2 shards: give at least 128 MiB, or fewer shards")
	f([]string{"GALGO_MEMORY=lots"}, nil, `GALGO_MEMORY: "lots" is not a size`)
	f(nil, []string{"more"}, `unknown command "more"`)
}

func TestStartThatFailsSaysWhy(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		p := serverNotAwaited(t, t.TempDir(), nil, args...)
		p.ends(exitFailed)
		p.says(want)
	}
	f("listen on 192.0.2.1:1: cannot assign requested address: give one that this machine has", "--tcp-address=192.0.2.1:1")
	f("profiles: listen tcp", "--pprof-address=192.0.2.1:1")
}

func TestAddressInUse(t *testing.T) {
	first := startServer(t, t.TempDir(), nil, "--dev")
	second := serverNotAwaited(t, t.TempDir(), nil, "--dev", "--tcp-address", first.address)
	second.ends(exitFailed)
	second.says("listen on "+first.address, "address already in use: stop the process that listens there, or give another address (tcp.address)")
}

// With log.format json every line is JSON, the reason of a start that failed too, and it is there once.
func TestFailedStartInJSON(t *testing.T) {
	p := serverNotAwaited(t, t.TempDir(), nil, "--dev", "--log-format=json", "--tcp-address=127.0.0.1:0", "--pprof-address=192.0.2.1:1")
	p.ends(exitFailed)
	var last struct{ Level, Msg string }
	for line := range strings.Lines(p.log.String()) {
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	if last.Level != "error" || !strings.Contains(last.Msg, "profiles: listen tcp") {
		t.Errorf("the last line is %+v", last)
	}
}

// What the server says of sizes is what it takes, and what would have to change for more.
func TestTakesLessThanAsked(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, dir, nil, "--dev", "--shards=1", "--memory=64MiB")
	const taken = "8965312"
	p.says("requests of at most 8.5 MiB are taken, and not frame_size_max = 64 MiB: memory has no room for a larger one; raise memory to 391 MiB, or lower frame_size_max to 8.5 MiB")
	text, err := os.ReadFile(filepath.Join(dir, "runtime", "current_config.toml"))
	if err != nil || !strings.Contains(string(text), taken) {
		t.Errorf("%v\n%s", err, text)
	}
	p.signal(syscall.SIGTERM)
	p.ends(0)
	enough := startServer(t, t.TempDir(), nil, "--dev", "--shards=1", "--memory=391MiB")
	enough.signal(syscall.SIGTERM)
	enough.ends(0)
	if log := enough.log.String(); strings.Contains(log, "requests of at most") {
		t.Errorf("the advice does not do:\n%s", log)
	}
}

// --dev says the password that everybody knows, if that is the one.
func TestDevSaysWhoseUser(t *testing.T) {
	startServer(t, t.TempDir(), nil, "--dev").says("development: a new data directory gets user iggy with password iggy;")
	startServer(t, t.TempDir(), []string{"GALGO_ROOT_USERNAME=anna", "GALGO_ROOT_PASSWORD=secret"}, "--dev").
		says("development: a new data directory gets user anna with the password that was given;")
}

func TestUnknownVariableIsAWarningAtStart(t *testing.T) {
	p := startServer(t, t.TempDir(), []string{"GALGO_SHRADS=2", "GOMAXPROCS=2"}, "--dev", "--shards=auto")
	p.says("GALGO_SHRADS is not a setting and changes nothing: did you mean GALGO_SHARDS?", "shards: 1, on cores ")
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

// The first user is not made when its password cannot be shown or hashed.
func TestRootCredentials(t *testing.T) {
	c := config.Default()
	hash := func(p []byte) (string, error) { return "hash of " + string(p), nil }
	var out strings.Builder
	phc, err := rootCredentials(c, &out, hash).PasswordPHC()
	if m := printedPassword.FindStringSubmatch(out.String()); err != nil || m == nil || phc != "hash of "+m[1] {
		t.Errorf("%q, %v, printed %q", phc, err, out.String())
	}
	if _, err := rootCredentials(c, brokenWriter{}, hash).PasswordPHC(); err == nil {
		t.Error("a password that nobody saw was taken")
	}
	out.Reset()
	c.RootPassword = "given"
	if phc, err = rootCredentials(c, &out, hash).PasswordPHC(); err != nil || phc != "hash of given" || out.Len() > 0 {
		t.Errorf("%q, %v, printed %q", phc, err, out.String())
	}
	busy := func([]byte) (string, error) { return "", errors.New("busy") }
	if _, err := rootCredentials(c, &out, busy).PasswordPHC(); err == nil {
		t.Error("a password that was not hashed was taken")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
