package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/wire"
)

// iggy runs the binary by a link named iggy-server, as a small server on dir, and does not wait for it.
func iggy(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	link := filepath.Join(t.TempDir(), iggyName)
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, link)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, args...)
	cmd.Dir = filepath.Dir(link)
	p := run(t, cmd, append([]string{"IGGY_SYSTEM_PATH=" + dir, "IGGY_TCP_ADDRESS=127.0.0.1:0", "GALGO_SHARDS=2", "GALGO_PIN=false",
		"GALGO_MEMORY=256MiB", "GALGO_JOURNAL_SIZE=8MiB"}, env...))
	p.dir = dir
	return p
}

func (p *process) stops() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

func TestIggyServerStartsAsHarnessesExpect(t *testing.T) {
	dir := t.TempDir()
	p := iggy(t, dir, []string{"IGGY_ROOT_USERNAME=admin", "IGGY_ROOT_PASSWORD=correct-horse", "IGGY_HTTP_ADDRESS=127.0.0.1:0", "IGGY_QUIC_ENABLED=false",
		"IGGY_TCP_ADRESS=x", "IGGY_HEARTBEAT_INTERVAL=2 s", "IGGY_DISPLAY_CONFIG=true"},
		"--fresh", "--replica-id", "0", "--with-default-root-credentials", "-c", "file", "--follower")
	p.await()
	if err := p.dial().Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	if _, err := p.login("admin", "correct-horse"); err != nil {
		t.Errorf("login: %v", err)
	}
	p.says("changes nothing: flags of Iggy 0.8 (--config-provider, --follower); HTTP (IGGY_HTTP_ADDRESS)", "did you mean IGGY_TCP_ADDRESS?")
	p.stops()
	for _, phrase := range []string{"client listeners started", p.address, "server running", "has started", "interval = '2s'"} {
		if !strings.Contains(p.out.String(), phrase) {
			t.Errorf("standard output does not say %q: %q", phrase, p.out.String())
		}
	}
	holdsNot(t, "correct-horse", dir, p)
	if strings.Contains(p.out.String(), "correct-horse") {
		t.Error("standard output has the password")
	}
}

func TestIggyServerByCommandAndDefaults(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".env"), []byte("IGGY_TCP_ADDRESS=127.0.0.1:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", iggyName, "--with-default-root-credentials")
	cmd.Dir = home
	p := run(t, cmd, []string{"GALGO_SHARDS=2", "GALGO_MEMORY=256MiB", "GALGO_JOURNAL_SIZE=8MiB", "GALGO_PIN=false"})
	p.dir = filepath.Join(home, "local_data")
	p.await()
	if _, err := p.login("iggy", "iggy"); err != nil {
		t.Errorf("login: %v", err)
	}
	p.stops()
}

func TestIggyServerReadsAConfigurationFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server.toml")
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, []byte("[system]\npath = \""+dir+"\"\n[tcp]\naddress = \"192.0.2.1:1\"\n[quic]\nenabled = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := iggy(t, "", []string{"IGGY_CONFIG_PATH=" + file}, "--with-default-root-credentials") // an empty IGGY_SYSTEM_PATH says nothing
	p.dir = dir
	p.await()
	p.says("QUIC (quic.enabled)")
	p.stops()
}

func TestIggyServerRefuses(t *testing.T) {
	f := func(env, args []string, code int, want string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "data")
		p := iggy(t, dir, env, args...)
		p.ends(code)
		p.says(want)
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%v %v: the data directory was made", env, args)
		}
	}
	f([]string{"IGGY_ROOT_USERNAME=admin"}, nil, exitUsage, "IGGY_ROOT_USERNAME is set and IGGY_ROOT_PASSWORD is not: set both, or neither")
	f([]string{"IGGY_ROOT_USERNAME=ad", "IGGY_ROOT_PASSWORD=topsecret"}, nil, exitUsage, "3 to 50 bytes")
	f(nil, []string{"--frehs"}, exitUsage, "did you mean --fresh?")
	f(nil, []string{"--replica-id", "x"}, exitUsage, "invalid argument")

	for _, has := range [][]string{{"streams"}, {"logs/a", "state/b"}} {
		foreign := t.TempDir()
		var names []string
		for _, name := range has {
			if err := os.MkdirAll(filepath.Join(foreign, name), 0o750); err != nil {
				t.Fatal(err)
			}
			names = append(names, strings.Split(name, "/")[0])
		}
		p := iggy(t, foreign, nil)
		p.ends(exitFailed)
		p.says("that is the data of another server")
		p = iggy(t, foreign, nil, "-f")
		p.ends(exitFailed)
		p.says("so it is not known to be a data directory and nothing was removed")
		if left := namesIn(t, foreign); !reflect.DeepEqual(left, names) {
			t.Errorf("left are %q", left)
		}
	}
}

