package front

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/uring"
)

// takeMemory takes all memory for frames, and for what comes ahead of them, but a block of so many bytes of each, until it is given back.
func (r *rig) takeMemory(left int) (give func()) {
	frames, ahead := takePool(r.frames, left), takePool(r.ahead, left)
	return func() {
		frames()
		ahead()
	}
}

func takePool(p *uring.Pool, left int) (give func()) {
	var held [][]byte
	if left > 0 {
		spared := p.Get(left)
		defer p.Put(spared)
	}
	for n := 2 << 20; n >= 4096; n /= 2 {
		for b := p.Get(n); b != nil; b = p.Get(n) {
			held = append(held, b)
		}
	}
	return func() {
		for _, b := range held {
			p.Put(b)
		}
	}
}

// frames are requests of these sizes, and their numbers.
func frames(sizes ...int) (in []byte, want []uint64) {
	for i, size := range sizes {
		in = append(in, toyFrame(uint64(i+1), size)...)
		want = append(want, uint64(i+1))
	}
	return in, want
}

// TestWhoWaitsForMemoryIsServedLater: there is no memory, or only a little, when the bytes of a client come, in one piece or several, or
// before the receive that brings them has ended. It is answered when there is memory, and others are meanwhile.
func TestWhoWaitsForMemoryIsServedLater(t *testing.T) {
	f := func(piece int, sizes ...int) {
		t.Helper()
		for _, left := range []int{0, 4096, 8192, 32768} {
			for _, hurries := range []bool{false, true} {
				what := fmt.Sprintf("frames of %v bytes in pieces of %d, %d bytes of memory, more comes before the receive ends: %v", sizes, piece, left, hurries)
				r := newRig(t, one, nil, 2<<20, nil)
				give := r.takeMemory(left)
				k, id := r.connect(true)
				in, want := frames(sizes...)
				k.in, k.piece, k.hurries = in, piece, hurries
				r.turns(40)
				other, _ := r.connect(true)
				other.in, other.ended = toyFrame(9, 100), true
				r.until("the other one is answered", func() bool { return other.closed })
				if len(r.why()) != 1 {
					t.Fatalf("%s: closed for %q", what, r.why()[0])
				}
				give()
				k.ended = true
				r.until("the connection is closed", func() bool { return k.closed })
				if of, rest, err := answers(k.out); err != nil || rest != 0 || !slices.Equal(of, want) || !slices.Equal(r.taken[id], want) || !slices.Equal(r.why(), []string{"", ""}) {
					t.Errorf("%s: %v taken, %v answered, %d bytes behind, %v; closed for %q", what, r.taken[id], of, rest, err, r.why())
				}
				r.nothingLeft()
			}
		}
	}
	f(5000, 40000)
	f(5000, 40000, 16, 40000)
	f(0, 40000)
	f(0, 300, 300, 300)
	f(0, 300, 20000, 16)
	f(7, 200)
	f(7, 40, 16, 50)
	f(1, 16, 17, 18)
	f(0, 200000, 16)
	f(3000, 16, 200000, 16)
}

// TestWhoWaitsForMemoryIsRefusedInTime, by name, also when more of its frame has come meanwhile.
func TestWhoWaitsForMemoryIsRefusedInTime(t *testing.T) {
	r := newRig(t, one, nil, 2<<20, nil)
	give := r.takeMemory(0)
	k, _ := r.connect(true)
	k.in, k.piece, k.hurries = toyFrame(1, 40000), 5000, true
	r.turns(20)
	r.now += int64(9 * time.Second)
	r.turn()
	r.f.Sweep()
	if r.turns(2); len(r.why()) != 0 {
		t.Fatalf("closed too early: %q", r.why())
	}
	r.now += int64(2 * time.Second)
	r.turn()
	r.f.Sweep()
	r.turns(2)
	if !k.closed || !slices.Equal(r.why(), []string{"no memory for the request in time"}) {
		t.Errorf("closed: %v, for %q", k.closed, r.why())
	}
	give()
	r.nothingLeft()
}

