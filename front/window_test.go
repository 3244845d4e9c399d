package front

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func requests(n int) (in []byte, want []uint64) {
	for i := range n {
		in = append(in, toyFrame(uint64(i+1), 20+i*13%300)...)
		want = append(want, uint64(i+1))
	}
	return in, want
}

// TestWindows: as many requests of a connection are under way as its dialect says, and not one more until one is answered.
func TestWindows(t *testing.T) {
	f := func(d toy) {
		t.Helper()
		r := newRig(t, d, nil, 64<<20, nil)
		r.hold = true
		k, id := r.connect(true)
		in, want := requests(20)
		k.in, k.ended = in, true
		for left := 20; left > 0; left-- {
			r.turns(5)
			if n := len(r.ready); n != min(d.most, left) {
				t.Fatalf("%+v: %d requests are under way, %d are left", d, n, left)
			}
			a := r.ready[0]
			r.ready = r.ready[1:]
			r.reply(a)
		}
		r.until("the connection is closed", func() bool { return k.closed })
		if of, _, err := answers(k.out); err != nil || !slices.Equal(of, want) || !slices.Equal(r.taken[id], want) {
			t.Errorf("%+v: %v, %v", d, of, err)
		}
		r.nothingLeft()
	}
	f(toy{1, true})
	f(toy{4, true})
	f(toy{4, false})
	f(toy{32, false})
}

// TestRepliesInOrder: replies are given in the reverse order. They leave in the order of the requests where that matters, and at once
// where it does not.
func TestRepliesInOrder(t *testing.T) {
	f := func(inOrder bool, before int, want ...uint64) {
		t.Helper()
		r := newRig(t, toy{4, inOrder}, nil, 64<<20, nil)
		r.hold = true
		k, _ := r.connect(true)
		k.in, _ = requests(4)
		r.turns(5)
		taken := slices.Clone(r.ready)
		r.ready = nil
		for _, i := range []int{3, 2, 1} {
			r.reply(taken[i])
			r.turns(2)
		}
		if of, _, err := answers(k.out); err != nil || len(of) != before {
			t.Errorf("in order %v: %v have left before the first is answered, %v", inOrder, of, err)
		}
		r.reply(taken[0])
		r.turns(10)
		if of, _, err := answers(k.out); err != nil || !slices.Equal(of, want) {
			t.Errorf("in order %v: %v, %v; want %v", inOrder, of, err, want)
		}
		k.ended = true
		r.until("the connection is closed", func() bool { return k.closed })
		r.nothingLeft()
	}
	f(true, 0, 1, 2, 3, 4)
	f(false, 3, 4, 3, 2, 1)
}

// TestPiecesDoNotMix: a reply that leaves in pieces is whole before another one begins.
func TestPiecesDoNotMix(t *testing.T) {
	r := newRig(t, toy{4, false}, nil, 64<<20, nil)
	r.hold = true
	k, _ := r.connect(true)
	k.in, _ = requests(4)
	r.turns(5)
	taken := slices.Clone(r.ready)
	r.ready = nil
	for i, a := range taken {
		a.size = 50000 + i
		r.give(a, 700)
		a.Partial = true
		r.f.Reply(&a.Exchange)
	}
	k.ended = true
	r.until("the connection is closed", func() bool { return k.closed })
	if of, rest, err := answers(k.out); err != nil || rest != 0 || !slices.Equal(of, []uint64{1, 2, 3, 4}) {
		t.Errorf("%v, %d bytes behind, %v", of, rest, err)
	}
	r.nothingLeft()
}

