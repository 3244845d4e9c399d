package diagnose

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const fileBytesMax = 16 << 10 // of one file of the kernel

// resources tells what broker, process, container and machine have and use.
func (c *Collector) resources(ctx context.Context, to *bytes.Buffer) {
	fmt.Fprintf(to, "at %s\n", c.source.Now().UTC().Format(time.RFC3339Nano))
	heading(to, "the broker")
	facts(to, c.source.Facts)
	heading(to, "its shards")
	c.shards(ctx, to)
	heading(to, "its process")
	facts(to, processFacts())
	heading(to, "its limits")
	to.WriteString(read("/proc/self/limits"))
	heading(to, "its control groups")
	for _, dir := range c.source.Groups {
		facts(to, groupFacts(dir))
	}
	heading(to, "the machine")
	facts(to, machineFacts())
	heading(to, "its memory")
	to.WriteString(read("/proc/meminfo"))
}

func heading(to *bytes.Buffer, text string) { fmt.Fprintf(to, "\n== %s\n", text) }

func facts(to *bytes.Buffer, all []Fact) {
	w := columns(to)
	for _, f := range all {
		fmt.Fprintf(w, "%s\t%s\n", f.Name, f.Value)
	}
	w.Flush()
}

// shards asks every shard. One that does not answer leaves a goroutine behind; there is at most one such.
func (c *Collector) shards(ctx context.Context, to *bytes.Buffer) {
	select {
	case c.asking <- struct{}{}:
	default:
		to.WriteString("an earlier question has not been answered\n")
		return
	}
	answer := make(chan []any, 1)
	go func() {
		defer func() { <-c.asking }()
		answer <- c.source.Shards()
	}()
	select {
	case all := <-answer:
		compare(to, all)
	case <-ctx.Done():
		to.WriteString("they did not answer in time\n")
	}
}

// processKeys are the lines of /proc/self/status that are shown.
var processKeys = strings.Fields("VmPeak VmSize VmHWM VmRSS RssAnon RssFile RssShmem VmLck VmPin VmSwap Threads Cpus_allowed_list Seccomp NoNewPrivs " +
	"voluntary_ctxt_switches nonvoluntary_ctxt_switches")

func processFacts() (all []Fact) {
	all = append(all, keyed("/proc/self/status", processKeys)...)
	all = append(all, keyed("/proc/self/io", strings.Fields("rchar wchar syscr syscw read_bytes write_bytes"))...)
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		all = append(all, Fact{"open files", fmt.Sprint(len(open))})
	}
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) == nil {
		all = append(all, Fact{"cpu in user mode", time.Duration(r.Utime.Nano()).String()}, Fact{"cpu in the kernel", time.Duration(r.Stime.Nano()).String()},
			Fact{"major page faults", fmt.Sprint(r.Majflt)})
	}
	return append(all, goFacts()...)
}

// goFacts are of Go's runtime, read without stopping it.
func goFacts() []Fact {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/limiter/last-enabled:gc-cycle"}, {Name: "/sched/goroutines:goroutines"}, {Name: "/sched/gomaxprocs:threads"}}
	metrics.Read(s)
	all := []Fact{{"go", runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}}
	for _, m := range s {
		if m.Value.Kind() == metrics.KindUint64 {
			all = append(all, Fact{"go " + m.Name, fmt.Sprint(m.Value.Uint64())})
		}
	}
	pause := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(pause)
	if pause[0].Value.Kind() == metrics.KindFloat64Histogram {
		all = append(all, Fact{"go longest pause, below", longest(pause[0].Value.Float64Histogram())})
	}
	return all
}

// longest is the upper bound of the highest bucket that has something.
func longest(h *metrics.Float64Histogram) string {
	for i := len(h.Counts) - 1; i >= 0; i-- {
		if h.Counts[i] > 0 && !math.IsInf(h.Buckets[i+1], 1) {
			return time.Duration(h.Buckets[i+1] * float64(time.Second)).String()
		}
		if h.Counts[i] > 0 {
			return "no bound"
		}
	}
	return "none"
}

// groupFiles are what a control group has, of version 2 and then of version 1.
var groupFiles = strings.Fields("cpu.max cpu.weight cpu.stat cpu.pressure cpuset.cpus.effective memory.current memory.peak memory.max memory.high memory.swap.max " +
	"memory.events memory.pressure io.max io.pressure pids.current pids.max " +
	"cpu.cfs_quota_us cpu.cfs_period_us cpu.shares memory.limit_in_bytes memory.usage_in_bytes memory.max_usage_in_bytes memory.failcnt")

func groupFacts(dir string) []Fact {
	all := []Fact{{dir, ""}}
	for _, name := range groupFiles {
		if text := read(filepath.Join(dir, name)); text != "" {
			all = append(all, Fact{"  " + name, oneLine(text)})
		}
	}
	return all
}

// machineFiles are small files that say how the kernel is set up and how much there is to do. The kernel's own command line
// is none of them: it may hold secrets.
var machineFiles = strings.Fields("/proc/loadavg /proc/uptime /proc/pressure/cpu /proc/pressure/memory /proc/pressure/io " +
	"/proc/sys/kernel/io_uring_disabled /sys/kernel/mm/transparent_hugepage/enabled /proc/sys/vm/overcommit_memory /proc/sys/vm/swappiness " +
	"/proc/sys/vm/max_map_count /proc/sys/vm/dirty_ratio /proc/sys/vm/dirty_background_ratio /proc/sys/vm/dirty_bytes /proc/sys/fs/file-nr " +
	"/proc/sys/net/core/somaxconn /proc/sys/net/ipv4/tcp_rmem /proc/sys/net/ipv4/tcp_wmem /sys/devices/system/cpu/online")

func machineFacts() (all []Fact) {
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		all = append(all, Fact{"host", unix.ByteSliceToString(u.Nodename[:])},
			Fact{"kernel", unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Version[:]) + " " + unix.ByteSliceToString(u.Machine[:])})
	}
	for line := range strings.Lines(read("/etc/os-release")) {
		if v, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
			all = append(all, Fact{"system", strings.Trim(strings.TrimSpace(v), `"`)})
		}
	}
	all = append(all, Fact{"cores", fmt.Sprint(runtime.NumCPU())})
	for _, path := range machineFiles {
		if text := read(path); text != "" {
			all = append(all, Fact{path, oneLine(text)})
		}
	}
	return all
}

// keyed returns the lines "key: value" of a file that have one of the keys.
func keyed(path string, keys []string) (all []Fact) {
	for line := range strings.Lines(read(path)) {
		name, value, ok := strings.Cut(line, ":")
		for _, k := range keys {
			if ok && k == name {
				all = append(all, Fact{name, oneLine(value)})
			}
		}
	}
	return all
}

// read returns the beginning of a small file, or nothing.
func read(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	var b bytes.Buffer
	buf := make([]byte, fileBytesMax)
	for b.Len() < fileBytesMax {
		n, err := f.Read(buf[:fileBytesMax-b.Len()])
		b.Write(buf[:n])
		if n == 0 || err != nil {
			break
		}
	}
	return b.String()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
