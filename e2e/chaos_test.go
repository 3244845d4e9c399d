package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

var chaosFlag = flag.Int("chaos", 15, "how often TestChaos kills brokers")

// chaosTopics are topics of all levels, of levels that change while the topic serves or with the server's setting, with deduplication, and
// with a size that is soon reached.
func (l *crashLoop) chaosTopics() {
	for i, t := range l.h.topics {
		t.changing = i%4 == 3
		t.dedup = i%4 == 1
		if i%2 == 1 {
			t.cap, t.segmentBytes = 3<<20, 1<<20
		}
	}
	t := l.h.topics[5]
	t.replicated, t.changing = true, true
	for _, t := range l.h.topics {
		t.now, t.least = t.level, t.level
	}
}

// chaos is a crash loop in which each start has another configuration, and kills come in other ways too.
type chaos struct {
	*crashLoop
	replicated level // of the run
	stopped    int   // kills of a broker that was stopped before
	first      int   // kills in the first start of a directory of its own
}

func newChaos(t *testing.T, dir string, seed uint64) *chaos {
	c := &chaos{crashLoop: newCrashLoop(t, seed)}
	c.dir, c.space = filepath.Join(dir, "data"), 200<<20
	c.load.bytesMax = 24 << 20
	c.args = []string{"--pin=false", "--retention-interval", "100ms"}
	c.chaosTopics()
	c.choose, c.began, c.end = c.flags, c.setting, c.killSomehow
	return c
}

// flags are those of the next start.
func (c *chaos) flags() []string {
	pick := func(list ...string) string { return list[c.rng.IntN(len(list))] }
	shards, io, way := 1+c.rng.IntN(4), pick("uring", "epoll"), pick("auto", "direct", "buffered")
	c.replicated = level(c.rng.IntN(3))
	c.used[fmt.Sprintf("%d shards", shards)]++
	c.used[io]++
	c.used[way+" journal"]++
	flags := []string{"--shards", fmt.Sprint(shards), "--io", io, "--journal-writes", way, "--memory", pick("256MiB", "384MiB", "512MiB"), "--replicated", c.replicated.String(),
		"--consumer-group-rebalancing-timeout", pick("100ms", "30s"), "--personal-access-token-cleaner-interval", pick("100ms", "30s"),
		"--written-loss-bound", pick("50ms", "1s"), "--frame-size-max", pick("8MiB", "16MiB")}
	if size := pick("", "8MiB", "12MiB", "20MiB"); size != "" {
		flags = append(flags, "--journal-size", size)
	}
	return flags
}

// setting notes what the run promises to topics that leave it to the server.
func (c *chaos) setting() {
	for _, t := range c.h.topics {
		if t.replicated {
			t.now, t.least = c.replicated, min(t.least, c.replicated)
		}
	}
}

// killSomehow kills a broker, or stops it for a while before.
func (c *chaos) killSomehow(s *server) (ending, error) {
	if c.rng.IntN(4) == 0 {
		c.stopped++
		_ = s.Cmd.Process.Signal(syscall.SIGSTOP)
		time.Sleep(c.exponential(50*time.Millisecond, 300*time.Millisecond))
		if c.rng.IntN(2) == 0 {
			_ = s.Cmd.Process.Signal(syscall.SIGCONT)
			time.Sleep(c.exponential(5*time.Millisecond, 50*time.Millisecond))
		}
	}
	return c.kill(s)
}

// killFirst kills the first start of a directory; the next one works.
func (c *chaos) killFirst(dir string) error {
	c.first++
	o := c.options()
	o.dir = filepath.Join(dir, fmt.Sprintf("first-%d", c.first))
	defer os.RemoveAll(o.dir)
	s := launch(c.t, o)
	select {
	case <-s.Exited:
		return died(s, errors.New("the broker ended by itself"))
	case <-time.After(c.exponential(60*time.Millisecond, 500*time.Millisecond)):
	}
	s.Kill()
	c.done.kills++
	s, err := tryStart(c.t, o)
	if err == nil {
		_, err = login(s.Address)
	}
	if err == nil {
		err = s.Stop()
	}
	if err != nil {
		return died(s, fmt.Errorf("the start after one that was killed at first: %w", err))
	}
	return nil
}

