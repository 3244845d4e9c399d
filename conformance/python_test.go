package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// python returns the interpreter of an environment with the real SDK, made once and kept beside the sources.
var python = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../.cache/python")
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, "bin", "python")
	want, err := os.ReadFile("python/requirements.txt")
	if err != nil {
		return "", err
	}
	stamp := filepath.Join(dir, "requirements.txt")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == string(want) {
		return exe, nil
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{exe, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "python/requirements.txt"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return exe, os.WriteFile(stamp, want, 0o644)
})

// sdk runs one of the Python programs and returns what it printed.
func sdk(t *testing.T, program string, args ...string) string {
	t.Helper()
	exe, err := python()
	if err != nil {
		if _, missing := exec.LookPath("python3"); missing != nil {
			t.Skip("no python3 on this machine: the real Python SDK can't be run")
		}
		t.Fatal(err)
	}
	cmd := exec.Command(exe, append([]string{"-B", "python/" + program}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

// TestPython runs apache-iggy through every class, method and property that its stub file lists, under both backends.
func TestPython(t *testing.T) {
	for _, io := range []string{"uring", "epoll"} {
		t.Run(io, func(t *testing.T) {
			b := newTable("python", strings.Fields(sdk(t, "rows.py")))
			s := start(t, "--io", io, "--shards", "2")
			t.Logf("parts and their seconds:\n%s", strings.Join(b.read(sdk(t, "run.py", s.address)), "\n"))
			b.settle(t)
		})
	}
}
