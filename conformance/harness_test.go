package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

var (
	full   = flag.Bool("full", false, "build what is missing of the Rust clients, which takes many minutes")
	broker = flag.String("broker", "", "binary of the broker; empty: built from the sources, with its invariants checked")
	binDir string
)

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "galgo-conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// binary builds the broker once, with its invariants checked.
var binary = sync.OnceValues(func() (string, error) {
	if *broker != "" {
		return *broker, nil
	}
	path := filepath.Join(binDir, "galgo")
	if out, err := exec.Command("go", "build", "-tags", "invariants", "-o", path, "../cmd/galgo").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the broker: %w\n%s", err, out)
	}
	return path, nil
})

// server is a broker process of the test's own.
type server struct {
	address string
	cmd     *exec.Cmd
	exited  chan struct{}
	mu      sync.Mutex
	log     bytes.Buffer
}

// start starts a broker with the user iggy, password iggy, and waits until it serves. When the test ends it is stopped in order,
// and has to do that with code 0.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &server{exited: make(chan struct{})}
	s.cmd = exec.Command(path, append([]string{"server", "--data-dir", dir, "--tcp-address", "127.0.0.1:0"}, args...)...)
	s.cmd.Env = append(os.Environ(), "GALGO_ROOT_USERNAME=iggy", "GALGO_ROOT_PASSWORD=iggy")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.cmd.Stdout
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.follow(out)
	t.Cleanup(func() { s.stop(t) })
	if err := s.await(filepath.Join(dir, "runtime", "current_config.toml")); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	return s
}

// follow keeps the log, and notes the end of the process.
func (s *server) follow(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		s.mu.Lock()
		s.log.Write(append(lines.Bytes(), '\n'))
		s.mu.Unlock()
	}
	_ = s.cmd.Wait()
	close(s.exited)
}

// await waits for the file that says where the broker listens.
func (s *server) await(current string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case <-s.exited:
			return fmt.Errorf("the broker ended: %v", s.cmd.ProcessState)
		case <-timeout:
			return errors.New("the broker does not serve")
		case <-tick.C:
		}
		text, err := os.ReadFile(current)
		if err != nil {
			continue
		}
		var c struct {
			TCP struct{ Address string }
		}
		if err := toml.Unmarshal(text, &c); err != nil {
			return fmt.Errorf("current_config.toml: %w", err)
		}
		s.address = c.TCP.Address
		return nil
	}
}

// Log is what the broker has printed.
func (s *server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *server) stop(t *testing.T) {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
		t.Errorf("the broker does not end")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the broker ended with code %d", code)
	}
	if t.Failed() {
		t.Logf("the broker's log:\n%s", s.Log())
	}
}
