package conformance

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cargo returns what a build makes: a path below .cache/rust. It is built with -full, or taken as it is when it is there and
// not older than its sources; otherwise the test is skipped.
func cargo(t *testing.T, path, sources string, build ...string) string {
	t.Helper()
	dir, err := filepath.Abs("../.cache/rust")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, path)
	made := time.Time{}
	if info, err := os.Stat(path); err == nil {
		made = info.ModTime()
	}
	if !made.IsZero() && (sources == "" || newest(t, sources).Before(made)) {
		return path
	}
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("no cargo on this machine: the Rust clients can't be built")
	}
	if !*full {
		t.Skipf("%s is not built, or older than its sources; go test ./conformance -full builds it, which takes minutes", path)
	}
	cmd := exec.Command("nice", append([]string{"-n", "10", "cargo"}, build...)...)
	cmd.Env = append(os.Environ(), "CARGO_TARGET_DIR="+filepath.Join(dir, "target"))
	if build[0] == "install" { // a quick build, as Cargo.toml asks for with the other one
		cmd.Env = append(cmd.Env, "CARGO_PROFILE_RELEASE_OPT_LEVEL=1", "CARGO_PROFILE_RELEASE_LTO=off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16", "CARGO_PROFILE_RELEASE_DEBUG=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cargo %s: %v\n%s", strings.Join(build, " "), err, out)
	}
	return path
}

// newest returns when the last of the files below dir was changed.
func newest(t *testing.T, dir string) (last time.Time) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() && info.ModTime().After(last) {
			last = info.ModTime()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// run runs a client for at most so long, and returns what it printed.
func run(cmd *exec.Cmd, patience time.Duration) (stdout, stderr string, code int, err error) {
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return "", "", 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		<-ctx.Done()
		if ctx.Err() == context.DeadlineExceeded {
			_ = cmd.Process.Kill()
		}
	}()
	err = cmd.Wait()
	if ctx.Err() != nil {
		err = fmt.Errorf("not done after %v", patience)
	} else if _, failed := err.(*exec.ExitError); failed {
		err = nil
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode(), err
}

// TestRust runs the crate iggy through every method of its traits, and its producer and consumer in their modes.
func TestRust(t *testing.T) {
	path := cargo(t, "target/release/conformance", "rust/src", "build", "--release", "--manifest-path", "rust/Cargo.toml")
	list, stderr, code, err := run(exec.Command(path, "list"), time.Minute)
	if err != nil || code != 0 {
		t.Fatalf("the list of methods: %v, code %d\n%s", err, code, stderr)
	}
	b := newTable("rust", strings.Split(strings.TrimSpace(list), "\n"))
	s := start(t, "--shards", "2")
	out, stderr, code, err := run(exec.Command(path, "run", s.Address), 3*time.Minute)
	rest := b.read(out)
	if err != nil || code != 0 {
		t.Errorf("ended with %v, code %d\n%s", err, code, stderr)
	}
	t.Logf("parts and their seconds:\n%s", strings.Join(rest, "\n"))
	b.settle(t)
}
