package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/wire"
)

// fewDescriptors is the argument that makes this test binary give up all descriptors but descriptorsLeft.
const (
	fewDescriptors  = "-with-few-descriptors"
	descriptorsLeft = 150
)

func execWithFewDescriptors(args []string) {
	err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: descriptorsLeft, Max: descriptorsLeft})
	if err == nil {
		err = syscall.Exec(args[0], args, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "run %v with few descriptors: %v\n", args, err)
	os.Exit(3)
}

// TestStrangersLeaveDescriptors opens more connections than the process may have descriptors, and logs in on none of them: those
// beyond the promised number are closed, and a producer that was there writes to partitions that have no file yet.
func TestStrangersLeaveDescriptors(t *testing.T) {
	backends(t, func(t *testing.T, args []string) {
		const taken, parts = 64, 20
		s := start(t, options{wrap: fewDescriptors, args: append(args, "--shards", "2")})
		s.says(fmt.Sprintf("at most %d connections are taken, and not connections_max = 20000", taken))
		c := s.dial()
		newTopic(t, c, "s", "t", parts)
		for i := range descriptorsLeft + 50 {
			k, err := net.Dial("tcp", s.Address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { k.Close() })
			if i >= taken-1 { // and one is the producer's
				closedByPeer(t, k)
			}
		}
		for part := range uint32(parts) {
			if _, err := c.Send(context.Background(), wire.Named("s"), wire.Named("t"), part, single([]byte("x"))); err != nil {
				t.Fatalf("first message of partition %d: %v\n%s", part, err, tail(s.Log()))
			}
		}
		s.says("connection refused: too many")
		s.stop()
		if len(s.lines("too many open files")) > 0 {
			t.Errorf("the process ran out of descriptors:\n%s", tail(s.Log()))
		}
	})
}

// closedByPeer waits until the broker closes k.
func closedByPeer(t *testing.T, k net.Conn) {
	t.Helper()
	_ = k.SetReadDeadline(time.Now().Add(patience))
	if _, err := k.Read(make([]byte, 1)); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("a connection beyond the limit is not closed: %v", err)
	}
}
