package storage

import (
	"testing"

	"github.com/galgo-mq/galgo/batch"
)

// oweRig is a store with one log of a few messages, each a batch, and a poll of them that is answered from memory.
func oweRig(t *testing.T, size int, change func(poll *Request)) (d *steady, poll *Request) {
	t.Helper()
	mem, file := heap{}, JournalFile{Size: 64 << 20}
	d = &steady{s: New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: mem, JournalMemory: mem, ReadMemory: mem})}
	d.s.OpenLog(LogConfig{ID: 1, Level: LevelPersisted, SegmentSize: 1 << 30})
	for range 3 {
		var b batch.Builder
		if err := b.Add([16]byte{1}, make([]byte, size), nil); err != nil {
			t.Fatal(err)
		}
		d.pass(&Request{Kind: ReqAppend, Log: 1, Batch: b.Bytes()})
	}
	for range 4 {
		d.pass()
	}
	poll = &Request{Kind: ReqPoll, Log: 1, Strategy: FromOffset, Count: 3, BytesMax: 1 << 20, Head: make([]byte, HeadMin), Spans: make([]Span, 0, SpansMax)}
	if change != nil {
		change(poll)
	}
	d.pass(poll)
	return d, poll
}

// TestOweSaysWhatItKeeps: memory that a reply keeps as its log is gone is told of; so is none that the log has itself, and none that was given up.
func TestOweSaysWhatItKeeps(t *testing.T) {
	d, poll := oweRig(t, 100, nil)
	if poll.Records != 3 || poll.Err != nil {
		t.Fatalf("%d records, %v", poll.Records, poll.Err)
	}
	d.s.Owe(poll, 10)
	d.pass()
	if poll.Kept {
		t.Error("memory is kept of a log that is there")
	}
	closing := &Request{Kind: ReqClose, Log: 1}
	for range 2 {
		d.pass()
	}
	d.pass(closing)
	d.pass()
	if closing.Err != nil || poll.Err != nil || len(poll.Spans) == 0 || poll.Spans[0].Data == nil {
		t.Fatalf("%v, %v, %d spans", closing.Err, poll.Err, len(poll.Spans))
	}
	d.s.Drop(1, func(LogID, error) {})
	d.s.Owe(poll, 0)
	d.pass()
	if !poll.Kept || len(poll.Spans) == 0 || poll.Spans[0].Data == nil {
		t.Errorf("of a log that is gone, kept is %v", poll.Kept)
	}
	d.s.Release(poll)
}

// TestOweKeepsWhatCantBeReadAgain: what is on disk is given up, unless its segment was removed and nobody had opened it.
func TestOweKeepsWhatCantBeReadAgain(t *testing.T) {
	for _, removed := range []bool{false, true} {
		d, poll := oweRig(t, 64<<10, func(q *Request) { q.Count = 1 })
		g := poll.Spans[0].seg
		g.readFD, g.gone, g.stable = -1, removed, g.end
		d.s.Owe(poll, 10)
		if sp := poll.Spans[0]; poll.Err != nil || poll.Kept != removed || (sp.Data != nil) != removed {
			t.Errorf("removed %v: %v, kept %v, %d bytes of %d in memory", removed, poll.Err, poll.Kept, len(sp.Data), sp.len())
		}
	}
}

// TestPollsWithin: a poll whose reply may not go beyond what it says is refused for a batch that does, before its offset is stored; others may have
// one batch beyond it.
func TestPollsWithin(t *testing.T) {
	consumer := ConsumerKey{ID: 7}
	f := func(within bool, most int, err error, records uint32) {
		t.Helper()
		d, poll := oweRig(t, 10_000, func(q *Request) { q.Within, q.BytesMax, q.Consumer, q.AutoCommit = within, most, consumer, true })
		for range 3 {
			d.pass()
		}
		if poll.Err != err || poll.Records != records || (len(poll.Spans) > 0) != (records > 0) {
			t.Errorf("within %v, %d bytes: %v, %d records in %d spans", within, most, poll.Err, poll.Records, len(poll.Spans))
		}
		stored := &Request{Kind: ReqGetOffset, Log: 1, Consumer: consumer}
		d.pass(stored)
		if stored.Found != (records > 0) {
			t.Errorf("within %v, %d bytes: an offset is stored: %v", within, most, stored.Found)
		}
		d.s.Release(poll)
	}
	f(false, 5_000, nil, 1)
	f(false, 25_000, nil, 2)
	f(true, 5_000, ErrReplyTooLarge, 0)
	f(true, 25_000, nil, 2)
	f(true, 50_000, nil, 3)
}