// TestPlaces: requests beyond the places wait in order, those of strangers need none, and those whose peer has gone are let go.
func TestPlaces(t *testing.T) {
	r := newRig(t, one, func(c *Config) { c.InFlightMax = 2 }, 64<<20, nil)
	r.hold = true
	var socks []*sock
	for i := range 6 {
		k, _ := r.connect(true)
		k.in = toyFrame(uint64(i+1), 30)
		socks = append(socks, k)
		r.turns(2)
	}
	order := func() (n []uint64) {
		for _, a := range r.ready {
			n = append(n, a.n)
		}
		return n
	}
	if !slices.Equal(order(), []uint64{1, 2}) || r.f.Counts().InFlight != 4 {
		t.Fatalf("%v are handled, %d have waited", order(), r.f.Counts().InFlight)
	}
	stranger, _ := r.connect(false)
	stranger.in, stranger.ended = toyFrame(9, 30), true
	r.turns(3)
	if !slices.Equal(order(), []uint64{1, 2, 9}) {
		t.Fatalf("%v are handled: who is not logged in needs no place", order())
	}
	socks[2].reset = true // while it waits
	r.turns(3)
	if !socks[2].closed {
		t.Error("a peer that is gone keeps its connection while its request waits")
	}
	r.f.Vacate(&r.ready[0].Exchange)
	r.turns(3)
	if !slices.Equal(order(), []uint64{1, 2, 9, 4}) {
		t.Errorf("%v are handled when one needs no place any more", order())
	}
	r.f.SetShort(true) // who has a place may keep it for long
	r.turns(3)
	if !slices.Equal(order(), []uint64{1, 2, 9, 4, 5, 6}) {
		t.Errorf("%v are handled while there is no room on the disk", order())
	}
	r.hold = false
	for _, k := range socks {
		k.ended = true
	}
	r.until("all are closed", func() bool { return r.f.Count() == 0 })
	r.nothingLeft()
}

// TestHurried: a request that is watched is told of when its peer sends more, once, and when the peer is gone; not where replies need
// not be in order.
func TestHurried(t *testing.T) {
	f := func(d toy, second []byte, close bool, want Event) {
		t.Helper()
		r := newRig(t, d, nil, 64<<20, nil)
		k, _ := r.connect(true)
		k.in = toyFrame(1, 30)
		take := func() (x *Exchange, all Event) {
			for range 4 {
				r.now++
				r.f.Begin(r.now)
				for _, done := range r.io.turn() {
					r.f.Completed(&done)
				}
				for y, e := r.f.Take(); y != nil; y, e = r.f.Take() {
					x, all = y, all|e
				}
			}
			return x, all
		}
		x, e := take()
		if e != Whole || x.Hurried {
			t.Fatalf("event %b", e)
		}
		x.Watched = true
		k.in, k.reset = second, close
		if y, e := take(); e != want || y != nil && y != x {
			t.Errorf("%+v: event %b, want %b", d, e, want)
		}
		k.in, k.ended = append(k.in, second...), true
		x.Vec = append(x.Vec, x.Top[:toyHead])
		r.f.Reply(x)
		for range 10 {
			y, e := take()
			if y != nil && e == Ended {
				r.f.Put(y)
			}
		}
	}
	f(one, []byte{0}, false, Hurried)
	f(one, nil, false, 0)
	f(one, nil, true, Hurried|Gone)
	f(toy{4, false}, []byte{0}, false, 0)
	f(toy{4, false}, nil, true, Hurried|Gone)
}

// TestLastReply: nothing is read behind it, and the connection ends when its peer has had a while to read it.
func TestLastReply(t *testing.T) {
	for _, gone := range []bool{false, true} {
		r := newRig(t, one, nil, 64<<20, nil)
		k, id := r.connect(true)
		r.turns(2)
		var x *Exchange
		r.f.SeekResting()
		for rest := range r.f.Resting {
			if rest.Peer.ID != id {
				t.Fatal("another one rests")
			}
			x = r.f.Say(rest, "")
		}
		a := x.Holder.(*asked)
		a.n, a.size, a.Final = 77, 100, true
		r.give(a, a.size)
		x.Peer.Unbind()
		r.f.Reply(x)
		if k.ended = gone; !gone {
			k.in = toyFrame(1, 30)
		}
		r.turns(5)
		if gone != k.closed {
			t.Errorf("closed: %v", k.closed)
		}
		r.now += int64(endGrace)
		r.turn()
		r.f.Sweep()
		r.turns(3)
		if of, _, err := answers(k.out); err != nil || !slices.Equal(of, []uint64{77}) || !k.closed || len(r.taken[id]) != 0 {
			t.Errorf("%v, %v; closed: %v, %v taken", of, err, k.closed, r.taken[id])
		}
		r.nothingLeft()
	}
}

