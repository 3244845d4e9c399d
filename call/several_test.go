package call

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// bundle is today's dialect, and every frame of it has these parts.
type bundle struct {
	vsr.Dialect
	parts []wire.Request
}

func (d bundle) Open(_ []byte, _ bool, r *wire.Request) error {
	*r = wire.Request{Code: wire.CodeSeveral, Parts: d.parts}
	return nil
}

// pollOf is a poll of a partition of t, as a part.
func pollOf(partition uint32) wire.Request {
	return wire.Request{Code: wire.CodePollMessages, Poll: wire.PollMessages{Consumer: one, Stream: stream, Topic: topic, Partition: wire.InPartition(partition),
		Strategy: wire.Strategy{Kind: wire.FromOffset}, Count: 2}}
}

// bundled is a rig with a call of several parts.
type bundled struct {
	*rig
	whole  *Call
	parts  []*Call
	asked  []*Call // of parts, those that are at the owner of a log
	effect Effect  // of the whole, all so far
}

// newBundled has a room handle a frame of these parts, for each of which it gets a call as long as there are so many.
func newBundled(t *testing.T, user string, calls int, parts ...wire.Request) *bundled {
	b := &bundled{rig: newRig(t, nil)}
	b.as(user)
	b.peer.Dialect = bundle{parts: parts}
	b.r.world.Part = func(of *Call) *Call {
		if len(b.parts) == calls {
			return nil
		}
		h := newHeld()
		h.x.Peer = of.Peer
		b.parts = append(b.parts, &h.c)
		return &h.c
	}
	h := newHeld()
	h.x.Peer, h.x.Number, h.x.Frame = &b.peer, 1, make([]byte, 10)
	b.whole = &h.c
	b.r.Dispatch(b.whole)
	b.take()
	return b
}

// take takes what is to be done.
func (b *bundled) take() {
	b.t.Helper()
	for c, e := b.r.Take(); c != nil; c, e = b.r.Take() {
		switch {
		case c == b.whole:
			b.effect |= e
		case e == Part:
			b.asked = append(b.asked, c)
		default:
			b.t.Fatalf("effect %b of a part", e)
		}
	}
	b.r.invariants()
}

// answer has the owner of its log answer a part with one message of so many bytes.
func (b *bundled) answer(c *Call, size int) {
	b.t.Helper()
	c.Spans, c.Bytes, c.Records = []storage.Span{{Data: make([]byte, size)}}, size, 1
	b.r.Answered(c)
	b.take()
}

// replies are those to the parts, in their order: statuses.
func (b *bundled) replies() (all []wire.Status) {
	b.t.Helper()
	if b.effect&Replied == 0 || b.effect&FrameDone == 0 {
		b.t.Fatalf("effects %b: there is no reply", b.effect)
	}
	reply := slices.Concat(b.whole.Vec...)
	f, n, need, err := vsr.DecodeFrame(reply, vsr.FrameMax)
	if err != nil || need > 0 || n != len(reply) {
		b.t.Fatalf("a reply of %d bytes is no frame: %v", len(reply), err)
	}
	for rest := f.Body; len(rest) > 0; {
		x, n, need, err := vsr.DecodeFrame(rest, vsr.FrameMax)
		if err != nil || need > 0 {
			b.t.Fatalf("the reply to a part is no frame: %v", err)
		}
		all, rest = append(all, x.Status()), rest[n:]
	}
	return all
}

// end ends the calls.
func (b *bundled) end() {
	for _, c := range b.parts {
		b.over(c)
	}
	b.over(b.whole)
}

// TestSeveralAreGathered: the reply leaves when the last part is answered, in whatever order they are, and has the parts in the order of the frame.
func TestSeveralAreGathered(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		b := newBundled(t, "root", 3, pollOf(0), pollOf(1), pollOf(0))
		if len(b.asked) != 3 || b.effect != Splits || !slices.Equal(b.whole.Parts(), b.asked) || b.asked[0].Log == b.asked[1].Log {
			t.Fatalf("%d parts are asked for, effects %b", len(b.asked), b.effect)
		}
		for n, i := range order {
			if c := b.asked[i]; b.effect != Splits || !c.Waits() || !c.AtOnce || c.BytesMax != PollBytesMax/3 {
				t.Fatalf("effects %b when %d of 3 are answered; part %d waits: %v, may have %d bytes", b.effect, n, i, c.Waits(), c.BytesMax)
			}
			b.answer(b.asked[i], 10*(i+1))
			if b.asked[i].Waits() {
				t.Errorf("part %d waits, and is answered", i)
			}
		}
		if got := b.replies(); !slices.Equal(got, []wire.Status{wire.StatusOK, wire.StatusOK, wire.StatusOK}) {
			t.Errorf("%v", got)
		}
		at := vsr.HeaderSize
		for i := range 3 {
			at += vsr.HeaderSize + vsr.PolledSize + 10*(i+1)
		}
		if n := len(slices.Concat(b.whole.Vec...)); n != at {
			t.Errorf("%d bytes, want %d", n, at)
		}
		b.end()
	}
}

