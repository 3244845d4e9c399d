package server

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/uring"
)

// A process that was killed holds the lock of its data directory until the kernel has ended its last operation: tens of
// thousands of queued unlinks take a while. A start waits for that as long as it takes, and not for a server that lives.

// LockPatience is how long a start waits for the lock while its holder lives, or nothing is known of it: it may be ending in order.
const LockPatience = 5 * time.Second

const lockPause = 20 * time.Millisecond

// HolderName is the file of a data directory that names the process that has it.
const HolderName = "runtime/server.pid"

// Lock takes the lock of the data directory dir, whose superblock is open as fd. EWOULDBLOCK: a server has it. waits is called once if
// the holder has ended and the kernel has not ended its operations; its process id may be 0 for not known.
func Lock(fd int32, dir string, patience time.Duration, waits func(pid int)) error {
	said := false
	for deadline := time.Now().Add(patience); ; time.Sleep(lockPause) {
		err := uring.Flock(fd)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		switch pid, state := holderOf(fd, dir); {
		case state == holderEnding && !said:
			said = true
			waits(pid)
		case state == holderEnding:
		case time.Now().After(deadline):
			return err
		}
	}
}

type holderState uint8

const (
	holderUnknown holderState = iota
	holderLives
	holderEnding
)

// holderOf says who has the lock. The kernel's list of locks names the process that took it, also when that is gone, but not always in
// another namespace of processes; then the directory's own note counts, if it is from this one.
func holderOf(fd int32, dir string) (pid int, state holderState) {
	if pid = lockedBy(fd); pid > 0 {
		if ending(pid) {
			return pid, holderEnding
		}
		return pid, holderLives
	}
	h, err := readHolder(dir)
	if err != nil || h.namespace != pidNamespace() {
		return 0, holderUnknown
	}
	if started, err := startTime(h.pid); err != nil || started != h.started || ending(h.pid) {
		return h.pid, holderEnding
	}
	return h.pid, holderLives
}

// lockedBy looks for the process that took the lock of the file; 0: it is not listed.
func lockedBy(fd int32) int {
	var st unix.Stat_t
	text, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Fstat(int(fd), &st) != nil {
		return 0
	}
	inode := ":" + strconv.FormatUint(st.Ino, 10)
	for _, line := range strings.Split(string(text), "\n") {
		// 1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || !strings.HasSuffix(f[5], inode) {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil {
			return pid
		}
	}
	return 0
}

const (
	pfExiting   = 0x4 // PF_EXITING of the flags in /proc/<pid>/stat, see proc_pid_stat(5)
	killPending = 1 << (int(unix.SIGKILL) - 1)
)

// ending reports whether the process is gone, a zombie, being taken down by the kernel, or killed.
func ending(pid int) bool {
	f := statFields(pid)
	if len(f) < 7 || f[0] == "Z" || f[0] == "X" {
		return true
	}
	if flags, err := strconv.ParseUint(f[6], 10, 64); err == nil && flags&pfExiting != 0 {
		return true
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, line := range strings.Split(string(status), "\n") {
		name, value, _ := strings.Cut(line, ":")
		if name != "SigPnd" && name != "ShdPnd" {
			continue
		}
		if set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64); err == nil && set&killPending != 0 {
			return true
		}
	}
	return false
}

// statFields are the fields of /proc/<pid>/stat from the state on; none: there is no such process.
func statFields(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // a name may hold spaces and brackets
}

func startTime(pid int) (uint64, error) {
	const at = 19 // field 22 of the whole line
	f := statFields(pid)
	if len(f) <= at {
		return 0, os.ErrNotExist
	}
	return strconv.ParseUint(f[at], 10, 64)
}

// pidNamespace names where process ids mean the same: a namespace of a boot. The first namespace has the same name on every machine, and
// the directory may be on a filesystem that several machines have.
func pidNamespace() string {
	name, _ := os.Readlink("/proc/self/ns/pid")
	boot, _ := uring.BootID()
	return name + "@" + boot
}

// holder is what the note of a data directory says.
type holder struct {
	pid       int
	started   uint64 // clock ticks since the machine's start: a number is given out again
	namespace string
}

const holderFormat = "process %d started %d in %s\n"

func readHolder(dir string) (h holder, err error) {
	text, err := os.ReadFile(dir + "/" + HolderName)
	if err == nil {
		_, err = fmt.Sscanf(string(text), holderFormat, &h.pid, &h.started, &h.namespace)
	}
	return h, err
}

// noteHolder notes that this process has the directory. It need not survive a power cut: nobody holds a lock then.
func noteHolder(dir string) error {
	started, err := startTime(os.Getpid())
	if err != nil {
		return nil // no /proc: others find nothing either
	}
	if err := os.Mkdir(dir+"/runtime", 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return os.WriteFile(dir+"/"+HolderName, fmt.Appendf(nil, holderFormat, os.Getpid(), started, pidNamespace()), 0o640)
}
