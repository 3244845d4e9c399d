package server

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// hostStats reads what the kernel tells of the process and the machine. CPU shares are those since the last look.
type hostStats struct {
	dir     string
	started time.Time

	mu          sync.Mutex
	last        wire.Stats    // as of the last look
	process     time.Duration // CPU time of the process then
	busy, total uint64        // of all CPUs, in ticks
	at          time.Time
}

// hostEvery is how old what is told of the system may be: each look reads a dozen files.
const hostEvery = 100 * time.Millisecond

// fill sets the system's part of w. It may be called by several goroutines.
func (x *hostStats) fill(w *wire.Stats) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	if x.at.IsZero() || now.Sub(x.at) > hostEvery {
		x.look(now)
	}
	l := &x.last
	w.ProcessID = uint32(os.Getpid())
	w.StartTimeMicros, w.RunTimeMicros = uint64(x.started.UnixMicro()), uint64(now.Sub(x.started).Microseconds())
	w.CPUPercent, w.TotalCPUPercent, w.Threads = l.CPUPercent, l.TotalCPUPercent, l.Threads
	w.MemoryBytes, w.TotalMemoryBytes, w.AvailableMemoryBytes = l.MemoryBytes, l.TotalMemoryBytes, l.AvailableMemoryBytes
	w.ReadBytes, w.WrittenBytes, w.TotalDiskBytes, w.FreeDiskBytes = l.ReadBytes, l.WrittenBytes, l.TotalDiskBytes, l.FreeDiskBytes
	w.Hostname, w.KernelVersion, w.OSName, w.OSVersion = l.Hostname, l.KernelVersion, l.OSName, l.OSVersion
}

// look reads all of it. x.mu is held.
func (x *hostStats) look(now time.Time) {
	l := &x.last
	l.CPUPercent, l.TotalCPUPercent = x.shares(now)
	l.MemoryBytes = residentBytes()
	l.TotalMemoryBytes, l.AvailableMemoryBytes = machineMemory()
	l.ReadBytes, l.WrittenBytes = diskBytes()
	if total, free, err := uring.StatFS(x.dir); err == nil {
		l.TotalDiskBytes, l.FreeDiskBytes = uint64(total), uint64(free)
	}
	l.Threads = threads()
	var u unix.Utsname
	_ = unix.Uname(&u)
	l.Hostname, l.KernelVersion = orUnknown(unix.ByteSliceToString(u.Nodename[:])), orUnknown(unix.ByteSliceToString(u.Release[:]))
	l.OSName, l.OSVersion = osRelease()
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// shares returns the percent of one CPU that the process used, and of all CPUs that anybody used.
func (x *hostStats) shares(now time.Time) (process, total float32) {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r)
	used := time.Duration(r.Utime.Nano() + r.Stime.Nano())
	busy, all := cpuTicks()
	d := now.Sub(x.at)
	if x.at.IsZero() {
		d = now.Sub(x.started)
	}
	process = float32(100 * float64(used-x.process) / float64(max(d, 1)))
	if all > x.total {
		total = float32(100 * float64(busy-x.busy) / float64(all-x.total))
	}
	x.process, x.busy, x.total, x.at = used, busy, all, now
	return process, total
}

// cpuTicks reads the first line of /proc/stat: user nice system idle iowait irq softirq steal.
func cpuTicks() (busy, total uint64) {
	p, _ := os.ReadFile("/proc/stat")
	line, _, _ := bytes.Cut(p, []byte("\n"))
	for i, f := range bytes.Fields(line) {
		n, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil || i > 8 {
			continue
		}
		total += n
		if i != 4 && i != 5 {
			busy += n
		}
	}
	return busy, total
}

func residentBytes() uint64 {
	p, _ := os.ReadFile("/proc/self/statm")
	if f := strings.Fields(string(p)); len(f) > 1 {
		n, _ := strconv.ParseUint(f[1], 10, 64)
		return n * uint64(os.Getpagesize())
	}
	return 0
}

// keyed returns the number behind "key:" in a file of such lines.
func keyed(path, key string) uint64 {
	p, _ := os.ReadFile(path)
	for line := range strings.Lines(string(p)) {
		if name, rest, ok := strings.Cut(line, ":"); ok && name == key {
			f := strings.Fields(rest)
			if len(f) == 0 {
				return 0
			}
			n, _ := strconv.ParseUint(f[0], 10, 64)
			return n
		}
	}
	return 0
}

func machineMemory() (total, available uint64) {
	return keyed("/proc/meminfo", "MemTotal") << 10, keyed("/proc/meminfo", "MemAvailable") << 10
}

func diskBytes() (read, written uint64) {
	return keyed("/proc/self/io", "read_bytes"), keyed("/proc/self/io", "write_bytes")
}

func threads() uint32 {
	if n := keyed("/proc/self/status", "Threads"); n > 0 {
		return uint32(n)
	}
	return uint32(runtime.NumCPU())
}

func osRelease() (name, version string) {
	p, _ := os.ReadFile("/etc/os-release")
	name, version = runtime.GOOS, "unknown"
	for line := range strings.Lines(string(p)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch v = strings.Trim(v, `"`); {
		case k == "NAME" && v != "":
			name = v
		case k == "VERSION_ID" && v != "":
			version = v
		}
	}
	return name, version
}
