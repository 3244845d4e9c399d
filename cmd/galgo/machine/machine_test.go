package machine

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tree writes files below a new root.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	meminfo16G = "MemTotal:       16777216 kB\nMemFree:        1 kB\n"
	mountsV2   = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
)

func TestLimitsOfContainers(t *testing.T) {
	f := func(name string, files map[string]string, quota float64, memory int64, contains bool) {
		t.Helper()
		var m Machine
		m.limits(tree(t, files))
		if m.Quota != quota || m.Memory != memory || m.Contains != contains {
			t.Errorf("%s: %+v, want %v cores, %d bytes, %v", name, m, quota, memory, contains)
		}
	}
	f("nothing can be read", nil, 0, 0, false)
	f("a machine of its own", map[string]string{
		"proc/meminfo": meminfo16G, "proc/self/cgroup": "0::/init.scope\n", "proc/self/mountinfo": mountsV2,
		"sys/fs/cgroup/init.scope/memory.max": "max\n", "sys/fs/cgroup/init.scope/cpu.max": "max 100000\n",
	}, 0, 16<<30, false)
	f("version 2, in a namespace", map[string]string{
		"proc/meminfo": meminfo16G, "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountsV2,
		"sys/fs/cgroup/memory.max": "536870912\n", "sys/fs/cgroup/cpu.max": "150000 100000\n",
	}, 1.5, 512<<20, true)
	f("version 2, the limit of a group above", map[string]string{
		"proc/meminfo": meminfo16G, "proc/self/cgroup": "0::/system.slice/galgo.service\n", "proc/self/mountinfo": mountsV2,
		"sys/fs/cgroup/system.slice/memory.max": "1073741824\n", "sys/fs/cgroup/system.slice/galgo.service/memory.max": "max\n",
		"sys/fs/cgroup/system.slice/cpu.max": "400000 100000\n", "sys/fs/cgroup/system.slice/galgo.service/cpu.max": "800000 100000\n",
	}, 4, 1<<30, true)
	f("more than the machine has is no limit", map[string]string{
		"proc/meminfo": meminfo16G, "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountsV2,
		"sys/fs/cgroup/memory.max": "34359738368\n",
	}, 0, 16<<30, false)
	f("version 1, without a namespace: the mount begins at the container's group", map[string]string{
		"proc/meminfo": meminfo16G, "proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n",
		"proc/self/mountinfo": "31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n" +
			"33 31 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n" +
			"35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":      "268435456\n",
		"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us":      "200000\n",
		"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us":     "100000\n",
		"sys/fs/cgroup/memory/docker/abc/memory.limit_in": "not looked at",
	}, 2, 256<<20, true)
	f("version 1 without limits, version 2 beside it without controllers", map[string]string{
		"proc/meminfo": meminfo16G, "proc/self/cgroup": "4:memory:/a\n3:cpu:/\n0::/\n",
		"proc/self/mountinfo": "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" +
			"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
		"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
		"sys/fs/cgroup/cpu/cpu.cfs_quota_us":           "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
	}, 0, 16<<30, false)
	f("garbage", map[string]string{
		"proc/meminfo": "MemTotal\n", "proc/self/cgroup": "x\n0::\n", "proc/self/mountinfo": "- - -\n" + mountsV2,
		"sys/fs/cgroup/memory.max": "many\n", "sys/fs/cgroup/cpu.max": "\n",
	}, 0, 0, false)
}

// TestHeap: what metadata may take is a part of the machine, and the collector is told what the rest leaves it.
func TestHeap(t *testing.T) {
	f := func(memory int64, w Wish, metadata, heap int64) {
		t.Helper()
		w.Pin = "auto"
		p, err := Machine{CPUs: []int{0, 1}, Memory: memory}.Plan(w)
		if err != nil {
			t.Fatal(err)
		}
		if p.Metadata != metadata<<20 || p.Heap != heap<<20 {
			t.Errorf("%d MiB, %+v: metadata %d MiB, heap %d MiB, want %d and %d", memory>>20, w, p.Metadata>>20, p.Heap>>20, metadata, heap)
		}
		if w.Memory == 0 && memory > 0 && p.Memory+p.Heap+outsideBytes > memory {
			t.Errorf("%d MiB do not hold %d of messages and a heap of %d", memory>>20, p.Memory>>20, p.Heap>>20)
		}
	}
	f(128<<20, Wish{}, 16, 24)
	f(256<<20, Wish{}, 32, 256-64-32-10)
	f(512<<20, Wish{}, 64, 512-128-32-20)
	f(8<<30, Wish{}, 1024, 6144-32-20)
	f(128<<20, Wish{Memory: 64 << 20, Metadata: 40 << 20}, 40, 60) // more than the rest leaves: the collector does not fight for it
	f(128<<20, Wish{Memory: 100 << 20}, 16, 24)
	f(0, Wish{}, 64, 0)
}

