package router

import "fmt"

// Port is one shard's side of a Mesh: it sends to every other shard and receives from all of them. Messages become
// visible with Publish, once per turn. To itself a shard sends nothing: that is a function call.
type Port[T any] struct {
	_        [128]byte
	id       ShardID
	sleepers []Sleeper
	out      []lane[T]
	in       []*Mailbox[T] // by sender; nil at our own place
	dirty    []ShardID     // receivers with pushed and unpublished messages
	credits  int           // per receiver, when nothing is outstanding
	nextIn   int           // where Receive begins, so that no sender starves another
	_        [128]byte
}

// Received is a message and the shard that sent it.
type Received[T any] struct {
	From ShardID
	Msg  T
}

// lane is the way to one receiver. Padded: the lanes of different shards may lie side by side.
type lane[T any] struct {
	box     *Mailbox[T]
	credits int
	dirty   bool
	control controlLane
	_       [128]byte
}

// controlLane remembers at which index each control message went into the ring, so that the sender knows without an
// answer which of them were taken out: those below the receiver's index.
type controlLane struct {
	at         []uint64 // a ring of its own, one entry per control slot
	head, tail int      // counts since the start
}

func newPort[T any](id ShardID, sleepers []Sleeper, slots int) *Port[T] {
	p := &Port[T]{
		id:       id,
		sleepers: sleepers,
		out:      make([]lane[T], len(sleepers)),
		in:       make([]*Mailbox[T], len(sleepers)),
		dirty:    make([]ShardID, 0, len(sleepers)),
		credits:  creditsOf(slots),
	}
	for to := range p.out {
		p.out[to].credits = p.credits
		p.out[to].control.at = make([]uint64, slots/controlDivisor)
	}
	return p
}

// Request sends a request if there is a credit for it. False: none is left, so stop reading the connection that the
// request came from, and try again after a Finish for that shard.
func (p *Port[T]) Request(to ShardID, msg T) bool {
	l := &p.out[to]
	if l.credits == 0 {
		return false
	}
	l.credits--
	p.push(to, l, msg, "request")
	return true
}

// Reply answers a request of that shard, exactly once. There is always a slot for it.
func (p *Port[T]) Reply(to ShardID, msg T) { p.push(to, &p.out[to], msg, "reply") }

// Release gives back memory that came with a reply of that shard, or answers such a message of that shard. There is a slot for
// it as long as the caller has no more than Credits of the former outstanding.
func (p *Port[T]) Release(to ShardID, msg T) { p.push(to, &p.out[to], msg, "release") }

// Finish gives back the credit of a request to that shard: its reply is here.
func (p *Port[T]) Finish(to ShardID) {
	l := &p.out[to]
	if l.credits == p.credits {
		panic(fmt.Sprintf("BUG: shard %d finished a request to shard %d, none of %d is outstanding", p.id, to, p.credits))
	}
	l.credits++
}

// CreditsLeft is how many requests that shard would be sent now.
func (p *Port[T]) CreditsLeft(to ShardID) int { return p.out[to].credits }

// ControlRoom is how many control messages may be sent to that shard now. Who has more keeps them and stops what makes
// them: it accepts no connection, begins no move.
func (p *Port[T]) ControlRoom(to ShardID) int {
	l := &p.out[to]
	c := &l.control
	for taken := l.box.drainedTo(); c.head < c.tail && c.at[c.head%len(c.at)] < taken; {
		c.head++
	}
	return len(c.at) - (c.tail - c.head)
}

// Control sends a message of the control lane: map, metadata, a connection handed over. The caller has kept within
// ControlRoom, so there is a slot.
func (p *Port[T]) Control(to ShardID, msg T) {
	if p.ControlRoom(to) == 0 {
		panic(fmt.Sprintf("BUG: control message %d from shard %d to shard %d, the lane holds %d",
			p.out[to].control.tail, p.id, to, len(p.out[to].control.at)))
	}
	l := &p.out[to]
	l.control.at[l.control.tail%len(l.control.at)] = l.box.tailLoc
	l.control.tail++
	p.push(to, l, msg, "control message")
}

// push fills a reserved slot. That the ring is full means that somebody broke the sharing out of its slots.
func (p *Port[T]) push(to ShardID, l *lane[T], msg T, what string) {
	if to == p.id {
		panic(fmt.Sprintf("BUG: shard %d sends a %s to itself", p.id, what))
	}
	if !l.box.Push(msg) {
		panic(fmt.Sprintf("BUG: no slot for a %s from shard %d to shard %d: %d of %d taken",
			what, p.id, to, len(l.box.slots)-l.box.Free(), len(l.box.slots)))
	}
	if !l.dirty {
		l.dirty = true
		p.dirty = append(p.dirty, to)
	}
}

// Publish shows the receivers what was sent since the last Publish and appends to wake those that sleep: the caller
// sends each of them a wake-up.
func (p *Port[T]) Publish(wake []ShardID) []ShardID {
	for _, to := range p.dirty {
		l := &p.out[to]
		l.dirty = false
		l.box.Publish()
		if p.sleepers[to].NeedsWake() {
			wake = append(wake, to)
		}
	}
	p.dirty = p.dirty[:0]
	return wake
}

// WakeFailed notes that the wake-up for that shard could not be delivered. The caller tries again next turn.
func (p *Port[T]) WakeFailed(to ShardID) { p.sleepers[to].WakeFailed() }

// Receive takes messages from all senders, at most len(dst), and returns how many. Within one sender the order is
// kept; it begins with another sender each time.
func (p *Port[T]) Receive(dst []Received[T]) int {
	n := 0
	for i := range p.in {
		from := (p.nextIn + i) % len(p.in)
		if p.in[from] == nil {
			continue
		}
		n += p.in[from].drainFrom(ShardID(from), dst[n:])
		if n == len(dst) {
			break
		}
	}
	p.nextIn = (p.nextIn + 1) % len(p.in)
	return n
}

// HasNews tells whether any sender has published something not yet received.
func (p *Port[T]) HasNews() bool {
	for _, box := range p.in {
		if box != nil && box.HasNews() {
			return true
		}
	}
	return false
}

// FallAsleep announces that the shard will block and reports whether it may: false means that a message came in
// between, the announcement is withdrawn, and the shard goes on.
func (p *Port[T]) FallAsleep() bool {
	p.sleepers[p.id].FallAsleep()
	if p.HasNews() {
		p.sleepers[p.id].WakeUp()
		return false
	}
	return true
}

// WakeUp says that the shard is awake; it follows every FallAsleep that was true.
func (p *Port[T]) WakeUp() { p.sleepers[p.id].WakeUp() }