// filesystems are where the directories of TestChaos lie: each is mounted below dir, or says why it cannot be.
var filesystems = []struct {
	name  string
	mount func(t *testing.T, dir string) error
}{
	{"tmp", func(*testing.T, string) error { return nil }},
	{"ext4", loop("ext4", "-q", "-F")},
	{"xfs", loop("xfs", "-q", "-f")},
	{"btrfs", loop("btrfs", "-q", "-f")},
	{"overlay", func(t *testing.T, dir string) error {
		base := t.TempDir()
		for _, d := range []string{"lower", "upper", "work"} {
			if err := os.Mkdir(filepath.Join(base, d), 0o755); err != nil {
				return err
			}
		}
		return mount(t, dir, "-t", "overlay", "-o", fmt.Sprintf("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", base, base, base), "overlay")
	}},
	{"tmpfs", func(t *testing.T, dir string) error { return mount(t, dir, "-t", "tmpfs", "-o", "size=1500m", "tmpfs") }},
}

// loop makes a filesystem of a kind in a file, and mounts it.
func loop(kind string, flags ...string) func(t *testing.T, dir string) error {
	return func(t *testing.T, dir string) error {
		image := filepath.Join(t.TempDir(), "image")
		f, err := os.Create(image)
		if err == nil {
			err = errors.Join(f.Truncate(1500<<20), f.Close())
		}
		if err != nil {
			return err
		}
		if _, err := exec.LookPath("mkfs." + kind); err != nil {
			return fmt.Errorf("there is no mkfs.%s: apt-get install %s", kind, map[string]string{"ext4": "e2fsprogs", "xfs": "xfsprogs", "btrfs": "btrfs-progs"}[kind])
		}
		if out, err := exec.Command("mkfs."+kind, append(flags, image)...).CombinedOutput(); err != nil {
			return fmt.Errorf("mkfs.%s: %w: %s", kind, err, out)
		}
		return mount(t, dir, "-o", "loop", image)
	}
}

// mount mounts what args say on dir until the test ends.
func mount(t *testing.T, dir string, args ...string) error {
	if os.Getuid() != 0 {
		return errors.New("needs root, to mount filesystems")
	}
	if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	t.Cleanup(func() {
		for range 100 { // the kernel may still write for the broker that was killed
			if exec.Command("umount", dir).Run() == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Errorf("%s can't be unmounted", dir)
	})
	return nil
}

// TestChaos kills brokers on filesystems of all kinds, each start with other shards, I/O, journal, memory and levels, under topics of all kinds
// whose levels change meanwhile: under load, while they start, when they start for the first time, and after they were stopped. What is there at
// the next start is held against all that was told.
func TestChaos(t *testing.T) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "filesystem\tseed\tkills\tstarting\tfirst\tstopped\tin order\tacknowledged\tverified\tlost as allowed\tgaps\ttrims\toffsets\tseconds")
	defer func() {
		w.Flush()
		t.Logf("\n%s", b.String())
	}()
	rng := random(t)
	each := (*chaosFlag + len(filesystems) - 1) / len(filesystems)
	for _, f := range filesystems {
		seed := rng.Uint64()
		t.Run(f.name, func(t *testing.T) {
			begin, dir := time.Now(), t.TempDir()
			if err := f.mount(t, dir); err != nil {
				t.Skip(err)
			}
			c := newChaos(t, dir, seed)
			c.kills = each
			err := c.killFirst(dir)
			for i := 0; err == nil && i < each/10; i++ {
				err = c.killFirst(dir)
			}
			if err == nil {
				err = c.run()
			}
			h := &c.h.counts
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f\n", f.name, seed, c.done.kills, c.done.whileStarting, c.first, c.stopped, c.done.orders, h.acked, h.verified,
				h.lost, h.gaps, h.trims, h.offsets, time.Since(begin).Seconds())
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