func TestPlan(t *testing.T) {
	type want struct {
		cpus       []int
		pin        bool
		memory     int64
		gomaxprocs int
		note       string // part of the only one; empty: none
	}
	eight := Machine{CPUs: []int{0, 1, 2, 3, 4, 5, 6, 7}, Memory: 16 << 30}
	with := func(change func(*Machine)) Machine { m := eight; change(&m); return m }
	f := func(name string, m Machine, w Wish, want want) {
		t.Helper()
		if w.Pin == "" {
			w.Pin = "auto"
		}
		p, err := m.Plan(w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(p.CPUs, want.cpus) || p.Pin != want.pin || p.Memory != want.memory || p.GOMAXPROCS != want.gomaxprocs {
			t.Errorf("%s: %+v, want %+v", name, p, want)
		}
		if (want.note == "") != (len(p.Notes) == 0) || !strings.Contains(strings.Join(p.Notes, "\n"), want.note) {
			t.Errorf("%s: notes %q, want %q", name, p.Notes, want.note)
		}
	}
	all := eight.CPUs
	f("one shard per core", eight, Wish{}, want{all, true, 4 << 30, 10, ""})
	f("affinity", Machine{CPUs: []int{5, 7}, Memory: 16 << 30}, Wish{}, want{[]int{5, 7}, true, 4 << 30, 4, ""})
	f("fewer on request", eight, Wish{Shards: 3}, want{[]int{0, 1, 2}, true, 4 << 30, 5, ""})
	f("cores on request", eight, Wish{CPUs: []int{6, 2}}, want{[]int{6, 2}, true, 4 << 30, 4, ""})
	f("more than cores", eight, Wish{Shards: 3, CPUs: []int{6, 2}}, want{[]int{6, 2, 6}, false, 4 << 30, 5, "3 shards share 2 cores"})
	f("no pinning on request", eight, Wish{Pin: "false"}, want{all, false, 4 << 30, 10, ""})
	// Quota.
	quota := func(q float64) Machine { return with(func(m *Machine) { m.Quota = q }) }
	f("quota is rounded down", quota(2.9), Wish{}, want{[]int{0, 1}, false, 4 << 30, 4, "quota of 2.9"})
	f("at least one", quota(0.5), Wish{}, want{[]int{0}, false, 4 << 30, 3, "quota of 0.5"})
	f("a quota of all cores", quota(8), Wish{}, want{all, true, 4 << 30, 10, ""})
	f("pinned under a quota on request", quota(2), Wish{Pin: "true"}, want{[]int{0, 1}, true, 4 << 30, 4, ""})
	f("cores on request, whatever the quota", quota(1), Wish{CPUs: []int{3, 4}}, want{[]int{3, 4}, true, 4 << 30, 4, ""})
	// GOMAXPROCS: shards = min(cores, max(1, G - 1)).
	f("GOMAXPROCS 1", eight, Wish{GOMAXPROCS: 1}, want{[]int{0}, true, 4 << 30, 1, "GOMAXPROCS=1 leaves 1 of 8"})
	f("GOMAXPROCS 2", eight, Wish{GOMAXPROCS: 2}, want{[]int{0}, true, 4 << 30, 2, "leaves 1 of 8"})
	f("GOMAXPROCS 4", eight, Wish{GOMAXPROCS: 4}, want{[]int{0, 1, 2}, true, 4 << 30, 4, "leaves 3 of 8"})
	f("GOMAXPROCS 9", eight, Wish{GOMAXPROCS: 9}, want{all, true, 4 << 30, 9, ""})
	f("GOMAXPROCS 64", eight, Wish{GOMAXPROCS: 64}, want{all, true, 4 << 30, 64, ""})
	f("shards on request win", eight, Wish{GOMAXPROCS: 2, Shards: 4}, want{[]int{0, 1, 2, 3}, true, 4 << 30, 2, ""})
	// Memory.
	memory := func(n int64) Machine { return with(func(m *Machine) { m.Memory = n }) }
	f("memory on request", eight, Wish{Memory: 1 << 30}, want{all, true, 1 << 30, 10, ""})
	f("small machine", memory(1<<30), Wish{}, want{[]int{0, 1, 2, 3}, true, 256 << 20, 6, "256 MiB of memory for messages are enough for 4 of 8"})
	f("tiny machine", memory(128<<20), Wish{}, want{[]int{0}, true, 64 << 20, 3, "a quarter of the memory is 32 MiB, less than a shard needs: 1 of 8 shards is taken, with 64 MiB"})
	f("small machine, shards on request", memory(1<<30), Wish{Shards: 8}, want{all, true, 512 << 20, 10, ""})
	f("little on request", eight, Wish{Memory: 128 << 20}, want{[]int{0, 1}, true, 128 << 20, 4, "for 2 of 8"})
	f("nobody knows", memory(0), Wish{}, want{all, true, 512 << 20, 10, ""})

	if _, err := eight.Plan(Wish{Shards: 4, Memory: 128 << 20, Pin: "auto"}); err == nil || !strings.Contains(err.Error(), "give at least 256 MiB, or fewer shards") {
		t.Errorf("too little on request: %v", err)
	}
	if _, err := eight.Plan(Wish{CPUs: []int{0, 9}, Pin: "auto"}); err == nil || !strings.Contains(err.Error(), "core 9 of --cpus") {
		t.Errorf("a core that is not there: %v", err)
	}
}

func TestLookAtThisMachine(t *testing.T) {
	m, err := Look("/")
	if err != nil || len(m.CPUs) == 0 || m.Memory <= 0 || !slices.IsSorted(m.CPUs) {
		t.Errorf("%+v, %v", m, err)
	}
	again, _ := Look("/")
	if !reflect.DeepEqual(m, again) {
		t.Errorf("%+v, then %+v", m, again)
	}
}

func TestRaiseLimits(t *testing.T) {
	RaiseLimits()
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil || r.Cur != r.Max {
		t.Errorf("%+v, %v: less than is freely given", r, err)
	}
}
