// Package machine says what this process may use of the machine: cores, memory, descriptors; and how many shards that
// makes. A container's limits count like the machine's own.
//
// It leaves to others: what is done with it.
package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is what the process may use.
type Machine struct {
	CPUs     []int   // that its threads may run on, ascending
	Quota    float64 // cores' worth of time per time; 0: no limit but the CPUs
	Memory   int64   // the smaller of RAM and container limit; 0: not known
	Contains bool    // Memory is the container's limit
}

// Look reads the limits from the kernel. root is "/", but for tests.
func Look(root string) (Machine, error) {
	var m Machine
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return m, fmt.Errorf("which cores may be used: %w", err)
	}
	for cpu, left := 0, set.Count(); left > 0; cpu++ {
		if set.IsSet(cpu) {
			m.CPUs = append(m.CPUs, cpu)
			left--
		}
	}
	m.limits(root)
	return m, nil
}

// limits fills in quota and memory. What cannot be read is no limit.
func (m *Machine) limits(root string) {
	m.Memory = ramBytes(root)
	for _, g := range groups(root) {
		if q := g.quota(); q > 0 && (m.Quota == 0 || q < m.Quota) {
			m.Quota = q
		}
		if n := g.memory(); n > 0 && (m.Memory == 0 || n < m.Memory) {
			m.Memory, m.Contains = n, true
		}
	}
}

func ramBytes(root string) int64 {
	p, _ := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	for line := range strings.Lines(string(p)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}
