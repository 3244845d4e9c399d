package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// smallLimits is the argument that makes this test binary give up root and the right to lock memory.
const smallLimits = "-without-locked-memory"

// execWithSmallLimits runs args as nobody, who may lock no memory.
func execWithSmallLimits(args []string) {
	const nobody = 65534
	err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{})
	if err == nil {
		err = syscall.Setgroups(nil)
	}
	if err == nil {
		err = syscall.Setgid(nobody)
	}
	if err == nil {
		err = syscall.Setuid(nobody)
	}
	if err == nil {
		err = syscall.Exec(args[0], args, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "run %v with small limits: %v\n", args, err)
	os.Exit(3)
}

// TestFallsBackWithoutLockedMemory starts as somebody who may lock no memory: epoll serves, the broker says why, and
// --io=uring ends with the reason.
func TestFallsBackWithoutLockedMemory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become somebody without rights")
	}
	dir := filepath.Join(binDir, "nobody") // the test's own folder is closed to others
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = os.Chown(dir, 65534, 65534)
	}
	if err == nil {
		err = os.Chmod(binDir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, options{dir: dir, wrap: smallLimits})
	s.says("locked memory is too small")
	s.says("input and output by epoll")
	c := s.dial()
	if _, err := c.CreateStream(context.Background(), "small"); err != nil {
		t.Error(err)
	}
	s.stop()
	if s, err := tryStart(t, options{dir: dir, wrap: smallLimits, args: []string{"--io", "uring"}}); err == nil || !strings.Contains(s.Log(), "ulimit -l") {
		t.Errorf("--io=uring: %v\n%s", err, s.Log())
	}
}

// forbidUring is the argument that makes this test binary forbid io_uring to itself, as containers do, and become the
// program named after it.
const forbidUring = "-without-io-uring"

// execWithoutUring sets a seccomp filter that answers io_uring's system calls with EPERM, and runs args.
func execWithoutUring(args []string) { execWithoutCalls(425, 427, args) }

// forbidAffinity does the same with the call that binds threads to cores.
const forbidAffinity = "-without-affinity"

// execWithoutCalls answers the system calls of these numbers with EPERM, and runs args.
func execWithoutCalls(first, last uint32, args []string) {
	const numberAt = 0 // of the system call in seccomp_data
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: numberAt},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: first, Jf: 2},
		{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, K: last, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(syscall.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
	}
	if err == nil {
		err = syscall.Exec(args[0], args, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "run %v without system calls: %v\n", args, err)
	os.Exit(3)
}

// TestRefusedUringSaysWhatToDo: where a seccomp profile forbids io_uring, --io=uring ends with what would have to change.
func TestRefusedUringSaysWhatToDo(t *testing.T) {
	s, err := tryStart(t, options{wrap: forbidUring, args: []string{"--io", "uring"}})
	if err == nil || len(s.lines("it has to allow io_uring_setup", "--io auto takes epoll instead")) == 0 {
		t.Errorf("--io=uring: %v\n%s", err, s.Log())
	}
}

// TestRefusedAffinity: where the kernel binds no thread to a core, pin=auto serves unbound and says so, and pin=true ends with what
// would have to change.
func TestRefusedAffinity(t *testing.T) {
	s := start(t, options{wrap: forbidAffinity, args: []string{"--shards", "2"}})
	s.dial()
	eventually(t, "the log says that shards are not bound", func() bool { return len(s.lines("not_pinned", "sched_setaffinity")) == 1 })
	s.stop()
	s, err := tryStart(t, options{wrap: forbidAffinity, args: []string{"--shards", "2", "--pin=true"}})
	if err == nil || len(s.lines("pin = true", "sched_setaffinity", "pin = auto")) == 0 {
		t.Errorf("--pin true: %v\n%s", err, s.Log())
	}
}
