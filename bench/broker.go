package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pelletier/go-toml/v2"
)

const (
	brokerStartMax = 30 * time.Second
	brokerEndMax   = 90 * time.Second
	brokerUser     = "iggy"
	brokerPassword = "bench-only"
)

// broker is a server of our own, in a process of its own on a new data directory.
type broker struct {
	address string
	dir     string
	child   *exec.Cmd
	ended   chan error
	output  bytes.Buffer // to be read when it has ended
}

// startBroker runs command, which is the server's without settings, and waits until it accepts clients. parent is where
// its data directory is made.
func startBroker(ctx context.Context, command []string, parent, io string) (*broker, error) {
	dir, err := os.MkdirTemp(parent, "galgo-bench-")
	if err != nil {
		return nil, err
	}
	b := &broker{dir: dir, ended: make(chan error, 1)}
	args := append(command[1:len(command):len(command)], "--data-dir", dir, "--tcp-address", "127.0.0.1:0", "--io", io)
	b.child = exec.Command(command[0], args...)
	b.child.Stdout, b.child.Stderr = &b.output, &b.output
	b.child.Env = []string{"GALGO_ROOT_USERNAME=" + brokerUser, "GALGO_ROOT_PASSWORD=" + brokerPassword, "PATH=" + os.Getenv("PATH")}
	b.child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is ours to pass on
	if err := b.child.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	go func() { b.ended <- b.child.Wait() }()
	if err := b.await(ctx); err != nil {
		return nil, errors.Join(err, b.end())
	}
	return b, nil
}

// await looks for what the broker writes about itself when it accepts clients.
func (b *broker) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, brokerStartMax, errors.New("the broker did not accept clients in time"))
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-b.ended:
			b.ended <- err
			return fmt.Errorf("the broker ended: %s", lastLine(b.output.String()))
		case <-look.C:
		}
		text, err := os.ReadFile(filepath.Join(b.dir, "runtime", "current_config.toml"))
		if err != nil {
			continue
		}
		var current struct {
			TCP struct {
				Address string `toml:"address"`
			} `toml:"tcp"`
		}
		if err := toml.Unmarshal(text, &current); err != nil {
			return fmt.Errorf("current_config.toml: %w", err)
		}
		b.address = current.TCP.Address
		return nil
	}
}

// cpu is the CPU time that the broker has used so far, in user mode and in the kernel, without its children.
func (b *broker) cpu() time.Duration {
	const tick = 10 * time.Millisecond // of /proc, on every architecture that Go knows
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.child.Process.Pid))
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from the third field, the state, on
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick
}

// end ends the broker in order and removes its data. A broker that had ended by itself is an error.
func (b *broker) end() error {
	defer func() { _ = os.RemoveAll(b.dir) }()
	_ = b.child.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case err := <-b.ended:
		if err != nil {
			return fmt.Errorf("the broker ended with %w: %s", err, lastLine(b.output.String()))
		}
		return nil
	case <-time.After(brokerEndMax):
		_ = b.child.Process.Kill()
		<-b.ended
		return errors.New("the broker did not end when it was asked to, and was killed")
	}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
