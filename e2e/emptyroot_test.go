package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// TestRunsInAnEmptyRoot has the binary for its only file: no libraries, no /proc, no /etc, no /tmp. It starts, serves, hashes in a
// process of its own, and ends in order.
func TestRunsInAnEmptyRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, for chroot")
	}
	root := t.TempDir()
	text, err := os.ReadFile(binary(t, "release"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "galgo"), text, 0o755); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd := exec.Command("/galgo", "server", "--dev", "--data-dir", "/data", "--tcp-address", "127.0.0.1:0", "--memory", "128MiB", "--journal-size", "8MiB")
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Pdeathsig: syscall.SIGKILL}
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: is the binary static?", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var current struct {
		TCP struct{ Address string }
	}
	eventually(t, "the server serves", func() bool {
		text, err := os.ReadFile(filepath.Join(root, "data", "runtime", "current_config.toml"))
		return err == nil && toml.Unmarshal(text, &current) == nil
	})
	c, err := login(current.TCP.Address)
	if err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if strings.Contains(log.String(), "hash_process_missing") {
		t.Errorf("no process of its own for hashing:\n%s", log.String())
	}
	if t.Failed() {
		t.Log(log.String())
	}
}
