package front

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var one = toy{1, true}

// TestFramesCutAnywhere: three requests come in two pieces, cut at every byte, before and after login, and the same frames come out; each
// is answered once and in order.
func TestFramesCutAnywhere(t *testing.T) {
	f := func(bound bool, sizes ...int) {
		t.Helper()
		var all []byte
		var want []uint64
		for i, size := range sizes {
			all = append(all, toyFrame(uint64(i+1), size)...)
			want = append(want, uint64(i+1))
		}
		r := newRig(t, one, nil, 64<<20, nil)
		step := max(1, len(all)/400)
		for at := 1; at < len(all); at += step {
			k, id := r.connect(bound)
			k.oneshot = at%2 == 0
			k.in = bytes.Clone(all[:at])
			r.turns(2)
			k.in = append(k.in, all[at:]...)
			k.ended = true
			r.until("the connection is closed", func() bool { return k.closed })
			if of, rest, err := answers(k.out); err != nil || rest != 0 || !slices.Equal(of, want) || !slices.Equal(r.taken[id], want) {
				t.Fatalf("frames of %v bytes, cut at %d: %v taken, %v answered, %d bytes behind, %v", sizes, at, r.taken[id], of, rest, err)
			}
		}
		r.nothingLeft()
	}
	f(false, 16, 17, 300)
	f(false, 600, 16, 5000)
	f(true, 16, 17, 600)
	f(true, 40000, 16, 100000)
	f(true, 16, 3<<20, 70000)
}

// TestFramesByteByByte: every byte comes alone.
func TestFramesByteByByte(t *testing.T) {
	for _, bound := range []bool{false, true} {
		r := newRig(t, one, nil, 64<<20, nil)
		k, id := r.connect(bound)
		k.piece, k.ended = 1, true
		k.in = slices.Concat(toyFrame(1, 16), toyFrame(2, 700), toyFrame(3, 100))
		r.until("the connection is closed", func() bool { return k.closed })
		if of, _, err := answers(k.out); err != nil || !slices.Equal(of, []uint64{1, 2, 3}) || len(r.taken[id]) != 3 {
			t.Errorf("answered: %v, %v", of, err)
		}
		if r.io.quick == 0 {
			t.Error("the heads of frames were not acknowledged at once")
		}
		r.nothingLeft()
	}
}

// TestBadInput: what is no frame, is too large, or is cut off ends its connection for that reason, and what came before is answered.
func TestBadInput(t *testing.T) {
	f := func(why string, bound bool, in []byte, want ...uint64) {
		t.Helper()
		r := newRig(t, one, nil, 64<<20, nil)
		k, _ := r.connect(bound)
		k.in, k.ended = in, true
		r.until("the connection is closed", func() bool { return k.closed })
		of, rest, err := answers(k.out)
		if err != nil || rest != 0 || !slices.Equal(of, want) || !slices.Equal(r.why(), []string{why}) {
			t.Errorf("%v answered, %d bytes behind, %v; closed for %q", of, rest, err, r.why())
		}
		r.nothingLeft()
	}
	short := make([]byte, 20)
	short[4] = 9
	f("", false, nil)
	f("", false, toyFrame(1, 50), 1)
	f("not a frame of the protocol", false, slices.Concat(toyFrame(1, 50), short), 1)
	f("peer closed in the middle of a frame", false, slices.Concat(toyFrame(1, 50), toyFrame(2, 50)[:30]), 1)
	f("peer closed in the middle of a frame", true, slices.Concat(toyFrame(1, 50), toyFrame(2, 200000)[:150000]), 1)
	f("frame too large before login", false, toyFrame(1, preLoginFrameMax+1))
	f("", false, toyFrame(1, preLoginFrameMax), 1)
	f("not a frame of the protocol", true, toyFrame(1, 4<<20+1))
	f("", true, toyFrame(1, 4<<20), 1)
}

