package e2e

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stuckPipe returns a pipe of one page that nobody reads yet.
func stuckPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	return r, w
}

// TestLogThatNobodyReadsStopsNobody fills standard error: every shard goes on serving, the orderly end comes, and what waited is
// written when somebody reads at last.
func TestLogThatNobodyReadsStopsNobody(t *testing.T) {
	backends(t, func(t *testing.T, args []string) {
		r, w := stuckPipe(t)
		s := start(t, options{log: w, args: append(args, "--shards", "2")})
		w.Close()
		deadline := time.Now().Add(patience)
		for sent := 0; sent < 200; sent++ { // bad frames, each with a line in the log as far as its rate goes
			p := newPeer(t, s)
			p.send([]byte(strings.Repeat("x", 300)))
			_ = p.SetReadDeadline(deadline)
			_, _ = p.Read(make([]byte, 1)) // it is closed
			p.Close()
			if sent%50 == 0 {
				for range 4 { // on both shards
					s.dial().Close()
				}
			}
		}
		text := make(chan string)
		go func() {
			b, _ := io.ReadAll(r)
			text <- string(b)
		}()
		s.stop()
		if got := <-text; strings.Count(got, "\n") < 20 || !strings.Contains(got, "ended in order") {
			t.Errorf("what was logged while nobody read is not there:\n%s", got)
		}
	})
}

// TestLogThatNobodyReadsHoldsUpNoEnd: the orderly end comes though its own lines can't be written.
func TestLogThatNobodyReadsHoldsUpNoEnd(t *testing.T) {
	_, w := stuckPipe(t)
	s := start(t, options{log: w})
	w.Close()
	for range 60 {
		p := newPeer(t, s)
		p.send([]byte(strings.Repeat("x", 300)))
		_ = p.SetReadDeadline(time.Now().Add(patience))
		_, _ = p.Read(make([]byte, 1))
	}
	s.stop()
}
