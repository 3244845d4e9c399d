package diagnose

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the kernel's unit of CPU time towards programs, the same on all machines that Go runs on.
const ticksPerSecond = 100

// processes lists who shares the machine, the largest first. Arguments and environment are not looked at: secrets lie there.
func (c *Collector) processes(ctx context.Context, to *bytes.Buffer) {
	all, cut, err := readProcesses(ctx, "/proc")
	if err != nil {
		fmt.Fprintf(to, "cannot be listed: %v\n", err)
		return
	}
	slices.SortFunc(all, func(a, b process) int { return cmp.Or(cmp.Compare(b.resident, a.resident), cmp.Compare(a.pid, b.pid)) })
	fmt.Fprintf(to, "%d processes; this broker is %d\n\n", len(all), os.Getpid())
	w := columns(to)
	fmt.Fprintln(w, "pid\tppid\tstate\tthreads\tresident\tcpu\tname")
	for _, p := range all[:min(len(all), linesMax)] {
		fmt.Fprintf(w, "%d\t%d\t%s\t%d\t%d\t%s\t%s\n", p.pid, p.parent, p.state, p.threads, p.resident, p.cpu, printable(p.name))
	}
	w.Flush()
	if more := len(all) - linesMax; more > 0 {
		fmt.Fprintf(to, "and %d more\n", more)
	}
	if cut {
		to.WriteString("there are more: the time was up, or they were too many\n")
	}
}

// process is one line of the list.
type process struct {
	pid, parent int
	name, state string
	threads     int
	cpu         time.Duration
	resident    int64 // bytes
}

// processesMax bounds what is held for sorting.
const processesMax = 100_000

// readProcesses reads proc. cut: not all of them.
func readProcesses(ctx context.Context, proc string) (all []process, cut bool, err error) {
	d, err := os.Open(proc)
	if err != nil {
		return nil, false, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, false, err
	}
	for _, name := range names {
		if _, err := strconv.Atoi(name); err != nil {
			continue
		}
		if ctx.Err() != nil || len(all) == processesMax {
			return all, true, nil
		}
		text, err := os.ReadFile(proc + "/" + name + "/stat")
		if err != nil {
			continue // it ended meanwhile, or is not ours to see
		}
		if p, ok := parseProcess(string(text)); ok {
			all = append(all, p)
		}
	}
	return all, false, nil
}

// parseProcess reads a stat file, as in proc_pid_stat(5). The name stands in brackets and may have some itself.
func parseProcess(stat string) (p process, ok bool) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return p, false
	}
	f := strings.Fields(stat[end+1:]) // from field 3 on
	if len(f) < 22 {
		return p, false
	}
	n := func(s string) int64 { v, _ := strconv.ParseInt(s, 10, 64); return v }
	return process{pid: int(n(strings.TrimSpace(stat[:open]))), name: stat[open+1 : end], state: f[0], parent: int(n(f[1])),
		cpu:     time.Duration(n(f[11])+n(f[12])) * time.Second / ticksPerSecond,
		threads: int(n(f[17])), resident: n(f[21]) * int64(os.Getpagesize())}, true
}
