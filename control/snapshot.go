package control

import (
	"fmt"
	"time"
)

// snapshot writes the metadata's snapshot beside the old one, so that what makes commands safe need not carry them. It is made in the heap,
// as the metadata is that it is of, and written in pieces: it must not wait for what clients use, as without it there is no room for commands,
// deletions included.
type snapshot struct {
	active bool
	index  uint64
	data   []byte
	size   int // of data, also when it is written
	at     int // what of data is written, or being written
	step   SnapshotStep
	again  int64 // none is tried before, after one failed
}

// SnapshotStep is what is done next for a snapshot.
type SnapshotStep uint8

// The steps, in their order. The file has a name of its own until it is on stable storage.
const (
	SnapshotOpen SnapshotStep = iota + 1
	SnapshotTruncate
	SnapshotWrite // a piece; done until all are written
	SnapshotSync
	SnapshotClose
	SnapshotRename
	SnapshotSyncDir
)

// SnapshotPiece is what of a snapshot is written at a time, at most.
const SnapshotPiece = 256 << 10

// snapshotPause is how long after a snapshot that failed the next one is tried: the disk may have been full.
const snapshotPause = 10 * time.Second

// maybeBegin begins one if it is time and no command is on its way.
func (j *snapshot) maybeBegin(c *Control) {
	if !c.facts.SnapshotDue || !c.idle() || !j.may(c.facts.Mono) {
		return
	}
	p := c.meta.AppendSnapshot(make([]byte, 0, j.size+j.size/8)) // most are a little larger than the one before
	*j = snapshot{active: true, index: c.index, data: p, size: len(p), step: SnapshotOpen}
	c.emit(Effect{Kind: EffectSnapshot, Step: SnapshotOpen})
}

// may reports whether the last one has ended, and long enough ago if it failed.
func (j *snapshot) may(mono int64) bool { return !j.active && mono >= j.again }

// done takes the outcome of a step and goes on to the next.
func (j *snapshot) done(c *Control, err error) {
	switch {
	case err != nil:
		c.emit(Effect{Kind: EffectSnapshotFailed, Step: j.step, Err: err})
		j.again = c.facts.Mono + int64(snapshotPause)
		j.end()
		return
	case j.step == SnapshotSyncDir:
		c.emit(Effect{Kind: EffectSnapshotted, Index: j.index})
		j.end()
		return
	case j.step != SnapshotWrite || j.at == j.size:
		j.step++
	}
	e := Effect{Kind: EffectSnapshot, Step: j.step}
	if j.step == SnapshotWrite {
		n := min(SnapshotPiece, j.size-j.at)
		e.Data, e.At = j.data[j.at:j.at+n], int64(j.at)
		j.at += n
	}
	c.emit(e)
}

// end lets commands go on that waited for it, with the next tick: there may be room for them then.
func (j *snapshot) end() { j.data, j.active = nil, false }

func (j *snapshot) invariants() {
	if j.active != (j.data != nil) || j.at > j.size {
		panic(fmt.Sprintf("BUG: a snapshot of %d bytes is written up to %d", j.size, j.at))
	}
}
