package storage_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/galgo-mq/galgo/sim"
	"github.com/galgo-mq/galgo/storage"
)

// recoverFiles recovers an empty directory of two shards on d; change sets what a test is about. crashed: the process or the
// machine ended meanwhile.
func recoverFiles(t *testing.T, d *sim.Disk, change func(c *storage.RecoverConfig)) (rec *storage.Recovered, crashed bool, err error) {
	t.Helper()
	defer func() {
		if e := recover(); e != nil {
			if _, ok := e.(sim.Crash); !ok {
				panic(e)
			}
			crashed = true
		}
	}()
	_ = d.Mkdir(dir)
	if err := d.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	fd, err := d.Open(dir+"/"+storage.SuperblockName, true, false)
	if err != nil {
		t.Fatal(err)
	}
	cfg := storage.RecoverConfig{Dir: dir, Shards: 2, JournalBytes: 1 << 20, BootID: d.BootID(), MountID: 1, Now: 1, Memory: sim.NewMemory(64 << 20),
		Metadata: replayMeta, Report: func(event string, id storage.LogID, err error) { t.Errorf("report: %s, log %d: %v", event, id, err) }}
	change(&cfg)
	rec, err = storage.Recover(d, fd, cfg)
	return rec, false, err
}

func journalSizes(t *testing.T, d *sim.Disk) (sizes []int64) {
	t.Helper()
	for _, path := range d.Files(".journal") {
		n, err := d.Size(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, n)
	}
	return sizes
}

// TestAJournalThatDoesNotFitIsRefused: nothing is written of a journal that is larger than the disk has room for, and the error
// says what would do.
func TestAJournalThatDoesNotFitIsRefused(t *testing.T) {
	d := sim.NewDisk(1)
	free := int64(30 << 20)
	change := func(c *storage.RecoverConfig) {
		c.JournalBytes, c.Free = 8<<20, func() (int64, error) { return free, nil }
	}
	_, _, err := recoverFiles(t, d, change)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("four files of 8 MiB where 30 MiB are free: %v", err)
	}
	for _, part := range []string{"journals of 2 shards", "16 MiB each", "30 MiB are free", "set journal_size to 14 MiB or less"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %q", part, err)
		}
	}
	if left := d.Files("/journal/"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	free = 34 << 20
	if _, _, err := recoverFiles(t, d, change); err != nil {
		t.Fatal(err)
	}
}

// TestADiskThatFillsLeavesNoHalfJournal: a start whose journals fill the disk all the same gives the space back.
func TestADiskThatFillsLeavesNoHalfJournal(t *testing.T) {
	for _, space := range []int64{1 << 20, 5 << 20, 15 << 20} {
		d := sim.NewDisk(1)
		d.SetSpace(space)
		_, _, err := recoverFiles(t, d, func(c *storage.RecoverConfig) { c.JournalBytes = 4 << 20 })
		if err == nil || !strings.Contains(err.Error(), "/journal/shard-000") {
			t.Errorf("the error names no file: %v", err)
		}
		if left := d.Files("/journal/"); len(left) > 0 || d.Used() > 512<<10 {
			t.Errorf("%d bytes are used, left: %v", d.Used(), left)
		}
	}
}

