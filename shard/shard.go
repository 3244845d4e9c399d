package shard

import (
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// Shard is one core's part of the broker. Its methods belong to its thread, except post.
type Shard struct {
	id     router.ShardID
	g      *Group
	cfg    *Config
	io     uring.IO
	op     uring.Op // being submitted
	store  *storage.Store
	meta   *metadata.Machine
	owners *router.Map

	clock
	mail
	door
	forms
	memory
	credits   credits
	lists     listings
	retaining retaining
	turns     map[topicKey]topicTurn // of balanced sends
	reports
	refused bool // its journal, for want of space: the broker knows

	coordinator *coordinator // shard 0 only: the order of metadata commands
	closings    closings
	forgetting  fifo.Queue[metadata.LogID]
	delivered   deliveries // to members of groups, of the logs of this shard
	held        heldPolls
	groupNews   control.Event        // for the control room, when there is room; of no kind: nothing
	changed     func(l *storage.Log) // logChanged, made once: it would be allocated each turn
	ending
	stats turnStats
}

// clock is the time of the turn.
type clock struct {
	now     time.Time
	started time.Time
	mono    int64 // nanoseconds since started
}

// mail is what comes from other shards and from goroutines that are none.
type mail struct {
	port     *router.Port[message]
	received []router.Received[message]
	wake     []router.ShardID // of this turn
	inbox    inbox
}

// forms are a request and a reply in the words of package wire, one at a time, and what a batch is checked by.
type forms struct {
	in     wire.Request // being handled
	out    wire.Reply   // being written
	hasher batch.Hasher
	limits batch.Limits
}

// turnStats measures turns; read by the shard only.
type turnStats struct {
	turns, stalls, requests uint64
	longest                 time.Duration
}

// message is what shards send each other.
type message struct {
	kind  messageKind
	req   *request
	event *metaEvent
	conn  *front.Newcomer
}

type messageKind uint8

const (
	msgRequest  messageKind = iota + 1 // req is for a log of the receiver
	msgReply                           // req is answered
	msgRelease                         // the memory that req's reply points to is free
	msgConn                            // a new connection for the receiver
	msgMeta                            // req is a metadata command for shard 0
	msgMetaDone                        // req, a metadata command, is answered
	msgApply                           // the commands of event are committed: apply them
	msgRaise                           // raise the level of the logs of event that the receiver owns
	msgLower                           // that is taken back
	msgControl                         // news of event for the control room
	msgMoveOut                         // event moves a log away from the receiver
	msgMoveIn                          // the receiver gets it
	msgMoved                           // the map changes
	msgUnhold                          // the client of req, a poll that the receiver may hold, has sent something else
	msgAbandon                         // the client of req, a poll that may wait for memory at the receiver, is gone
	msgOwe                             // req is told how much of its reply went, and wants the next piece
)

// Turn is one pass of the loop. With block it sleeps when there is nothing to do.
func (s *Shard) Turn(block bool) {
	cs := s.wait(block)
	begin := s.g.host.Now() // the only look at the clock, but for the end of the turn
	s.begin(begin)
	for i := range cs {
		s.complete(&cs[i])
	}
	s.receive()
	s.inbox.drain(s)
	s.tend()
	s.answerStore() // what comes of the answers is in the same group
	s.store.End()
	s.answerStore()
	s.forgoReads()
	s.front.SetShort(s.store.Space().Short())
	s.front.ArmBodies()
	s.countRefusals()
	s.submitStore()
	s.publish()
	if s.stopping {
		s.tryStop()
	}
	if d := s.g.host.Since(begin); d > turnStall {
		s.stats.stalls++
		s.stats.longest = max(s.stats.longest, d)
	}
	s.stats.turns++
}

// wait has the kernel begin what it was asked for, and returns what it has done.
func (s *Shard) wait(block bool) []uring.Completion {
	if !block || s.port.HasNews() || s.inbox.hasNews() || !s.port.FallAsleep() {
		return s.io.Wait(0)
	}
	cs := s.io.Wait(s.sleep())
	s.port.WakeUp()
	return cs
}

// begin tells everybody what the time is.
func (s *Shard) begin(now time.Time) {
	s.now, s.mono = now, int64(now.Sub(s.started))
	s.store.Begin(uint64(now.UnixMicro()), s.mono)
	s.store.Space().SetShort(s.g.space.Short.Load())
	s.front.Begin(s.mono)
	s.front.SetShort(s.store.Space().Short())
}

// tend does what waits for its time, or for something that others may have given back.
func (s *Shard) tend() {
	s.sweep()
	s.watchSlow()
	s.retain()
	s.front.Tend()
	s.serve()
	s.makeLists()
	s.credits.retry()
	s.sendForgotten()
	s.tendClosings()
	s.sendGroupNews()
	s.endHolds()
	s.sendUnholds()
	if s.coordinator != nil {
		s.accept.retry(s)
		s.coordinator.tick()
	}
}

// sleep returns how long the shard may sleep: until its store or a connection wants a turn, or for ever.
func (s *Shard) sleep() time.Duration {
	if s.inbox.hasNews() || s.store.Unflushed() || s.retaining.active || s.front.Ready() {
		return 0
	}
	next := s.store.Deadline()
	earlier := func(t int64) {
		if next == 0 || t < next {
			next = t
		}
	}
	if s.front.Count() > 0 || s.keepsMemory() {
		earlier(s.nextSweep)
	}
	if s.front.Count() > 0 && s.memoryShort() {
		earlier(max(s.nextSlow, s.mono+int64(front.SlowAfter)))
	}
	if s.store.Logs() > 0 {
		earlier(s.retaining.next)
	}
	if s.stopping && !s.gaveUp && !s.drained {
		earlier(s.giveUp)
	}
	if len(s.held.queue) > 0 {
		earlier(s.held.queue[0].until)
	}
	s.sleepLists(earlier)
	if t := s.closingsWant(); t != 0 {
		earlier(t)
	}
	if s.coordinator != nil && (!s.stopping || s.coordinator.room.AtOnce()) {
		if t := s.coordinator.room.Deadline(); t != 0 {
			earlier(t)
		}
	}
	if len(s.held.telling) > 0 || s.groupNews.Kind != 0 || s.front.Waiting() || s.front.Door.Paused() || s.accept.pending.Len() > 0 || s.store.Waiting() || s.finishing || s.forgetting.Len() > 0 {
		earlier(s.mono + int64(retryEvery))
	}
	if next == 0 {
		return -1
	}
	return max(0, time.Duration(next-int64(s.g.host.Since(s.started))))
}

// keepsMemory reports whether a pool, or that of requests, has memory to give back.
func (s *Shard) keepsMemory() bool {
	for _, p := range s.pools {
		if p.Kept() {
			return true
		}
	}
	return s.front.Spare() > 0
}

// retryEvery is when a shard looks again for memory that another shard may have given back.
const retryEvery = 5 * time.Millisecond

// complete takes one completion to where it belongs.
func (s *Shard) complete(c *uring.Completion) {
	switch c.Token & tokMask {
	case tokStore:
		if c.Entries != nil {
			s.store.CompleteList(c.Token&^tokMask, uring.Names(c.Entries), errnoErr(c))
		} else {
			s.store.Complete(c.Token&^tokMask, c.Res, errnoErr(c))
		}
	case tokFront:
		s.front.Completed(c)
		s.serve()
	case tokSnapshot:
		s.coordinator.take(s.coordinator.snapshot.completed(c))
	case tokNone:
	default:
		panic("BUG: completion without an owner")
	}
}

func errnoErr(c *uring.Completion) error {
	if c.Err != 0 {
		return c.Err
	}
	return nil
}

// controlReserve is how many control messages to a shard are kept for the effects of the control room; others wait for more room.
const controlReserve = 4

const _ = uint(router.ControlSlotsMin - controlReserve - 1)

// messageTurnMax bounds the messages taken in per turn.
const messageTurnMax = 256

func (s *Shard) receive() {
	n := s.port.Receive(s.received[:messageTurnMax])
	for i := range s.received[:n] {
		r := &s.received[i]
		s.message(r.From, &r.Msg)
		r.Msg = message{}
	}
}

func (s *Shard) message(from router.ShardID, m *message) {
	switch m.kind {
	case msgRequest:
		s.start(m.req)
	case msgReply:
		s.credits.answered(m.req, from)
		s.answered(m.req)
	case msgOwe:
		s.store.Owe(&m.req.Request, m.req.owing.sent)
	case msgRelease:
		s.store.Release(&m.req.Request)
		s.port.Release(from, message{kind: msgRelease | releaseDone, req: m.req})
	case msgRelease | releaseDone:
		s.credits.released(from)
		s.freeRequest(m.req)
	case msgConn:
		s.adopt(*m.conn)
	case msgMeta:
		s.proposed(m.req)
	case msgMetaDone:
		s.credits.answered(m.req, from)
		s.metaAnswered(m.req)
	case msgApply:
		s.applyRun(m.event.run)
	case msgRaise:
		s.raise(m.event.raises)
	case msgLower:
		s.takeSettingsOf(m.event.raises.stream, m.event.raises.topic)
	case msgControl:
		s.coordinator.take(m.event.news)
	case msgUnhold:
		s.release(m.req)
	case msgAbandon:
		s.store.Cancel(&m.req.Request)
	case msgMoveOut:
		s.moveOut(m.event.move)
	case msgMoveIn:
		s.moveIn(m.event.move)
	case msgMoved:
		s.moved(m.event.move)
	}
}

// releaseDone marks the way back of a release: the owner is done with the request's reply.
const releaseDone messageKind = 0x80

// answerStore sends on what the store has answered.
func (s *Shard) answerStore() {
	for again := true; again; {
		for r := s.store.TakeDone(); r != nil; r = s.store.TakeDone() {
			s.storeDone(r.Owner.(*request))
		}
		s.store.TakeChanged(s.changed)
		again = s.pollWoken()
		again = s.serve() || again // replies to connections that are gone, and requests behind them
	}
}

// logChanged shows a log's counters, and its news to polls that wait for them.
func (s *Shard) logChanged(l *storage.Log) {
	publishStats(l)
	s.landed(l.ID())
}

// storeDone takes a request that the local store answered to the connection that made it.
func (s *Shard) storeDone(q *request) {
	switch {
	case q.internal != nil:
		q.internal(s, q)
		return
	case s.hold(q):
		return
	case q.Kind == storage.ReqStoreOffset && q.Consumer.Group && q.Err == nil:
		s.offsetStored(q)
	}
	if q.home != s {
		s.port.Reply(q.home.id, message{kind: msgReply, req: q})
		return
	}
	s.answered(q)
}

// submit hands an operation to the kernel. It lies in the shard while that looks at it: what an interface is given a
// pointer to would otherwise be allocated anew each time.
func (s *Shard) submit(op uring.Op) uring.Handle {
	s.op = op
	return s.io.Submit(&s.op)
}

// publish shows other shards what was sent to them, and wakes those that sleep.
func (s *Shard) publish() {
	s.wake = s.port.Publish(s.wake[:0])
	for _, id := range s.wake {
		s.io.WakePeer(s.g.shards[id].io)
	}
	s.wake = s.wake[:0]
}
