package storage

import (
	"bytes"
	"errors"
	"testing"
)

// TestCommandsOfOneRequestShareAGroup: several metadata commands are one write, each with an entry and an index of its own; laps and
// snapshots count them as any others. If there is no room for all, none is taken.
func TestCommandsOfOneRequestShareAGroup(t *testing.T) {
	r := newShortRig(t)
	free := r.s.Room().MetaFree()
	q := command(1, false)
	q.More = [][]byte{[]byte("the second one"), []byte("3rd")}
	if done := r.turn(0, q); len(done) > 0 {
		t.Fatal("commands are answered before they are written")
	}
	op := r.next(OpWrite, 20)
	r.none()
	for _, cmd := range [][]byte{q.Batch, q.More[0], q.More[1]} {
		if !bytes.Contains(op.Buf, cmd) {
			t.Errorf("%q is not in the group", cmd)
		}
	}
	r.s.Complete(op.Token, int64(len(op.Buf)), nil)
	if done := r.turn(0); len(done) != 1 || q.Err != nil {
		t.Fatalf("%d answers, %v", len(done), q.Err)
	}
	bytesOf := int64(len(q.Batch)+len(q.More[0])+len(q.More[1])) + 3*MetaEntryBytes
	if took := free - r.s.Room().MetaFree(); took != bytesOf {
		t.Errorf("they take %d bytes of every lap, want %d", took, bytesOf)
	}
	r.s.Room().MetaSnapshotted(2)
	if took := free - r.s.Room().MetaFree(); took != 3+MetaEntryBytes || r.s.room.meta.first != 3 || string(r.s.room.meta.bytes) != "3rd" {
		t.Errorf("after a snapshot of two: %d bytes, the first is %d, %q", took, r.s.room.meta.first, r.s.room.meta.bytes)
	}

	large := command(4, false)
	for size := int64(0); size < r.s.Room().MetaGroupMax(); size += 1000 {
		large.More = append(large.More, make([]byte, 1000))
	}
	before := r.s.Room().MetaFree()
	if done := r.turn(0, large); len(done) != 1 || !errors.Is(large.Err, ErrJournalFull) || r.s.Room().MetaFree() != before {
		t.Errorf("more than a group holds: %d answers, %v, %d bytes taken", len(done), large.Err, before-r.s.Room().MetaFree())
	}
	next := command(4, false)
	r.turn(0, next)
	r.s.Complete(r.next(OpWrite, 20).Token, 0, nil)
	if done := r.turn(0); len(done) != 1 || next.Err != nil {
		t.Errorf("the next one has the same index: %d answers, %v", len(done), next.Err)
	}
}
