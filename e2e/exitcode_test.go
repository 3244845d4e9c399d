package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/wire"
)

// TestFailedJournalEndsTheProcess takes the filesystem away under the broker: nothing more is acknowledged, and the process ends
// with the code that tells a supervisor to start it again.
func TestFailedJournalEndsTheProcess(t *testing.T) {
	backends(t, func(t *testing.T, args []string) {
		disk := smallDisk(t, 64)
		s := start(t, options{dir: disk + "/data", args: append(args, "--shards", "2", "--journal-size", "8MiB")})
		c := s.dial()
		newTopic(t, c, "full", "own", 4)
		for part := range uint32(4) {
			if _, err := c.Send(context.Background(), wire.Named("full"), wire.Named("own"), part, single([]byte("before"))); err != nil {
				t.Fatal(err)
			}
		}
		shutDown(t, disk)
		if placed, err := c.Send(context.Background(), wire.Named("full"), wire.Named("own"), 0, single([]byte("after"))); err == nil {
			t.Errorf("acknowledged without a disk: %+v", placed)
		}
		select {
		case <-s.Exited:
		case <-time.After(patience):
			t.Fatalf("the broker goes on without a disk\n%s", tail(s.Log()))
		}
		if code := s.Cmd.ProcessState.ExitCode(); code != 70 {
			t.Errorf("the broker ends with code %d\n%s", code, tail(s.Log()))
		}
		if len(s.lines("journal failed")) == 0 {
			t.Errorf("the log does not say why:\n%s", tail(s.Log()))
		}
	})
}

// shutDown has every further write to the ext4 filesystem at dir fail, as when its disk is gone.
func shutDown(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const ioctl, noLogFlush = 0x8004587d, 2
	if err := unix.IoctlSetPointerInt(int(f.Fd()), ioctl, noLogFlush); err != nil {
		t.Skipf("this kernel can't take an ext4 filesystem away: %v", err)
	}
}
