package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/e2e/faultfs"
)

var cutsFlag = flag.Int("cuts", 30, "how often TestPowerCut cuts the power")

// TestPowerCut cuts the power of the disk at random moments, under load and while the broker recovers, with kills and
// orderly ends in between: nothing acknowledged at persisted is lost, and no offset told is given out again at any level.
func TestPowerCut(t *testing.T) {
	l := newPowerCutLoop(t, *seedFlag)
	l.cuts = *cutsFlag
	err := l.run()
	stats, statsErr := l.rig.disk.Stats()
	t.Logf("seed %d\n%sdisk: %+v", l.seed, l.table(), stats)
	if err = errors.Join(err, statsErr); err != nil {
		t.Fatal(err)
	}
}

// powerCutLoop is a crash loop on a disk that loses power.
type powerCutLoop struct {
	*crashLoop
	rig *rig
}

func newPowerCutLoop(t *testing.T, seed uint64) *powerCutLoop {
	l := &powerCutLoop{crashLoop: newCrashLoop(t, seed)}
	l.rig = newRig(t, l.seed)
	l.dir = filepath.Join(l.rig.mount, "data")
	l.args = []string{"--written-loss-bound", "200ms"}
	l.load.bytesMax, l.space = 12<<20, 120<<20
	l.end = func(s *server) (ending, error) {
		if l.rng.IntN(5) == 0 {
			return l.kill(s)
		}
		return l.cut(s)
	}
	return l
}

// cut is a power cut: what was not flushed is gone, or there in parts.
func (l *powerCutLoop) cut(s *server) (ending, error) {
	l.done.cuts++
	err := l.rig.disk.Cut([]int{0, 0, 20, 50, 80, 100}[l.rng.IntN(6)])
	s.Kill()
	if err == nil {
		err = l.rig.detach()
	}
	if err == nil {
		err = l.rig.disk.On()
	}
	if err == nil {
		err = l.rig.attach()
	}
	return powerCut, err
}

// TestFailedFlush has the disk fail a flush of the journal once, with EIO. The broker must not acknowledge anything that was
// sent afterwards, nor try again and go on: it ends with its own code, and what it acknowledged before is there, also after
// a power cut on top.
func TestFailedFlush(t *testing.T) {
	for _, io := range []string{"uring", "epoll"} {
		for _, cut := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, power cut %v", io, cut), func(t *testing.T) {
				for range 12 {
					if testFailedFlush(t, io, cut) {
						return
					}
				}
				t.Fatal("the filesystem's own journal was hit every time")
			})
		}
	}
}

const exitJournal = 70

// testFailedFlush reports false when the flush that failed was one of the filesystem's own commits: that makes it read-only,
// and says nothing of what the broker does with a failed flush of its own.
func testFailedFlush(t *testing.T, io string, cut bool) bool {
	t.Helper()
	l := newPowerCutLoop(t, *seedFlag)
	if err := l.rig.remount("commit=300"); err != nil { // so that the flush is the broker's
		t.Fatal(err)
	}
	l.h.topics = l.h.topics[:1]
	l.h.topics[0].partitions = 1
	o := options{dir: l.dir, args: []string{"--io", io, "--shards", "1", "--journal-size", "8MiB", "--memory", "128MiB"}}
	s := start(t, o)
	if err := l.setUp(s); err != nil {
		t.Fatal(err)
	}
	w := workload{producers: 4, bytesMax: 1 << 20, sizes: tiny, pause: time.Millisecond}.begin(l.h, s.Address, &l.seqs, l.rng.Uint64())
	<-w.ackedOne
	if err := l.rig.disk.Hold(1 + l.rng.IntN(50)); err != nil {
		t.Fatal(err)
	}
	w.ending.Store(true) // errors are expected from now on; the producers go on until they get one
	w.marked.Store(true) // nothing that is sent from here on may be acknowledged
	if err := l.rig.disk.Release(syscall.EIO); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Exited:
	case <-time.After(20 * time.Second):
		if l.rig.readOnly(t) {
			s.Kill()
			_ = w.end() // what it could not send
			return false
		}
		t.Fatalf("the broker lives on\n%s", s.Log())
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	if l.rig.readOnly(t) {
		return false
	}
	if code := s.Cmd.ProcessState.ExitCode(); code != exitJournal {
		t.Fatalf("the broker ended with code %d\n%s", code, s.Log())
	}
	if n := w.late.Load(); n > 0 {
		t.Fatalf("%d batches were acknowledged that were sent after the failed flush\n%s", n, s.Log())
	}
	if cut {
		if _, err := l.cut(s); err != nil {
			t.Fatal(err)
		}
	}
	s = start(t, o)
	if err := l.h.verify(s.Address, l.dir, powerCut, true); err != nil {
		t.Fatal(died(s, err))
	}
	t.Logf("%d messages acknowledged, %d found", l.h.acked, l.h.verified)
	s.Kill()
	return true
}

