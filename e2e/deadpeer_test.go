package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

var cables atomic.Int32

// elsewhere runs f on a thread in a network of its own, which reaches this machine as 10.99.23.1 by a cable; cut takes the cable
// away. f must not hand its thread on.
func elsewhere(t *testing.T, f func(cut func())) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, for a network of its own")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs the command ip, for a network of its own")
	}
	failed, over := make(chan error, 1), make(chan struct{})
	t.Cleanup(func() { close(over) })
	go func() {
		defer func() { <-over }() // a broker that this thread has started before would end with it
		runtime.LockOSThread()    // never unlocked: the thread ends with its network
		cable := fmt.Sprintf("gp%d.%d", os.Getpid()%1e6, cables.Add(1))
		failed <- inNetwork(cable+"a", cable+"b", f)
	}()
	if err := <-failed; err != nil {
		t.Skipf("no network of its own on this machine: %v", err)
	}
}

func inNetwork(here, there string, f func(cut func())) error {
	if out, err := exec.Command("ip", "link", "add", here, "type", "veth", "peer", "name", there).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	first, err := os.Open("/proc/thread-self/ns/net") // this thread may be the process's main one
	if err != nil {
		return err
	}
	defer first.Close()
	outside := func(args ...string) []string { // of a process whose network is the first one
		return append([]string{"nsenter", fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), first.Fd()), "ip"}, args...)
	}
	defer func() { exec.Command("nsenter", outside("link", "del", here)[1:]...).Run() }()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	steps := [][]string{
		outside("link", "set", there, "netns", strconv.Itoa(unix.Gettid())),
		outside("addr", "add", "10.99.23.1/30", "dev", here),
		outside("link", "set", here, "up"),
		{"ip", "addr", "add", "10.99.23.2/30", "dev", there},
		{"ip", "link", "set", there, "up"},
	}
	for _, step := range steps {
		if out, err := exec.Command(step[0], step[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", step, err, out)
		}
	}
	f(func() { _ = exec.Command("ip", "link", "set", there, "down").Run() })
	return nil
}

// TestDeadPeerIsForgotten has a client that is logged in vanish without a word: its connection ends when the settings say so.
func TestDeadPeerIsForgotten(t *testing.T) {
	backends(t, func(t *testing.T, args []string) {
		s := start(t, options{args: append(args, "--shards", "1", "--tcp-address", "0.0.0.0:0",
			"--tcp-keepalive-idle", "1s", "--tcp-keepalive-interval", "1s", "--tcp-user-timeout", "2s")})
		_, port, err := net.SplitHostPort(s.Address)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere(t, func(cut func()) {
			c, err := login("10.99.23.1:" + port)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			cut()
			eventually(t, "the dead peer's connection ends", func() bool {
				return len(s.lines("connection closed", "10.99.23.2", "timed out")) == 1
			})
		})
		s.stop()
	})
}

// TestDeadPeersAreForgottenByDefault: what the kernel is told for a connection is at most two minutes in all.
func TestDeadPeersAreForgottenByDefault(t *testing.T) {
	if _, err := exec.LookPath("ss"); err != nil {
		t.Skip("needs the command ss, which shows the timers of connections")
	}
	s := start(t, options{})
	defer s.stop()
	c := s.dial()
	defer c.Close()
	_, port, _ := net.SplitHostPort(s.Address)
	out, err := exec.Command("ss", "-tnoH", "state", "established", "( sport = :"+port+" )").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "timer:(keepalive,") {
		t.Fatalf("no keepalive timer: %v\n%s", err, out)
	}
}
