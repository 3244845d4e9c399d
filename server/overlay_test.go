package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/galgo-mq/galgo/uring"
)

// TestOverlay does the same operations to an overlay and to a copy of what lies under it: both answer alike and end alike, and what lies
// under it stays as it was.
func TestOverlay(t *testing.T) {
	seeds := make([]uint64, 60)
	for i := range seeds {
		seeds[i] = rand.Uint64()
	}
	if seed, err := strconv.ParseUint(os.Getenv("GALGO_SEED"), 10, 64); err == nil {
		seeds = []uint64{seed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("GALGO_SEED=%d", seed), func(t *testing.T) { testOverlay(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

// twin is a directory with its overlay, and a copy.
type twin struct {
	t           *testing.T
	rng         *rand.Rand
	below, copy string
	o           *overlay
	open        [][2]int32 // descriptors in the overlay and of the copy
}

func testOverlay(t *testing.T, rng *rand.Rand) {
	w := &twin{t: t, rng: rng, below: t.TempDir(), copy: t.TempDir()}
	for _, root := range []string{w.below, w.copy} {
		for _, dir := range []string{"/logs", "/logs/1", "/state"} {
			if err := os.Mkdir(root+dir, 0o750); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, name := range []string{"/logs/1/a", "/logs/1/b", "/state/c"} {
		p := bytes.Repeat([]byte{byte('a' + i)}, rng.IntN(20_000))
		for _, root := range []string{w.below, w.copy} {
			if err := os.WriteFile(root+name, p, 0o640); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := tree(t, w.below)
	w.o = newOverlay(1<<30, func(op *uring.Op) uring.Completion { return uring.DoFile(op) })
	for range 400 {
		w.step()
	}
	for _, fds := range w.open {
		w.both(uring.Op{Kind: uring.KindClose}, fds)
	}
	if got, want := w.seen(w.below, ""), tree(t, w.copy); got != want {
		t.Errorf("the overlay has\n%s\nwant\n%s", got, want)
	}
	if after := tree(t, w.below); after != before {
		t.Errorf("below was\n%s\nand is\n%s", before, after)
	}
}

func (w *twin) path() string {
	return []string{"/logs/1/a", "/logs/1/b", "/logs/1/n", "/logs/2/a", "/state/c", "/state/d"}[w.rng.IntN(6)]
}

func (w *twin) step() {
	n := func(most int) int64 { return int64(w.rng.IntN(most)) }
	if k := len(w.open); k > 0 && w.rng.IntN(3) > 0 {
		i := w.rng.IntN(k)
		fds := w.open[i]
		p := make([]byte, []int{0, w.rng.IntN(9000), w.rng.IntN(9000), w.rng.IntN(9000)}[w.rng.IntN(4)])
		switch w.rng.IntN(7) {
		case 0, 1:
			w.both(uring.Op{Kind: uring.KindRead, Buf: p, Pos: n(30_000)}, fds)
		case 2, 3:
			for i := range p {
				p[i] = byte(w.rng.Uint32())
			}
			w.both(uring.Op{Kind: uring.KindWrite, Buf: p, Pos: n(30_000)}, fds)
		case 4:
			w.both(uring.Op{Kind: uring.KindTruncate, Pos: n(30_000)}, fds)
		case 5:
			w.both(uring.Op{Kind: uring.KindFallocate, Pos: n(30_000), Len: 1 + n(9000)}, fds)
		case 6:
			w.both(uring.Op{Kind: uring.KindClose}, fds)
			w.open = append(w.open[:i], w.open[i+1:]...)
		}
		return
	}
	switch w.rng.IntN(9) {
	case 0, 1, 2:
		w.both(uring.Op{Kind: uring.KindOpen, Path: w.path(), OpenFlags: uring.OpenFlags(w.rng.IntN(2) == 0, false)}, [2]int32{})
	case 3:
		w.both(uring.Op{Kind: uring.KindRename, Path: w.path(), Path2: []string{"/logs/1/r", "/state/c"}[w.rng.IntN(2)]}, [2]int32{})
	case 4:
		w.both(uring.Op{Kind: uring.KindUnlink, Path: w.path()}, [2]int32{})
	case 5:
		w.both(uring.Op{Kind: uring.KindMkdir, Path: []string{"/logs/2", "/none/2", "/state"}[w.rng.IntN(3)]}, [2]int32{})
	case 6:
		w.both(uring.Op{Kind: uring.KindUnlink, Flags: uring.FlagDir, Path: []string{"/logs/2", "/logs/1", "/logs/3"}[w.rng.IntN(3)]}, [2]int32{})
	case 7:
		w.both(uring.Op{Kind: uring.KindList, Path: []string{"/logs", "/logs/1", "/logs/2", "/none"}[w.rng.IntN(4)]}, [2]int32{})
	case 8:
		w.both(uring.Op{Kind: uring.KindStat, Path: w.path()}, [2]int32{})
	}
}

// both does op to the overlay and to the copy, and compares what they answer.
func (w *twin) both(op uring.Op, fds [2]int32) {
	var c [2]uring.Completion
	var bufs [2][]byte
	for i, root := range []string{w.below, w.copy} {
		x := op
		x.FD = fds[i]
		if x.Buf != nil {
			x.Buf = bytes.Clone(op.Buf)
			bufs[i] = x.Buf
		}
		if x.Path != "" {
			x.Path = root + op.Path
		}
		if x.Path2 != "" {
			x.Path2 = root + op.Path2
		}
		if i == 1 {
			c[i] = uring.DoFile(&x)
		} else if !w.o.does(&x, &c[i]) {
			w.t.Fatalf("the overlay does not know operation %d", op.Kind)
		}
	}
	if op.Kind == uring.KindOpen && c[0].Err == 0 && c[1].Err == 0 {
		w.open = append(w.open, [2]int32{int32(c[0].Res), int32(c[1].Res)})
		return
	}
	if notThere := syscall.ENOTDIR; c[1].Err == notThere {
		c[1].Err = syscall.ENOENT
	}
	if c[0].Err != c[1].Err || c[0].Res != c[1].Res || fmt.Sprint(c[0].Entries) != fmt.Sprint(c[1].Entries) || c[0].Stat.Dir != c[1].Stat.Dir ||
		!c[1].Stat.Dir && c[0].Stat != c[1].Stat || op.Kind == uring.KindRead && !bytes.Equal(bufs[0][:c[0].Res], bufs[1][:c[1].Res]) {
		w.t.Fatalf("operation %d of %q %q at %d: %+v, want %+v", op.Kind, op.Path, op.Path2, op.Pos, c[0], c[1])
	}
}

// seen is what the overlay shows of a directory, as tree says it.
func (w *twin) seen(root, dir string) string {
	var b strings.Builder
	entries, errno := w.o.list(root + dir)
	if errno != 0 {
		w.t.Fatalf("list %s: %v", dir, errno)
	}
	for _, e := range entries {
		path := dir + "/" + e.Name
		if e.Dir {
			b.WriteString(path + "/\n" + w.seen(root, path))
			continue
		}
		l, _ := w.o.layerOf(root + path)
		p := make([]byte, l.size)
		if n, errno := w.o.read(l, p, 0); errno != 0 || n != l.size {
			w.t.Fatalf("read %s: %d of %d bytes, %v", path, n, l.size, errno)
		}
		fmt.Fprintf(&b, "%s %x\n", path, p)
	}
	return b.String()
}

// tree is all that a directory holds.
func tree(t *testing.T, root string) string {
	var b strings.Builder
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := os.ReadDir(root + dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if e.IsDir() {
				b.WriteString("/" + strings.TrimPrefix(path, "/") + "/\n")
				walk("/" + strings.TrimPrefix(path, "/"))
				continue
			}
			p, err := os.ReadFile(root + "/" + path)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "/%s %x\n", strings.TrimPrefix(path, "/"), p)
		}
	}
	walk("")
	return b.String()
}

// TestOverlayIsBounded: what is written beyond the overlay's memory finds no room, and truncating or removing gives memory back.
func TestOverlayIsBounded(t *testing.T) {
	dir := t.TempDir()
	o := newOverlay(2*overlayBlock, func(op *uring.Op) uring.Completion { return uring.DoFile(op) })
	do := func(op uring.Op) uring.Completion {
		var c uring.Completion
		o.does(&op, &c)
		return c
	}
	open := func(name string) int32 {
		return int32(do(uring.Op{Kind: uring.KindOpen, Path: dir + name, OpenFlags: uring.OpenFlags(true, false)}).Res)
	}
	a := open("/a")
	block := make([]byte, overlayBlock)
	if c := do(uring.Op{Kind: uring.KindWrite, FD: a, Buf: append(block, block...)}); c.Err != 0 {
		t.Fatal(c.Err)
	}
	if c := do(uring.Op{Kind: uring.KindWrite, FD: a, Buf: block, Pos: 2 * overlayBlock}); c.Err != syscall.ENOSPC {
		t.Errorf("a third block of two: %v", c.Err)
	}
	if c := do(uring.Op{Kind: uring.KindTruncate, FD: a, Pos: overlayBlock}); c.Err != 0 {
		t.Fatal(c.Err)
	}
	b := open("/b")
	if c := do(uring.Op{Kind: uring.KindWrite, FD: b, Buf: block}); c.Err != 0 {
		t.Errorf("after a truncation: %v", c.Err)
	}
	do(uring.Op{Kind: uring.KindUnlink, Path: dir + "/b"})
	if c := do(uring.Op{Kind: uring.KindRead, FD: b, Buf: block}); c.Err != 0 || c.Res != overlayBlock {
		t.Errorf("read what is removed and open: %d, %v", c.Res, c.Err)
	}
	do(uring.Op{Kind: uring.KindClose, FD: b})
	if o.left != overlayBlock {
		t.Errorf("%d bytes are left, want %d", o.left, overlayBlock)
	}
}
