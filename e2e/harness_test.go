package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/e2e/process"
)

var (
	seedFlag = flag.Uint64("seed", 0, "seed of the randomised tests; 0: a new one")
	binDir   string
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == forbidUring {
		execWithoutUring(os.Args[2:])
	}
	if len(os.Args) > 2 && os.Args[1] == forbidAffinity {
		execWithoutCalls(unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETAFFINITY, os.Args[2:])
	}
	if len(os.Args) > 2 && os.Args[1] == smallLimits {
		execWithSmallLimits(os.Args[2:])
	}
	if len(os.Args) > 2 && os.Args[1] == fewDescriptors {
		execWithFewDescriptors(os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == serveDisk {
		runDisk(os.Args[2:])
	}
	if len(os.Args) > 3 && os.Args[1] == serveSink {
		runSink(os.Args[2:])
	}
	if len(os.Args) > 3 && os.Args[1] == serveHonest {
		runHonest(os.Args[2:])
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
		return process.Build("..", tags, filepath.Join(binDir, "galgo-"+strings.ReplaceAll(tags, ",", "-")))
	}))
	path, err := build.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// server is a broker process of the test's own.
type server struct {
	*process.Broker
	t testing.TB
}

// options say how a broker is started.
type options struct {
	dir  string   // data directory; empty: one of the test's
	tags string   // build tags; empty: invariants
	args []string // further flags
	env  []string
	wrap string        // forbidUring, smallLimits or fewDescriptors
	wait time.Duration // until it serves; 0: 30 s
	log  *os.File      // takes standard error; nil: Log returns it
	in   *memoryGroup  // nil: the test's own
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
	return s, s.Await(o.wait)
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
	command := []string{binary(t, o.tags)}
	if o.wrap != "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		command = []string{self, o.wrap, command[0]}
	}
	if o.in != nil {
		command = o.in.command(command...)
	}
	b, err := process.Launch(process.Config{Command: command, Dir: o.dir, Args: o.args, Env: o.env, Stderr: o.log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Kill)
	return &server{b, t}
}

// stop ends the broker in order.
func (s *server) stop() {
	s.t.Helper()
	if err := s.Stop(); err != nil {
		s.t.Fatalf("%v\n%s", err, s.Log())
	}
}

// dial returns a client that is logged in.
func (s *server) dial() *client.Client {
	s.t.Helper()
	c, err := login(s.Address)
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
