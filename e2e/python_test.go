package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/e2e/sdk"
)

// program runs one of the Python programs.
func program(t *testing.T, name string, args ...string) {
	t.Helper()
	exe, err := sdk.Python()
	if err != nil {
		if _, missing := exec.LookPath("python3"); missing != nil {
			t.Skip("no python3 on this machine: the real Python SDK can't be run")
		}
		t.Fatal(err)
	}
	begin := time.Now()
	out, err := exec.Command(exe, append([]string{"python/" + name}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	t.Logf("%s %s: %.1f s\n%s", name, args[1], time.Since(begin).Seconds(), out)
}

// goSource is the real input: the sources of the Go toolchain.
func goSource(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "src")
}

// TestPythonAllLines sends 2.6 million lines through the SDK and reads them back by every strategy, then again after a
// restart, and again after kill -9.
func TestPythonAllLines(t *testing.T) {
	if testing.Short() {
		t.Skip("sends gigabytes")
	}
	source, dir := goSource(t), t.TempDir()
	s := start(t, options{dir: dir, tags: "release"})
	program(t, "lines.py", s.Address, "produce", source)
	program(t, "lines.py", s.Address, "verify", source)
	s.stop()
	s = start(t, options{dir: dir, tags: "release"})
	program(t, "lines.py", s.Address, "verify", source)
	s.Kill()
	s = start(t, options{dir: dir, tags: "release"})
	program(t, "lines.py", s.Address, "verify", source)
	s.stop()
}

// TestPythonModes does the same with fewer lines under both backends and several numbers of shards: everything that was
// produced under one is read under the next.
func TestPythonModes(t *testing.T) {
	source, dir := goSource(t), t.TempDir()
	rounds := []struct {
		io     string
		shards int
		forbid bool
		kill   bool
	}{
		{io: "uring", shards: 1},
		{io: "epoll", shards: 2, kill: true},
		{io: "uring", shards: 4, kill: true},
		{io: "epoll", shards: 1},
		{io: "uring", shards: 2},
		{io: "epoll", shards: 4, kill: true},
		{io: "auto", shards: 2, forbid: true, kill: true},
		{io: "uring", shards: 1},
	}
	for i, r := range rounds {
		wrap := ""
		if r.forbid {
			wrap = forbidUring
		}
		s := start(t, options{dir: dir, wrap: wrap, args: []string{"--io", r.io, "--shards", fmt.Sprint(r.shards)}})
		if r.forbid {
			s.says("io_uring unavailable")
		}
		own := []string{"--limit", "50000", "--singles", "2000", "--stream"}
		program(t, "lines.py", append([]string{s.Address, "produce", source}, append(own, fmt.Sprintf("round%d", i))...)...)
		for k := max(0, i-1); k <= i; k++ { // its own, and those of the round before
			program(t, "lines.py", append([]string{s.Address, "verify", source}, append(own, fmt.Sprintf("round%d", k))...)...)
		}
		if r.kill {
			s.Kill()
		} else {
			s.stop()
		}
	}
	s := start(t, options{dir: dir, args: []string{"--shards", "3"}})
	for i := range rounds {
		program(t, "lines.py", s.Address, "verify", source, "--limit", "50000", "--singles", "2000", "--stream", fmt.Sprintf("round%d", i))
	}
	s.stop()
}

// TestPythonCommands runs every command of the SDK that this version knows, under both backends.
func TestPythonCommands(t *testing.T) {
	for _, io := range []string{"uring", "epoll"} {
		s := start(t, options{args: []string{"--io", io, "--shards", "2"}})
		program(t, "commands.py", s.Address, "all")
		s.stop()
	}
}
