package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is where results come from. It has no names of hosts or users.
type Machine struct {
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	MemoryMiB  uint64 `json:"memory_mib"`
	Kernel     string `json:"kernel"`
	Filesystem string `json:"filesystem"` // of the data directories
	Go         string `json:"go"`         // of the generator, which is the broker's binary
}

func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %d MiB, Linux %s, data on %s, %s", m.CPU, m.Cores, m.MemoryMiB, m.Kernel, m.Filesystem, m.Go)
}

func lookAround(data string) Machine {
	m := Machine{CPU: "unknown CPU", Cores: runtime.NumCPU(), Go: runtime.Version(), Filesystem: filesystem(data)}
	if v := field("/proc/cpuinfo", "model name"); v != "" {
		m.CPU = v
	}
	kib, _, _ := strings.Cut(field("/proc/meminfo", "MemTotal"), " ")
	n, _ := strconv.ParseUint(kib, 10, 64)
	m.MemoryMiB = n >> 10
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel, _, _ = strings.Cut(unix.ByteSliceToString(u.Release[:]), "-") // what follows is the packager's
	}
	return m
}

// field is the first value of a key in a file of such lines.
func field(path, key string) string {
	p, _ := os.ReadFile(path)
	for line := range strings.Lines(string(p)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func filesystem(path string) string {
	var s unix.Statfs_t
	if path == "" {
		path = os.TempDir()
	}
	if unix.Statfs(path, &s) != nil {
		return "unknown"
	}
	switch s.Type {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs (no disk: nothing is persisted)"
	}
	return fmt.Sprintf("filesystem %#x", s.Type)
}
