package uring

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openTemp opens a new file for reading and writing.
func openTemp(t *testing.T, r *rig, flags int32) (fd int32, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "f")
	fd = int32(r.must(Op{Kind: KindOpen, Path: path, OpenFlags: unix.O_RDWR | unix.O_CREAT | flags}))
	t.Cleanup(func() { _ = unix.Close(int(fd)) })
	return fd, path
}

// fails performs op, which must fail with want.
func (r *rig) fails(want syscall.Errno, op Op) {
	r.t.Helper()
	if c := r.do(op); c.Err != want || c.More {
		r.t.Errorf("kind %d: %v, want %v", op.Kind, c.Err, want)
	}
}

func TestOpenAndClose(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		old := unix.Umask(0)
		defer unix.Umask(old)
		r.fails(syscall.ENOENT, Op{Kind: KindOpen, Path: path, OpenFlags: unix.O_RDWR})
		c := r.do(Op{Kind: KindOpen, Path: path, OpenFlags: unix.O_RDWR | unix.O_CREAT | unix.O_EXCL, Token: 9})
		if c.Err != 0 || c.Res < 3 || c.Token != 9 || c.Kind != KindOpen {
			t.Fatalf("%+v", c)
		}
		fd := int32(c.Res)
		if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
			t.Error("descriptor survives exec")
		}
		if st, err := os.Stat(path); err != nil || st.Mode() != 0o640 {
			t.Errorf("%v, %v", st.Mode(), err)
		}
		r.fails(syscall.EEXIST, Op{Kind: KindOpen, Path: path, OpenFlags: unix.O_RDWR | unix.O_CREAT | unix.O_EXCL})
		r.fails(syscall.EISDIR, Op{Kind: KindOpen, Path: dir, OpenFlags: unix.O_RDWR})
		r.fails(syscall.ENOTDIR, Op{Kind: KindOpen, Path: path + "/g", OpenFlags: unix.O_RDWR})
		r.fails(syscall.ENAMETOOLONG, Op{Kind: KindOpen, Path: "/" + strings.Repeat("x", 5000), OpenFlags: unix.O_RDWR})
		r.must(Op{Kind: KindClose, FD: fd})
		r.fails(syscall.EBADF, Op{Kind: KindClose, FD: fd})
		r.fails(syscall.EBADF, Op{Kind: KindClose, FD: -1})
	})
}

func TestReadAndWrite(t *testing.T) {
	rnd := testSeed(t)
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, path := openTemp(t, r, 0)
		mem := memory(t, 4<<20)
		fill(rnd, mem[:3<<20])
		data, back := mem[:3<<20], mem[3<<20:]
		f := func(pos, n int64, flags Flags) {
			t.Helper()
			if res := r.must(Op{Kind: KindWrite, FD: fd, Pos: pos, Buf: data[:n], Flags: flags}); res != n {
				t.Fatalf("%d of %d bytes written", res, n)
			}
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got[pos:pos+n], data[:n]) {
				t.Fatalf("other bytes in the file (%v)", err)
			}
		}
		for _, flags := range []Flags{0, FlagDSync, FlagInline, FlagInline | FlagDSync} {
			f(0, 1, flags)
			f(100, 5000, flags)
			f(7, 3<<20, flags)
			f(0, 0, flags)
		}
		size := int64(7 + 3<<20)
		g := func(pos, n, want int64) {
			t.Helper()
			clear(back)
			c := r.do(Op{Kind: KindRead, FD: fd, Pos: pos, Buf: back[:n]})
			if c.Err != 0 || c.Res != want {
				t.Fatalf("read of %d at %d: %+v, want %d", n, pos, c, want)
			}
			if pos >= 7 && !bytes.Equal(back[:want], data[pos-7:pos-7+want]) {
				t.Fatalf("read of %d at %d: other bytes", n, pos)
			}
		}
		g(7, 1000, 1000)
		g(1234, 1<<20, 1<<20)
		g(size-100, 100, 100)
		g(size-100, 4096, 100) // across the end
		g(size, 4096, 0)       // at the end
		g(size+10, 4096, 0)    // behind it
		g(0, 0, 0)
		r.fails(syscall.EBADF, Op{Kind: KindRead, FD: 1 << 20, Buf: back[:10]})
		r.fails(syscall.EBADF, Op{Kind: KindWrite, FD: 1 << 20, Buf: back[:10]})
		r.fails(syscall.EBADF, Op{Kind: KindWrite, FD: 1 << 20, Buf: back[:10], Flags: FlagInline})
		r.fails(syscall.EBADF, Op{Kind: KindWrite, FD: 1 << 20, Buf: back[:10], Flags: FlagDSync})
		r.fails(syscall.EBADF, Op{Kind: KindFdatasync, FD: 1 << 20})
		r.fails(syscall.EINVAL, Op{Kind: KindRead, FD: fd, Pos: -5, Buf: back[:10]})
		dir, err := os.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		r.fails(syscall.EISDIR, Op{Kind: KindRead, FD: int32(dir.Fd()), Buf: back[:10]})
	})
}

