package diagnose

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLogKeepsTheLastWholeLines(t *testing.T) {
	f := func(max int, lines []string, want string) {
		t.Helper()
		l := NewLog(max)
		for _, line := range lines {
			if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("write: %d, %v", n, err)
			}
		}
		if got := string(l.Lines()); got != want {
			t.Errorf("after %q in %d bytes: %q, want %q", lines, max, got, want)
		}
	}
	f(10, nil, "")
	f(10, []string{"one\n"}, "one\n")
	f(10, []string{"one\n", "two\n"}, "one\ntwo\n")
	f(10, []string{"one\n", "two\n", "three\n"}, "three\n")
	f(10, []string{"one\n", "two\n", "3\n"}, "two\n3\n") // full to the byte: whether the first line is whole is not known
	f(10, []string{"123456789\n", "x\n"}, "x\n")
	f(10, []string{"longer than the ring\n", "x\n"}, "x\n")
	f(10, []string{"longer than the ring\n"}, "")
}

// TestLogAgainstAllOfIt compares the ring with everything that was ever written.
func TestLogAgainstAllOfIt(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("GALGO_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		size := 16 + r.IntN(100)
		l, all := NewLog(size), ""
		for i := range 50 {
			line := strings.Repeat(string(rune('a'+i%26)), r.IntN(20)) + "\n"
			all += line
			l.Write([]byte(line))
			want := all
			if len(all) >= size {
				_, want, _ = strings.Cut(all[len(all)-size:], "\n")
			}
			if got := string(l.Lines()); got != want {
				t.Fatalf("GALGO_SEED=%d: ring of %d has %q, want %q", seed, size, got, want)
			}
		}
	}
}

func TestProcessLines(t *testing.T) {
	f := func(stat string, want process, ok bool) {
		t.Helper()
		if got, good := parseProcess(stat); got != want || good != ok {
			t.Errorf("%q: %+v, %v", stat, got, good)
		}
	}
	tail := "S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 9 0 100 12345 3 18446744073709551615 1 1\n"
	page := int64(os.Getpagesize())
	f("7 (galgo) "+tail, process{pid: 7, parent: 1, name: "galgo", state: "S", threads: 9, cpu: 2 * time.Second, resident: 3 * page}, true)
	f("7 (a) b (c)) "+tail, process{pid: 7, parent: 1, name: "a) b (c)", state: "S", threads: 9, cpu: 2 * time.Second, resident: 3 * page}, true)
	f("7 (galgo) S 1\n", process{}, false)
	f("7 galgo", process{}, false)
	f("", process{}, false)
}

func TestMounts(t *testing.T) {
	lines := "20 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro\n" +
		"garbage - x\n" +
		"21 20 8:2 / /data rw,noatime - xfs /dev/sdb1 rw,attr2,inode64,logbufs=8,logbsize=32k,noquota\n" +
		"22 20 0:30 / /data/with\\040space rw - fuse.sshfs admin:secret@host:/x rw,user_id=0,password=secret,passwd=secret,Secret!=x\n" +
		"23 20 0:31 / /datafile rw - tmpfs tmpfs rw,size=100k\n"
	f := func(dir, point, kind string) {
		t.Helper()
		if m, ok := findMount(lines, dir); !ok || m.point != point || m.kind != kind {
			t.Errorf("%s lies on %+v, %v", dir, m, ok)
		}
	}
	f("/", "/", "ext4")
	f("/var", "/", "ext4")
	f("/data", "/data", "xfs")
	f("/data/galgo", "/data", "xfs")
	f("/data2", "/", "ext4")
	f("/data/with space/galgo", "/data/with space", "fuse.sshfs")
	if _, found := findMount("", "/"); found {
		t.Error("a mount out of nothing")
	}
	m, _ := findMount(lines, "/data/with space")
	if got := showOptions(m.super); got != "rw,user_id=(not shown),password=(not shown),passwd=(not shown),(not shown)" {
		t.Errorf("options %s", got)
	}
	m, _ = findMount(lines, "/data")
	if got := showOptions(m.super); got != "rw,attr2,inode64,logbufs=8,logbsize=32k,noquota" {
		t.Errorf("options %s", got)
	}
}

// TestTenThousandLogs: sums are of all, lines are a thousand, the folders above and the large ones come first.
func TestTenThousandLogs(t *testing.T) {
	dir := t.TempDir()
	for i := range 10_000 {
		log := filepath.Join(dir, "logs", fmt.Sprintf("%020d", i))
		if err := os.MkdirAll(log, 0o700); err != nil {
			t.Fatal(err)
		}
		size := 1
		if i == 7777 {
			size = 100_000
		}
		if err := os.WriteFile(filepath.Join(log, "segment"), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(dir, "state", "link")); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	tree := tree{ctx: context.Background()}
	tree.walk(dir, -1)
	tree.show(&b)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 1+linesMax+1 || lines[len(lines)-1] != "and 9003 folders more; the sums above have them" {
		t.Fatalf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
	f := func(i int, want string) {
		t.Helper()
		if got := strings.Fields(lines[i]); strings.Join(got[1:], " ") != want {
			t.Errorf("line %d is %q, want %s", i, lines[i], want)
		}
	}
	f(1, "110000 10001 .") // the link counts with its own size, 1
	f(2, "109999 10000 logs")
	f(3, "1 1 state")
	f(4, "100000 1 logs/00000000000000007777")
	f(5, "1 1 logs/00000000000000000000")
}

// TestTimeIsUp: what was read is shown, and that it is not all.
func TestTimeIsUp(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var b bytes.Buffer
	c := collector(t)
	c.filesystem(ctx, &b)
	if !strings.Contains(b.String(), "1 folders were not read to their end, and not what lies in them: context canceled") {
		t.Errorf("filesystem:\n%s", b.String())
	}
	b.Reset()
	c.processes(ctx, &b)
	if !strings.Contains(b.String(), "there are more: the time was up") {
		t.Errorf("processes:\n%s", b.String())
	}
}

func TestNamesDoNotBreakLines(t *testing.T) {
	if got := printable("a\nb\tc\x1b[31m\xffé"); got != "a?b?c?[31m\ufffdé" && got != "a?b?c?[31m?é" {
		t.Errorf("%q", got)
	}
}
