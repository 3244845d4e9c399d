package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ended runs a command to its end and returns what it printed.
func ended(t *testing.T, code int, args ...string) string {
	t.Helper()
	p := galgo(t, nil, args...)
	p.ends(code)
	return p.out.String() + p.log.String()
}

func TestUnknownCommandsAreRefused(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		if got := ended(t, exitUsage, args...); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", args, got, want)
		}
	}
	f("there is durability", "topic", "list")
	f("did you mean durability?", "topic", "durabilty")
	f("did you mean send?", "bench", "sent")
	f("there is reset-password", "user", "list")
	f("unknown command", "serve")
	f("wants the user's NAME, and was given 0", "user", "reset-password", "--data-dir", "x")
	f("wants STREAM and TOPIC, and was given 1", "topic", "durability", "shop")
	f("--durability: \"fast\" is none of persisted, written, memory, replicated", "bench", "send", "--durability", "fast")
}

func TestVersionIsSaidWhereverItIsAskedFor(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"server", "--version"}, {"server", "--dev", "--version"}, {"iggy-server", "--version"}} {
		if got := ended(t, 0, args...); got != versionText()+"\n" {
			t.Errorf("galgo %v: %q, want %q", args, got, versionText())
		}
	}
}

// What keeps a start from serving leaves nothing behind.
func TestPortInUseLeavesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := filepath.Join(t.TempDir(), "new")
	if got := ended(t, exitFailed, "server", "--dev", "--data-dir", dir, "--tcp-address", l.Addr().String()); !strings.Contains(got, "address already in use") {
		t.Errorf("%s", got)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the data directory is there: %v", err)
	}
}

func TestForeignDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ended(t, exitFailed, "server", "--dev", "--data-dir", dir, "--tcp-address", "127.0.0.1:0"); !strings.Contains(got, "thesis.tex") {
		t.Errorf("%s", got)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v, %v", entries, err)
	}
	for _, name := range []string{"lost+found"} { // a filesystem of its own has that
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		p := startServer(t, dir, nil, "--dev")
		p.signal(syscall.SIGTERM)
		p.ends(0)
	}
}

func TestDirectoryThatCannotBeHad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if got := ended(t, exitFailed, "server", "--dev", "--data-dir", dir, "--tcp-address", "127.0.0.1:0"); !strings.Contains(got, "a file is in the way; give another --data-dir") {
			t.Errorf("%s: %s", dir, got)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("the file has %q, %v", text, err)
	}
}

func TestValuesThatCannotBeMeant(t *testing.T) {
	f := func(code int, want string, args ...string) {
		t.Helper()
		got := ended(t, code, append([]string{"server", "--tcp-address", "127.0.0.1:0"}, args...)...)
		if !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", args, got, want)
		}
	}
	dir := filepath.Join(t.TempDir(), "new")
	f(exitUsage, "data-dir: it is empty", "--data-dir", "")
	f(exitUsage, "/dev/zero is larger than", "--data-dir", dir, "--root-password-file", "/dev/zero")
	f(exitUsage, "/dev/zero is larger than", "--data-dir", dir, "--config", "/dev/zero")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the data directory is there: %v", err)
	}
}

func TestMoreMemoryThanThereIsIsWarnedOf(t *testing.T) {
	p := startServer(t, t.TempDir(), nil, "--dev", "--memory", "900GiB", "--io", "io_uring")
	p.says("memory = 921600 MiB is more than 80 % of the", "WARN")
	if text, err := os.ReadFile(filepath.Join(p.dir, "runtime", "current_config.toml")); err != nil || !strings.Contains(string(text), "io = 'uring'") {
		t.Errorf("%v\n%s", err, text)
	}
}

// Nobody is warned of a setting that nobody made.
func TestDefaultsAreNoWarnings(t *testing.T) {
	p := startServer(t, t.TempDir(), []string{"GALGO_ROOT_PASSWORD=secret"})
	p.signal(syscall.SIGTERM)
	p.ends(0)
	if strings.Contains(p.log.String(), "WARN") {
		t.Errorf("a warning about defaults:\n%s", p.log.String())
	}
}

// Profiles are for whoever types the server's address, and not for a page of the web that has a name point to it.
func TestProfilesCheckTheHost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	startServer(t, t.TempDir(), nil, "--dev", "--pprof-address", address)
	f := func(host string, want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/debug/pprof/cmdline", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		if got.StatusCode != want {
			t.Errorf("host %q: %d, want %d", host, got.StatusCode, want)
		}
	}
	f(address, http.StatusOK)
	f("localhost:1", http.StatusOK)
	f("[::1]:1", http.StatusOK)
	f("evil.example", http.StatusForbidden)
	f("evil.example:6060", http.StatusForbidden)
	f("10.0.0.1:6060", http.StatusForbidden)
	p := startServer(t, t.TempDir(), nil, "--dev", "--pprof-address", "0.0.0.0:0")
	p.says("profiles_reachable")
}

func TestClientErrorsAreWords(t *testing.T) {
	p := startServer(t, t.TempDir(), nil, "--dev")
	f := func(want string, args ...string) {
		t.Helper()
		got := ended(t, exitFailed, append([]string{"topic", "durability", "--messages", "written"}, args...)...)
		if !strings.Contains(got, want) || strings.Contains(got, "NotFound") || strings.Contains(got, "InvalidCredentials") {
			t.Errorf("%v: %q, want %q", args, got, want)
		}
	}
	f("the user name or the password is wrong", "--address", p.address, "--password", "not it", "s", "t")
	f("there is no such", "--address", p.address, "s", "t")
	f("no broker listens there", "--address", "127.0.0.1:1", "s", "t")
}

func TestProgressIsForTerminals(t *testing.T) {
	var out text
	showProgress(&out, false, time.Second, 0)()
	if out.String() != "" {
		t.Errorf("no terminal, and %q", out.String())
	}
	showProgress(&out, true, 11*time.Second, 0)()
	if got := out.String(); !strings.Contains(got, "measuring: 0 s of about 11s") || !strings.HasSuffix(got, "\r\033[K") {
		t.Errorf("%q", got)
	}
}

// With too few descriptors to serve anybody the start is refused, with the number that would do.
func TestTooFewDescriptorsAreRefused(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	start := func(limit string) *process {
		return run(t, exec.Command("sh", "-c", "ulimit -n "+limit+` && exec "$0" "$@"`, self, "server", "--dev", "--data-dir", dir, "--tcp-address", "127.0.0.1:0",
			"--shards", "2", "--pin=false", "--memory", "256MiB", "--journal-size", "8MiB"), nil)
	}
	p := start("64")
	p.ends(exitFailed)
	p.says("only 64 files and connections", "at least 96")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the data directory is there: %v", err)
	}
	p = start("96")
	p.dir = dir
	p.await()
	if _, err := p.login("iggy", "iggy"); err != nil {
		t.Error(err)
	}
}
