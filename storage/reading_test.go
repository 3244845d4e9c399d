package storage

import (
	"errors"
	"testing"
)

// readRig is a store with one log of three segments on disk, each with one batch, and little memory to read them.
type readRig struct {
	t     *testing.T
	s     *Store
	left  int // bytes of memory
	reads []Op
}

func (r *readRig) Get(n int) []byte {
	if n = int(alignUp(Pos(n))); n > r.left {
		return nil
	}
	r.left -= n
	return make([]byte, n)
}

func (r *readRig) Put(b []byte) { r.left += cap(b) }

func newReadRig(t *testing.T, memory int, sizes ...int) *readRig {
	r := &readRig{t: t, left: memory}
	file := JournalFile{Size: JournalBytesMin}
	r.s = New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: r, ReadMemoryMax: int64(memory)})
	l := r.s.OpenLog(LogConfig{ID: 1, Level: LevelPersisted, SegmentSize: 1 << 20})
	for i, n := range sizes {
		g := &segment{log: l, base: Offset(i), next: Offset(i + 1), fd: -1, readFD: int32(10 + i), sealed: true, recordBytes: int64(n), indexed: true, lastTS: 1}
		g.end = segmentStart + Pos(n)
		g.stable, g.alloc, g.found = alignUp(g.end), alignUp(g.end), g.end
		g.index = []indexEntry{{Offset(i), segmentStart, 1}}
		l.segs.list = append(l.segs.list, g)
	}
	l.bounds.next, l.bounds.hw, l.bounds.last, l.bounds.records = Offset(len(sizes)), Offset(len(sizes)), Offset(len(sizes)-1), uint64(len(sizes))
	return r
}

// poll asks for the record at an offset and runs a turn.
func (r *readRig) poll(from Offset) *Request {
	q := &Request{Kind: ReqPoll, Log: 1, Strategy: FromOffset, Value: uint64(from), Count: 1, BytesMax: 64 << 10, Head: make([]byte, HeadMin)}
	r.s.Do(q)
	r.turn()
	return q
}

// turn ends a turn and notes the reads that left.
func (r *readRig) turn() {
	r.s.End()
	for _, op := range r.s.TakeOps() {
		if op.Kind == OpRead {
			r.reads = append(r.reads, op)
		}
	}
}

// complete ends the oldest read: its disk has failed.
func (r *readRig) complete() {
	op := r.reads[0]
	r.reads = r.reads[1:]
	r.s.Complete(op.Token, 0, errors.New("scripted"))
	r.turn()
}

// TestWaitingReadsKeepTheirOrder: whoever came later takes no memory that an earlier read waits for, and all are served in the end.
func TestWaitingReadsKeepTheirOrder(t *testing.T) {
	r := newReadRig(t, 256<<10, 30_000, 30_000, 30_000)
	r.poll(0)
	r.left -= 200 << 10 // somebody else's
	r.poll(1)
	r.poll(2)
	if len(r.reads) != 1 || r.reads[0].FD != 10 {
		t.Fatalf("%d reads are on their way, want that of the first poll alone", len(r.reads))
	}
	r.left += 200 << 10
	r.turn()
	if len(r.reads) != 3 || r.reads[1].FD != 11 || r.reads[2].FD != 12 {
		t.Fatalf("reads %v, want those of the second and the third poll", r.reads)
	}
	for len(r.reads) > 0 {
		r.complete()
	}
	if r.left != 256<<10 || r.s.Waiting() {
		t.Errorf("%d bytes of memory are left of %d; something waits: %v", r.left, 256<<10, r.s.Waiting())
	}
}

// TestAWithdrawnReadIsForgotten: a poll whose client is gone leaves the queue, holds nothing, and those behind it go on.
func TestAWithdrawnReadIsForgotten(t *testing.T) {
	r := newReadRig(t, 128<<10, 30_000, 30_000)
	r.left = 0
	gone, next := r.poll(0), r.poll(1)
	if !r.s.Cancel(gone) || r.s.Cancel(gone) {
		t.Fatal("the poll that waits was not withdrawn, or twice")
	}
	if q := r.s.TakeDone(); q != gone || !errors.Is(q.Err, ErrCanceled) {
		t.Fatalf("answered %v", q)
	}
	r.left = 128 << 10
	r.turn()
	if len(r.reads) != 1 || r.reads[0].FD != 11 {
		t.Fatalf("reads %v, want that of the poll behind it", r.reads)
	}
	if r.s.Cancel(next) {
		t.Error("a poll whose read is on its way was withdrawn")
	}
	r.complete()
	if r.left != 128<<10 {
		t.Errorf("%d bytes of memory are left", r.left)
	}
}

// TestAPollThatWaitsForAnIndexIsForgotten: the index of a segment waits for memory to be made, or is being made, and polls wait for it. One
// whose client is gone is withdrawn; the others have what they wait for.
func TestAPollThatWaitsForAnIndexIsForgotten(t *testing.T) {
	r := newReadRig(t, 2<<20, 30_000)
	g := r.s.Log(1).segs.list[0]
	g.indexed, g.index = false, nil
	r.left = 0
	gone, late, next := r.poll(0), r.poll(0), r.poll(0)
	withdrawn := func(q *Request) {
		t.Helper()
		if !r.s.Cancel(q) || r.s.Cancel(q) {
			t.Fatal("the poll that waits was not withdrawn, or twice")
		}
		if a := r.s.TakeDone(); a != q || !errors.Is(q.Err, ErrCanceled) {
			t.Fatalf("answered %v", a)
		}
	}
	withdrawn(gone)
	r.left = 2 << 20
	r.turn()
	if len(r.reads) != 1 {
		t.Fatalf("%d reads are on their way, want that of the index", len(r.reads))
	}
	withdrawn(late)
	r.complete()
	if a := r.s.TakeDone(); a != next || a.Err == nil || errors.Is(a.Err, ErrCanceled) {
		t.Errorf("answered %v, want the poll that goes on, and that its disk has failed", a)
	}
	if r.s.TakeDone() != nil || r.s.Waiting() || len(r.s.reading.indexing) > 0 || r.left != 2<<20 {
		t.Errorf("%d bytes of memory are left; something waits: %v; %d indexes are made", r.left, r.s.Waiting(), len(r.s.reading.indexing))
	}
}

