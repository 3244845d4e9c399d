package storage

import (
	"testing"

	"github.com/galgo-mq/galgo/batch"
)

// steady runs a store on a disk that does everything at once and keeps nothing.
type steady struct {
	s    *Store
	ops  []Op
	turn int64

	answer func(op *Op) (int64, error) // nil: all goes well
}

func (d *steady) pass(requests ...*Request) {
	d.turn++
	d.s.Begin(uint64(d.turn), d.turn*1000)
	for i := range d.ops {
		res, err := int64(len(d.ops[i].Buf)), error(nil)
		if d.answer != nil {
			res, err = d.answer(&d.ops[i])
		}
		d.s.Complete(d.ops[i].Token, res, err)
	}
	d.ops = d.ops[:0]
	for _, r := range requests {
		d.s.Do(r)
	}
	d.s.End()
	d.ops = append(d.ops, d.s.TakeOps()...)
	for d.s.TakeDone() != nil {
	}
}

// pool gives the same buffers out again.
type pool struct{ free map[int][][]byte }

func (p *pool) Get(n int) []byte {
	k := len(p.free[n])
	if k == 0 {
		return make([]byte, n)
	}
	b := p.free[n][k-1]
	p.free[n] = p.free[n][:k-1]
	return b
}

func (p *pool) Put(b []byte) { p.free[len(b)] = append(p.free[len(b)], b) }

func TestAppendsAndPollsDoNotAllocate(t *testing.T) {
	if invariantsOn {
		t.Skip("invariants allocate")
	}
	f := func(name string, level Level, size int) {
		t.Helper()
		mem := &pool{free: map[int][][]byte{}}
		file := JournalFile{Size: 64 << 20}
		s := New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: mem, JournalMemory: mem, ReadMemory: mem})
		s.chunks.target = 1 << 20
		s.OpenLog(LogConfig{ID: 1, Level: level, SegmentSize: 1 << 40})
		d := &steady{s: s}
		var b batch.Builder
		b.Reset(1)
		if err := b.Add([16]byte{1}, make([]byte, size), nil); err != nil {
			t.Fatal(err)
		}
		send := &Request{Kind: ReqAppend, Log: 1, Batch: b.Bytes()}
		poll := &Request{Kind: ReqPoll, Log: 1, Strategy: FromLast, Count: 10, BytesMax: 1 << 20, Head: make([]byte, HeadMin),
			Spans: make([]Span, 0, SpansMax)}
		polled := uint32(0)
		round := func() {
			d.pass(send)
			d.pass()
			d.pass()
			d.pass(poll)
			polled += poll.Records
			s.Release(poll)
		}
		for range 3000 {
			round()
		}
		if n := testing.AllocsPerRun(2000, round); n != 0 {
			t.Errorf("%s: %v allocations for an append and a poll", name, n)
		}
		if polled < 10000 {
			t.Errorf("%s: %d records polled, the test tests nothing", name, polled)
		}
	}
	f("persisted", LevelPersisted, 1000)
	f("written", LevelWritten, 1000)
	f("memory", LevelMemory, 1000)
	f("direct", LevelPersisted, 200_000)
}
