package server

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/storage"
)

// TestTheHalfForDeletionsIsKept: when the first half of the reserve was enough for what was in flight, and others have used it up, what is
// left is kept for a deletion that finds no room, and not given to whoever comes first.
func TestTheHalfForDeletionsIsKept(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("no filesystem of its own: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	if err := os.Mkdir(dir+"/state", 0o750); err != nil {
		t.Fatal(err)
	}
	s := &Server{log: zap.NewNop()}
	reserve := storage.Reserve{Dir: dir, Bytes: 4 << 20}
	if whole, err := reserve.Make(plainDisk{}, heapMemory{}); !whole || err != nil {
		t.Fatal(whole, err)
	}
	others, err := os.Create(dir + "/others")
	if err != nil {
		t.Fatal(err)
	}
	defer others.Close()
	fill := func() (n int64) {
		for p := make([]byte, 4096); ; n += int64(len(p)) {
			if _, err := others.Write(p); errors.Is(err, syscall.ENOSPC) {
				return n
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	fill()
	p := &s.space
	p.Refused.Store(1)
	p.Short.Store(true)
	s.lookForRoom(&reserve)
	if n := fill(); n != 2<<20 {
		t.Fatalf("%d bytes are given up first", n)
	}
	p.Refused.Store(0)
	for range 3 {
		s.lookForRoom(&reserve)
		if n := fill(); n > 0 || !p.Short.Load() {
			t.Fatalf("others get %d bytes more, space is short: %v", n, p.Short.Load())
		}
	}
	p.Refused.Store(1)
	p.Wanted.Store(true)
	s.lookForRoom(&reserve)
	if n := fill(); n != 2<<20 {
		t.Errorf("%d bytes are given up for a deletion", n)
	}
	p.Refused.Store(0)
	if err := others.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if s.lookForRoom(&reserve); p.Short.Load() || p.given != 0 {
		t.Errorf("when there is room: short %v, given %d", p.Short.Load(), p.given)
	}
	if st, err := os.Stat(reserve.Path()); err != nil || st.Size() != reserve.Bytes {
		t.Errorf("the reserve: %v, %v", st, err)
	}
}