// TestForeign: what others send is answered in their form, or closed, wherever it is cut.
func TestForeign(t *testing.T) {
	f := func(in, want, result string) {
		t.Helper()
		for at := 1; at <= len(in); at++ {
			r := newRig(t, one, nil, 64<<20, nil)
			k, _ := r.connect(false)
			k.in = []byte(in[:at])
			r.turns(3)
			k.in = append(k.in, in[at:]...)
			k.ended = true
			r.turns(3)
			r.now += int64(endGrace) // where more came in nothing is read, and the end is not seen
			r.turn()
			r.f.Sweep()
			r.until("the connection is closed", func() bool { return k.closed })
			if string(k.out) != want || r.newsOf(Foreign) != 1 {
				t.Fatalf("%q, cut at %d, is answered with %q, and told %d times", in, at, k.out, r.newsOf(Foreign))
			}
			for _, n := range r.news {
				if n.Kind == Foreign && n.Why != result {
					t.Fatalf("%q is %q", in, n.Why)
				}
			}
			r.nothingLeft()
		}
	}
	f("GET / HTTP/1.1\r\n", toHTTP, "answered and closed")
	f("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", toTLS, "answered and closed")
	f("SSH-2.0-OpenSSH_9.7\r\n", "", "closed")
}

// TestPeersAreNotWaitedFor: who sends nothing useful, a frame too slowly, or does not read, is closed in time, and nobody else.
func TestPeersAreNotWaitedFor(t *testing.T) {
	f := func(why string, bound bool, after time.Duration, in []byte, deaf bool) {
		t.Helper()
		r := newRig(t, one, nil, 64<<20, nil)
		k, _ := r.connect(bound)
		k.in, k.deaf = in, deaf
		good, id := r.connect(true)
		good.in = toyFrame(7, 100)
		r.turns(20)
		r.now += int64(after) - int64(100*time.Millisecond)
		r.turn()
		r.f.Sweep()
		r.turns(3)
		if len(r.why()) != 0 {
			t.Fatalf("closed too early: %q", r.why())
		}
		r.now += int64(200 * time.Millisecond)
		r.turn()
		r.f.Sweep()
		r.turns(3)
		if !k.closed || !slices.Equal(r.why(), []string{why}) || good.closed || len(r.taken[id]) != 1 {
			t.Fatalf("closed: %v, %q; want %q; the other one: %v", k.closed, r.why(), why, good.closed)
		}
	}
	f("no login in time", false, 10*time.Second, nil, false)
	f("no login in time", false, 10*time.Second, toyFrame(1, 20), false)
	f("request too slow", false, peekMax, toyFrame(1, 20)[:5], false)
	f("request too slow", false, 10*time.Second, toyFrame(1, 20)[:15], false)
	f("request too slow", true, 10*time.Second, toyFrame(1, 20)[:15], false)
	f("request too slow", true, 10*time.Second, toyFrame(1, 200000)[:150000], false)
	f("peer does not read its reply", true, 10*time.Second, toyFrame(1, 20), true)
}

// TestSlowSendersOfLargeFrames: a frame comes in a piece of 1 MiB at a time, or its head byte by byte, each piece in time. It is taken if it comes at the
// least rate, and its connection is closed otherwise, though no piece is late.
func TestSlowSendersOfLargeFrames(t *testing.T) {
	f := func(size, piece int, each time.Duration, why string) {
		t.Helper()
		r := newRig(t, one, nil, 64<<20, nil)
		k, id := r.connect(true)
		in, began := toyFrame(1, size), r.now
		for len(in) > 0 && !k.closed {
			n := min(len(in), piece)
			k.in, in = append(k.in, in[:n]...), in[n:]
			r.turns(8)
			r.now += int64(each)
			r.turn()
			r.f.Sweep()
			r.turns(2)
		}
		k.ended = true
		r.until("the connection is closed", func() bool { return k.closed })
		if after := time.Duration(r.now - began); len(r.taken[id]) == 1 != (why == "") || !slices.Equal(r.why(), []string{why}) || after > 28*time.Second {
			t.Errorf("%d bytes, %d each %v: %d taken, closed for %q after %v", size, piece, each, len(r.taken[id]), r.why(), after)
		}
		r.nothingLeft()
	}
	f(4<<20, 1<<20, 9*time.Second, "request too slow")
	f(4<<20, 1<<20, 6*time.Second, "")
	f(200, 1, 3*time.Second, "request too slow")
	f(200, 50, 2*time.Second, "")
}