// TestMoves: a connection that is idle goes to another Front with its session; one that has received something stays.
func TestMoves(t *testing.T) {
	for _, busy := range []bool{false, true} {
		a, b := newRig(t, one, nil, 64<<20, nil), newRig(t, one, nil, 64<<20, nil)
		k, id := a.connect(true)
		k.in = toyFrame(1, 30)
		a.turns(5)
		if busy {
			k.in, k.hurries = toyFrame(2, 30), true
		}
		if !a.f.Move(id, 1) {
			t.Fatal("an idle connection does not move")
		}
		a.turns(5)
		if busy {
			k.ended = true
			a.until("the connection is closed", func() bool { return k.closed })
			if of, _, err := answers(k.out); err != nil || !slices.Equal(of, []uint64{1, 2}) || a.newsOf(Moves) != 0 || a.newsOf(Stays) != 1 {
				t.Errorf("%v, %v, %d moved", of, err, a.newsOf(Moves))
			}
			a.nothingLeft()
			continue
		}
		n := a.news[len(a.news)-1]
		if n.Kind != Moves || n.To != 1 || a.f.Count() != 0 {
			t.Fatalf("news %d, %d connections", n.Kind, a.f.Count())
		}
		a.nothingLeft()
		b.io.socks[k.fd], b.io.fds = k, append(b.io.fds, k.fd)
		b.f.Adopt(Newcomer{FD: n.FD, Opened: n.Opened, Peer: n.Peer})
		k.in, k.ended = toyFrame(2, 30), true
		b.taken[id] = nil
		b.until("the connection is closed", func() bool { return k.closed })
		if of, _, err := answers(k.out); err != nil || !slices.Equal(of, []uint64{1, 2}) || !n.Peer.Session.Bound() || b.newsOf(Over) != 1 || b.newsOf(Served) != 0 {
			t.Errorf("%v, %v, session %+v", of, err, n.Peer.Session)
		}
		b.nothingLeft()
	}
}

