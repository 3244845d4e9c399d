package call

import (
	"fmt"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// Call is one command on its way. Whoever drives a Room has it beside the exchange and the request to a log that it points to, and uses the
// three again together. It is the room's from Dispatch until its exchange is over, but for the time that one of its effects says.
type Call struct {
	*wire.Exchange                     // the frame and the reply
	*storage.Request                   // what the owner of a log is asked; nobody looks at it while that has it
	Holder           any               // what the call is embedded in; not touched
	Proposal         metadata.Proposal // what the order of commands is asked; names in it point into the frame
	Ask              *Ask              // what the process is asked

	Code      wire.Code
	Stream    metadata.StreamID // the partition that a part is for
	Topic     metadata.TopicID
	Partition metadata.PartitionID
	Subject   metadata.Subject   // whose right is looked at again when a poll has waited
	Group     metadata.GroupID   // that a part is for
	Member    metadata.MemberKey // and the member that asks; or whose memberships end
	AtOnce    bool               // a poll that finds nothing is answered, and does not wait for a message
	Why       string             // a connection is closed
	Cause     error              // of the same

	handle     wire.Handle
	numbered   bool   // its number is the highest of the session now
	authorized bool   // its caller has one of the rights that the table of commands asks for, or was refused
	object     string // what a change is about, as the client says it, for the log
	secret     string // a new token
	list       *listing
	body       []byte // memory of the reply beside Top
	split

	effects Effect
	listed  bool
	next    *Call
}

// Effect is what is to be done with a call that Take returns, in this order; several may come at once.
type Effect uint16

const (
	// FrameDone: the bytes of the frame are not needed any more.
	FrameDone Effect = 1 << iota
	// LoggedOut: its peer has no session any more.
	LoggedOut
	// Leaves: the memberships of Member end.
	Leaves
	// Splits: it has Parts, some of which may be due for a while.
	Splits
	// Closes: its connection is to be closed, for Why. The call goes on until its exchange is over.
	Closes
	// Drops: its connection is to be closed, for Why and Cause, without a reply.
	Drops
	// Asks: the process is asked Ask. Told follows.
	Asks
	// Part: Request goes to the owner of its Log. Answered follows.
	Part
	// Proposed: Proposal goes into the order of commands. Outcome follows.
	Proposed
	// Replied: the reply is in Vec.
	Replied
	// More: the next part of the reply is in Vec.
	More
)

// queue is calls with which something is to be done, in order, linked through them.
type queue struct{ first, last *Call }

// tell adds e to what is to be done with c.
func (q *queue) tell(c *Call, e Effect) {
	c.effects |= e
	if c.listed {
		return
	}
	c.listed, c.next = true, nil
	if q.last == nil {
		q.first = c
	} else {
		q.last.next = c
	}
	q.last = c
}

// Take returns the next call with which something is to be done, and what; nil: there is none.
func (q *queue) Take() (*Call, Effect) {
	c := q.first
	if c == nil {
		return nil, 0
	}
	if q.first = c.next; q.first == nil {
		q.last = nil
	}
	e := c.effects
	c.next, c.listed, c.effects = nil, false, 0
	return c, e
}

// clear empties c for its next use.
func (c *Call) clear() {
	if c.listed {
		panic("BUG: a call is used again, and something is to be done with it")
	}
	if c.due > 0 {
		panic(fmt.Sprintf("BUG: a call is used again, and %d of its parts are not answered", c.due))
	}
	clear(c.parts)
	x, p, holder, parts := c.Exchange, c.Request, c.Holder, c.parts[:0]
	*c = Call{} // in place: a literal with what stays would be made beside it first
	c.Exchange, c.Request, c.Holder, c.parts = x, p, holder, parts
}

// about adds to what a call is about: stream, topic, and what is made in it or named, with slashes between. It is copied, as
// the frame may be gone when it is logged.
func (c *Call) about(name string) {
	if c.object != "" {
		name = c.object + "/" + name
	}
	c.object = name
}

// aboutRule notes what an action on stream and topic is about, for a command that an operator wants to know of.
func (c *Call) aboutRule(a metadata.Action, stream, topic metadata.Ident) {
	if !rowOf(c.Code).told {
		return
	}
	made := c.object
	c.object = ""
	if rule := a.Rule(); rule.Stream != 0 || rule.Topic != 0 {
		c.about(stream.String())
		if rule.Topic != 0 {
			c.about(topic.String())
		}
	}
	if made != "" {
		c.about(made)
	}
}