// TestAPollThatWaitsForAnIndexHoldsNoMemory: the index of the next segment waits for memory, and polls that wait for the index have all of it.
// Nobody else will give any back.
func TestAPollThatWaitsForAnIndexHoldsNoMemory(t *testing.T) {
	const memory = 2 << 20
	r := newReadRig(t, memory, 30_000, 30_000)
	l := r.s.Log(1)
	g := l.segs.list[1]
	g.indexed, g.index = false, nil
	half := func(s Strategy) *Request { // a poll that has read the first segment, and goes on in the second
		q := &Request{Kind: ReqPoll, Log: 1, Strategy: s, Count: 2, BytesMax: 64 << 10, Records: 1}
		q.log, q.bufs = l, [][]byte{r.Get(memory / 2)}
		q.poll = pollState{from: 1, left: 1, bytes: 32 << 10, seg: g}
		return q
	}
	some, last := half(FromOffset), half(FromLast)
	l.follow(last, step{kind: stepPrepare, seg: g})
	l.follow(some, step{kind: stepPrepare, seg: g}) // the index waits already
	if a := r.s.TakeDone(); a != some || a.Err != nil || a.Records != 1 {
		t.Fatalf("answered %+v, want the poll with the record that it has", a)
	}
	if r.s.TakeDone() != nil || len(last.bufs) > 0 {
		t.Fatal("a poll for the last records is answered without the newest, or keeps its memory")
	}
	r.s.Release(some)
	if r.turn(); len(r.reads) != 1 || r.reads[0].Pos != int64(segmentStart) || r.reads[0].FD != g.readFD {
		t.Fatalf("reads %v, want that of the index", r.reads)
	}
	r.complete()
	if a := r.s.TakeDone(); a != last || a.Err == nil {
		t.Errorf("answered %v, want the poll that waited on, and that its disk has failed", a)
	}
	if r.left != memory || r.s.Waiting() {
		t.Errorf("%d bytes of memory are left; something waits: %v", r.left, r.s.Waiting())
	}
}

// TestAPollForTheLastBeginsAgainWithAnIndex: what it had before it had to give it back is read once more.
func TestAPollForTheLastBeginsAgainWithAnIndex(t *testing.T) {
	const memory = 2 << 20
	r := newReadRig(t, memory, 30_000, 30_000)
	l := r.s.Log(1)
	g := l.segs.list[1]
	g.indexed, g.index = false, nil
	q := &Request{Kind: ReqPoll, Log: 1, Strategy: FromLast, Count: 2, BytesMax: 64 << 10, Records: 1, Head: make([]byte, HeadMin)}
	q.log, q.bufs = l, [][]byte{r.Get(memory)}
	q.poll = pollState{from: 1, left: 1, bytes: 32 << 10, seg: g}
	l.follow(q, step{kind: stepPrepare, seg: g})
	r.turn()
	if len(r.reads) != 1 || len(q.bufs) != 0 || q.Records != 0 {
		t.Fatalf("reads %v, %d records are kept", r.reads, q.Records)
	}
	r.reads = nil
	g.index = []indexEntry{{1, segmentStart, 1}}
	g.endScan(nil)
	if r.turn(); len(r.reads) != 1 || r.reads[0].FD != l.segs.list[0].readFD {
		t.Errorf("reads %v, want that of the first segment", r.reads)
	}
}

// TestABatchThatCannotFitIsRefusedByName: nothing that anybody gives back would help, so the poll does not wait.
func TestABatchThatCannotFitIsRefusedByName(t *testing.T) {
	r := newReadRig(t, 64<<10, 30_000)
	l := r.s.Log(1)
	q := &Request{Kind: ReqPoll, Log: 1, Strategy: FromOffset, Count: 1, BytesMax: 64 << 10}
	q.poll = pollState{left: 1, bytes: q.BytesMax, pos: segmentStart, seg: l.segs.list[0]}
	q.log = l
	if l.follow(q, step{kind: stepRead, to: segmentStart + 65<<10}); len(r.s.TakeOps()) > 0 || r.s.Waiting() {
		t.Fatalf("it is read, or waits: %v", r.s.Waiting())
	}
	if a := r.s.TakeDone(); a != q || !errors.Is(a.Err, ErrBatchTooLarge) {
		t.Errorf("answered %v", a)
	}
}

// TestNothingIsRemovedBehindTheLastGroup: retention that comes while the last group of a run is on its way would journal a log start behind
// it, and the end would not be an orderly one.
func TestNothingIsRemovedBehindTheLastGroup(t *testing.T) {
	r := newReadRig(t, 64<<10, 30_000, 30_000, 30_000)
	l := r.s.Log(1)
	l.SetRetention(Retention{BytesMax: 1}, 1<<20)
	if n, _ := l.rule.expendable(&l.segs, l.bounds.hw, &l.offsets, 0); n != 2 {
		t.Fatalf("%d segments may go, want 2: the case shows nothing", n)
	}
	if !r.s.Finish() {
		t.Fatal("not finished, although nothing is on its way")
	}
	l.Retain()
	if l.trimming || r.s.Unflushed() {
		t.Error("a log start is journaled behind the last group of the run")
	}
}
