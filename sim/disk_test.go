package sim

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/galgo-mq/galgo/storage"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fresh is a disk with a synced directory /d and an open, unsynced file /d/f.
func fresh(t *testing.T, seed uint64) (*Disk, int32) {
	t.Helper()
	d := NewDisk(seed)
	must(t, d.Mkdir("/d"))
	must(t, d.SyncDir("/"))
	fd, err := d.Open("/d/f", true, false)
	must(t, err)
	return d, fd
}

// after counts in how many of 200 seeds f says yes.
func after(f func(seed uint64) bool) (n int) {
	for seed := range uint64(200) {
		if f(seed) {
			n++
		}
	}
	return n
}

func always(t *testing.T, what string, n int) {
	t.Helper()
	if n != 200 {
		t.Errorf("%s: in %d of 200 runs, want always", what, n)
	}
}

func sometimes(t *testing.T, what string, n int) {
	t.Helper()
	if n < 10 || n > 190 {
		t.Errorf("%s: in %d of 200 runs, want sometimes", what, n)
	}
}

func TestAPowerCutKeepsWhatWasSyncedAndMayLoseTheRest(t *testing.T) {
	p := bytes.Repeat([]byte("galgo..."), 1024)
	f := func(sync, syncDir bool) func(seed uint64) bool {
		return func(seed uint64) bool {
			d, fd := fresh(t, seed)
			must(t, d.Write(fd, p, 0))
			if sync {
				must(t, d.Sync(fd))
			}
			if syncDir {
				must(t, d.SyncDir("/d"))
			}
			d.PowerCut()
			return bytes.Equal(d.Contents("/d/f"), p)
		}
	}
	always(t, "synced data under a synced name", after(f(true, true)))
	sometimes(t, "data not synced", after(f(false, true)))
	sometimes(t, "name not synced", after(f(true, false)))
}

func TestAKillKeepsThePageCache(t *testing.T) {
	always(t, "written data", after(func(seed uint64) bool {
		d, fd := fresh(t, seed)
		must(t, d.Write(fd, []byte("here"), 0))
		d.Kill()
		_, err := d.Read(fd, make([]byte, 1), 0)
		return string(d.Contents("/d/f")) == "here" && errors.Is(err, syscall.EBADF)
	}))
}

func TestASyncedWriteIsNotUndoneByAnEarlierUnsyncedOne(t *testing.T) {
	old, now := bytes.Repeat([]byte{1}, 4096), bytes.Repeat([]byte{2}, 4096)
	always(t, "the synced write", after(func(seed uint64) bool {
		d, fd := fresh(t, seed)
		must(t, d.SyncDir("/d"))
		must(t, d.Write(fd, old, 0))
		d.Submit(0, storage.Op{Kind: storage.OpWrite, FD: fd, Buf: now, DSync: true})
		d.Complete()
		d.PowerCut()
		return bytes.Equal(d.Contents("/d/f"), now)
	}))
}

func TestWritesInFlightMayLandInPart(t *testing.T) {
	p := bytes.Repeat([]byte{7}, 8192)
	whole, none, part := 0, 0, 0
	for seed := range uint64(200) {
		d, fd := fresh(t, seed)
		must(t, d.Write(fd, make([]byte, 8192), 0))
		d.Submit(0, storage.Op{Kind: storage.OpWrite, FD: fd, Buf: p, DSync: true})
		d.Kill()
		switch n := bytes.Count(d.Contents("/d/f"), []byte{7}); {
		case n == 8192:
			whole++
		case n == 0:
			none++
		default:
			part++
		}
	}
	if whole < 10 || none < 10 || part < 5 {
		t.Errorf("whole %d, none %d, in part %d", whole, none, part)
	}
}

func TestASyncCoversOnlyWhatHadCompleted(t *testing.T) {
	sometimes(t, "a write that completed while the sync ran", after(func(seed uint64) bool {
		d, fd := fresh(t, seed)
		must(t, d.SyncDir("/d"))
		d.Submit(0, storage.Op{Kind: storage.OpFdatasync, FD: fd})
		must(t, d.Write(fd, []byte("late"), 0))
		for d.InFlight() > 0 {
			d.Complete()
		}
		d.PowerCut()
		return string(d.Contents("/d/f")) == "late"
	}))
}

func TestARenameIsUndoneUnlessTheDirectoryIsSynced(t *testing.T) {
	f := func(sync bool) func(seed uint64) bool {
		return func(seed uint64) bool {
			d, fd := fresh(t, seed)
			must(t, d.SyncDir("/d"))
			must(t, d.Write(fd, []byte("x"), 0))
			must(t, d.Sync(fd))
			must(t, d.Rename("/d/f", "/d/g"))
			if sync {
				must(t, d.SyncDir("/d"))
			}
			d.PowerCut()
			a, b := d.Contents("/d/f"), d.Contents("/d/g")
			if (a == nil) == (b == nil) {
				t.Fatalf("seed %d: old name %q, new name %q", seed, a, b)
			}
			return b != nil
		}
	}
	always(t, "synced rename", after(f(true)))
	sometimes(t, "rename not synced", after(f(false)))
}

func TestAFailedSyncIsNotMadeGoodByTheNext(t *testing.T) {
	sometimes(t, "data whose sync failed", after(func(seed uint64) bool {
		d, fd := fresh(t, seed)
		must(t, d.SyncDir("/d"))
		must(t, d.Write(fd, []byte("data"), 0))
		d.Fail(Fault{Kind: storage.OpFdatasync, Err: syscall.EIO})
		if err := d.Sync(fd); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		must(t, d.Sync(fd))
		d.PowerCut()
		return string(d.Contents("/d/f")) == "data"
	}))
}

func TestSpaceRunsOutAndComesBack(t *testing.T) {
	d, fd := fresh(t, 1)
	d.SetSpace(8 << 10)
	must(t, d.Write(fd, make([]byte, 8<<10), 0))
	if err := d.Write(fd, make([]byte, 1), 8<<10); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	must(t, d.Write(fd, make([]byte, 100), 0)) // allocated already
	must(t, d.Truncate(fd, 4096))
	must(t, d.Write(fd, make([]byte, 100), 4096))
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	f := func() []byte {
		d, fd := fresh(t, 42)
		for i := range 40 {
			d.Submit(0, storage.Op{Kind: storage.OpWrite, FD: fd, Pos: int64(i%7) * 512, Buf: bytes.Repeat([]byte{byte(i)}, 900)})
			if i%3 == 0 {
				d.Complete()
			}
		}
		must(t, d.SyncDir("/d"))
		d.PowerCut()
		return d.Contents("/d/f")
	}
	if a, b := f(), f(); !bytes.Equal(a, b) {
		t.Error("two runs of one seed differ")
	}
}

func TestMemoryNoticesUseAfterItWasGivenBack(t *testing.T) {
	m := NewMemory(8192)
	b := m.Get(6000)
	if m.Get(1) != nil {
		t.Error("more than the budget was given")
	}
	m.Put(b)
	b[5] = 1
	defer func() {
		if recover() == nil {
			t.Error("not noticed")
		}
	}()
	m.Get(8000)
}
