package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
)

func TestOneSignalRightAfterTheFirstIsItsEcho(t *testing.T) {
	// f plays events: T a signal, L that two seconds have passed, E the end in order. It returns what came of them.
	f := func(events string) string {
		ended, signals, late := make(chan error), make(chan os.Signal), make(chan time.Time)
		result := make(chan string, 1)
		go func() {
			forced, err := awaitEnd(ended, signals, late, zap.NewNop())
			switch {
			case forced != nil:
				result <- "forced by " + forced.String()
			default:
				result <- err.Error()
			}
		}()
		for _, e := range events {
			switch e {
			case 'T':
				signals <- syscall.SIGTERM
			case 'L':
				late <- time.Time{}
			case 'E':
				ended <- errors.New("in order")
			}
		}
		return <-result
	}
	for events, want := range map[string]string{
		"E": "in order", "TE": "in order", "TLE": "in order", "LE": "in order",
		"TT": "forced by terminated", "LT": "forced by terminated", "TLT": "forced by terminated",
	} {
		if got := f(events); got != want {
			t.Errorf("%s: %s, want %s", events, got, want)
		}
	}
}

func TestTwoSignalsAtOnceEndInOrder(t *testing.T) {
	p := startServer(t, t.TempDir(), nil, "--dev")
	p.signal(syscall.SIGTERM)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by now
	p.ends(0)
	p.says("ended in order")
}

// systemd hears how the server is.
func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := socket.SetReadDeadline(time.Now().Add(startMax)); err != nil {
		t.Fatal(err)
	}
	next := func() string {
		buf := make([]byte, 4096)
		n, err := socket.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	p := startServer(t, t.TempDir(), []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=100000"}, "--dev")
	if got := next(); !strings.HasPrefix(got, "READY=1\nSTATUS=listening on "+p.address) || !strings.Contains(got, "MAINPID="+strconv.Itoa(p.cmd.Process.Pid)) {
		t.Errorf("first %q", got)
	}
	if got := next(); got != "WATCHDOG=1" {
		t.Errorf("then %q", got)
	}
	p.signal(syscall.SIGTERM)
	got := next()
	for got == "WATCHDOG=1" {
		got = next()
	}
	if got != "STOPPING=1" {
		t.Errorf("at the end %q", got)
	}
	p.ends(0)
}

func TestWatchdogInterval(t *testing.T) {
	f := func(usec, watched string, want time.Duration) {
		t.Helper()
		if got := watchdogInterval(usec, watched, 7); got != want {
			t.Errorf("%q %q: %s, want %s", usec, watched, got, want)
		}
	}
	f("30000000", "", 15*time.Second)
	f("30000000", "7", 15*time.Second)
	f("30000000", "8", 0)
	for _, bad := range []string{"", "0", "1", "-5", "x", "9223372036854775807"} {
		f(bad, "", 0)
	}
}
