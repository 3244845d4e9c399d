package storage

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// TestLateCommands reads what was written, cut and damaged at every byte: what comes back is the records before that.
func TestLateCommands(t *testing.T) {
	const seed = 77
	var p []byte
	var ends []int
	for i := range 5 {
		p = appendLate(p, seed, uint64(40+i), bytes.Repeat([]byte{byte(i)}, 3*i))
		ends = append(ends, len(p))
	}
	whole := make([]byte, lateBytes)
	copy(whole, p)
	if cmds, end := lateCommands(whole, seed); len(cmds) != 5 || end != int64(len(p)) || cmds[4].Index != 44 || !bytes.Equal(cmds[4].Bytes, bytes.Repeat([]byte{4}, 12)) {
		t.Errorf("%d commands to %d, the last %+v", len(cmds), end, cmds[len(cmds)-1])
	}
	before := func(at int) (n int) {
		for n < len(ends) && ends[n] <= at {
			n++
		}
		return n
	}
	for at := range p {
		if cmds, _ := lateCommands(p[:at], seed); len(cmds) != before(at) {
			t.Errorf("cut at %d: %d commands, want %d", at, len(cmds), before(at))
		}
		q := bytes.Clone(p)
		q[at] ^= 0x40
		cmds, _ := lateCommands(q, seed)
		if n := before(at); len(cmds) < n || len(cmds) > n && !padding(p, ends, at) {
			t.Errorf("damaged at %d: %d commands, want %d", at, len(cmds), n)
		}
	}
	if cmds, _ := lateCommands(p, seed+1); len(cmds) != 0 {
		t.Errorf("%d commands of another directory", len(cmds))
	}
	stale := appendLate(appendLate(nil, seed, 50, []byte("new")), seed, 41, []byte("left of an earlier run"))
	if cmds, _ := lateCommands(stale, seed); len(cmds) != 1 {
		t.Errorf("%d commands, want the one before what was left behind it", len(cmds))
	}
}

// lateDisk is a file in memory.
type lateDisk struct {
	Disk
	file  []byte
	fail  error
	syncs int
}

func (d *lateDisk) Write(_ int32, p []byte, pos int64) error {
	if d.fail == nil {
		copy(d.file[pos:], p)
	}
	return d.fail
}

func (d *lateDisk) Sync(int32) error {
	d.syncs++
	return d.fail
}

func (d *lateDisk) Size(string) (int64, error)                     { return int64(len(d.file)), nil }
func (d *lateDisk) Open(string, bool, bool) (int32, error)         { return 1, nil }
func (d *lateDisk) Close(int32) error                              { return nil }
func (d *lateDisk) Read(_ int32, p []byte, pos int64) (int, error) { return copy(p, d.file[pos:]), nil }

// TestOpenLateSyncs: commands that a killed server had written, and not synced, are made stable before anything is removed for their sake; where that
// fails, no others follow.
func TestOpenLateSyncs(t *testing.T) {
	d := &lateDisk{file: make([]byte, lateBytes)}
	copy(d.file, appendLate(nil, 5, 11, []byte("one")))
	o := &Recovered{Seed: 5}
	if _, err := o.OpenLate(d, heap{}, 11); err != nil || d.syncs != 1 {
		t.Errorf("%d syncs, %v", d.syncs, err)
	}
	d.fail = errors.New("the disk fails")
	if _, err := o.OpenLate(d, heap{}, 11); err == nil {
		t.Error("what can't be synced is opened")
	}
}

// TestRefusedCommandsAreNotNoted: a command that the journal has no room for is in no file either.
func TestRefusedCommandsAreNotNoted(t *testing.T) {
	file := JournalFile{Size: JournalBytesMin}
	noted := 0
	s := New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{}, Late: func(uint64, [][]byte) error {
		noted++
		return nil
	}})
	q := &Request{Kind: ReqMeta, Value: 1, Batch: make([]byte, JournalBytesMin)}
	s.Do(q)
	if a := s.TakeDone(); a != q || !errors.Is(a.Err, ErrJournalFull) || noted != 0 {
		t.Errorf("answered %v, noted %d times", a, noted)
	}
	s.Do(&Request{Kind: ReqMeta, Value: 1, Batch: []byte("small")})
	if noted != 1 {
		t.Errorf("noted %d times, want once", noted)
	}
}

// TestLateLog: commands are taken together or not at all, and none follows one of which nothing is sure.
func TestLateLog(t *testing.T) {
	d := &lateDisk{file: make([]byte, lateBytes)}
	l := &LateLog{d: d, mem: heap{}, seed: 5, last: 10}
	if err := l.Append(11, []byte("one"), []byte("two")); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(13, make([]byte, lateBytes)); !errors.Is(err, errLateFull) {
		t.Errorf("more than there is room for: %v", err)
	}
	if err := l.Append(13, []byte("three")); err != nil {
		t.Fatal(err)
	}
	want := "11 one 12 two 13 three "
	if got := lateText(d.file); got != want {
		t.Errorf("the file has %q, want %q", got, want)
	}
	d.fail = errors.New("the disk fails")
	if err := l.Append(14, []byte("four")); err == nil {
		t.Error("a write that failed is a success")
	}
	d.fail = nil
	if err := l.Append(14, []byte("another")); err == nil {
		t.Error("a command follows one of which nothing is sure")
	}
	if got := lateText(d.file); got != want {
		t.Errorf("the file has %q, want %q", got, want)
	}
}

func lateText(p []byte) (text string) {
	cmds, _ := lateCommands(p, 5)
	for _, c := range cmds {
		text += fmt.Sprintf("%d %s ", c.Index, c.Bytes)
	}
	return text
}

// padding reports whether at lies behind a command, in what only fills up.
func padding(p []byte, ends []int, at int) bool {
	cmds, _ := lateCommands(p, 77)
	begin := 0
	for i, end := range ends {
		if at < end {
			return at >= begin+lateHead+len(cmds[i].Bytes)
		}
		begin = end
	}
	return false
}

// FuzzLate: no bytes make the reader panic or read beyond them.
func FuzzLate(f *testing.F) {
	f.Add(appendLate(appendLate(nil, fuzzSeed, 1, []byte("first")), fuzzSeed, 2, nil))
	f.Fuzz(func(t *testing.T, p []byte) {
		cmds, end := lateCommands(p, fuzzSeed)
		if end > int64(len(p)) {
			t.Fatalf("%d commands end at %d of %d bytes", len(cmds), end, len(p))
		}
	})
}

// TestWhatATornWriteLeftIsNotRead: of several commands that were written together and never acknowledged the first was lost, and the second is there.
// Another first one follows after the next start.
func TestWhatATornWriteLeftIsNotRead(t *testing.T) {
	d := &lateDisk{file: make([]byte, lateBytes)}
	kept := appendLate(nil, 5, 10, []byte("kept"))
	lost := len(appendLate(nil, 5, 11, []byte("lost")))
	copy(d.file, kept)
	copy(d.file[len(kept)+lost:], appendLate(nil, 5, 12, []byte("left")))
	l, err := (&Recovered{Seed: 5}).OpenLate(d, heap{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(11, []byte("next")); err != nil {
		t.Fatal(err)
	}
	if got, want := lateText(d.file), "10 kept 11 next "; got != want {
		t.Errorf("the file has %q, want %q", got, want)
	}
}
