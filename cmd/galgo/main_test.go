package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
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

// TestMain makes the test binary play galgo when it is called as such.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") || filepath.Base(os.Args[0]) == iggyName {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const startMax = 30 * time.Second

// process is a galgo of its own.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	dir     string
	out     text // standard output
	log     text // standard error
	ended   chan struct{}
	address string // address in current_config.toml
}

// text may be read while it is written.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// galgo runs the binary. It is killed at the end of the test if it is still there.
func galgo(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return run(t, exec.Command("/proc/self/exe", args...), env)
}

// run starts cmd, which is the binary.
func run(t *testing.T, cmd *exec.Cmd, env []string) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, ended: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GOMAXPROCS="}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%v:\n%s%s", cmd.Args, p.out.String(), p.log.String())
		}
	})
	return p
}

// startServer runs a small server on dir and waits until it accepts clients.
func startServer(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	p := serverNotAwaited(t, dir, env, args...)
	p.await()
	return p
}

func serverNotAwaited(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	p := galgo(t, env, append([]string{"server", "--data-dir", dir, "--tcp-address", "127.0.0.1:0", "--shards", "2", "--pin=false",
		"--memory", "256MiB", "--journal-size", "8MiB"}, args...)...)
	p.dir = dir
	return p
}

// await waits for the process's own current_config.toml, not for that of one before it.
func (p *process) await() {
	p.t.Helper()
	deadline := time.After(startMax)
	for look := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case <-deadline:
			p.t.Fatalf("server did not accept clients:\n%s", p.log.String())
		case <-p.ended:
			p.t.Fatalf("server ended, code %d:\n%s", p.cmd.ProcessState.ExitCode(), p.log.String())
		case <-look.C:
		}
		if c := current(p.dir); c.Process.PID == p.cmd.Process.Pid {
			p.address = c.TCP.Address
			return
		}
	}
}

type currentConfig struct {
	TCP     struct{ Address string }
	Process struct{ PID int }
}

func current(dir string) (c currentConfig) {
	text, _ := os.ReadFile(filepath.Join(dir, "runtime", "current_config.toml"))
	_ = toml.Unmarshal(text, &c)
	return c
}

// signal sends s.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the end and checks the exit code; -1: by a signal.
func (p *process) ends(code int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(startMax):
		p.t.Fatal("it does not end")
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("exit code %d, want %d", got, code)
	}
}

func (p *process) dial() *client.Client {
	p.t.Helper()
	c, err := client.Dial(context.Background(), p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	return c
}

// raw is a connection on which nobody speaks the protocol.
func (p *process) raw() net.Conn {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (p *process) login(user, password string) (*client.Client, error) {
	p.t.Helper()
	c := p.dial()
	_, err := c.Login(context.Background(), user, password)
	return c, err
}

// says checks that the log has these words, or gets them: what a process wrote takes its time through the pipe.
func (p *process) says(words ...string) {
	p.t.Helper()
	for _, w := range words {
		if !p.shows(&p.log, func(text string) bool { return strings.Contains(text, w) }) {
			p.t.Errorf("the log does not say %q", w)
		}
	}
}

// shows waits until x is as it has to be. When the process has ended, all that it wrote is there.
func (p *process) shows(x *text, ok func(text string) bool) bool {
	deadline := time.After(startMax)
	for look := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case <-p.ended:
			return ok(x.String())
		case <-deadline:
			return false
		default:
		}
		if ok(x.String()) {
			return true
		}
		<-look.C
	}
}

// holdsNot checks that no file below dir, and nothing that the processes logged, has the secret.
func holdsNot(t *testing.T, secret, dir string, ps ...*process) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) {
			err = fmt.Errorf("%s has the password", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, p := range ps {
		if strings.Contains(p.log.String(), secret) {
			t.Error("the log has the password")
		}
	}
}