// TestColdRead reads what the page cache has dropped.
func TestColdRead(t *testing.T) {
	rnd := testSeed(t)
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, _ := openTemp(t, r, 0)
		mem := memory(t, 4<<20)
		data, back := mem[:2<<20], mem[2<<20:]
		fill(rnd, data)
		r.must(Op{Kind: KindWrite, FD: fd, Buf: data})
		r.must(Op{Kind: KindFdatasync, FD: fd})
		for range 20 {
			_ = unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED)
			pos := rnd.IntN(len(data))
			n := 1 + rnd.IntN(len(data)-pos)
			if rnd.IntN(2) == 0 { // some of it warm
				_, _ = unix.Pread(int(fd), make([]byte, 1), int64(pos))
			}
			if res := r.must(Op{Kind: KindRead, FD: fd, Pos: int64(pos), Buf: back[:n]}); res != int64(n) || !bytes.Equal(back[:n], data[pos:pos+n]) {
				t.Fatalf("read of %d at %d: %d", n, pos, res)
			}
		}
	})
}

// TestInlineWriteIsThereWhenSubmitReturns, and its completion comes with the next Wait.
func TestInlineWriteIsThereWhenSubmitReturns(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, path := openTemp(t, r, 0)
		mem := memory(t, 100)
		copy(mem, "written")
		h := r.submit(Op{Kind: KindWrite, FD: fd, Pos: 3, Buf: mem[:7], Flags: FlagInline})
		got, err := os.ReadFile(path)
		if err != nil || string(got) != "\x00\x00\x00written" {
			t.Fatalf("%q, %v", got, err)
		}
		if c := r.last(h); c.Res != 7 {
			t.Fatalf("%+v", c)
		}
	})
}

func TestDirectIO(t *testing.T) {
	rnd := testSeed(t)
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, path := openTemp(t, r, unix.O_DIRECT)
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			t.Fatal(err)
		}
		direct := flags&unix.O_DIRECT != 0
		mem := memory(t, 1<<20)
		data, back := mem[:256<<10], mem[256<<10:512<<10]
		fill(rnd, data)
		for _, flags := range []Flags{0, FlagDSync} {
			if res := r.must(Op{Kind: KindWrite, FD: fd, Pos: 8192, Buf: data, Flags: flags}); res != int64(len(data)) {
				t.Fatalf("%d of %d bytes written", res, len(data))
			}
			if res := r.must(Op{Kind: KindRead, FD: fd, Pos: 8192, Buf: back}); res != int64(len(data)) || !bytes.Equal(back, data) {
				t.Fatalf("%d bytes read, or others", res)
			}
		}
		if err := os.Truncate(path, 8192+5000); err != nil { // the file ends inside a block
			t.Fatal(err)
		}
		clear(back)
		if res := r.must(Op{Kind: KindRead, FD: fd, Pos: 8192, Buf: back[:16384]}); res != 5000 || !bytes.Equal(back[:5000], data[:5000]) {
			t.Fatalf("across the end: %d", res)
		}
		if res := r.must(Op{Kind: KindRead, FD: fd, Pos: 32768, Buf: back[:4096]}); res != 0 {
			t.Fatalf("behind the end: %d", res)
		}
		if !direct {
			t.Skip("this filesystem has no direct I/O")
		}
		for _, op := range []Op{
			{Kind: KindWrite, FD: fd, Pos: 1, Buf: data[:4096]},
			{Kind: KindWrite, FD: fd, Pos: 0, Buf: data[1:4097]},
			{Kind: KindWrite, FD: fd, Pos: 0, Buf: data[:100], Flags: FlagDSync},
			{Kind: KindRead, FD: fd, Pos: 1, Buf: data[:4096]},
		} {
			if c := r.do(op); c.Err != syscall.EINVAL && (c.Err != 0 || c.Res != int64(len(op.Buf))) {
				t.Errorf("misaligned: %+v", c)
			}
		}
	})
}

