package conformance

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/e2e/sdk"
)

// program runs one of the Python programs and returns what it printed.
func program(t *testing.T, name string, args ...string) string {
	t.Helper()
	exe, err := sdk.Python()
	if err != nil {
		if _, missing := exec.LookPath("python3"); missing != nil {
			t.Skip("no python3 on this machine: the real Python SDK can't be run")
		}
		t.Fatal(err)
	}
	cmd := exec.Command(exe, append([]string{"-B", "python/" + name}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// TestPython runs apache-iggy through every class, method and property that its stub file lists, under both backends.
func TestPython(t *testing.T) {
	for _, io := range []string{"uring", "epoll"} {
		t.Run(io, func(t *testing.T) {
			b := newTable("python", strings.Fields(program(t, "rows.py")))
			s := start(t, "--io", io, "--shards", "2")
			t.Logf("parts and their seconds:\n%s", strings.Join(b.read(program(t, "run.py", s.Address)), "\n"))
			b.settle(t)
		})
	}
}
