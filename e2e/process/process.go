// Package process runs a broker in a process of its own, for tests that talk to it as clients do.
package process

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Config says what to run.
type Config struct {
	Command []string // the program, and what comes before the broker's own flags
	Dir     string   // data directory
	Args    []string // further flags
	Env     []string // beside this process's own; the first user is iggy, password iggy, unless it says otherwise
	Stderr  *os.File // takes the log instead; nil: Log returns it
}

// Broker is a running or ended broker.
type Broker struct {
	Dir     string
	Address string // of its TCP listener, once Await has returned
	Cmd     *exec.Cmd
	Exited  chan struct{} // closed when the process has ended; Cmd.ProcessState is there then

	current string // file that says where it listens
	mu      sync.Mutex
	log     bytes.Buffer
}

// Build builds the broker from the sources in module directory root, and returns path. Without tags it is the product, with its profile; others are
// built without, as every package is compiled anew with it.
func Build(root, tags, path string) (string, error) {
	pgo := "-pgo=auto"
	if tags != "" {
		pgo = "-pgo=off"
	}
	cmd := exec.Command("go", "build", "-trimpath", pgo, "-tags", tags, "-o", path, "./cmd/galgo")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0") // as the product is built
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the broker: %w\n%s", err, out)
	}
	return path, nil
}

// Launch starts a broker on a free port of loopback and does not wait for it. It dies with this process.
func Launch(c Config) (*Broker, error) {
	b := &Broker{Dir: c.Dir, Exited: make(chan struct{}), current: filepath.Join(c.Dir, "runtime", "current_config.toml")}
	if err := os.Remove(b.current); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove what an earlier run has left: %w", err)
	}
	args := append(append([]string{}, c.Command...), "server", "--data-dir", c.Dir, "--tcp-address", "127.0.0.1:0")
	args = append(args, c.Args...)
	b.Cmd = exec.Command(args[0], args[1:]...)
	b.Cmd.Env = append(append(os.Environ(), "GALGO_ROOT_USERNAME=iggy", "GALGO_ROOT_PASSWORD=iggy"), c.Env...)
	b.Cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := b.Cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe for the broker's log: %w", err)
	}
	b.Cmd.Stderr = b.Cmd.Stdout
	if c.Stderr != nil {
		b.Cmd.Stderr = c.Stderr
	}
	if err := b.Cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	go b.follow(out)
	return b, nil
}

// follow keeps the log, and notes the end of the process.
func (b *Broker) follow(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		b.mu.Lock()
		b.log.Write(append(lines.Bytes(), '\n'))
		b.mu.Unlock()
	}
	_ = b.Cmd.Wait()
	close(b.Exited)
}

// Await waits until the broker serves: it has written the file that says where it listens.
func (b *Broker) Await(patience time.Duration) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for {
		select {
		case <-b.Exited:
			return fmt.Errorf("the broker ended: %v", b.Cmd.ProcessState)
		case <-timeout:
			return fmt.Errorf("the broker does not serve after %v", patience)
		case <-tick.C:
		}
		text, err := os.ReadFile(b.current)
		if err != nil {
			if b.Address = b.listening(); b.Address != "" {
				return nil
			}
			continue
		}
		var c struct {
			TCP struct{ Address string }
		}
		if err := toml.Unmarshal(text, &c); err != nil {
			return fmt.Errorf("current_config.toml: %w", err)
		}
		b.Address = c.TCP.Address
		return nil
	}
}

// listening is the address in the log of a broker that serves without having been able to write the file, else empty.
func (b *Broker) listening() string {
	text := b.Log()
	if !strings.Contains(text, "current_config_not_written") {
		return ""
	}
	_, rest, _ := strings.Cut(text, `listening on `)
	address, _, _ := strings.Cut(rest, " ")
	return address
}

// Log is what the broker has printed.
func (b *Broker) Log() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.String()
}

// Kill ends the broker at once, as kill -9 does, and waits for the end.
func (b *Broker) Kill() {
	_ = b.Cmd.Process.Kill()
	<-b.Exited
}

// Stop ends the broker in order. It is an error if that takes longer than 30 s, and the broker is killed then, or ends with
// another exit code than 0.
func (b *Broker) Stop() error {
	if err := b.Cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the broker: %w", err)
	}
	select {
	case <-b.Exited:
	case <-time.After(30 * time.Second):
		b.Kill()
		return errors.New("the broker does not end")
	}
	if code := b.Cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the broker ended with code %d", code)
	}
	return nil
}