// TestDirectWhereThereIsNone: the file opens all the same.
func TestDirectWhereThereIsNone(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		f := func(path string) {
			c := r.do(Op{Kind: KindOpen, Path: path, OpenFlags: unix.O_RDONLY | unix.O_DIRECT})
			if c.Err != 0 {
				t.Fatalf("%s: %v", path, c.Err)
			}
			r.must(Op{Kind: KindClose, FD: int32(c.Res)})
		}
		f("/proc/self/status")
		f("/proc/version")
	})
}

func TestFallocateAndTruncate(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, path := openTemp(t, r, 0)
		f := func(want int64, op Op) {
			t.Helper()
			c := r.do(op)
			if c.Err == syscall.EOPNOTSUPP {
				t.Skip("this filesystem cannot allocate ahead")
			}
			st, err := os.Stat(path)
			if c.Err != 0 || err != nil || st.Size() != want {
				t.Fatalf("%+v: size %d, want %d", c, st.Size(), want)
			}
		}
		f(0, Op{Kind: KindFallocate, FD: fd, Len: 1 << 20, Flags: FlagKeepSize})
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil || st.Blocks*512 < 1<<20 {
			t.Fatalf("%d blocks allocated (%v)", st.Blocks, err)
		}
		f(3<<20, Op{Kind: KindFallocate, FD: fd, Pos: 1 << 20, Len: 2 << 20})
		f(3<<20, Op{Kind: KindFallocate, FD: fd, Pos: 0, Len: 4096})
		f(5000, Op{Kind: KindTruncate, FD: fd, Pos: 5000})
		f(100_000, Op{Kind: KindTruncate, FD: fd, Pos: 100_000})
		f(0, Op{Kind: KindTruncate, FD: fd})
		if c := r.do(Op{Kind: KindFallocate, FD: fd, Len: 1 << 60}); c.Err != syscall.EFBIG && c.Err != syscall.ENOSPC {
			t.Errorf("an exabyte: %v", c.Err)
		}
		r.fails(syscall.EINVAL, Op{Kind: KindFallocate, FD: fd, Len: 0})
		r.fails(syscall.EBADF, Op{Kind: KindFallocate, FD: 1 << 20, Len: 1})
		r.fails(syscall.EBADF, Op{Kind: KindTruncate, FD: 1 << 20})
	})
}

func TestDirectories(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		old := unix.Umask(0)
		defer unix.Umask(old)
		dir := filepath.Join(t.TempDir(), "d")
		file := filepath.Join(dir, "f")
		r.must(Op{Kind: KindMkdir, Path: dir})
		if st, err := os.Stat(dir); err != nil || st.Mode() != os.ModeDir|0o750 {
			t.Fatalf("%v, %v", st.Mode(), err)
		}
		r.fails(syscall.EEXIST, Op{Kind: KindMkdir, Path: dir})
		r.fails(syscall.ENOENT, Op{Kind: KindMkdir, Path: filepath.Join(dir, "no", "such")})
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.must(Op{Kind: KindSyncDir, Path: dir})
		r.fails(syscall.ENOENT, Op{Kind: KindSyncDir, Path: dir + "x"})
		r.fails(syscall.ENOTDIR, Op{Kind: KindSyncDir, Path: file})
		r.fails(syscall.ENOTEMPTY, Op{Kind: KindUnlink, Path: dir, Flags: FlagDir})
		r.fails(syscall.EISDIR, Op{Kind: KindUnlink, Path: dir})
		r.fails(syscall.ENOTDIR, Op{Kind: KindUnlink, Path: file, Flags: FlagDir})
		r.must(Op{Kind: KindRename, Path: file, Path2: filepath.Join(dir, "g")})
		r.fails(syscall.ENOENT, Op{Kind: KindRename, Path: file, Path2: filepath.Join(dir, "h")})
		r.fails(syscall.ENOENT, Op{Kind: KindUnlink, Path: file})
		if err := os.WriteFile(file, []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.must(Op{Kind: KindRename, Path: file, Path2: filepath.Join(dir, "g")}) // over what is there
		if got, err := os.ReadFile(filepath.Join(dir, "g")); err != nil || string(got) != "new" {
			t.Fatalf("%q, %v", got, err)
		}
		r.must(Op{Kind: KindUnlink, Path: filepath.Join(dir, "g")})
		r.must(Op{Kind: KindUnlink, Path: dir, Flags: FlagDir})
		r.fails(syscall.ENOENT, Op{Kind: KindUnlink, Path: dir, Flags: FlagDir})
	})
}