// readOnly reports whether the filesystem has given up writing.
func (r *rig) readOnly(t *testing.T) bool {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(r.mount, &st); err != nil {
		t.Fatal(err)
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		return true
	}
	err := os.WriteFile(filepath.Join(r.mount, "probe"), nil, 0o600)
	return errors.Is(err, syscall.EROFS)
}

// rig is ext4 on a loop device over a disk that can lose power.
type rig struct {
	disk  *faultfs.Remote
	dir   string
	mount string

	options string // of the mount
}

const rigBytes = 384 << 20

// newRig makes a disk with an empty filesystem. All of it goes with the test. Where it can't be made the test is skipped.
func newRig(t *testing.T, seed uint64) *rig {
	t.Helper()
	missing := func(what string) {
		t.Skipf("%s: power cuts are not tested; they need root, loop devices, FUSE and ext4", what)
	}
	if os.Geteuid() != 0 {
		missing("not root")
	}
	for _, path := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(path); err != nil {
			missing(err.Error())
		}
	}
	for _, tool := range []string{"mkfs.ext4", "losetup", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(err.Error())
		}
	}
	dir, err := os.MkdirTemp("", "galgo-power-")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{dir: dir, mount: filepath.Join(dir, "ext4"), options: "defaults"}
	t.Cleanup(r.remove)
	served := filepath.Join(dir, "served")
	for _, d := range []string{served, r.mount} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r.disk, err = faultfs.Start(exec.Command(self, serveDisk, served, strconv.Itoa(rigBytes), strconv.FormatUint(seed, 10)), served)
	if err != nil {
		missing(err.Error())
	}
	if err := run("mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=8", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", r.disk.Path); err != nil {
		t.Fatal(err)
	}
	if err := run("sync", r.disk.Path); err != nil {
		t.Fatal(err)
	}
	if err := r.attach(); err != nil {
		missing(err.Error())
	}
	return r
}

// serveDisk is the argument that makes this test binary the process of a disk.
const serveDisk = "-serve-disk"

func runDisk(args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	seed, err2 := strconv.ParseUint(args[2], 10, 64)
	if err = errors.Join(err, err2); err == nil {
		err = faultfs.Serve(args[0], size, seed, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// remount changes the options of the mount from now on.
func (r *rig) remount(options string) error {
	if err := r.detach(); err != nil {
		return err
	}
	r.options = options
	return r.attach()
}

// attach mounts the filesystem, which replays its journal. The loop device goes when it is unmounted.
func (r *rig) attach() error {
	out, err := exec.Command("losetup", "--find", "--show", "--direct-io=off", r.disk.Path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("losetup: %w\n%s", err, out)
	}
	device := strings.TrimSpace(string(out))
	err = run("mount", "-t", "ext4", "-o", r.options, device, r.mount)
	return errors.Join(err, run("losetup", "--detach", device))
}

// detach unmounts. A ring of a dead process lets go of its files late.
func (r *rig) detach() error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := unix.Unmount(r.mount, 0)
		if !errors.Is(err, syscall.EBUSY) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("unmount %s: %w", r.mount, err)
		}
	}
}

// remove takes everything down, whatever state it is in.
func (r *rig) remove() {
	if err := r.detach(); err != nil {
		_ = unix.Unmount(r.mount, unix.MNT_DETACH)
	}
	if r.disk != nil {
		_ = r.disk.Close()
	}
	os.RemoveAll(r.dir)
}

func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
