package front

import (
	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/uring"
)

// Front has the connections of one shard. It belongs to the shard's thread.
type Front struct {
	cfg      Config
	ops      ops
	now      int64 // of the turn, monotonic
	stopping bool
	givesUp  bool // replies that are still on their way

	conns table
	laps
	in     intake
	places places
	pool   pool
	queue  queue // exchanges of which something is to be told
	news   fifo.Queue[News]
	counts Counts

	Door Listener // of the first shard
}

// New makes a Front without connections. It has no memory until UseMemory.
func New(cfg Config, io uring.IO) *Front {
	f := &Front{cfg: cfg, ops: ops{io: io, tokens: cfg.Tokens, noNews: cfg.NoNews}}
	f.places.most, f.pool.make = cfg.InFlightMax, cfg.New
	f.conns.byID = make(map[uint32]*conn)
	f.Door.ops, f.Door.news = &f.ops, &f.news
	f.in.ops, f.in.cfg, f.in.counts = &f.ops, &f.cfg, &f.counts
	return f
}

// UseMemory gives f the memory for frames, for bytes that come before their frame has memory, and for replies.
func (f *Front) UseMemory(frames, ahead, replies *uring.Pool) {
	f.in.memory, f.in.ahead, f.pool.memory = frames, ahead, replies
}

// Begin begins a turn at a time of the monotonic clock.
func (f *Front) Begin(now int64) { f.now, f.in.now = now, now }

// SetShort says whether who has a place may wait for room on the disk: then nobody waits for a place.
func (f *Front) SetShort(short bool) { f.places.short = short }

// Take returns the next exchange of which there is something to say; nil: there is none.
func (f *Front) Take() (*Exchange, Event) {
	x, e := f.queue.take()
	if x == nil {
		return nil, 0
	}
	if x.state == stateWhole {
		x.state = stateTaken
	}
	if e&Ended != 0 {
		x.Peer, e = nil, Ended
	}
	return x, e
}

// HasNews reports whether there is a piece of news. It is asked several times a turn, and mostly there is none.
func (f *Front) HasNews() bool { return f.news.Len() > 0 }

// TakeNews returns the next piece of news. There is one.
func (f *Front) TakeNews() News { return f.news.Pop() }

// Count is how many connections there are.
func (f *Front) Count() int { return f.conns.count }

// Counts are what f has counted.
func (f *Front) Counts() *Counts { return &f.counts }

// Ready reports whether f wants another turn at once.
func (f *Front) Ready() bool {
	return len(f.in.bodies) > 0 || f.in.untried > 0 && f.in.held < RecvBufs || f.places.moves() || f.laps.underWay()
}

// Waiting reports whether connections wait for memory, which somebody else may have given back.
func (f *Front) Waiting() bool { return f.in.starving.Len() > 0 || f.in.noBuffer.Len() > 0 }

// Starving reports whether frames wait for memory.
func (f *Front) Starving() bool { return f.in.starving.Len() > 0 }

// Completed takes a completion with one of f's tokens.
func (f *Front) Completed(done *uring.Completion) {
	op := done.Token >> 48 & 0xff
	if op == opAccept {
		f.Door.completed(done, f.now)
		return
	}
	c := f.conns.of(done)
	switch op {
	case opRecv:
		if !done.More {
			c.in.recv, c.in.ending = 0, false
		}
		c.received(done)
	case opBody:
		if c.in.body = 0; c.closing {
			c.tryClose()
		} else {
			c.came(f.in.bodyReceived(c, done))
		}
	case opSend:
		c.out.send = 0
		c.sent(done)
	case opClose:
		c.free()
	}
	if invariantsOn {
		c.check()
	}
}

// Tend does what waited for other things: memory, receive buffers, places, a pause, the next step of a lap.
func (f *Front) Tend() {
	f.closeLate()
	f.cutSlow()
	f.closeIdle()
	f.retryBuffers()
	f.retryStarving()
	f.startQueued()
	f.Door.tend(f.now)
}

// ArmBodies begins to receive the bodies of large frames, as far as one turn may: its last step.
func (f *Front) ArmBodies() { f.in.armBodies() }

// retryBuffers arms receives again that found no buffer, in order and some in each turn.
func (f *Front) retryBuffers() {
	if f.in.held >= RecvBufs { // not only when one was given back: that may have been before the refusal
		return
	}
	if f.in.untried == 0 {
		f.in.untried = f.in.noBuffer.Len() // those that are refused again are behind them
	}
	k := min(f.in.untried, lapStep)
	f.in.untried -= k
	for range k {
		c := f.in.noBuffer.Pop()
		c.in.unbuffered = false
		if c.closing {
			c.tryClose()
		} else {
			c.came(f.in.resume(c))
		}
	}
}

// retryStarving gets memory for frames that found none, in order. The first that finds none again keeps its place.
func (f *Front) retryStarving() {
	for k := f.in.starving.Len(); k > 0; k-- {
		c := f.in.starving.First()
		if c.in.wanted == 0 || c.closing {
			f.in.starving.Pop()
			continue
		}
		g := f.in.takeFrame(c)
		if f.in.starves(c, g) {
			return
		}
		f.in.starving.Pop()
		c.came(g)
	}
}

// startQueued begins requests that have waited for a place, in order, and lets go of those whose connection is closing.
func (f *Front) startQueued() {
	if !f.places.moves() {
		return
	}
	for x := f.places.next(); x != nil; x = f.places.next() {
		c := x.conn
		if c.closing {
			c.end(x)
			c.tryClose()
			continue
		}
		c.tellWhole(x)
	}
	f.places.leavers(func(x *Exchange) {
		c := x.conn
		c.end(x)
		c.tryClose()
	})
}

// Trim gives memory of exchanges back that was not used since the last time.
func (f *Front) Trim() { f.pool.trim() }

// Holdings are what a Front has on behalf of peers. When there are none any more, all of it is 0.
type Holdings struct {
	Connections    int
	Exchanges      int // with parts
	ReceiveBuffers int
	StrangersBytes int // of frames of connections before login
	FrameBytes     int // of all frames, and of what came ahead of them
	Places         int // that are taken
	Queued         int // requests that wait for one
}

// Held says what f has on behalf of peers.
func (f *Front) Held() Holdings {
	return Holdings{f.conns.count, f.pool.out, f.in.held, f.in.strange, int(f.in.memory.Out() + f.in.ahead.Out()), f.places.taken, f.places.queue.Len()}
}

// Spare is how many exchanges are not in use and have memory that Trim may give back.
func (f *Front) Spare() int { return f.pool.spares }
