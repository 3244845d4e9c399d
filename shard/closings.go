package shard

import (
	"slices"
	"time"

	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// closing is a committed command that has retired logs of this shard, while something of them may be in flight. They take nothing new.
type closing struct {
	index uint64
	since int64
	told  bool // the control room waits no longer
}

// closings are all of a shard.
type closings struct {
	list []*closing
	news []uint64 // indexes that the control room is not told yet
}

// closePatience is how long the answer to a deletion waits for appends that the disk has no room for.
const closePatience = 5 * time.Second

// retire closes logs that a committed command has retired, drops each that has nothing in flight any more, and tells the control room
// when all are.
func (s *Shard) retire(index uint64, logs []metadata.LogID) {
	c := &closing{index: index, since: s.mono}
	s.closings.list = append(s.closings.list, c)
	ask := &asking{s: s, logs: logs}
	ask.fill = func(q *request) { q.Kind = storage.ReqClose }
	ask.answered = func(q *request) {
		if q.Err == nil || q.Err == storage.ErrUnknownLog { // else the journal has failed, and the process ends
			s.logs.Store().Drop(q.Log, s.dropped)
			s.logs.Forget(q.Log) // a poll may have ended meanwhile
		}
	}
	ask.done = func() {
		s.closings.list = slices.DeleteFunc(s.closings.list, func(x *closing) bool { return x == c })
		s.closed(c)
	}
	ask.next()
}

// closed tells the control room that the logs of c are closed, or that it is not to wait for them.
func (s *Shard) closed(c *closing) {
	if !c.told {
		c.told = true
		s.closings.news = append(s.closings.news, c.index)
		s.sendClosed()
	}
}

// sendClosed tells it, if there is room for a message.
func (s *Shard) sendClosed() {
	if len(s.closings.news) > 0 && (s.coordinator != nil || s.port.ControlRoom(0) > controlReserve) {
		s.tellControl(control.Event{Kind: control.EventClosed, Closed: s.closings.news})
		s.closings.news = nil
	}
}

// tendClosings waits no longer with the answer to deletions whose logs have appends in flight that there is no room for. The deletion is
// done: such an append began before it, whenever its own answer comes.
func (s *Shard) tendClosings() {
	for _, c := range s.closings.list {
		if s.logs.Store().Space().Short() && s.mono-c.since >= int64(closePatience) {
			s.closed(c)
		}
	}
	s.sendClosed()
}

// closingsWant is when the closings want a turn; 0: never.
func (s *Shard) closingsWant() int64 {
	if len(s.closings.news) > 0 {
		return s.mono + int64(retryEvery)
	}
	for _, c := range s.closings.list {
		if !c.told && s.logs.Store().Space().Short() {
			return c.since + int64(closePatience)
		}
	}
	return 0
}

// asking gives logs of this shard a request each, some at a time: a request takes a good kilobyte, and a command may be about ten thousands.
type asking struct {
	s        *Shard
	logs     []metadata.LogID
	fill     func(q *request) // says what is asked
	answered func(q *request)
	done     func() // when all are

	at   int // the next log
	left int // those that were asked, and this itself while it asks
}

// askedMax is how many logs are asked at a time.
const askedMax = 256

// next asks the next logs, and is called again when those have answered.
func (x *asking) next() {
	x.left = 1
	for ; x.at < len(x.logs) && x.left <= askedMax; x.at++ {
		x.left++
		q := x.s.newRequest(func(_ *Shard, q *request) {
			x.answered(q)
			x.one()
		})
		q.Log = storage.LogID(x.logs[x.at])
		x.fill(q)
		x.s.logs.Start(&q.Part)
	}
	x.one()
}

// one counts an answer.
func (x *asking) one() {
	switch x.left--; {
	case x.left > 0:
	case x.at < len(x.logs):
		x.next()
	default:
		x.done()
	}
}