// TestSlowReaderGetsMoreTime as long as it takes something.
func TestSlowReaderGetsMoreTime(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	k, _ := r.connect(true)
	k.in, k.deaf = toyFrame(1, 20), true
	r.turns(5)
	for range 5 {
		k.acked++
		r.now += int64(11 * time.Second)
		r.turn()
		r.f.Sweep()
	}
	if r.turns(2); k.closed {
		t.Fatal("a reader that goes on was closed")
	}
	r.now += int64(11 * time.Second)
	r.turn()
	r.f.Sweep()
	if r.turns(2); !k.closed {
		t.Fatal("a reader that has stopped was not closed")
	}
	r.nothingLeft()
}

// TestSlowReaderIsCutOff: a reply that may be goes on where it was cut off, and every byte arrives once.
func TestSlowReaderIsCutOff(t *testing.T) {
	for _, takes := range []int{0, 1, 16, 999, 1000, 1001, 60000} {
		r := newRig(t, one, nil, 64<<20, nil)
		r.hold = true
		k, _ := r.connect(true)
		k.in, k.deaf, k.takes = toyFrame(5, 20), true, takes
		r.turns(3)
		a := r.ready[0]
		r.ready = nil
		a.size = 70000
		r.reply(a)
		r.now += int64(SlowAfter)
		r.turn()
		r.f.CutSlow()
		r.f.CutSlow() // once is enough
		k.takes = 0
		r.turns(3)
		k.deaf, k.ended = false, true
		r.until("the connection is closed", func() bool { return k.closed })
		if of, rest, err := answers(k.out); err != nil || rest != 0 || !slices.Equal(of, []uint64{5}) || r.f.Counts().Slow != 1 {
			t.Errorf("cut off behind %d bytes: %v answered, %d bytes behind, %v; cut off %d times", takes, of, rest, err, r.f.Counts().Slow)
		}
		r.nothingLeft()
	}
}

// TestMemoryShortage: frames that find no memory wait for it in order, also when receive buffers are few, and all are answered.
func TestMemoryShortage(t *testing.T) {
	r := newRig(t, one, nil, 2<<20, nil) // one slab: two frames of 1 MiB
	r.hold = true
	var socks []*sock
	const peers = 5
	for i := range peers {
		k, _ := r.connect(true)
		k.in, k.ended = toyFrame(uint64(i+1), 900<<10), true
		socks = append(socks, k)
	}
	r.turns(50)
	if len(r.ready) >= peers || !r.f.Waiting() || r.f.Counts().Memory == 0 {
		t.Fatalf("%d of %d large requests came in; %d had to wait", len(r.ready), peers, r.f.Counts().Memory)
	}
	r.hold = false
	r.until("all are answered", func() bool { return r.f.Count() == 0 })
	for i, k := range socks {
		if of, _, err := answers(k.out); err != nil || !slices.Equal(of, []uint64{uint64(i + 1)}) {
			t.Errorf("peer %d: %v, %v", i, of, err)
		}
	}
	r.nothingLeft()
}

// TestStarvingFramesKeepTheirPlace however often they are refused memory: they come in as they began to wait.
func TestStarvingFramesKeepTheirPlace(t *testing.T) {
	for refused := 1; refused <= 4; refused++ {
		r := newRig(t, one, nil, 2<<20, nil)
		r.hold = true
		const peers = 6
		for i := range peers {
			k, _ := r.connect(true)
			k.in, k.ended = toyFrame(uint64(i+1), 900<<10), true
			r.turns(10)
		}
		var order []uint64
		for len(order) < peers {
			r.turns(20 + refused)
			if len(r.ready) == 0 {
				t.Fatalf("after %v nothing comes in", order)
			}
			a := r.ready[0]
			r.ready = r.ready[1:]
			order = append(order, a.n)
			r.reply(a)
		}
		if !slices.IsSorted(order) {
			t.Errorf("came in as %v", order)
		}
		r.until("the connections are closed", func() bool { return r.f.Count() == 0 })
		r.nothingLeft()
	}
}

// TestStarvingRequestIsGivenUp when it gets no memory in time.
func TestStarvingRequestIsGivenUp(t *testing.T) {
	r := newRig(t, one, nil, 2<<20, nil)
	r.hold = true
	for i := range 4 {
		k, _ := r.connect(true)
		k.in = toyFrame(uint64(i+1), 900<<10)
	}
	r.turns(50)
	r.now += int64(11 * time.Second)
	r.turn()
	r.f.Sweep()
	r.turns(2)
	if why := r.why(); len(why) == 0 || why[0] != "no memory for the request in time" {
		t.Errorf("closed for %q", why)
	}
	r.hold = false
	for _, k := range r.io.socks {
		k.ended = true
	}
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	r.nothingLeft()
}

