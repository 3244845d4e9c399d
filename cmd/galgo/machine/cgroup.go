package machine

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// group is a directory of a control group hierarchy that the process is in: its own, or one above.
type group struct {
	dir string
	v2  bool
}

// groups finds all control groups that bound this process. A limit holds for everything below it, so the way up from
// the process's own group to where the hierarchy is mounted matters.
func groups(root string) []group {
	own := memberships(root)
	var all []group
	for _, m := range mounts(root) {
		path, ok := own[m.controller]
		if !ok {
			continue
		}
		top := filepath.Join(root, m.point)
		rel, err := filepath.Rel(m.root, path)
		if err != nil || strings.HasPrefix(rel, "..") {
			rel = "." // seen from a namespace of its own: what is mounted is what there is
		}
		for dir := filepath.Join(top, rel); ; dir = filepath.Dir(dir) {
			all = append(all, group{dir, m.controller == unified})
			if dir == top || len(dir) <= len(top) {
				break
			}
		}
	}
	return all
}

// GroupDirs lists the directories of the control groups that bound this process, the inner ones of each hierarchy first.
func GroupDirs(root string) (dirs []string) {
	for _, g := range groups(root) {
		dirs = append(dirs, g.dir)
	}
	return dirs
}

// unified stands for the controllers of version 2, which have one hierarchy.
const unified = ""

// memberships reads the group of the process in each hierarchy: lines of number:controllers:path.
func memberships(root string) map[string]string {
	own := map[string]string{}
	p, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	for line := range strings.Lines(string(p)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(f[1], ",") {
			own[controller] = f[2]
		}
	}
	return own
}

// mount is where a hierarchy, from its group root on, is seen.
type mount struct{ controller, root, point string }

// mounts reads the mounts of hierarchies that can bound cores or memory: lines of
//
//	id parent major:minor root point options [tags] - type source options
func mounts(root string) []mount {
	var all []mount
	p, _ := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	for line := range strings.Lines(string(p)) {
		front, back, ok := strings.Cut(line, " - ")
		f, b := strings.Fields(front), strings.Fields(back)
		if !ok || len(f) < 5 || len(b) < 3 {
			continue
		}
		switch b[0] {
		case "cgroup2":
			all = append(all, mount{unified, f[3], f[4]})
		case "cgroup":
			for _, controller := range []string{"cpu", "memory"} {
				if slices.Contains(strings.Split(b[2], ","), controller) {
					all = append(all, mount{controller, f[3], f[4]})
				}
			}
		}
	}
	return all
}

// quota is how many cores' worth of time the group may use; 0: it sets no limit.
func (g group) quota() float64 {
	var quota, period string
	if g.v2 {
		quota, period, _ = strings.Cut(g.read("cpu.max"), " ")
	} else {
		quota, period = g.read("cpu.cfs_quota_us"), g.read("cpu.cfs_period_us")
	}
	q, err1 := strconv.ParseFloat(quota, 64) // "max" and "-1" are no limit
	p, err2 := strconv.ParseFloat(period, 64)
	if err1 != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	return q / p
}

// memory is how many bytes the group may use; 0: it sets no limit.
func (g group) memory() int64 {
	name := "memory.limit_in_bytes"
	if g.v2 {
		name = "memory.max"
	}
	n, err := strconv.ParseInt(g.read(name), 10, 64) // "max" is no limit; neither is what version 1 says for none
	if err != nil || n <= 0 || n >= 1<<62 {
		return 0
	}
	return n
}

func (g group) read(name string) string {
	p, _ := os.ReadFile(filepath.Join(g.dir, name))
	return strings.TrimSpace(string(p))
}
