package conformance

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/e2e/process"
)

var (
	full   = flag.Bool("full", false, "build what is missing of the Rust clients, which takes many minutes")
	broker = flag.String("broker", "", "binary of the broker; empty: built from the sources, with its invariants checked")
	binDir string
)

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "galgo-conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// binary builds the broker once, with its invariants checked.
var binary = sync.OnceValues(func() (string, error) {
	if *broker != "" {
		return *broker, nil
	}
	return process.Build("..", "invariants", filepath.Join(binDir, "galgo"))
})

// start starts a broker with the user iggy, password iggy, and waits until it serves. When the test ends it is stopped in order,
// and has to do that with code 0.
func start(t *testing.T, args ...string) *process.Broker {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	b, err := process.Launch(process.Config{Command: []string{path}, Dir: t.TempDir(), Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the broker's log:\n%s", b.Log())
		}
	})
	if err := b.Await(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	return b
}