// TestRandomWorlds: many peers send on without waiting, in pieces, read slowly, reset, close half, while memory, receive buffers and places
// are few. Each request is taken once and in order; each reply arrives whole, once, and in order if that matters; in the end all is
// given back, and nothing was armed twice.
func TestRandomWorlds(t *testing.T) {
	worlds := 300
	if testing.Short() {
		worlds = 40
	}
	for seed := range worlds {
		randomWorld(t, uint64(seed))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomWorld(t *testing.T, seed uint64) {
	defer func() {
		if e := recover(); e != nil {
			t.Fatalf("seed %d: %v", seed, e)
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 7))
	d := []toy{{1, true}, {1, true}, {3, true}, {5, false}, {16, false}}[rng.IntN(5)]
	r := newRig(t, d, func(c *Config) {
		c.InFlightMax = rng.IntN(4)
		c.StrangersBytesMax = 64 << 10
	}, []int64{2 << 20, 8 << 20}[rng.IntN(2)], rng)
	r.io.bufMax = []int{0, 2, 40}[rng.IntN(3)]
	type peer struct {
		*sock
		id     uint32
		unsent []byte
		want   []uint64
		broken bool
	}
	var peers []*peer
	for range 2 + rng.IntN(8) {
		bound := rng.IntN(4) > 0
		k, id := r.connect(bound)
		p := &peer{sock: k, id: id}
		for n := range rng.IntN(12) {
			size := toyHead + rng.IntN(200)
			switch rng.IntN(6) {
			case 0:
				size += rng.IntN(30000)
			case 1:
				if bound {
					size += rng.IntN(600000)
				}
			}
			p.want = append(p.want, uint64(n+1))
			p.unsent = append(p.unsent, toyFrame(uint64(n+1), size)...)
		}
		k.oneshot, k.hurries = rng.IntN(3) == 0, rng.IntN(2) == 0
		peers = append(peers, p)
	}
	var give func() // what the test has of the memory
	for turn := 0; r.f.Count() > 0; turn++ {
		if turn == 6000 {
			t.Fatalf("seed %d: %d connections after %d turns", seed, r.f.Count(), turn)
		}
		for _, p := range peers {
			switch x := rng.IntN(400); {
			case len(p.unsent) > 0 && x < 200:
				n := min(len(p.unsent), 1+rng.IntN(40000))
				p.in, p.unsent = append(p.in, p.unsent[:n]...), p.unsent[n:]
			case x == 200 && turn < 2000:
				p.deaf = true
			case x < 220:
				p.deaf = false
			case x == 221 && seed%3 == 0:
				p.reset, p.broken = true, true
			case x == 222 && seed%4 == 0 && len(p.unsent) > 0:
				p.unsent, p.broken = nil, true // it closes half-way
			case x == 223 && seed%5 == 0 && len(r.ready) > 0:
				r.f.Close(&r.ready[rng.IntN(len(r.ready))].Exchange, "the test closes it", nil)
			}
			p.ended = p.ended || len(p.unsent) == 0 && rng.IntN(10) == 0
		}
		switch rng.IntN(100) {
		case 0:
			if give == nil {
				give = r.takeMemory(rng.IntN(3) * 4096)
			}
		case 1, 2:
			if give != nil {
				give()
				give = nil
			}
		}
		if rng.IntN(20) == 0 {
			r.now += int64(SlowAfter)
			r.f.CutSlow()
		}
		if turn%1000 == 999 { // frames may lie so that none of those that wait for memory gets any
			r.now += int64(11 * time.Second)
			r.f.Begin(r.now)
			r.f.Sweep()
		}
		r.turn()
	}
	if give != nil {
		give()
	}
	r.turn()
	closed := map[uint32]bool{} // for a reason, or by the test
	for _, n := range r.news {
		if n.Kind == Closed && n.Why == "no memory for received bytes" && n.Peer.Session.Bound() {
			t.Errorf("seed %d: connection %d is closed for want of memory, and could have waited", seed, n.Peer.ID)
		}
		if n.Kind == Closed && n.Why != "" {
			closed[n.Peer.ID] = true
		}
	}
	for _, p := range peers {
		of, rest, err := answers(p.out)
		if !d.inOrder {
			slices.Sort(of)
		}
		whole := p.broken || closed[p.id]
		taken := r.taken[p.id]
		switch {
		case err != nil:
			t.Errorf("seed %d: connection %d: %v", seed, p.id, err)
		case len(taken) > len(p.want) || !slices.Equal(taken, p.want[:len(taken)]):
			t.Errorf("seed %d: connection %d: %v taken of %v", seed, p.id, taken, p.want)
		case d.inOrder && (len(of) > len(taken) || !slices.Equal(of, taken[:len(of)])):
			t.Errorf("seed %d: connection %d: %v answered of %v", seed, p.id, of, taken)
		case !whole && (rest != 0 || !slices.Equal(of, p.want)):
			t.Errorf("seed %d: connection %d: %v answered of %v, %d bytes behind", seed, p.id, of, p.want, rest)
		case len(slices.Compact(slices.Clone(of))) != len(of):
			t.Errorf("seed %d: connection %d: %v answered, some twice", seed, p.id, of)
		}
	}
	r.nothingLeft()
	if r.newsOf(Left) != len(peers) || r.newsOf(Closed) != len(peers) || r.newsOf(Opened) != len(peers) {
		t.Errorf("seed %d: %d opened, %d closed, %d left of %d", seed, r.newsOf(Opened), r.newsOf(Closed), r.newsOf(Left), len(peers))
	}
}

// TestExchangesAllocateNothing: a request and its reply, on a connection of today's kind.
func TestExchangesAllocateNothing(t *testing.T) {
	if invariantsOn {
		t.Skip("the checks allocate")
	}
	io := &quietIO{}
	r := newRig(t, one, nil, 64<<20, nil)
	f := New(r.f.cfg, io)
	f.UseMemory(r.frames, r.ahead, r.bodies)
	f.Adopt(Newcomer{FD: 5})
	p := toyFrame(1, 100)
	at := bytes.Clone(p)
	exchange := func() {
		io.exchange(f, at)
	}
	for range 10 {
		exchange()
	}
	if n := testing.AllocsPerRun(1000, exchange); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
