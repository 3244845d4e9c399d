package storage

import (
	"syscall"
	"testing"
)

// TestReservedBoundsTellTheLowestLevel: of the offsets behind the end of a log, and not of those that it has.
func TestReservedBoundsTellTheLowestLevel(t *testing.T) {
	var b reservedBounds
	if at := b.toldAt(0); at != LevelPersisted {
		t.Fatalf("nothing was reserved, and offsets may have been told at %v", at)
	}
	b.add(&entry{length: uint32(LevelMemory)}, 100, LevelPersisted)
	b.add(&entry{length: uint32(LevelWritten)}, 200, LevelPersisted)
	b.add(&entry{}, 300, LevelPersisted) // of an older build
	for _, c := range []struct {
		next Offset
		want Level
	}{{99, LevelMemory}, {100, LevelWritten}, {199, LevelWritten}, {200, LevelPersisted}, {300, LevelPersisted}} {
		if at := b.toldAt(c.next); at != c.want {
			t.Errorf("from offset %d on: %v, want %v", c.next, at, c.want)
		}
	}
}

// TestAJournalThatWasLeftProvesNothing: a log is followed past lost groups by a journal that it had not left only.
func TestAJournalThatWasLeftProvesNothing(t *testing.T) {
	batch := entry{kind: entryBatch, shard: 1, prevNext: 10, firstNext: 11, next: 20}
	left := entry{kind: entryLeft, shard: 1}
	doubt := batch
	doubt.doubt = true
	for _, c := range []struct {
		what string
		list []entry
		want bool
	}{
		{"nothing", nil, false},
		{"a batch that is passed", []entry{batch}, true},
		{"a journal that it left", []entry{batch, left}, false},
		{"a journal that it came back to", []entry{batch, left, batch}, true},
		{"a batch behind which groups are lost", []entry{doubt}, false},
		{"another shard's", []entry{batch, left, {kind: entryCheckpoint, shard: 2, firstNext: 15, next: 15}}, true},
		{"a checkpoint further on", []entry{{kind: entryCheckpoint, shard: 2, firstNext: 25, next: 25}}, false},
	} {
		x := journaledLog{logEntries: newLogEntries()}
		x.list = c.list
		if got := x.passes(20); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}

// TestWhatAJournalNamesIsReached: batches beyond the end of a log are told, and segments that batches went straight to are named.
func TestWhatAJournalNamesIsReached(t *testing.T) {
	x := journaledLog{logEntries: newLogEntries()}
	x.list = []entry{{kind: entryCheckpoint, next: 90}, {kind: entryBatch, next: 20}, {kind: entryDirect, seg: 7, generation: 1, next: 30}}
	if e := x.unreached(30); e != nil {
		t.Errorf("a log that ends at 30 does not reach %+v", e)
	}
	if e := x.unreached(20); e != &x.list[2] {
		t.Errorf("a log that ends at 20 does not reach %+v", e)
	}
	if named := x.named(); len(named) != 1 || !named[SegmentID{Base: 7, Generation: 1}] {
		t.Errorf("named are %v", named)
	}
}

// TestTheSideFileIsReadWhereItLies: bytes that a side file has are laid over those of the segment.
func TestTheSideFileIsReadWhereItLies(t *testing.T) {
	x := journaledLog{logEntries: newLogEntries(), side: []byte("....abcdef")}
	id := SegmentID{Base: 1}
	x.piecesOf(id).add(piece{pos: 100, n: 6, place: place{group: inSide, at: 4}})
	x.piecesOf(id).sort()
	buf := []byte("12345678")
	if err := x.over(id, buf, 98); err != nil || string(buf) != "12abcdef" {
		t.Errorf("%q, %v", buf, err)
	}
	buf = []byte("12345678")
	if err := x.over(id, buf, 103); err != nil || string(buf) != "def45678" {
		t.Errorf("%q, %v", buf, err)
	}
	if err := x.over(SegmentID{Base: 2}, buf, 100); err != nil || string(buf) != "def45678" {
		t.Errorf("another segment: %q, %v", buf, err)
	}
}

// countingFiles is a disk that knows how files are opened and closed, and nothing else.
type countingFiles struct {
	Disk
	next  int32
	open  map[int32]bool
	opens int
	sizes map[string]int64
	asked int
}

func (d *countingFiles) Open(string, bool, bool) (int32, error) {
	d.next++
	d.opens++
	d.open[d.next] = true
	return d.next, nil
}

func (d *countingFiles) Close(fd int32) error {
	if !d.open[fd] {
		return syscall.EBADF
	}
	delete(d.open, fd)
	return nil
}

func (d *countingFiles) Size(path string) (int64, error) {
	d.asked++
	if n, ok := d.sizes[path]; ok {
		return n, nil
	}
	return 0, syscall.ENOENT
}

func (d *countingFiles) List(string) ([]string, error) { return nil, syscall.ENOENT }

// TestSegmentFilesAreOpenedOnce: a recovery opens each file once, has one open around the page cache, asks for a size once, and leaves none open.
func TestSegmentFilesAreOpenedOnce(t *testing.T) {
	d := &countingFiles{open: map[int32]bool{}, sizes: map[string]int64{}}
	f := newSegmentFiles(d, "/d", 5)
	one, two := SegmentID{Base: 1}, SegmentID{Base: 2}
	d.sizes[f.path(one)] = 77
	a, _ := f.open(one)
	if again, _ := f.open(one); again != a || d.opens != 1 {
		t.Errorf("a segment is opened %d times", d.opens)
	}
	x, _ := f.openDirect(one)
	if again, _ := f.openDirect(one); again != x || x == a {
		t.Errorf("around the page cache it is %d and %d, through it %d", x, again, a)
	}
	if y, _ := f.openDirect(two); y == x || d.open[x] || len(d.open) != 2 {
		t.Errorf("%d files are open, the last one among them: %v", len(d.open), d.open[x])
	}
	for range 2 {
		if n, err := f.found(one); n != 77 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		if n, err := f.found(two); n != 0 || err != nil {
			t.Errorf("a file that is not there: %d bytes, %v", n, err)
		}
	}
	if d.asked != 2 {
		t.Errorf("sizes are asked for %d times", d.asked)
	}
	if m, err := f.onDisk(); len(m) != 0 || err != nil {
		t.Errorf("a directory that is not there has %v, %v", m, err)
	}
	if f.close(); len(d.open) != 0 {
		t.Errorf("%d files are left open", len(d.open))
	}
}