// TestPartsAreJudgedEach: a part without right, or for what is not there, is refused in its place; so it is with all commands that may be parts.
func TestPartsAreJudgedEach(t *testing.T) {
	b := newBundled(t, "root", 3, pollOf(0), pollOf(9), pollOf(1))
	if len(b.asked) != 2 {
		t.Fatalf("%d parts are asked for", len(b.asked))
	}
	b.answer(b.asked[0], 10)
	b.asked[1].Err = storage.ErrCanceled
	b.r.Answered(b.asked[1])
	b.take()
	if got := b.replies(); !slices.Equal(got, []wire.Status{wire.StatusOK, wire.StatusPartitionNotFound, wire.StatusTransientNotCommitted}) {
		t.Errorf("%v", got)
	}
	b.end()

	g, bodies := newRig(t, nil), frames(t)
	for code := range wire.Code(codeMax + 1) {
		if !rowOf(code).part {
			continue
		}
		part := wire.Request{}
		if err := (vsr.Dialect{}).Open(g.frame(code, bodies[code]), true, &part); err != nil {
			t.Fatalf("command %v: %v", code, err)
		}
		b := newBundled(t, "root", 2, part, part)
		if len(b.asked) != 2 {
			t.Errorf("command %v of root: %d parts are asked for", code, len(b.asked))
		}
		b = newBundled(t, "nobody", 2, part, part)
		if got := b.replies(); len(b.asked) != 0 || got[0] == wire.StatusOK || got[1] == wire.StatusOK {
			t.Errorf("command %v of who may not: %v, and %d parts are asked for", code, got, len(b.asked))
		}
		b.end()
	}
}

// TestWhatMayNotBeSeveral is refused as a whole, and nothing of it is done.
func TestWhatMayNotBeSeveral(t *testing.T) {
	f := func(calls int, want wire.Status, parts ...wire.Request) {
		t.Helper()
		b := newBundled(t, "root", calls, parts...)
		if b.effect&Replied == 0 || len(b.asked) != 0 {
			t.Fatalf("effects %b, %d parts are asked for", b.effect, len(b.asked))
		}
		if got := b.reply(b.whole).Status(); got != want {
			t.Errorf("%d parts: %v, want %v", len(parts), got, want)
		}
		b.end()
	}
	many := slices.Repeat([]wire.Request{pollOf(0)}, wire.PartsMax+1)
	f(100, wire.StatusInvalidCommand)
	f(100, wire.StatusInvalidCommand, many...)
	f(100, wire.StatusInvalidCommand, pollOf(0), wire.Request{Code: wire.CodeGetConsumerOffset})
	f(100, wire.StatusInvalidCommand, wire.Request{Code: wire.CodeGetStats})
	f(100, wire.StatusInvalidCommand, wire.Request{Code: wire.CodeSeveral})
	f(100, wire.StatusInvalidCommand, wire.Request{Code: codeMax + 1})
	f(1, wire.StatusTransientNotCommitted, pollOf(0), pollOf(1)) // no memory for the second
}

// TestRepliesOfSeveralInPieces: no piece has more spans than leave at once, and together they are the reply.
func TestRepliesOfSeveralInPieces(t *testing.T) {
	parts := slices.Repeat([]wire.Request{pollOf(0), pollOf(1)}, wire.PartsMax/2)
	b := newBundled(t, "root", wire.PartsMax, parts...)
	want := vsr.HeaderSize
	for i, c := range b.asked {
		c.Spans = make([]storage.Span, 0, storage.SpansMax)
		for range 1 + i*7%storage.SpansMax {
			c.Spans = append(c.Spans, storage.Span{Data: []byte{byte(i)}})
		}
		c.Bytes, c.Records = len(c.Spans), 1
		want += vsr.HeaderSize + vsr.PolledSize + c.Bytes
		b.r.Answered(c)
	}
	b.take()
	var all []byte
	for pieces := 1; ; pieces++ {
		if n := len(b.whole.Vec); n == 0 || n > spansMax {
			t.Fatalf("piece %d has %d spans", pieces, n)
		}
		all = append(all, slices.Concat(b.whole.Vec...)...)
		if !b.whole.Partial {
			break
		}
		if b.effect = 0; !b.r.PartOut(b.whole) {
			t.Fatal("a reply of several is not known as one")
		}
		if b.take(); b.effect != More {
			t.Fatalf("effects %b", b.effect)
		}
	}
	if size := binary.LittleEndian.Uint32(all[48:]); len(all) != want || int(size) != want {
		t.Errorf("%d bytes, and the head says %d; want %d", len(all), size, want)
	}
	b.end()
}

// TestSeveralAllocateNothing: a frame of several that is handled, answered and over leaves nothing for the collector.
func TestSeveralAllocateNothing(t *testing.T) {
	if invariantsOn {
		t.Skip("the checks allocate")
	}
	g := newRig(t, nil)
	g.peer.Dialect = bundle{parts: slices.Repeat([]wire.Request{pollOf(0), pollOf(1)}, 4)}
	var spare []*Call
	for range 8 {
		h := newHeld()
		h.x.Peer = &g.peer
		spare = append(spare, &h.c)
	}
	used := 0
	g.r.world.Part = func(*Call) *Call { used++; return spare[used-1] }
	h, data := newHeld(), make([]byte, 100)
	h.x.Peer = &g.peer
	handle := func() {
		used = 0
		g.r.Dispatch(&h.c)
		replied := false
		for c, e := g.r.Take(); c != nil; c, e = g.r.Take() {
			if replied = replied || e&Replied != 0; e&Part != 0 {
				c.Spans, c.Bytes, c.Records = append(c.Spans[:0], storage.Span{Data: data}), len(data), 1
				g.r.Answered(c)
			}
		}
		if !replied || len(h.x.Vec) != 1+2*len(spare) {
			t.Fatalf("replied: %v, %d spans", replied, len(h.x.Vec))
		}
		for _, c := range append(spare, &h.c) {
			g.r.Clear(c)
			c.Request.Clear()
		}
	}
	spare = slices.Grow(spare, 1)
	handle()
	if n := testing.AllocsPerRun(100, handle); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
