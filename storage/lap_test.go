package storage

import (
	"errors"
	"testing"

	"github.com/galgo-mq/galgo/batch"
)

// bounded is memory that runs out.
type bounded struct{ left int }

func (m *bounded) Get(n int) []byte {
	if n > m.left {
		return nil
	}
	m.left -= n
	return make([]byte, n)
}

func (m *bounded) Put(b []byte) { m.left += len(b) }

// filled is a store with a journal of two files of fileBytes on a steady disk, and as many logs in use as laps have room for; none goes to the
// log table.
func filled(fileBytes int64, memory Memory, change func(c *Config)) *steady {
	file := JournalFile{Size: fileBytes}
	c := Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: memory, ReadMemory: heap{}, LapSmall: 1 << 40}
	change(&c)
	s := New(c)
	for id := LogID(1); s.Room().Carry()+LogCarry <= s.Room().CarryMax(); id++ {
		s.stir(s.OpenLog(LogConfig{ID: id, Level: LevelPersisted, SegmentSize: 1}))
	}
	return &steady{s: s}
}

// oneRecord is a batch of a single record.
func oneRecord(t *testing.T, bytes int) []byte {
	t.Helper()
	var b batch.Builder
	b.Reset(1)
	if err := b.Add([16]byte{1}, make([]byte, bytes), nil); err != nil {
		t.Fatal(err)
	}
	return append([]byte(nil), b.Bytes()...)
}

// do gives a request to the store and returns its error when it is answered.
func (d *steady) do(t *testing.T, r *Request) error {
	t.Helper()
	answered := false
	for range 200 {
		d.turn++
		d.s.Begin(uint64(d.turn), d.turn*1000)
		for i := range d.ops {
			d.s.Complete(d.ops[i].Token, int64(len(d.ops[i].Buf)), nil)
		}
		d.ops = d.ops[:0]
		if r != nil {
			d.s.Do(r)
			r = nil
		}
		d.s.End()
		d.ops = append(d.ops, d.s.TakeOps()...)
		if err := d.s.Failed(); err != nil {
			t.Fatal(err)
		}
		for q := d.s.TakeDone(); q != nil; q = d.s.TakeDone() {
			if answered = true; q.Err != nil {
				return q.Err
			}
		}
		if answered {
			return nil
		}
	}
	t.Fatalf("no answer; %d laps", d.s.Stats().Laps)
	return nil
}

// TestALapLargerThanItsMemoryIsWritten: groups that wait for a lap may have the memory that it needs, or there was never enough.
func TestALapLargerThanItsMemoryIsWritten(t *testing.T) {
	mem := &bounded{left: 100 << 10}
	own := &bounded{left: 1 << 20}
	d := filled(1<<20, mem, func(c *Config) { c.LapMemory = own })
	if c := d.s.Room().Carry(); c < 200<<10 {
		t.Fatalf("laps take %d bytes only", c)
	}
	p := oneRecord(t, 10_000)
	for i := 0; d.s.Stats().Laps < 3; i++ {
		if err := d.do(t, &Request{Kind: ReqAppend, Log: 1 + LogID(i%2), Batch: append([]byte(nil), p...)}); err != nil {
			t.Fatal(err)
		}
		if i > 1000 {
			t.Fatalf("%d laps", d.s.Stats().Laps)
		}
	}
	if err := d.do(t, &Request{Kind: ReqAppend, Log: 1, Batch: append([]byte(nil), p...)}); err != nil || own.left != 1<<20 {
		t.Errorf("%v; %d bytes of the laps' own memory are still out", err, 1<<20-own.left)
	}
}