// TestTheJournalTakesTheSizeThatIsSet: files that have another size are made anew, in place of the old ones, and an interruption
// anywhere leaves a directory that the next start takes without a word of damage. A size that is not set keeps what is there.
func TestTheJournalTakesTheSizeThatIsSet(t *testing.T) {
	sized := func(n int64) func(c *storage.RecoverConfig) {
		return func(c *storage.RecoverConfig) { c.JournalBytes, c.JournalFixed = n, true }
	}
	for _, to := range []int64{512 << 10, 3 << 20} {
		crashes := 0
		for n := 1; ; n++ {
			d := sim.NewDisk(uint64(n))
			must := func(change func(c *storage.RecoverConfig), want int64) {
				t.Helper()
				if _, _, err := recoverFiles(t, d, change); err != nil {
					t.Fatalf("crash at %d: %v", n, err)
				}
				if got, all := fmt.Sprint(journalSizes(t, d)), fmt.Sprint([]int64{want, want, want, want}); got != all {
					t.Fatalf("crash at %d: sizes %s, want %s", n, got, all)
				}
			}
			must(sized(1<<20), 1<<20)
			d.CrashIn(n)
			_, crashed, err := recoverFiles(t, d, sized(to))
			d.CrashIn(0)
			if err != nil {
				t.Fatal(err)
			}
			if crashed && n%2 == 0 {
				d.Kill()
			} else {
				d.PowerCut()
			}
			must(sized(to), to)
			must(func(c *storage.RecoverConfig) { c.JournalBytes = 2 << 20 }, to)
			if left := d.Files(".journal.tmp"); len(left) > 0 {
				t.Fatalf("left: %v", left)
			}
			if !crashed {
				break
			}
			crashes++
		}
		if crashes < 50 {
			t.Errorf("only %d places to interrupt", crashes)
		}
	}
}

// TestAStartWithoutRoomSaysHowMuchItNeeds: as often as it is tried, and the next one that has it starts, and makes its reserve.
func TestAStartWithoutRoomSaysHowMuchItNeeds(t *testing.T) {
	d := sim.NewDisk(1)
	as := func(*storage.RecoverConfig) {}
	if _, _, err := recoverFiles(t, d, as); err != nil {
		t.Fatal(err)
	}
	d.Kill()
	const reserve = dir + "/state/reserve"
	if err := d.Unlink(reserve); err != nil {
		t.Fatal(err)
	}
	fd, err := d.Open("/others", true, false)
	if err == nil {
		err = d.Allocate(fd, 0, 4<<20)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.SetSpace(d.Used())
	for range 3 {
		_, _, err := recoverFiles(t, d, as)
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "a start needs about 2 MiB") {
			t.Fatalf("a start without room: %v", err)
		}
		d.Kill()
	}
	if err := d.Unlink("/others"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := recoverFiles(t, d, as); err != nil {
		t.Fatalf("when there is room: %v", err)
	}
	if n, err := d.Size(reserve); err != nil || n < 1<<20 {
		t.Errorf("a reserve of %d bytes, %v", n, err)
	}
}

// noRoomForDirs has no room for directories, and notes what is opened.
type noRoomForDirs struct {
	storage.Disk
	opened []string
}

func (d *noRoomForDirs) Mkdir(string) error { return syscall.ENOSPC }

func (d *noRoomForDirs) Open(path string, create, direct bool) (int32, error) {
	d.opened = append(d.opened, path)
	return d.Disk.Open(path, create, direct)
}

// TestAStartWithoutRoomForDirectoriesTouchesNothingElse: what it takes back of the reserve is in its own directory.
func TestAStartWithoutRoomForDirectoriesTouchesNothingElse(t *testing.T) {
	sd := sim.NewDisk(1)
	for _, path := range []string{dir, "/state"} {
		if err := sd.Mkdir(path); err != nil && !errors.Is(err, syscall.EEXIST) {
			t.Fatal(err)
		}
	}
	fd, err := sd.Open(dir+"/"+storage.SuperblockName, true, false)
	if err != nil {
		t.Fatal(err)
	}
	d := &noRoomForDirs{Disk: sd}
	_, err = storage.Recover(d, fd, storage.RecoverConfig{Dir: dir, Shards: 2, JournalBytes: 1 << 20, BootID: sd.BootID(), MountID: 1, Now: 1,
		Memory: sim.NewMemory(64 << 20), Metadata: replayMeta})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a start without room: %v", err)
	}
	for _, path := range d.opened {
		if !strings.HasPrefix(path, dir+"/") {
			t.Errorf("it opens %s", path)
		}
	}
}