func TestList(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		dir := t.TempDir()
		list := func() []Entry {
			t.Helper()
			c := r.do(Op{Kind: KindList, Path: dir})
			if c.Err != 0 {
				t.Fatal(c.Err)
			}
			return c.Entries
		}
		if got := list(); len(got) != 0 {
			t.Fatalf("%v", got)
		}
		want := []Entry{{"", false}, {".hidden", false}, {"10", false}, {"9", true}, {"B", false}, {"a", true}, {"a.b", false}, {"\xff\xfe", false}, {"ä", false}}[1:]
		for i := range 1000 {
			want = append(want, Entry{fmt.Sprintf("%020d.log", i), i%100 == 0})
		}
		slices.SortFunc(want, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
		for _, e := range want {
			path := filepath.Join(dir, e.Name)
			err := error(nil)
			if e.Dir {
				err = os.Mkdir(path, 0o700)
			} else {
				err = os.WriteFile(path, nil, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := list(); !slices.Equal(got, want) {
			t.Fatalf("%v\nwant %v", got, want)
		}
		r.fails(syscall.ENOENT, Op{Kind: KindList, Path: dir + "x"})
		r.fails(syscall.ENOTDIR, Op{Kind: KindList, Path: filepath.Join(dir, "B")})
	})
}

func TestStat(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, make([]byte, 12345), 0o600); err != nil {
			t.Fatal(err)
		}
		if c := r.do(Op{Kind: KindStat, Path: path}); c.Err != 0 || c.Stat != (Stat{Size: 12345}) {
			t.Fatalf("%+v", c)
		}
		if c := r.do(Op{Kind: KindStat, Path: dir}); c.Err != 0 || !c.Stat.Dir {
			t.Fatalf("%+v", c)
		}
		r.fails(syscall.ENOENT, Op{Kind: KindStat, Path: path + "x"})
		r.fails(syscall.ENOTDIR, Op{Kind: KindStat, Path: path + "/x"})
	})
}

func TestFullDisk(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
		if err != nil {
			t.Skip(err)
		}
		defer full.Close()
		buf := memory(t, 4096)
		r.fails(syscall.ENOSPC, Op{Kind: KindWrite, FD: int32(full.Fd()), Buf: buf})
		r.fails(syscall.ENOSPC, Op{Kind: KindWrite, FD: int32(full.Fd()), Buf: buf, Flags: FlagInline})
	})
}

// TestSizeLimit: a write that fits in part is no success.
func TestSizeLimit(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, _ := openTemp(t, r, 0)
		buf := memory(t, 64<<10)
		signal.Ignore(syscall.SIGXFSZ)
		defer signal.Reset(syscall.SIGXFSZ)
		var old syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
		low := old
		low.Cur = 100_000
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &low); err != nil {
			t.Fatal(err)
		}
		var got []Completion
		for _, flags := range []Flags{0, FlagDSync, FlagInline} {
			got = append(got, r.do(Op{Kind: KindWrite, FD: fd, Pos: 50_000, Buf: buf, Flags: flags}))
			got = append(got, r.do(Op{Kind: KindWrite, FD: fd, Pos: 200_000, Buf: buf, Flags: flags}))
		}
		got = append(got, r.do(Op{Kind: KindTruncate, FD: fd, Pos: 200_000}))
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
		for i, c := range got {
			if c.Err != syscall.EFBIG {
				t.Errorf("%d: %+v", i, c)
			}
		}
		if res := r.must(Op{Kind: KindWrite, FD: fd, Pos: 50_000, Buf: buf}); res != int64(len(buf)) {
			t.Errorf("%d bytes written", res)
		}
	})
}

