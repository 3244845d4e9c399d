package call

import (
	"fmt"
	"slices"
	"testing"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// turn is a turn of the shard's loop, some time after the last one, in which so much has passed that lists may go on.
func (g *rig) turn(c *Call) Effect {
	g.r.Begin(g.r.mono+int64(20e6), 1)
	g.r.Tend()
	return g.effects(c)
}

// listed has a list made and sent, and returns all its bytes and how many turns it took.
func (g *rig) listed(c *Call, e Effect) (all []byte, turns int) {
	g.t.Helper()
	for e&Replied == 0 {
		if turns++; turns > 10000 || g.r.Deadline() == 0 {
			g.t.Fatal("a list is not made")
		}
		e = g.turn(c)
	}
	for {
		all = append(all, slices.Concat(c.Vec...)...)
		if !c.Partial {
			return all, turns
		}
		c.Out = len(slices.Concat(c.Vec...))
		if !g.r.PartOut(c) {
			g.t.Fatal("a reply in parts is no list")
		}
		for e = 0; e&More == 0; e = g.turn(c) {
			if turns++; turns > 10000 {
				g.t.Fatal("a list is not sent")
			}
		}
	}
}

// TestListsAreMadeInSteps lists many streams: some in each turn, in memory of the room, all of which comes back.
func TestListsAreMadeInSteps(t *testing.T) {
	g := newRig(t, nil)
	const streams = 2000
	for i := range streams {
		g.apply(metadata.EncodeCreateStream(nil, 1, fmt.Appendf(nil, "stream-%04d-%0200d", i, i)))
	}
	c, e := g.send(wire.CodeGetStreams, nil)
	if e != FrameDone {
		t.Fatalf("effects %b", e)
	}
	all, turns := g.listed(c, e)
	f, n, _, err := vsr.DecodeFrame(all, vsr.FrameMax)
	if err != nil || n != len(all) || statusIn(f) != wire.StatusOK {
		t.Fatalf("%d of %d bytes, %v", n, len(all), err)
	}
	list, err := vsr.DecodeGetStreamsReply(f.Body)
	if err != nil || len(list) != streams+1 {
		t.Errorf("%d streams, %v", len(list), err)
	}
	if turns < streams*workOfStream/listWork {
		t.Errorf("%d turns: a turn did more for lists than it may", turns)
	}
	g.over(c)
}

// TestListWithoutMemory: one that is larger than what lists have is refused; one that others leave no memory waits, and is told to come again.
func TestListWithoutMemory(t *testing.T) {
	fill := func(g *rig) *rig {
		for i := range 2000 {
			g.apply(metadata.EncodeCreateStream(nil, 1, fmt.Appendf(nil, "stream-%04d-%0200d", i, i)))
		}
		return g
	}
	for _, x := range []struct {
		kind   NewsKind
		status wire.Status
		change func(c *Config)
		most   int
	}{
		{ListTooLarge, wire.StatusError, func(c *Config) { c.ListBytesMax = 128 << 10 }, 64 << 20},
		{ListWithoutMemory, wire.StatusTransientNotCommitted, nil, 128 << 10},
	} {
		g := fill(newRig(t, x.change))
		g.memory.most = x.most
		c, e := g.send(wire.CodeGetStreams, nil)
		for turns := 0; e&Replied == 0; turns++ {
			if turns > 10000 {
				t.Fatal("it is not refused")
			}
			e = g.turn(c)
		}
		if s := g.status(c, e); s != x.status || len(g.news(x.kind)) != 1 || g.r.TakeRefusals().Memory != 1 {
			t.Errorf("%v, want %v", s, x.status)
		}
		g.over(c)
	}
}

// TestAListThatNobodyReadsEnds: one whose peer is gone gives its memory back in the next turn.
func TestAListThatNobodyReadsEnds(t *testing.T) {
	g := newRig(t, nil)
	for i := range 2000 {
		g.apply(metadata.EncodeCreateStream(nil, 1, fmt.Appendf(nil, "stream-%04d-%0200d", i, i)))
	}
	c, e := g.send(wire.CodeGetStreams, nil)
	for range 3 {
		e |= g.turn(c)
	}
	if e&Replied != 0 || g.r.ListBytes() == 0 {
		t.Fatalf("effects %b, %d bytes", e, g.r.ListBytes())
	}
	c.Closing = true
	if e = g.turn(c); e != Replied || g.r.ListBytes() != 0 {
		t.Errorf("effects %b, %d bytes", e, g.r.ListBytes())
	}
	g.over(c)
}

// TestALargeReplyHasMemoryOfItsOwn, and is refused when there is none.
func TestALargeReplyHasMemoryOfItsOwn(t *testing.T) {
	g := newRig(t, nil)
	archive := make([]byte, 100<<10)
	ask := func() *Call {
		c, e := g.send(wire.CodeGetSnapshotFile, frames(t)[wire.CodeGetSnapshotFile])
		if e != FrameDone|Asks || c.Ask.Kind != AskArchive {
			t.Fatalf("effects %b", e)
		}
		g.r.Told(c, Answer{OK: true, Archive: archive})
		return c
	}
	c := ask()
	if s := g.status(c, g.effects(c)); s != wire.StatusOK || g.memory.out != len(archive) {
		t.Errorf("%v, %d bytes of memory", s, g.memory.out)
	}
	g.over(c)
	g.memory.most = 0
	c = ask()
	if s := g.status(c, g.effects(c)); s != wire.StatusError || len(g.news(ReplyWithoutMemory)) != 1 {
		t.Errorf("without memory: %v", s)
	}
	g.over(c)
}
