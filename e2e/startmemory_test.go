package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestAStartNeedsNoMemoryForItsJournals: a start peaks within 32 MiB of what the broker has when it serves, whatever size its journals
// have and however the last run ended; after an orderly end it does not read them.
func TestAStartNeedsNoMemoryForItsJournals(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--shards", "2", "--journal-size", "96MiB"}
	start(t, options{dir: dir, args: args}).stop()
	s := start(t, options{dir: dir, args: args})
	if read := procNumber(t, s, "io", "read_bytes:"); read > 24<<20 {
		t.Errorf("after an orderly end %d MiB are read, of journals of 192 MiB", read>>20)
	}
	peakNear(t, s, "after an orderly end")
	s.Kill()
	s = start(t, options{dir: dir, args: args})
	peakNear(t, s, "after a kill")
	s.stop()
}

func peakNear(t *testing.T, s *server, when string) {
	t.Helper()
	if peak, now := procNumber(t, s, "status", "VmHWM:"), procNumber(t, s, "status", "VmRSS:"); peak > now+32<<10 {
		t.Errorf("%s: the start took %d MiB, serving takes %d MiB", when, peak>>10, now>>10)
	}
}

// procNumber is the number behind a name in a file of the process.
func procNumber(t *testing.T, s *server, file, name string) (n int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.Cmd.Process.Pid, file))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), name)
	if _, err := fmt.Sscan(rest, &n); !ok || err != nil {
		t.Fatalf("%s is not in %s", name, text)
	}
	return n
}