// TestWhatLapsCarryIsBounded: with as many logs as there may be, each consumer and each segment takes its part of every lap. Both
// are refused at their bounds, segments last, and the journal goes on.
func TestWhatLapsCarryIsBounded(t *testing.T) {
	for _, size := range []int64{JournalBytesMin, 1 << 20} {
		reports := map[string]int{}
		d := filled(size, heap{}, func(c *Config) {
			c.Report = func(what string, _ LogID, _ error) { reports[what]++ }
		})
		s := d.s
		send := func(id LogID, bytes int) error {
			return d.do(t, &Request{Kind: ReqAppend, Log: id, Batch: oneRecord(t, bytes)})
		}
		logs := LogID(s.Logs())
		for id := LogID(1); id <= logs; id++ {
			if err := send(id, 100); err != nil {
				t.Fatalf("log %d of %d: %v", id, logs, err)
			}
		}
		var err error
		consumers := uint32(0)
		for ; err == nil; consumers++ {
			err = d.do(t, &Request{Kind: ReqStoreOffset, Log: 1 + LogID(consumers)%logs, Consumer: ConsumerKey{ID: consumers}})
		}
		if !errors.Is(err, ErrTooManyConsumers) || consumers < 100 {
			t.Fatalf("consumer %d: %v", consumers, err)
		}
		segments := 0
		for err = nil; err == nil; segments++ {
			err = send(1+LogID(segments)%logs, 100)
		}
		if !errors.Is(err, ErrJournalFull) || segments < 100 || reports["appends are refused"] != 1 || reports["offsets of new consumers are refused"] != 1 {
			t.Fatalf("segment %d: %v, reports %v", segments, err, reports)
		}
		for laps := s.Stats().Laps; s.Stats().Laps < laps+3; {
			for k := range uint32(50) {
				r := Request{Kind: ReqStoreOffset, Log: 1 + LogID(k)%logs, Consumer: ConsumerKey{ID: k}}
				if err := d.do(t, &r); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.CheckCarry(); err != nil {
			t.Error(err)
		}
	}
}

// TestAJournalTooSmallForItsLogsIsRefused at the start, by name of the setting.
func TestAJournalTooSmallForItsLogsIsRefused(t *testing.T) {
	d := filled(4<<20, heap{}, func(*Config) {})
	small := newStore()
	for _, l := range d.s.logs.order {
		small.stir(small.OpenLog(l.cfg))
	}
	if err := small.CheckCarry(); !errors.Is(err, errJournalTooSmall) {
		t.Fatal(err)
	}
}

// TestALapForNamesIsNotWaitedFor: what a start would have to read asks for a lap, and large batches are in flight all the time. The journal
// goes on until it is twice as much; a lap that waits then has the shard sleep until something of it is done.
func TestALapForNamesIsNotWaitedFor(t *testing.T) {
	const most, size = 8 << 20, 1 << 20
	file := JournalFile{Size: 32 << 20}
	d := &steady{s: New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{}, NamedMax: most})}
	d.s.OpenLog(LogConfig{ID: 1, Level: LevelMemory, SegmentSize: 1 << 30})
	var held []Op
	turn := func() {
		d.turn++
		d.s.Begin(uint64(d.turn), d.turn*1000)
		ops := d.ops
		d.ops = nil
		for i := range ops {
			if op := ops[i]; op.Kind == OpWrite && len(op.Buf) >= size/2 {
				held = append(held, op)
			} else {
				d.s.Complete(op.Token, int64(len(op.Buf)), nil)
			}
		}
		d.s.End()
		d.ops = append(d.ops, d.s.TakeOps()...)
		for d.s.TakeDone() != nil {
		}
	}
	for range 20 { // the files of the log are made
		turn()
	}
	j := &d.s.journal
	for i := range 15 {
		d.s.Do(&Request{Kind: ReqAppend, Log: 1, Batch: oneRecord(t, size)})
		turn()
		turn()
		if j.laps.wanted || d.s.Stats().Laps > 0 {
			t.Fatalf("after %d batches in flight the journal waits for a lap", i+1)
		}
	}
	if len(held) < 10 || j.laps.named < most {
		t.Fatalf("%d writes in flight, %d bytes named: the case shows nothing", len(held), j.laps.named)
	}
	for range 3 {
		d.s.Do(&Request{Kind: ReqAppend, Log: 1, Batch: oneRecord(t, size)})
		turn()
		turn()
	}
	if !j.laps.wanted {
		t.Fatalf("%d bytes are named, and no lap is due", j.laps.named)
	}
	if d.s.Unflushed() {
		t.Error("the shard spins while a lap waits for writes in flight")
	}
	d.ops, held = append(d.ops, held...), nil
	for _, op := range d.ops {
		d.s.Complete(op.Token, int64(len(op.Buf)), nil)
	}
	d.ops = nil
	for range 4 {
		turn()
	}
	if d.s.Stats().Laps != 1 || j.laps.named != 0 {
		t.Errorf("%d laps, %d bytes named, want one lap", d.s.Stats().Laps, j.laps.named)
	}
}

// TestALapThatFitsIsNoFailedTry: what waits for memory, however often, does not use up the tries of a lap that is too large.
func TestALapThatFitsIsNoFailedTry(t *testing.T) {
	d := filled(JournalBytesMin, &bounded{}, func(*Config) {})
	j := &d.s.journal
	for range 2 * lapTries {
		j.makeLap(1)
	}
	if j.laps.tries != 0 || j.failed != nil {
		t.Errorf("%d tries, failed: %v", j.laps.tries, j.failed)
	}
}
