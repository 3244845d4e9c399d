package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"go.uber.org/zap"
)

const notifyMax = time.Second

// notifier tells systemd how the server is, as sd_notify(3) describes: datagrams to the socket named by NOTIFY_SOCKET.
// Without one it is silent.
type notifier struct {
	socket string
	log    *zap.Logger
}

func newNotifier(log *zap.Logger) notifier { return notifier{os.Getenv("NOTIFY_SOCKET"), log} }

// say sends a state. One that does not arrive is no reason to end.
func (n notifier) say(state string) {
	if n.socket == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"}) // a leading @ is the abstract namespace
	if err == nil {
		_ = c.SetWriteDeadline(time.Now().Add(notifyMax)) // a full socket must not hold the server up
		_, err = c.Write([]byte(state))
		_ = c.Close()
	}
	if err != nil {
		n.log.Warn("systemd was not told "+strconv.Quote(state), zap.String("event", "systemd_not_told"), zap.Error(err))
	}
}

// ready says that clients are served, and from now on, at half the interval that systemd asks for, that the process runs.
func (n notifier) ready(address string) {
	n.say(fmt.Sprintf("READY=1\nSTATUS=listening on %s\nMAINPID=%d", address, os.Getpid()))
	interval := watchdogInterval(os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID"), os.Getpid())
	if n.socket == "" || interval == 0 {
		return
	}
	go func() {
		for range time.Tick(interval) {
			n.say("WATCHDOG=1")
		}
	}()
}

// watchdogInterval is half of what systemd waits for a sign of life; zero: it does not wait for one of this process.
func watchdogInterval(usec, watched string, pid int) time.Duration {
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n < 2 || n > int64(24*time.Hour/time.Microsecond) || watched != "" && watched != strconv.Itoa(pid) {
		return 0
	}
	return time.Duration(n) * time.Microsecond / 2
}
