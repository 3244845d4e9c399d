package storage

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/batch"
)

func dedupRand(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("GALGO_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("GALGO_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// twinWindow is everything that was ever appended, searched from the end.
type twinWindow struct {
	all   []windowEntry
	count int
	age   uint64
}

func (w *twinWindow) find(id recordID, ts uint64, start Offset, ahead int) (Offset, bool) {
	for back := 1; back+ahead <= w.count && back <= len(w.all); back++ {
		e := w.all[len(w.all)-back]
		if e.id == id && e.offset >= start && (w.age == 0 || ts-e.ts <= w.age) && id != (recordID{}) {
			return e.offset, true
		}
	}
	return 0, false
}

func TestTheWindowAgreesWithItsSlowTwin(t *testing.T) {
	rng := dedupRand(t)
	found := 0
	for range 300 {
		count, ids := 1+rng.IntN(200), 1+rng.IntN(300)
		w := idWindow{seed: rng.Uint64(), count: count}
		if rng.IntN(2) == 0 {
			w.age = uint64(1 + rng.IntN(300))
		}
		if rng.IntN(3) == 0 {
			w.seed, ids = 0, 8 // few ids, that meet in the table
		}
		twin := twinWindow{count: count, age: w.age}
		start, next, ts := Offset(0), Offset(rng.IntN(3)), uint64(1000)
		for range rng.IntN(1500) {
			ts += uint64(rng.IntN(5) * rng.IntN(3))
			if rng.IntN(40) == 0 {
				start = min(next, start+Offset(rng.IntN(100)))
			}
			if rng.IntN(100) == 0 {
				next += Offset(rng.IntN(70000)) // a gap
			}
			id := recordID{uint64(rng.IntN(ids)), uint64(rng.IntN(2))}
			ahead := rng.IntN(3)
			got, ok := w.find(id, ts, start, ahead)
			want, wantOK := twin.find(id, ts, start, ahead)
			if ok != wantOK || ok && got != want {
				t.Fatalf("count %d age %d: id %v at %d with %d ahead: found %v at %d, the twin %v at %d", count, w.age, id, ts, ahead, ok, got, wantOK, want)
			}
			if ok {
				found++
			}
			if _, ok := twin.find(id, ts, start, 0); ok && rng.IntN(10) > 0 {
				continue // it is dropped; now and then it is there twice nevertheless: as an earlier run left it
			}
			e := windowEntry{id, next, ts}
			if size := w.wants(1, ts, start); size < w.bytes() || w.n == len(w.ring) && w.n > 0 && size > 3*w.bytes() {
				t.Fatalf("a record more in %d bytes wants %d", w.bytes(), size)
			} else if w.push(e, start); w.bytes() > size {
				t.Fatalf("grew to %d bytes, %d were announced", w.bytes(), size)
			}
			twin.all = append(twin.all, e)
			next++
			w.invariants(1)
		}
		w.check(1, 0, w.n)
	}
	if found < 10000 {
		t.Fatalf("only %d ids were found", found)
	}
}

func TestIDsOfOneBatchAgreeWithTheirSlowTwin(t *testing.T) {
	rng := dedupRand(t)
	var s seenIDs
	for range 1000 {
		n, count := 1+rng.IntN(60), 1+rng.IntN(70)
		s.begin(n)
		var stay []recordID
		for range n {
			id := recordID{lo: uint64(rng.IntN(40))}
			want := false
			for back := 1; back <= count && back <= len(stay); back++ {
				want = want || stay[len(stay)-back] == id && id != recordID{}
			}
			if got := s.again(id, id.lo*0x9E3779B97F4A7C15>>40, len(stay), count); got != want {
				t.Fatalf("id %v behind %v, count %d: again %v", id, stay, count, got)
			}
			if !want {
				stay = append(stay, id)
			}
		}
	}
}

// newDedupStore is a store with one log that remembers so many ids.
func newDedupStore(count int, age uint64) (*steady, *Log) {
	mem := &pool{free: map[int][][]byte{}}
	file := JournalFile{Size: 64 << 20}
	s := New(Config{FirstGroup: 1, Seed: 7, Journal: [2]JournalFile{file, file}, TailMemory: mem, JournalMemory: mem, ReadMemory: mem})
	s.chunks.target = 1 << 20
	l := s.OpenLog(LogConfig{ID: 1, Level: LevelPersisted, SegmentSize: 1 << 40, DedupCount: count, DedupMicros: age})
	return &steady{s: s}, l
}

func idsBatch(t testing.TB, ids ...uint64) []byte {
	var b batch.Builder
	b.Reset(1)
	for _, id := range ids {
		if err := b.Add([16]byte{byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24), 1}, []byte("payload"), nil); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestAnAppendOfKnownRecordsIsAnsweredWithTheirOffset(t *testing.T) {
	d, l := newDedupStore(100, 0)
	send := func(ids ...uint64) *Request { return &Request{Kind: ReqAppend, Log: 1, Batch: idsBatch(t, ids...)} }
	first := send(1, 2, 3)
	d.pass(first)
	for range 20 { // the segment is made first
		d.pass()
	}
	if l.bounds.next != 3 || first.Base != 0 || l.bounds.hw != 3 {
		t.Fatalf("first batch at %d, log at %d, visible to %d", first.Base, l.bounds.next, l.bounds.hw)
	}
	second, third, again := send(4, 2, 5, 4), send(2, 1), send(5, 4)
	d.pass(second, third, again) // the last waits for the first
	if again.Err = ErrNoMemory; l.bounds.next != 5 || len(l.dedup.repeats) != 1 || third.Base != 1 {
		t.Fatalf("log at %d, %d repeats wait, the known batch at %d", l.bounds.next, len(l.dedup.repeats), third.Base)
	}
	for range 3 {
		d.pass()
	}
	if second.Base != 3 || again.Err != nil || again.Base != 4 || l.bounds.next != 5 || d.s.Stats().Duplicates != 6 {
		t.Fatalf("batch of two new records at %d; its repeat at %d (%v); log at %d; %d duplicates", second.Base, again.Base, again.Err, l.bounds.next, d.s.Stats().Duplicates)
	}
	d.pass(send(6))
	waiting := send(6)
	d.s.Do(waiting)
	l.fence(ErrNoSpace)
	if r := d.s.TakeDone(); r != waiting || r.Err == nil {
		t.Fatalf("a repeat of a record that will not be told: %v", r)
	}
}

func TestWindowsKeepToTheMemoryOfTheirStore(t *testing.T) {
	d, l := newDedupStore(1<<20, 0)
	d.s.ids.most = 10_000
	var last *Request
	for i := range uint64(1000) {
		last = &Request{Kind: ReqAppend, Log: 1, Batch: idsBatch(t, i+1)}
		d.pass(last)
		d.pass()
		d.pass()
	}
	if last.Err != ErrNoMemory || d.s.Stats().DedupBytes > 10_000 || l.bounds.next < 100 || l.bounds.next > 300 {
		t.Fatalf("%d records, windows of %d bytes, then %v", l.bounds.next, d.s.Stats().DedupBytes, last.Err)
	}
}

func TestAppendsWithDeduplicationDoNotAllocate(t *testing.T) {
	if invariantsOn {
		t.Skip("invariants allocate")
	}
	d, l := newDedupStore(5000, 0)
	b := idsBatch(t, 1, 2, 3)
	work := make([]byte, len(b))
	send := &Request{Kind: ReqAppend, Log: 1}
	next, repeated := uint64(0), false
	var h batch.Hasher
	round := func() {
		copy(work, b)
		for i := range 3 { // new ids, or those of the last round
			at := batch.HeaderSize + i*(batch.FrameHeaderSize+7) + 8
			id := next + uint64(i)
			for k := range 8 {
				work[at+k] = byte(id >> (8 * k))
			}
		}
		if !repeated || next%2 == 0 {
			next += 3
		}
		send.Batch = work
		h.Stamp(work, 0, 0, 0)
		d.pass(send)
		d.pass()
		d.pass()
	}
	round()
	for range 20 { // the segment is made first: a request that waits must not come again
		d.pass()
	}
	for range 5000 {
		round()
	}
	if n := testing.AllocsPerRun(2000, round); n != 0 {
		t.Errorf("%v allocations for an append of new ids", n)
	}
	before := l.bounds.next
	repeated = true
	if n := testing.AllocsPerRun(2000, round); n != 0 {
		t.Errorf("%v allocations for an append or its repeat", n)
	}
	if l.bounds.next-before > 4000 || d.s.Stats().Duplicates < 1000 {
		t.Errorf("%d records appended, %d duplicates: the test tests nothing", l.bounds.next-before, d.s.Stats().Duplicates)
	}
}

// BenchmarkFilter is what deduplication adds to an append of 1000 new ids, with a full window of a million.
func BenchmarkFilter(b *testing.B) {
	_, l := newDedupStore(1_000_000, 0)
	ids := make([]uint64, 1000)
	r := &Request{Batch: idsBatch(b, ids...)}
	id := uint64(0)
	one := func() {
		for at := batch.HeaderSize + 8; at < len(r.Batch); at += batch.FrameHeaderSize + 7 {
			id++
			for k := range 8 {
				r.Batch[at+k] = byte(id * 0x9E3779B97F4A7C15 >> (8 * k))
			}
		}
		if l.filter(r) != goesOn {
			b.Fatal("found what was never there")
		}
		l.s.hasher.Stamp(r.Batch, 0, l.bounds.next, 1)
		l.dedup.note(&l.s.ids, r.Batch, l.bounds.start)
		l.bounds.next += 1000
	}
	for range 1100 {
		one()
	}
	b.ReportMetric(float64(l.dedup.window.bytes())/1e6, "bytes/id")
	b.ResetTimer()
	for b.Loop() {
		one()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/id")
	b.ReportMetric(float64(l.dedup.window.bytes())/1e6, "bytes/id")
}
