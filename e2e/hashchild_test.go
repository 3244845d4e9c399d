package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// inputWaits reports whether bytes wait in the pipe that a process reads.
func inputWaits(pid int) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/fd/0", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCINQ)
	return err == nil && n > 0
}

// children lists the processes that the broker has started.
func (s *server) children() (pids []int) {
	s.t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		var state string
		var parent int
		if _, err := fmt.Sscan(rest, &state, &parent); err == nil && parent == s.Cmd.Process.Pid {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// hashing is the process that hashes passwords, which has been asked for a hash.
func (s *server) hashing() int {
	s.t.Helper()
	pids := s.children()
	if len(pids) != 1 {
		s.t.Fatalf("children %v, want one", pids)
	}
	return pids[0]
}

// hangHashing stops the process that hashes passwords.
func (s *server) hangHashing() (pid int) {
	s.t.Helper()
	s.dial() // now it runs
	pid = s.hashing()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// stranger is a client that is not logged in, and for how long it waits. It is closed with the test.
func (s *server) stranger() (context.Context, *client.Client) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	c, err := client.Dial(ctx, s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return ctx, c
}

// TestHungHashingProcessIsReplaced stops the process that hashes passwords: a login that needs it is answered, the log says that it
// was replaced, and the end is in order.
func TestHungHashingProcessIsReplaced(t *testing.T) {
	s := start(t, options{args: []string{"--hash-timeout", "3s", "--handshake-timeout", "5s"}})
	pid := s.hangHashing()
	ctx, c := s.stranger()
	var status wire.Status
	if _, err := c.Login(ctx, "iggy", "not it"); !errors.As(err, &status) {
		t.Errorf("a wrong password is answered with %v, want a status", err)
	}
	eventually(t, "the log says that the process was replaced", func() bool { return len(s.lines("hash_process_replaced", strconv.Itoa(pid))) == 1 })
	if now := s.children(); len(now) != 1 || now[0] == pid {
		t.Errorf("children %v after process %d has hung", now, pid)
	}
	s.stop()
}

// TestHungHashingProcessHoldsUpNoEnd: the end comes while a login waits for a process that hangs.
func TestHungHashingProcessHoldsUpNoEnd(t *testing.T) {
	s := start(t, options{args: []string{"--hash-timeout", "10m", "--shutdown-timeout", "4s"}})
	pid := s.hangHashing()
	ctx, c := s.stranger()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = c.Login(ctx, "iggy", "not it")
	}()
	eventually(t, "the hash is asked for", func() bool { return inputWaits(pid) })
	s.stop()
	<-answered
	if len(s.lines("shutdown_gave_up")) == 0 {
		t.Errorf("the log does not say what was given up:\n%s", s.Log())
	}
}

// TestHashingTakesMemoryOfOneHash: however many passwords are tried one after the other, the process that hashes them never takes memory for
// two, and between them it takes none.
func TestHashingTakesMemoryOfOneHash(t *testing.T) {
	s := start(t, options{tags: "none", args: []string{"--shards", "1"}})
	ctx, c := s.stranger()
	for range 4 {
		if _, err := c.Login(ctx, "iggy", "wrong"); !errors.Is(err, wire.StatusInvalidCredentials) {
			t.Fatal(err)
		}
	}
	pid := s.hashing()
	var peak, anon int64
	eventually(t, "the memory of the last hash is given back", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		number := func(name string) (n int64) {
			_, rest, _ := strings.Cut(string(text), name)
			if _, err := fmt.Sscan(rest, &n); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return n << 10
		}
		anon, peak = number("RssAnon:"), number("VmHWM:")-number("RssFile:")
		return anon < 12<<20
	})
	t.Logf("at most %d MiB, now %d", peak>>20, anon>>20)
	if peak > 30<<20 {
		t.Errorf("the process took %d MiB, of which its program is no part", peak>>20)
	}
}