// TestFilesAgainstTwin has many operations in flight on a few files, on places that do not overlap, and compares what the
// files hold in the end with a copy in memory.
func TestFilesAgainstTwin(t *testing.T) {
	rnd := testSeed(t)
	eachBackendWith(t, Config{Entries: 32, RecvBufs: 2, RecvBufBytes: 4096, Helpers: 3}, func(t *testing.T, r *rig) {
		const files, places, placeBytes = 3, 40, 20_000
		mem := memory(t, files*places*placeBytes)
		backs := memory(t, files*places*placeBytes)
		var fds [files]int32
		var twins [files][]byte
		for i := range files {
			fds[i], _ = openTemp(t, r, 0)
			r.must(Op{Kind: KindTruncate, FD: fds[i], Pos: places * placeBytes})
			twins[i] = make([]byte, places*placeBytes)
		}
		for range 30 {
			busy := make(map[Handle]Op)
			for file := range files {
				for place := range places {
					if rnd.IntN(3) == 0 {
						continue
					}
					from := rnd.IntN(placeBytes)
					n := 1 + rnd.IntN(placeBytes-from)
					at := place*placeBytes + from
					op := Op{FD: fds[file], Pos: int64(at), Token: uint64(file)}
					if rnd.IntN(2) == 0 {
						op.Kind, op.Buf = KindRead, backs[file*places*placeBytes+at:][:n]
					} else {
						op.Kind, op.Buf = KindWrite, mem[file*places*placeBytes+at:][:n]
						op.Flags = []Flags{0, 0, FlagInline, FlagDSync}[rnd.IntN(8)&3]
						fill(rnd, op.Buf[:min(n, 100)])
						copy(twins[file][at:], op.Buf)
					}
					busy[r.submit(op)] = op
				}
				busy[r.submit(Op{Kind: KindFdatasync, FD: fds[file]})] = Op{Kind: KindFdatasync}
			}
			for h, op := range busy {
				c := r.last(h)
				if c.Err != 0 || c.Res != int64(len(op.Buf)) || c.Kind != op.Kind || c.Token != op.Token {
					t.Fatalf("%+v, want %d bytes", c, len(op.Buf))
				}
				if op.Kind == KindRead && !bytes.Equal(op.Buf, twins[op.Token][op.Pos:op.Pos+int64(len(op.Buf))]) {
					t.Fatalf("read of %d at %d: other bytes", len(op.Buf), op.Pos)
				}
			}
		}
		for i := range files {
			if c := r.do(Op{Kind: KindRead, FD: fds[i], Buf: backs[:places*placeBytes]}); c.Res != places*placeBytes || !bytes.Equal(backs[:c.Res], twins[i]) {
				t.Fatalf("file %d: %+v", i, c)
			}
		}
	})
}

// TestPathsMayBeLong: as long as the kernel takes them.
func TestPathsMayBeLong(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		dir := t.TempDir()
		for len(dir) < 3500 {
			dir = filepath.Join(dir, strings.Repeat("d", 200))
			r.must(Op{Kind: KindMkdir, Path: dir})
		}
		path := filepath.Join(dir, strings.Repeat("f", 255))
		fd := int32(r.must(Op{Kind: KindOpen, Path: path, OpenFlags: unix.O_RDWR | unix.O_CREAT}))
		r.must(Op{Kind: KindClose, FD: fd})
		r.must(Op{Kind: KindRename, Path: path, Path2: path[:len(path)-1]})
		r.must(Op{Kind: KindStat, Path: path[:len(path)-1]})
		r.fails(syscall.ENAMETOOLONG, Op{Kind: KindStat, Path: path + "x"})
	})
}

// TestFileOperationsEndWholeOrCancelled: whatever cancel says, a file operation ends whole, or not at all.
func TestFileOperationsEndWholeOrCancelled(t *testing.T) {
	rnd := testSeed(t)
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, path := openTemp(t, r, 0)
		mem := memory(t, 1<<20)
		for i := range 100 {
			n := 1 + rnd.IntN(len(mem))
			for k := range mem[:n] {
				mem[k] = byte(i)
			}
			h := r.submit(Op{Kind: KindWrite, FD: fd, Buf: mem[:n]})
			if rnd.IntN(2) == 0 {
				r.turn(0)
			}
			cancel := r.submit(Op{Kind: KindCancel, Target: h})
			c := r.last(h)
			r.last(cancel)
			if c.Err == syscall.ECANCELED {
				continue
			}
			got, err := os.ReadFile(path)
			if c.Err != 0 || c.Res != int64(n) || err != nil || !bytes.Equal(got[:n], mem[:n]) {
				t.Fatalf("%+v, %v", c, err)
			}
		}
	})
}