// TestStrangersShare: connections before login have a share of the memory for frames, and no more.
func TestStrangersShare(t *testing.T) {
	r := newRig(t, one, func(c *Config) { c.StrangersBytesMax = 256 << 10 }, 64<<20, nil)
	most := 0
	var socks []*sock
	for i := range 100 {
		k, _ := r.connect(false)
		k.in = toyFrame(uint64(i+1), 20000)[:19000]
		socks = append(socks, k)
	}
	for range 20 {
		r.turn()
		most = max(most, r.f.Held().StrangersBytes)
	}
	if most > 256<<10 || most < 128<<10 {
		t.Errorf("they have %d bytes", most)
	}
	in, _ := r.connect(true)
	in.in, in.ended = toyFrame(1, 1<<20), true
	r.until("who is logged in is answered", func() bool { return in.closed })
	if of, _, err := answers(in.out); err != nil || len(of) != 1 {
		t.Errorf("%v, %v", of, err)
	}
	for _, k := range socks {
		k.reset = true
	}
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	r.nothingLeft()
}

// TestReceiveBuffersRunOut: receives that found no buffer are armed again, though nobody gives one back.
func TestReceiveBuffersRunOut(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	k, _ := r.connect(true)
	k.in, k.ended, k.refused = slices.Concat(toyFrame(1, 30), toyFrame(2, 90000)), true, 5
	r.until("the connection is closed", func() bool { return k.closed })
	if of, _, err := answers(k.out); err != nil || !slices.Equal(of, []uint64{1, 2}) {
		t.Errorf("%v, %v", of, err)
	}
	r.nothingLeft()
}

// FuzzCuts has requests of any sizes come in, cut anywhere.
func FuzzCuts(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{5, 9}, true, uint64(1))
	f.Add([]byte{255, 0, 255, 4}, []byte{255, 1}, false, uint64(2))
	f.Fuzz(func(t *testing.T, sizes, cuts []byte, bound bool, seed uint64) {
		if len(sizes) > 40 || len(cuts) > 200 {
			t.Skip("long enough")
		}
		r := newRig(t, one, nil, 64<<20, rand.New(rand.NewPCG(seed, 1)))
		k, id := r.connect(bound)
		var want []uint64
		var all []byte
		for i, s := range sizes {
			size := toyHead + int(s)*int(s)/4
			if bound {
				size *= 1 + int(s)%8
			}
			all = append(all, toyFrame(uint64(i+1), size)...)
			want = append(want, uint64(i+1))
		}
		for _, c := range cuts {
			n := min(len(all), 1+int(c)*17)
			k.in, all = append(k.in, all[:n]...), all[n:]
			r.turns(2)
		}
		k.in, k.ended = append(k.in, all...), true
		r.until("the connection is closed", func() bool { return k.closed })
		if of, rest, err := answers(k.out); err != nil || rest != 0 || !slices.Equal(of, want) || !slices.Equal(r.taken[id], want) {
			t.Fatalf("%v taken, %v answered, %d bytes behind, %v; closed for %q", r.taken[id], of, rest, err, r.why())
		}
		r.turn()
		r.nothingLeft()
	})
}

