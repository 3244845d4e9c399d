package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/galgo-mq/galgo/client"
)

var (
	seedFlag = flag.Uint64("seed", 0, "seed of the randomised tests; 0: a new one")
	binDir   string
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == forbidUring {
		execWithoutUring(os.Args[2:])
	}
	if len(os.Args) > 2 && os.Args[1] == smallLimits {
		execWithSmallLimits(os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == serveDisk {
		runDisk(os.Args[2:])
	}
	flag.Parse()
	dir, err := os.MkdirTemp("", "galgo-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// random returns a generator; a failing test prints how to have it again.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay with -seed=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

var builds sync.Map // tags -> func() (string, error)

// binary builds the broker once per set of build tags.
func binary(t testing.TB, tags string) string {
	t.Helper()
	build, _ := builds.LoadOrStore(tags, sync.OnceValues(func() (string, error) {
		path := filepath.Join(binDir, "galgo-"+strings.ReplaceAll(tags, ",", "-"))
		cmd := exec.Command("go", "build", "-tags", tags, "-o", path, "../cmd/galgo")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build the broker: %w\n%s", err, out)
		}
		return path, nil
	}))
	path, err := build.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// server is a broker process of the test's own.
type server struct {
	t       testing.TB
	dir     string
	current string // file that says where it listens
	address string
	cmd     *exec.Cmd
	exited  chan struct{}
	mu      sync.Mutex
	log     bytes.Buffer
}

// options say how a broker is started.
type options struct {
	dir  string   // data directory; empty: one of the test's
	tags string   // build tags; empty: invariants
	args []string // further flags
	env  []string
	wrap string        // forbidUring or smallLimits
	wait time.Duration // until it serves; 0: 30 s
}

// start starts a broker and waits until it serves. It is killed with the test.
func start(t testing.TB, o options) *server {
	t.Helper()
	s, err := tryStart(t, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	return s
}

// tryStart is start that leaves a failure to the caller.
func tryStart(t testing.TB, o options) (*server, error) {
	t.Helper()
	s := launch(t, o)
	if o.wait == 0 {
		o.wait = 30 * time.Second
	}
	return s, s.await(o.wait)
}

// launch starts a broker and does not wait for it. It is killed with the test.
func launch(t testing.TB, o options) *server {
	t.Helper()
	if o.dir == "" {
		o.dir = t.TempDir()
	}
	if o.tags == "" {
		o.tags = "invariants"
	}
	current := filepath.Join(o.dir, "runtime", "current_config.toml")
	if err := os.Remove(current); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	args := append([]string{binary(t, o.tags), "server", "--data-dir", o.dir, "--tcp-address", "127.0.0.1:0"}, o.args...)
	if o.wrap != "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		args = append([]string{self, o.wrap}, args...)
	}
	s := &server{t: t, dir: o.dir, current: current, exited: make(chan struct{})}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Env = append(os.Environ(), "GALGO_ROOT_USERNAME=iggy", "GALGO_ROOT_PASSWORD=iggy")
	s.cmd.Env = append(s.cmd.Env, o.env...)
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
	t.Cleanup(s.kill)
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
func (s *server) await(patience time.Duration) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for {
		select {
		case <-s.exited:
			return fmt.Errorf("the broker ended: %v", s.cmd.ProcessState)
		case <-timeout:
			return fmt.Errorf("the broker does not serve after %v", patience)
		case <-tick.C:
		}
		text, err := os.ReadFile(s.current)
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

// kill ends the broker at once, as kill -9 does, and waits for the end.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// stop ends the broker in order.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.exited:
	case <-time.After(30 * time.Second):
		s.t.Fatalf("the broker does not end\n%s", s.Log())
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Fatalf("the broker ended with code %d\n%s", code, s.Log())
	}
}

// dial returns a client that is logged in.
func (s *server) dial() *client.Client {
	s.t.Helper()
	c, err := login(s.address)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.Log())
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

func login(address string) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	if _, err := c.Login(ctx, "iggy", "iggy"); err != nil {
		c.Close()
		return nil, fmt.Errorf("login: %w", err)
	}
	return c, nil
}
