package server_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/servertest"
	"github.com/galgo-mq/galgo/uring"
)

// TestTheLockOfAnEndingServerIsWaitedFor: a holder that is gone while its open file is not, as when the kernel still works for a
// process that was killed, is waited for beyond all patience, and that is said. One that lives is not.
func TestTheLockOfAnEndingServerIsWaitedFor(t *testing.T) {
	if _, err := exec.LookPath("flock"); err != nil {
		t.Skip("the program flock is not there")
	}
	open := func(path string) *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "galgo.meta")
	theirs := open(path)
	taken := exec.Command("flock", "-x", "3") // takes the lock and ends; the open file is this test's as well, and keeps it
	taken.ExtraFiles = []*os.File{theirs}
	if out, err := taken.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	mine := open(path)
	var said atomic.Int64
	done := make(chan error, 1)
	waiting := make(chan struct{})
	go func() {
		done <- server.Lock(int32(mine.Fd()), dir, 0, func(pid int) {
			said.Add(int64(pid))
			close(waiting)
		})
	}()
	select {
	case <-waiting:
	case err := <-done:
		t.Fatalf("a lock whose holder is gone is not waited for: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("neither waits nor ends")
	}
	theirs.Close()
	if err := <-done; err != nil || said.Load() != int64(taken.Process.Pid) {
		t.Errorf("%v, said to wait for %d, which was %d", err, said.Load(), taken.Process.Pid)
	}
	third := open(path)
	err := server.Lock(int32(third.Fd()), dir, 0, func(pid int) { t.Errorf("waits for process %d, which lives", pid) })
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("a lock that this process holds: %v", err)
	}
}

// TestADirectoryNamesItsServer: what is noted is this process, so that a start in another namespace of processes can tell.
func TestADirectoryNamesItsServer(t *testing.T) {
	dir := t.TempDir()
	s := servertest.Start(t, dir, nil)
	text, err := os.ReadFile(filepath.Join(dir, server.HolderName))
	if err != nil || !strings.HasPrefix(string(text), "process ") || !strings.Contains(string(text), " in pid:[") {
		t.Errorf("%q, %v", text, err)
	}
	s.Stop(t)
}

// TestAnotherMachinesServerIsNotTakenForGone: process ids of the machine that has the directory, which is on a filesystem of several, say
// nothing here, although the namespace has the same name; those of this machine do.
func TestAnotherMachinesServerIsNotTakenForGone(t *testing.T) {
	dir := t.TempDir()
	servertest.Start(t, dir, nil).Stop(t)
	path := filepath.Join(dir, server.HolderName)
	own, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Skip("no /proc: ", err)
	}
	boot, err := uring.BootID()
	if err != nil {
		t.Skip("no boot id: ", err)
	}
	f, err := os.Open(filepath.Join(dir, "galgo.meta"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gone := fmt.Sprintf("process %d started 1 in ", 1<<22+1) // beyond the largest process id
	for note, want := range map[string]bool{
		gone + namespace + "@" + boot + "\n":                                   true,
		gone + namespace + "@" + "00000000-0000-0000-0000-000000000000" + "\n": false,
		gone + namespace + "\n":                                                false,
		string(own):                                                            false,
	} {
		if err := os.WriteFile(path, []byte(note), 0o640); err != nil {
			t.Fatal(err)
		}
		if got := server.HolderEnds(int32(f.Fd()), dir); got != want {
			t.Errorf("%q: the holder has ended: %v, want %v", note, got, want)
		}
	}
}