func TestIggyServerHelpAndVersion(t *testing.T) {
	for flag, want := range map[string]string{"--version": versionText(), "--help": "--with-default-root-credentials"} {
		p := iggy(t, "", nil, flag)
		p.ends(0)
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("%s: %q", flag, p.out.String())
		}
	}
}

func TestFreshRemovesWhatAServerMadeAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	streams := func(p *process) int {
		c, err := p.login("iggy", "iggy")
		if err != nil {
			t.Fatal(err)
		}
		all, err := c.GetStreams(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	first := iggy(t, dir, nil, "--with-default-root-credentials")
	first.await()
	c, err := first.login("iggy", "iggy")
	if err == nil {
		_, err = c.CreateStream(ctx, "s")
	}
	if err == nil {
		_, err = c.CreateTopic(ctx, wire.Named("s"), "t", 3)
	}
	if err != nil {
		t.Fatal(err)
	}

	// Not while the first has the directory.
	second := iggy(t, dir, nil, "--with-default-root-credentials", "--fresh")
	second.ends(exitFailed)
	second.says("it is in use by another server, nothing was removed")
	if n := streams(first); n != 1 {
		t.Errorf("%d streams beside a second server", n)
	}
	first.stops()

	// What a server makes is known to removeData; what it does not make stays.
	for _, name := range namesIn(t, dir) {
		if ours, _, err := lookAt(dir); err != nil || !strings.Contains(strings.Join(ours, " "), name) {
			t.Errorf("%s is not known: %q, %v", name, ours, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	third := iggy(t, dir, nil, "--with-default-root-credentials")
	third.await()
	if n := streams(third); n != 1 {
		t.Errorf("%d streams without --fresh", n)
	}
	third.stops()
	fourth := iggy(t, dir, nil, "--with-default-root-credentials", "-f")
	fourth.await()
	if n := streams(fourth); n != 0 {
		t.Errorf("%d streams after --fresh", n)
	}
	fourth.says("left alone, because no server of ours makes it: notes.txt", "the data directory is new")
	fourth.stops()
	if text, err := os.ReadFile(filepath.Join(dir, "notes.txt")); err != nil || string(text) != "mine" {
		t.Errorf("notes: %q, %v", text, err)
	}
}

func TestRemoveData(t *testing.T) {
	f := func(entries string, refused bool, left ...string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "data")
		for name := range strings.FieldsSeq(entries) {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := removeData(dir, 0, zap.NewNop())
		if (err != nil) != refused {
			t.Errorf("%q: %v", entries, err)
		}
		if got := namesIn(t, dir); strings.Join(got, " ") != strings.Join(left, " ") {
			t.Errorf("%q: left are %q, want %q", entries, got, left)
		}
	}
	f("", false)
	f("galgo.meta", false, "galgo.meta")
	f("galgo.meta logs/1/x state/y journal/z runtime/c mine", false, "galgo.meta", "mine")
	f("logs/1/x runtime/c", true, "logs", "runtime") // names that other servers have as well
	f("logs/1/x mine", true, "logs", "mine")
	f("mine", true, "mine")
	f("lost+found/x", false, "lost+found")
}

// namesIn lists dir; one that is missing has nothing.
func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestTheBinarysNameIsACommand(t *testing.T) {
	f := func(argv string, want string) {
		t.Helper()
		if got := strings.Join(arguments(strings.Fields(argv)), " "); got != want {
			t.Errorf("%q: %q, want %q", argv, got, want)
		}
	}
	f("galgo server --dev", "server --dev")
	f("/usr/bin/iggy-server -f", "iggy-server -f")
	f("iggy-server", "iggy-server")
	f("./iggy-server hash-worker", "hash-worker")
	f("my-iggy-server x", "x")
	f("", "")
}