// TestHalfClosedClientsWaitForMemory: a client sends a whole frame and says that it sends no more, while there is no memory for the frame.
// It is answered; one whose frame is cut is told so.
func TestHalfClosedClientsWaitForMemory(t *testing.T) {
	f := func(sent int, why string, want ...uint64) {
		t.Helper()
		r := newRig(t, one, nil, 2<<20, nil)
		give := r.takeMemory(0)
		k, _ := r.connect(true)
		k.in, k.piece, k.hurries, k.ended = toyFrame(1, 6000)[:sent], 1500, true, true
		r.turns(20)
		give()
		r.until("the connection is closed", func() bool { return k.closed })
		if of, rest, err := answers(k.out); err != nil || rest != 0 || !slices.Equal(of, want) || !slices.Equal(r.why(), []string{why}) {
			t.Errorf("%d bytes sent: %v answered, %v; closed for %q", sent, of, err, r.why())
		}
		r.nothingLeft()
	}
	f(6000, "", 1)
	f(5999, "peer closed in the middle of a frame")
}

// TestReceiveBuffersOfWhoWaits: connections that wait for memory, and for whose bytes there is none either, leave receive buffers to the others.
func TestReceiveBuffersOfWhoWaits(t *testing.T) {
	const more = 50
	r := newRig(t, one, nil, 2<<20, nil)
	r.io.bufMax = RecvBufs
	give := r.takeMemory(0)
	var socks []*sock
	for i := range stashMax + more {
		k, _ := r.connect(true)
		k.in = toyFrame(uint64(i+1), 200)[:100]
		socks = append(socks, k)
	}
	r.turns(20)
	if n := r.newsOf(Closed); n != more || r.f.Held().ReceiveBuffers != stashMax {
		t.Errorf("%d are closed, %d receive buffers in use; want %d, %d", n, r.f.Held().ReceiveBuffers, more, stashMax)
	}
	for _, why := range r.why() {
		if why != "no memory for received bytes" {
			t.Fatalf("closed for %q", why)
		}
	}
	other, _ := r.connect(true)
	other.in, other.ended = toyFrame(9, 100), true
	r.until("another one is answered", func() bool { return other.closed })
	give()
	answered := 0
	for i, k := range socks {
		k.in, k.ended = append(k.in, toyFrame(uint64(i+1), 200)[100:]...), true
	}
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	for _, k := range socks {
		if of, _, err := answers(k.out); err == nil && len(of) == 1 {
			answered++
		}
	}
	if answered != stashMax {
		t.Errorf("%d are answered, want %d", answered, stashMax)
	}
	r.nothingLeft()
}

// TestLargeFrameIsCopiedOnce: what comes before its memory is there, and nothing else.
func TestLargeFrameIsCopiedOnce(t *testing.T) {
	r := newRig(t, one, nil, 64<<20, nil)
	k, _ := r.connect(true)
	k.in, k.ended = toyFrame(1, 3<<20), true
	r.until("the connection is closed", func() bool { return k.closed })
	if n := r.f.Counts(); n.Copies != 1 || n.CopiedBytes != RecvBufBytes {
		t.Errorf("%d copies of %d bytes", n.Copies, n.CopiedBytes)
	}
	r.nothingLeft()
}

// TestWhoWaitsLeavesTheLineToTheFirst: what the connections keep that wait for memory does not keep the first of them from having its own.
func TestWhoWaitsLeavesTheLineToTheFirst(t *testing.T) {
	r := newRig(t, one, nil, 5<<20, nil)
	r.hold = true
	holder, _ := r.connect(true)
	holder.in = toyFrame(1, 3<<20)
	r.until("the line is in use", func() bool { return len(r.ready) == 1 })
	first, id := r.connect(true)
	first.in = toyFrame(2, 4<<20)
	for i := range 20 {
		k, _ := r.connect(true)
		k.in, k.hurries = toyFrame(uint64(i+3), 3<<20)[:100<<10], true
	}
	r.turns(40)
	if n := r.f.in.starving.Len(); n != 21 || len(r.why()) != 0 {
		t.Fatalf("%d wait for memory, closed for %q", n, r.why())
	}
	r.reply(r.ready[0])
	r.ready = nil
	r.turns(20)
	if len(r.taken[id]) != 1 {
		t.Errorf("the memory is given back, and the first one waits still: %v", r.f.Waiting())
	}
	r.hold = false
	for _, k := range r.io.socks {
		k.ended = true
	}
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	r.nothingLeft()
}
