package owner

import (
	"errors"
	"slices"
	"testing"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

var persisted = Levels{storage.LevelPersisted, storage.LevelPersisted}

func written() metadata.Option {
	return metadata.Option{Key: "durability", Kind: metadata.KindString, Value: []byte("written")}
}

// TestARaiseTakesAllLogs: all logs of the topic, some at a time, and it is done when what they acknowledged is as safe.
func TestARaiseTakesAllLogs(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 700, written())
	x.send(a, 699, 1)
	x.slow = func(op *storage.Op) bool { return op.Kind == storage.OpFdatasync || ofJournal(op) }
	x.turn(0, func() { x.o.Raise(a.Stream, a.ID, persisted) })
	x.settle()
	if n, told := x.o.TakeNews(); told {
		t.Fatalf("it is done before anything is on stable storage: %+v", n)
	}
	x.slow = nil
	x.settle()
	n, told := x.o.TakeNews()
	if _, more := x.o.TakeNews(); !told || more || n.Kind != NewsRaised || n.Err != nil {
		t.Errorf("what became of it: %+v, %v; and more: %v", n, told, more)
	}
}

// TestARaiseOfNothing: the command only lowers levels, or the topic is gone, or none of its logs are here.
func TestARaiseOfNothing(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 1)
	f := func(name string, topic metadata.TopicID, to Levels) {
		t.Helper()
		x.turn(0, func() { x.o.Raise(a.Stream, topic, to) })
		if n, told := x.o.TakeNews(); !told || n.Kind != NewsRaised || n.Err != nil {
			t.Errorf("%s: %+v, %v", name, n, told)
		}
	}
	f("no level", a.ID, Levels{})
	f("no topic", a.ID+1, persisted)
	x.foreign[a.Partitions[0].Log+1] = true
	f("none here", x.topic("b", 1).ID, persisted)
}

// TestRaisedBy: a command raises what it says, of a topic that has less.
func TestRaisedBy(t *testing.T) {
	x := newRig(t, nil)
	a := x.topic("a", 1, written())
	f := func(records, offsets metadata.Level, want Levels) {
		t.Helper()
		if got := RaisedBy(a, records, offsets, metadata.LevelPersisted); got != want {
			t.Errorf("to %v and %v: %+v, want %+v", records, offsets, got, want)
		}
	}
	now := LevelOf(a.Settings.OffsetDurability, metadata.LevelPersisted)
	f(metadata.LevelMemory, 0, Levels{})
	f(metadata.LevelWritten, 0, Levels{})
	f(metadata.LevelPersisted, 0, Levels{storage.LevelPersisted, now})
	f(metadata.LevelReplicated, 0, Levels{storage.LevelPersisted, now})
}

// TestALogMoves: it leaves one room when nothing of it is in flight, and serves in another one, which knows what its group was sent.
func TestALogMoves(t *testing.T) {
	x, y := newGrouped(t), newRig(t, nil)
	x.join(1)
	x.polled(1, 0)
	log := x.topic.Partitions[0].Log
	of := new(int)
	waiting := x.poll(x.topic, 0, 1)
	x.parked(waiting)
	x.turn(0, func() { x.o.Detach(log, of) })
	done := append(slices.Clone(x.done), x.settle()...)
	n, told := x.o.TakeNews()
	if !told || n.Kind != NewsDetached || n.Of != of || n.Err != nil || n.Moving == nil {
		t.Fatalf("what became of it: %+v, %v", n, told)
	}
	if !slices.Contains(done, waiting) || waiting.Err != storage.ErrUnknownLog || len(x.o.fences.sent) != 0 {
		t.Errorf("a poll that waited at a log that has left: %v; deliveries of %d logs are kept", waiting.Err, len(x.o.fences.sent))
	}
	y.turn(0, func() { y.o.Attach(n.Moving, of) })
	y.settle()
	if n, told := y.o.TakeNews(); !told || n.Kind != NewsAttached || n.Of != of || n.Err != nil {
		t.Fatalf("what became of it there: %+v, %v", n, told)
	}
	if len(y.o.fences.sent[storage.LogID(log)]) != 1 {
		t.Error("what the group was sent has not come along")
	}
	x.turn(0, func() { x.o.Released(log) })
	x.turn(0, func() { x.o.Detach(log, of) })
	if n, told := x.o.TakeNews(); !told || !errors.Is(n.Err, storage.ErrUnknownLog) || n.Moving != nil {
		t.Errorf("a log that is not here: %+v, %v", n, told)
	}
	p := y.part(x.topic, 0, storage.ReqAppend)
	p.Batch = x.batch(1)
	y.start(p)
	if p.Err != nil || p.Base != 1 {
		t.Errorf("an append in its new place: offset %d, %v", p.Base, p.Err)
	}
}
