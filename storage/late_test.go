package storage

import (
	"bytes"
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
			t.Fatal(fmt.Sprintf("%d commands end at %d of %d bytes", len(cmds), end, len(p)))
		}
	})
}
