package shard

import (
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/front"
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
	q     *request
	step  func(s *Shard, l *listing) bool               // does a little and reports whether there is more
	front func(s *Shard, l *listing, dst []byte) []byte // what comes before the things, written when they are counted; nil: nothing
	end   func(s *Shard, l *listing)                    // instead of a reply

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
	clients []registered  // scratch
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
	listSlab       = 2 << 20 // pools map so much at a time; each shard has one for other replies
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

// list answers q in steps. Its frame is not needed any more.
func (s *Shard) list(q *request, l *listing) {
	if s.unjudged(q) {
		return
	}
	s.dropFrame(q)
	l.q, q.list = q, l
	if x := &s.lists; x.quick > 0 {
		l.work = min(listWork, x.quick)
		before := l.work
		more := l.step(s, l)
		x.quick -= before - l.work
		x.charge(int64(before-l.work) * listUnit)
		if !more {
			s.listMade(l)
			return
		}
		s.restart(l)
	}
	s.lists.queue = append(s.lists.queue, l)
}

// restart has a listing begin anew, without memory.
func (s *Shard) restart(l *listing) {
	s.freeChunks(l)
	l.walk = walk{again: l.again}
}

// listMax is what a shard may hold for listings, and so the largest of them.
func (s *Shard) listMax() int {
	if s.cfg.ListBytesMax > 0 {
		return s.cfg.ListBytesMax
	}
	shards := int64(len(s.g.shards))
	slabs := s.g.lines.Reply.Max() / listSlab
	return int(max(listSlab, (slabs-shards)*listSlab/shards))
}

// makeLists does a turn's work for the listing whose turn it is.
func (s *Shard) makeLists() {
	x := &s.lists
	x.quick = quickWork
	if x.rests(s.mono) {
		return
	}
	s.sendLists()
	for work := listWork; len(x.queue) > 0 && work > 0; {
		l := x.queue[0]
		if l.q.Closing {
			s.endList(l)
			s.respond(l.q) // to nobody
			continue
		}
		l.work = work
		more := l.step(s, l)
		spent := work - l.work
		x.charge(int64(spent) * listUnit)
		if work = l.work; more && work > 0 && spent == 0 { // no memory, or too large
			s.listStuck(l)
			return
		}
		x.waits = 0
		if !more {
			s.listMade(l)
		}
	}
}

// listStuck decides about a listing that got no memory: it is too large, waits, or has waited long enough.
func (s *Shard) listStuck(l *listing) {
	x := &s.lists
	if l.held+listChunk > s.listMax() {
		if s.logAllowed() {
			s.log.Warn("list refused: it is larger than what memory has for lists; raise memory, or ask for less at once", append(l.fields(s), zap.String("event", "list_too_large"))...)
		}
		s.refuseList(l, wire.StatusError)
		return
	}
	if x.waits == 0 {
		x.waits = s.mono
	}
	if s.mono-x.waits < listWait {
		return
	}
	if len(x.sending) > 0 && s.mono-x.sending[0].began >= listWait {
		x.waits = s.mono
		s.front.Close(&x.sending[0].q.Exchange, "peer reads a list too slowly while others wait for the memory", nil)
		return
	}
	if s.logAllowed() {
		s.log.Warn("list refused: memory for replies is used up", append(l.fields(s), zap.String("event", "list_no_memory"))...)
	}
	s.refuseList(l, wire.StatusTransientNotCommitted) // clients try again in 50 ms
}

func (l *listing) fields(s *Shard) []zap.Field {
	return []zap.Field{zap.Uint32("code", uint32(l.q.code)), zap.Int("bytes", l.size), zap.Int("max", s.listMax())}
}

func (s *Shard) refuseList(l *listing, status wire.Status) {
	s.g.limits.memory.Add(1)
	s.endList(l)
	s.refuse(l.q, status)
}

// listMade begins to send a listing whose things are all written.
func (s *Shard) listMade(l *listing) {
	x := &s.lists
	x.queue = without(x.queue, l)
	if l.end != nil {
		q := l.q
		q.list = nil
		l.end(s, l)
		return
	}
	q, head := l.q, l.q.Peer.Dialect.HeadBytes()
	if l.gone {
		s.freeChunks(l)
	}
	ahead := 0
	if l.front != nil {
		ahead = len(l.front(s, l, s.body(q))) // a few hundred bytes: it fits into the head
	}
	if ahead > front.TopBytes-head {
		panic("BUG: the front of a list does not fit into the head of its reply")
	}
	size := l.size
	if len(l.chunks) == 1 && head+ahead+size <= front.TopBytes {
		ahead += copy(q.Top[head+ahead:], l.chunks[0])
		size = 0
		s.freeChunks(l)
	}
	if len(l.chunks) == 0 {
		q.list = nil
	} else {
		l.began = s.mono
		x.sending = append(x.sending, l)
	}
	q.Vec = append(q.Vec[:0], q.Top[:head+ahead])
	if len(l.chunks) > 0 {
		q.Vec = append(q.Vec, l.chunks[0])
		l.sent = 1
		q.Partial = len(l.chunks) > 1
		x.charge(chunkTime)
	}
	s.success(q, nil)
	q.Peer.Dialect.Head(q.Top, &q.handle, &s.out, ahead+size)
	s.respond(q)
}

// listPartOut has the next chunk of a listing sent when one is out.
func (s *Shard) listPartOut(l *listing) {
	s.freeChunk(l, l.sent-1)
	s.lists.owing = append(s.lists.owing, l)
}

// sendLists sends the next chunks of some listings that are being sent, those that have waited longest.
func (s *Shard) sendLists() {
	x := &s.lists
	n := min(len(x.owing), listSends)
	for _, l := range x.owing[:n] {
		q := l.q
		if !q.Closing {
			q.Vec = append(q.Vec[:0], l.chunks[l.sent])
			l.sent++
			q.Partial = l.sent < len(l.chunks)
			x.charge(chunkTime)
		}
		s.front.Send(&q.Exchange)
	}
	k := copy(x.owing, x.owing[n:])
	clear(x.owing[k:])
	x.owing = x.owing[:k]
}

// endList forgets a listing, whatever it is at.
func (s *Shard) endList(l *listing) {
	x := &s.lists
	x.queue = without(x.queue, l)
	x.sending = without(x.sending, l)
	if len(x.queue) == 0 {
		x.waits = 0
	}
	s.freeChunks(l)
	l.q.list = nil
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

func (s *Shard) freeChunks(l *listing) {
	for i := range l.chunks {
		s.freeChunk(l, i)
	}
	l.chunks, l.size = nil, 0
}

func (s *Shard) freeChunk(l *listing, i int) {
	if p := l.chunks[i]; p != nil {
		s.lists.bytes -= cap(p)
		l.held -= cap(p)
		s.replyPool.Put(p)
		l.chunks[i] = nil
	}
}

// room returns where at most n bytes are to be appended; nil: there is no memory. written follows.
func (l *listing) room(s *Shard, n int) []byte {
	if k := len(l.chunks); k > 0 && cap(l.chunks[k-1])-len(l.chunks[k-1]) >= n {
		return l.chunks[k-1]
	}
	if len(l.chunks) == 0 {
		n = max(n, listChunkFirst)
	} else {
		n = max(n, listChunk)
	}
	if s.lists.bytes+n > s.listMax() {
		return nil
	}
	p := s.replyPool.Get(n)
	if p == nil {
		return nil
	}
	s.lists.bytes += cap(p)
	l.held += cap(p)
	l.chunks = append(l.chunks, p[:0])
	return p[:0]
}

// written takes what room returned, with more in it.
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

// sleepLists says when listings want a turn: when they may go on, when memory may have been given back, or never.
func (s *Shard) sleepLists(earlier func(t int64)) {
	x := &s.lists
	switch {
	case len(x.owing) > 0:
		earlier(x.paid + x.debt)
	case len(x.queue) == 0:
	case x.waits == 0:
		earlier(x.paid + x.debt)
	default:
		earlier(s.mono + int64(retryEvery))
	}
}
