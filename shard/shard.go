package shard

import (
	"time"

	"github.com/galgo-mq/galgo/board"
	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/uring"
)

// Shard is one core's part of the broker. Its methods belong to its thread, except Post.
type Shard struct {
	id  router.ShardID
	g   *Group
	cfg *Config
	kernel
	calls *call.Room
	replica

	clock
	mail
	door
	memory
	credits credits
	reports
	refused refused

	controlNews
	hurries  hurries
	splits   splits
	sessions sessions
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
	wake     []router.ShardID            // of this turn
	inbox    board.Inbox[func(s *Shard)] // from goroutines that are no shards
}

// turnStats measures turns; read by the shard only.
type turnStats struct {
	turns, stalls uint64
	longest       time.Duration
}

// message is what shards send each other.
type message struct {
	kind  messageKind
	use   uint32 // of req, for word of one that may be over when it arrives
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
	msgHurry                           // the client of req, a poll that may wait for a message at the receiver, has sent something else
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
	for _, f := range s.inbox.Take() {
		f(s)
	}
	s.tend()
	s.answerStore() // what comes of the answers is in the same group
	s.logs.Store().End()
	s.answerStore()
	if !s.logs.Store().ReadsWait() {
		s.memory.forgoReads()
	}
	s.front.SetShort(s.logs.Store().Space().Short())
	s.front.ArmBodies()
	s.countRefusals()
	s.submitStore()
	s.publish(s.io, s.g.shards)
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
	if !block || s.port.HasNews() || s.inbox.HasNews() || !s.port.FallAsleep() {
		return s.io.Wait(0)
	}
	cs := s.io.Wait(s.sleep())
	s.port.WakeUp()
	return cs
}

// micros is the turn's wall clock as metadata wants it.
func (c *clock) micros() metadata.Micros { return metadata.Micros(c.now.UnixMicro()) }

// begin tells everybody what the time is.
func (s *Shard) begin(now time.Time) {
	s.now, s.mono = now, int64(now.Sub(s.started))
	s.logs.Begin(uint64(now.UnixMicro()), s.mono)
	s.logs.Store().Space().SetShort(s.g.space.Short.Load())
	s.calls.Begin(s.mono, s.micros())
	s.front.Begin(s.mono)
	s.front.SetShort(s.logs.Store().Space().Short())
}

// tend does what waits for its time, or for something that others may have given back.
func (s *Shard) tend() {
	s.sweep()
	s.watchSlow()
	s.sessions.tend()
	s.logs.Tend()
	s.front.Tend()
	s.memory.frames.share(s.front.Starving(), s.mono)
	s.serve()
	s.calls.Tend()
	s.carry()
	s.credits.retry()
	s.carryNews()
	s.sendNews()
	s.hurries.send(s.mono)
	s.splits.tend(s.mono)
	if s.coordinator != nil {
		s.conns.retry()
		s.coordinator.tick()
	}
}

// sleep returns how long the shard may sleep: until its store or a connection wants a turn, or for ever.
func (s *Shard) sleep() time.Duration {
	if s.inbox.HasNews() || s.logs.Store().Unflushed() || s.front.Ready() {
		return 0
	}
	next := s.logs.Deadline()
	earlier := func(t int64) {
		if next == 0 || t < next {
			next = t
		}
	}
	if s.front.Count() > 0 || s.memory.kept() || s.front.Spare() > 0 {
		earlier(s.nextSweep)
	}
	if s.front.Count() > 0 && s.memory.short() {
		earlier(max(s.nextSlow, s.mono+int64(front.SlowAfter)))
	}
	if s.stopping && !s.gaveUp && !s.drained {
		earlier(s.giveUp)
	}
	for _, t := range [...]int64{s.calls.Deadline(), s.splits.deadline()} {
		if t != 0 {
			earlier(t)
		}
	}
	if s.coordinator != nil && (!s.stopping || s.coordinator.room.AtOnce()) {
		if t := s.coordinator.room.Deadline(); t != 0 {
			earlier(t)
		}
	}
	if len(s.hurries.list) > 0 {
		earlier(s.hurries.next)
	}
	if s.hasNews() || s.front.Waiting() || s.front.Door.Paused() || s.conns.pending.Len() > 0 || s.logs.Store().Waiting() || s.finishing {
		earlier(s.mono + int64(retryEvery))
	}
	if next == 0 {
		return -1
	}
	return max(0, time.Duration(next-int64(s.g.host.Since(s.started))))
}

// retryEvery is when a shard looks again for memory that another shard may have given back.
const retryEvery = 5 * time.Millisecond

// complete takes one completion to where it belongs.
func (s *Shard) complete(c *uring.Completion) {
	switch c.Token & tokMask {
	case tokStore:
		if c.Entries != nil {
			s.logs.Store().CompleteList(c.Token&^tokMask, uring.Names(c.Entries), errnoErr(c))
		} else {
			s.logs.Store().Complete(c.Token&^tokMask, c.Res, errnoErr(c))
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
		m.req.answered()
	case msgOwe:
		s.logs.Store().Owe(&m.req.Request, m.req.owing.sent)
	case msgRelease:
		s.logs.Store().Release(&m.req.Request)
		s.port.Release(from, message{kind: msgRelease | releaseDone, req: m.req})
	case msgRelease | releaseDone:
		s.credits.released(from)
		m.req.free()
	case msgConn:
		s.conns.adopt(*m.conn)
	case msgMeta:
		s.coordinator.proposed(m.req)
	case msgMetaDone:
		s.credits.answered(m.req, from)
		m.req.proposalDone()
	case msgApply:
		s.tellControl(s.applyRun(m.event.run))
	case msgRaise:
		s.logs.Raise(m.event.raises.stream, m.event.raises.topic, m.event.raises.to)
	case msgLower:
		s.logs.TakeSettings(m.event.raises.stream, m.event.raises.topic)
	case msgControl:
		s.coordinator.take(m.event.news)
	case msgHurry:
		s.logs.Hurry(&m.req.Part)
	case msgAbandon:
		s.withdraw(m.req, m.use)
	case msgMoveOut:
		s.logs.Detach(m.event.move.log, m.event.move)
	case msgMoveIn:
		s.logs.Attach(m.event.move.moving, m.event.move)
	case msgMoved:
		s.moved(m.event.move)
		s.tellControl(control.Event{Kind: control.EventMapped})
	}
}

// releaseDone marks the way back of a release: the owner is done with the request's reply.
const releaseDone messageKind = 0x80

// publish shows other shards what was sent to them, and wakes those that sleep.
func (m *mail) publish(io uring.IO, shards []*Shard) {
	m.wake = m.port.Publish(m.wake[:0])
	for _, id := range m.wake {
		io.WakePeer(shards[id].io)
	}
	m.wake = m.wake[:0]
}