// TestWhoWaitsForMemoryHoldsNobodyUp: a frame that there is memory for is taken while another client waits for more than there is, also one that came in pieces.
func TestWhoWaitsForMemoryHoldsNobodyUp(t *testing.T) {
	r := newRig(t, one, nil, 6<<20, nil)
	r.hold = true
	f := func(n uint64, size, sent int) (k *sock, id uint32) {
		k, id = r.connect(true)
		k.in = toyFrame(n, size)[:sent]
		r.turns(10)
		return k, id
	}
	holder, _ := f(1, 3<<20, 3<<20)
	big, bigID := f(2, 4<<20-100, 1000)
	if len(r.ready) != 1 || r.f.Held().FrameBytes < 3<<20 || !r.f.Waiting() {
		t.Fatalf("%d are handled, frames have %d bytes; somebody waits: %v", len(r.ready), r.f.Held().FrameBytes, r.f.Waiting())
	}
	_, smallID := f(3, 100<<10, 100<<10)
	tiny, tinyID := f(4, 200, 100)
	tiny.in = toyFrame(4, 200)[100:]
	r.turns(10)
	if len(r.taken[smallID]) != 1 || len(r.taken[tinyID]) != 1 || len(r.taken[bigID]) != 0 || !r.f.Waiting() {
		t.Errorf("beside a frame that waits for memory: %d of 100 KiB and %d in two pieces were taken, and %d large ones", len(r.taken[smallID]), len(r.taken[tinyID]), len(r.taken[bigID]))
	}
	for _, a := range r.ready {
		r.reply(a) // gives its memory back
	}
	r.ready = nil
	big.in = toyFrame(2, 4<<20-100)[1000:]
	r.until("the large one is there", func() bool { return len(r.taken[bigID]) == 1 })
	r.hold = false
	for _, k := range r.io.socks {
		k.ended = true
	}
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	if holder.closed != true {
		t.Error("the first one is not closed")
	}
	r.nothingLeft()
}

// TestEvicted: a session is taken from the connection that has it, and from no other that has come into its place.
func TestEvicted(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	first, id := r.connect(true)
	second, otherID := r.connect(true)
	r.turn()
	bound := func() (ids []uint32) {
		r.f.SeekResting()
		for x := range r.f.Resting {
			ids = append(ids, x.Peer.ID)
		}
		return ids
	}
	r.f.Evict(id, [16]byte{byte(otherID)})
	r.f.Evict(99, [16]byte{byte(id)})
	if got := bound(); len(got) != 2 {
		t.Fatalf("%v have their sessions, want both", got)
	}
	r.f.Evict(id, [16]byte{byte(id)})
	if got := bound(); len(got) != 1 || got[0] != otherID {
		t.Fatalf("%v have their sessions, want %d", got, otherID)
	}
	first.ended, second.ended = true, true
	r.until("both are closed", func() bool { return r.f.Count() == 0 })
	_, third := r.connect(true) // in the place of one of them
	r.turn()
	r.f.Evict(otherID, [16]byte{byte(otherID)})
	r.f.Evict(otherID, [16]byte{byte(third)}) // the same client, on its last connection
	r.f.Evict(id, [16]byte{byte(third)})
	if got := bound(); len(got) != 1 || got[0] != third {
		t.Fatalf("%v have their sessions, want %d", got, third)
	}
}

// TestPinnedMemoryIsNotWaitedFor: while memory is short, a peer that takes nothing of a reply that can't be cut off is not waited for, and one that takes
// something is, as is one whose reply holds no such memory.
func TestPinnedMemoryIsNotWaitedFor(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	r.hold = true
	var socks []*sock
	for i := range 3 {
		k, _ := r.connect(true)
		k.in, k.deaf = toyFrame(uint64(i+1), 20), true
		socks = append(socks, k)
	}
	r.until("all have asked", func() bool { return len(r.ready) == 3 })
	for i, a := range r.ready {
		a.size, a.Pins = 100, i < 2
		r.give(a, a.size)
		r.f.Reply(&a.Exchange)
	}
	r.ready = nil
	look := func(after time.Duration) (closed int) {
		r.now += int64(after)
		r.turn()
		r.f.CutSlow()
		r.turns(3)
		return r.newsOf(Closed)
	}
	if n := look(pinMax - 100*time.Millisecond); n != 0 {
		t.Errorf("%d are closed before their time", n)
	}
	socks[1].acked = 10
	if n := look(200 * time.Millisecond); n != 1 || !socks[0].closed {
		t.Errorf("%d are closed, among them the one that takes nothing: %v", n, socks[0].closed)
	}
	if n := look(pinMax - 100*time.Millisecond); n != 1 {
		t.Errorf("%d are closed, and one has taken something", n)
	}
	if n := look(200 * time.Millisecond); n != 2 || !socks[1].closed || r.f.Counts().Slow != 2 {
		t.Errorf("%d are closed, %d are counted", n, r.f.Counts().Slow)
	}
	socks[2].deaf, socks[2].ended = false, true
	r.until("the last one is closed", func() bool { return r.f.Count() == 0 })
	r.nothingLeft()
}
