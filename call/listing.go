package call

import (
	"fmt"
	"time"

	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// A listing is a reply about many things: streams, topics, partitions, groups, members, users, clients. It is made in steps, one listing
// at a time in each shard and a little of it in each turn, straight into memory of the line for replies, and sent piece by piece:
//
//	queued -> made, chunk by chunk -> front of the reply written -> sent, chunk by chunk
//
// So no list stalls a turn, lies in the heap, or takes more of the line than the share for lists; those that find no memory wait for
// those that are being sent. Commands may be applied between two steps: what was there all the time is listed once, what came or went
// meanwhile may be in it or not.
type listing struct {
	c     *Call
	step  func(x *listings, l *listing) bool               // does a little and reports whether there is more
	front func(x *listings, l *listing, dst []byte) []byte // what comes before the things, written when they are counted; nil: nothing
	end   func(l *listing)                                 // instead of a reply

	walk
	work int // left for this turn

	chunks [][]byte // of replyPool, as far as they are filled
	size   int      // of all that was written
	held   int      // that chunks hold
	sent   int      // chunks that are out
	began  int64    // when sending did
}

// walk is where a listing is.
type walk struct {
	at    [3]int           // the next stream, topic, partition, or whatever is listed
	since uint64           // of what is being added up: what gets its number is something else
	sum   storage.LogStats // of that
	total storage.LogStats // of all that was listed
	count int              // things that are
	gone  bool             // what they belong to was deleted meanwhile: the answer is that of what never was
	turn  uint64           // of a group: its generation
	again int              // how often the walk began anew
}

// listings are those of a shard.
type listings struct {
	*answers
	world    *World
	bytesMax int // that all of them may hold, and so the largest

	queue   []*listing // the first is being made
	sending []*listing // in the order in which they began
	owing   []*listing // of those: what is out has been taken, and the next chunk is to go
	bytes   int        // that all of them hold
	waits   int64      // since when the first one finds no memory; 0: it does not wait
	quick   int        // work left in this turn for listings that may be small
	debt    int64      // nanoseconds that listings have had of the core beyond their share
	paid    int64      // when debt was last looked at
	others  int64      // when a request came that is about a log or the metadata

	form    listForms     // scratch
	clients []Client      // scratch
	ids     []uint32      // scratch
	options []wire.Option // scratch
	keys    []byte        // scratch, that options point into
}

// listForms are the things of lists, each on its way to a dialect.
type listForms struct {
	stream    wire.Stream
	topic     wire.Topic
	partition wire.Partition
	group     wire.ConsumerGroup
	member    wire.GroupMember
	user      wire.User
	token     wire.Token
}

const (
	listChunk      = 64 << 10
	listChunkFirst = 4 << 10
	// listWork is what a turn does for listings, in units of about 50 ns.
	listWork = 400
	// listSends is how many chunks leave in a turn: the kernel copies each of them meanwhile.
	listSends = 2
	// quickWork is what a turn tries of listings that have only come: small ones do not wait behind large ones.
	quickWork = 800
	// listShare: while other requests come, listings get one part in so many of the core. A shard that lists without a pause has used up
	// what the kernel's scheduler grants it, and then waits for its core behind the clients.
	listShare = 4
	// listAlone is how long nothing else has come where listings get the whole core.
	listAlone = int64(10 * time.Millisecond)
	// listDebtMax bounds how long listings stand still at most.
	listDebtMax = int64(5 * time.Millisecond)
	// What a unit of work, and sending a chunk, count for.
	listUnit  = int64(50 * time.Nanosecond)
	chunkTime = int64(40 * time.Microsecond)
	// listWait is how long a listing waits for memory, and how long others may hold it while one waits.
	listWait = int64(2 * time.Second)
)

// What things cost, in those units.
const (
	workOfPartition = 1
	workOfStream    = 8
	workOfTopic     = 24
	workOfThing     = 6
)

// start answers c in steps. Its frame is not needed any more.
func (x *listings) start(c *Call, l *listing) {
	if x.unauthorized(c) {
		return
	}
	x.dropFrame(c)
	l.c, c.list = c, l
	if x.quick > 0 {
		l.work = min(listWork, x.quick)
		before := l.work
		more := l.step(x, l)
		x.quick -= before - l.work
		x.charge(int64(before-l.work) * listUnit)
		if !more {
			x.made(l)
			return
		}
		x.restart(l)
	}
	x.queue = append(x.queue, l)
}

// restart has a listing begin anew, without memory.
func (x *listings) restart(l *listing) {
	x.freeChunks(l)
	l.walk = walk{again: l.again}
}

// make does a turn's work for the listing whose turn it is.
func (x *listings) make() {
	x.quick = quickWork
	if x.rests(x.mono) {
		return
	}
	if len(x.owing) > 0 {
		x.sendOwing()
	}
	for work := listWork; len(x.queue) > 0 && work > 0; {
		l := x.queue[0]
		if l.c.Closing {
			x.end(l)
			x.tell(l.c, Replied) // to nobody
			continue
		}
		l.work = work
		more := l.step(x, l)
		spent := work - l.work
		x.charge(int64(spent) * listUnit)
		if work = l.work; more && work > 0 && spent == 0 { // no memory, or too large
			x.stuck(l)
			return
		}
		x.waits = 0
		if !more {
			x.made(l)
		}
	}
}

// stuck decides about a listing that got no memory: it is too large, waits, or has waited long enough.
func (x *listings) stuck(l *listing) {
	if l.held+listChunk > x.bytesMax {
		x.note(News{Kind: ListTooLarge, Code: l.c.Code, Bytes: l.size, Max: x.bytesMax})
		x.refuseStuck(l, wire.StatusError)
		return
	}
	if x.waits == 0 {
		x.waits = x.mono
	}
	if x.mono-x.waits < listWait {
		return
	}
	if len(x.sending) > 0 && x.mono-x.sending[0].began >= listWait {
		x.waits = x.mono
		slow := x.sending[0].c
		slow.Why = "peer reads a list too slowly while others wait for the memory"
		x.tell(slow, Closes)
		return
	}
	x.note(News{Kind: ListWithoutMemory, Code: l.c.Code, Bytes: l.size, Max: x.bytesMax})
	x.refuseStuck(l, wire.StatusTransientNotCommitted) // clients try again in 50 ms
}

func (x *listings) refuseStuck(l *listing, status wire.Status) {
	x.refused.Memory++
	x.end(l)
	x.refuse(l.c, status)
}

// made begins to send a listing whose things are all written.
func (x *listings) made(l *listing) {
	x.queue = without(x.queue, l)
	if l.end != nil {
		l.c.list = nil
		l.end(l)
		return
	}
	c, head := l.c, l.c.Peer.Dialect.HeadBytes()
	if l.gone {
		x.freeChunks(l)
	}
	ahead := 0
	if l.front != nil {
		ahead = len(l.front(x, l, x.answers.room(c))) // a few hundred bytes: it fits into the head
	}
	if ahead > len(c.Top)-head {
		panic("BUG: the front of a list does not fit into the head of its reply")
	}
	size := l.size
	if len(l.chunks) == 1 && head+ahead+size <= len(c.Top) {
		ahead += copy(c.Top[head+ahead:], l.chunks[0])
		size = 0
		x.freeChunks(l)
	}
	if len(l.chunks) == 0 {
		c.list = nil
	} else {
		l.began = x.mono
		x.sending = append(x.sending, l)
	}
	c.Vec = append(c.Vec[:0], c.Top[:head+ahead])
	if len(l.chunks) > 0 {
		c.Vec = append(c.Vec, l.chunks[0])
		l.sent = 1
		c.Partial = len(l.chunks) > 1
		x.charge(chunkTime)
	}
	x.success(c, nil)
	c.Peer.Dialect.Head(c.Top, &c.handle, &x.out, ahead+size)
	x.tell(c, Replied)
}

// partOut has the next chunk of a listing sent when one is out.
func (x *listings) partOut(l *listing) {
	x.freeChunk(l, l.sent-1)
	x.owing = append(x.owing, l)
}

// sendOwing sends the next chunks of some listings that are being sent, those that have waited longest.
func (x *listings) sendOwing() {
	n := min(len(x.owing), listSends)
	for _, l := range x.owing[:n] {
		c := l.c
		if !c.Closing {
			c.Vec = append(c.Vec[:0], l.chunks[l.sent])
			l.sent++
			c.Partial = l.sent < len(l.chunks)
			x.charge(chunkTime)
		}
		x.tell(c, More)
	}
	k := copy(x.owing, x.owing[n:])
	clear(x.owing[k:])
	x.owing = x.owing[:k]
}

// end forgets a listing, whatever it is at.
func (x *listings) end(l *listing) {
	x.queue = without(x.queue, l)
	x.sending = without(x.sending, l)
	if len(x.queue) == 0 {
		x.waits = 0
	}
	x.freeChunks(l)
	l.c.list = nil
}

func without(list []*listing, l *listing) []*listing {
	for i := range list {
		if list[i] == l {
			copy(list[i:], list[i+1:])
			list[len(list)-1] = nil
			return list[:len(list)-1]
		}
	}
	return list
}

func (x *listings) freeChunks(l *listing) {
	for i := range l.chunks {
		x.freeChunk(l, i)
	}
	l.chunks, l.size = nil, 0
}

func (x *listings) freeChunk(l *listing, i int) {
	if p := l.chunks[i]; p != nil {
		x.bytes -= cap(p)
		l.held -= cap(p)
		x.memory.Put(p)
		l.chunks[i] = nil
	}
}

// space returns where at most n bytes are to be appended; nil: there is no memory. written follows.
func (x *listings) space(l *listing, n int) []byte {
	if k := len(l.chunks); k > 0 && cap(l.chunks[k-1])-len(l.chunks[k-1]) >= n {
		return l.chunks[k-1]
	}
	if len(l.chunks) == 0 {
		n = max(n, listChunkFirst)
	} else {
		n = max(n, listChunk)
	}
	if x.bytes+n > x.bytesMax {
		return nil
	}
	p := x.memory.Get(n)
	if p == nil {
		return nil
	}
	x.bytes += cap(p)
	l.held += cap(p)
	l.chunks = append(l.chunks, p[:0])
	return p[:0]
}

// written takes what space returned, with more in it.
func (l *listing) written(p []byte, work int) {
	last := &l.chunks[len(l.chunks)-1]
	if cap(p) != cap(*last) {
		panic("BUG: something in a list is longer than was said")
	}
	l.size += len(p) - len(*last)
	*last = p
	l.count++
	l.work -= work
}

// charge notes that listings have the core for so long. That time passes as well.
func (x *listings) charge(ns int64) { x.debt = min(x.debt+listShare*ns, listDebtMax) }

// rests reports whether listings have had their share of the core, and others want it.
func (x *listings) rests(now int64) bool {
	x.debt = max(0, x.debt-(now-x.paid))
	x.paid = now
	if now-x.others > listAlone {
		x.debt = 0
	}
	return x.debt > 0
}

// listRetry is when lists look again for memory that somebody else may have given back.
const listRetry = int64(5 * time.Millisecond)

// deadline is when listings want a turn: when they may go on, or when memory may have been given back; 0: never.
func (x *listings) deadline() int64 {
	switch {
	case len(x.owing) > 0, len(x.queue) > 0 && x.waits == 0:
		return max(1, x.paid+x.debt)
	case len(x.queue) > 0:
		return x.mono + listRetry
	}
	return 0
}

// invariants panics unless listings hold what their chunks have.
func (x *listings) invariants() {
	bytes := 0
	for _, list := range [...][]*listing{x.queue, x.sending} {
		for _, l := range list {
			held := 0
			for _, p := range l.chunks {
				held += cap(p)
			}
			if held != l.held || l.c.list != l {
				panic(fmt.Sprintf("BUG: a list holds %d bytes and says %d, or is not its call's", held, l.held))
			}
			bytes += held
		}
	}
	if bytes != x.bytes {
		panic(fmt.Sprintf("BUG: lists hold %d bytes and say %d", bytes, x.bytes))
	}
}
