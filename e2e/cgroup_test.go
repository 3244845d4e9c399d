package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// memoryGroup is a control group that bounds the memory of a broker, its children and its cache of files, as a container does.
type memoryGroup struct {
	dir   string
	v2    bool
	limit int64
}

var memoryGroups atomic.Int64 // that this process has made

// newMemoryGroup makes a group, of whichever version the machine has the memory controller in; it goes with the test.
func newMemoryGroup(t testing.TB, limit int64) *memoryGroup {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to make control groups")
	}
	parent, v2 := controller("memory")
	if parent == "" {
		t.Skip("needs a mounted memory controller, of control groups 1 or 2")
	}
	g := &memoryGroup{dir: filepath.Join(parent, fmt.Sprintf("galgo-test-%d-%d", os.Getpid(), memoryGroups.Add(1))), v2: v2, limit: limit}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Skipf("no control group can be made: %v", err)
	}
	t.Cleanup(func() { g.remove(t) })
	name := "memory.limit_in_bytes"
	if v2 {
		name = "memory.max"
	}
	if err := os.WriteFile(filepath.Join(g.dir, name), strconv.AppendInt(nil, limit, 10), 0); err != nil {
		t.Skipf("the memory of a control group can't be bounded: %v", err)
	}
	for name, most := range map[string]int64{"memory.swap.max": 0, "memory.memsw.limit_in_bytes": limit} { // not there without swap
		_ = os.WriteFile(filepath.Join(g.dir, name), strconv.AppendInt(nil, most, 10), 0)
	}
	return g
}

// controller is where control groups with a controller can be made.
func controller(name string) (dir string, v2 bool) {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		front, back, _ := strings.Cut(line, " - ")
		f, b := strings.Fields(front), strings.Fields(back)
		if len(f) < 5 || len(b) < 3 {
			continue
		}
		options := strings.Split(b[2], ",")
		if b[0] == "cgroup" && slices.Contains(options, name) {
			return f[4], false
		}
		delegated, _ := os.ReadFile(filepath.Join(f[4], "cgroup.subtree_control"))
		if b[0] == "cgroup2" && slices.Contains(strings.Fields(string(delegated)), name) {
			return f[4], true
		}
	}
	return "", false
}

// command is a command that runs in the group from its first instruction on.
func (g *memoryGroup) command(argv ...string) []string {
	return append([]string{"sh", "-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(g.dir, "cgroup.procs")}, argv...)
}

// oomKills is how many processes of the group the kernel has killed for want of memory.
func (g *memoryGroup) oomKills() int64 {
	name := "memory.oom_control"
	if g.v2 {
		name = "memory.events"
	}
	text, _ := os.ReadFile(filepath.Join(g.dir, name))
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "oom_kill "); ok {
			n, err := strconv.ParseInt(rest, 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return -1 // the kernel does not say: a test must not pass on that
}

// peak is the most that the group has held, its cache of files included.
func (g *memoryGroup) peak() int64 {
	name := "memory.max_usage_in_bytes"
	if g.v2 {
		name = "memory.peak"
	}
	text, _ := os.ReadFile(filepath.Join(g.dir, name))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}

// noKills fails the test if the kernel has killed anything in the group.
func (g *memoryGroup) noKills(t testing.TB) {
	t.Helper()
	if n := g.oomKills(); n != 0 {
		t.Errorf("the kernel has killed %d processes in %d MiB", n, g.limit>>20)
	}
}

// remove removes the group when its processes have ended; those of a test have been killed by then.
func (g *memoryGroup) remove(t testing.TB) {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = os.Remove(g.dir); err == nil || !errors.Is(err, syscall.EBUSY) {
			break
		}
	}
	if err != nil {
		t.Errorf("control group: %v", err)
	}
}

// favour is a control group whose processes run before others. Hostile clients stand for other machines: they are not to take the cores of
// the server that they are hostile to, be it a broker or a sink, nor of an honest producer; nor is whatever else runs on this machine.
type favour struct{ dir string }

// newFavour makes one; without control groups of version 1 for the CPU there is none, and measurements have more noise.
func newFavour(t testing.TB) favour {
	t.Helper()
	parent, v2 := controller("cpu")
	f := favour{filepath.Join(parent, fmt.Sprintf("galgo-test-%d-%d", os.Getpid(), memoryGroups.Add(1)))}
	if parent == "" || v2 || os.Mkdir(f.dir, 0o755) != nil {
		return favour{}
	}
	t.Cleanup(func() { (&memoryGroup{dir: f.dir}).remove(t) })
	if err := os.WriteFile(filepath.Join(f.dir, "cpu.shares"), []byte("20480"), 0); err != nil {
		t.Fatal(err)
	}
	return f
}

// take puts a process into the group.
func (f favour) take(t testing.TB, pid int) {
	t.Helper()
	if f.dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(f.dir, "cgroup.procs"), strconv.AppendInt(nil, int64(pid), 10), 0); err != nil {
		t.Fatal(err)
	}
}
