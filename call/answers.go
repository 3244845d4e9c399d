package call

import (
	"errors"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// answers makes replies, and says what is to be done with calls.
type answers struct {
	queue
	meta    *metadata.Machine
	memory  storage.Memory
	mono    int64           // of the turn
	now     metadata.Micros // the same, of the day
	out     wire.Reply      // being written
	news    fifo.Queue[News]
	refused Refusals
	full    diskFull
}

// dropFrame says that the bytes of the frame are not needed any more. Several calls of one frame have it together: it is dropped with the last.
func (a *answers) dropFrame(c *Call) {
	c.Batch = nil
	if c.whole == nil {
		a.tell(c, FrameDone)
	}
}

// replied says that the reply to c is in Vec.
func (a *answers) replied(c *Call) {
	if c.whole != nil {
		a.gather(c)
		return
	}
	a.tell(c, Replied)
}

// unservedMax is how many requests of a connection are answered whose dialect is not served: such clients ping first, and then ask for what
// they came for.
const unservedMax = 4

// reject answers a request that breaks a rule of the protocol, or ends its connection.
func (a *answers) reject(c *Call, err error) {
	if errors.Is(err, wire.ErrNoRequest) {
		c.Why, c.Cause = "not a request", err
		a.tell(c, Drops)
		return
	}
	a.commandRefused(c, wire.StatusOf(err))
	a.dropFrame(c)
	c.Final = !c.Peer.Dialect.Serves() && (c.Code != wire.CodePing || c.Number >= unservedMax)
	a.putHead(c, wire.StatusOf(err), wire.RefusedFrame, err)
}

// refuse answers c with an error.
func (a *answers) refuse(c *Call, status wire.Status) {
	a.commandRefused(c, status)
	a.dropFrame(c)
	again := status == wire.StatusTransientNotCommitted || status == wire.StatusTransientNotAccepted
	if again && c.numbered {
		c.Peer.Again(c.handle.Request)
	}
	a.putHead(c, status, wire.RefusedCommand, nil)
}

// refuseLogin answers a login that failed; the connection stays.
func (a *answers) refuseLogin(c *Call, status wire.Status) {
	a.dropFrame(c)
	a.putHead(c, status, wire.RefusedLogin, nil)
}

// putHead answers c with a head and nothing else. How much has changed is no stranger's business.
func (a *answers) putHead(c *Call, status wire.Status, how wire.Refusal, err error) {
	a.success(c, nil)
	a.out.Status, a.out.Refusal, a.out.Err = status, how, err
	if how == wire.RefusedFrame && !c.Peer.Session.Bound() {
		a.out.Revision = 0
	}
	c.Peer.Dialect.Head(c.Top, &c.handle, &a.out, 0)
	c.Vec = append(c.Vec[:0], c.Top[:c.Peer.Dialect.HeadBytes()])
	a.replied(c)
}

// success makes a.out the answer to c that it succeeded, with what the command has to say beside what a.out has by value.
func (a *answers) success(c *Call, form any) {
	r := &a.out
	r.Code, r.Status, r.Refusal, r.Err, r.Revision, r.Form = c.Code, wire.StatusOK, wire.RefusedCommand, nil, a.meta.Revision(), form
}

// replyEmpty answers c with success and nothing else.
func (a *answers) replyEmpty(c *Call) { a.answer(c, nil) }

// answer answers c with what the command has to say, as a pointer to its form; what is on the path of messages is in a.out by value.
func (a *answers) answer(c *Call, form any) {
	a.success(c, form)
	a.reply(c, c.Peer.Dialect.Body(a.room(c), &c.handle, &a.out))
}

// room returns where the body of c's reply is to be appended; it may grow beyond it.
func (a *answers) room(c *Call) []byte {
	n := c.Peer.Dialect.HeadBytes()
	return c.Top[n:n]
}

// reply answers c with the body of a.out, which was appended to what room returned.
func (a *answers) reply(c *Call, body []byte) {
	if len(body) > 0 && a.unauthorized(c) {
		return
	}
	a.dropFrame(c)
	head := c.Peer.Dialect.HeadBytes()
	c.Vec = append(c.Vec[:0], c.Top[:head])
	if len(body) <= len(c.Top)-head {
		copy(c.Top[head:], body)
		c.Vec[0] = c.Top[:head+len(body)]
	} else if !a.large(c, body) {
		a.note(News{Kind: ReplyWithoutMemory, Code: c.Code, Bytes: len(body)})
		a.refuse(c, wire.StatusError)
		return
	}
	c.Peer.Dialect.Head(c.Top, &c.handle, &a.out, len(body))
	a.replied(c)
}

// large copies a body into memory of its own. False: there is none.
func (a *answers) large(c *Call, body []byte) bool {
	if c.body != nil {
		panic("BUG: a second body for one reply")
	}
	if c.body = a.memory.Get(len(body)); c.body == nil {
		return false
	}
	c.Vec = append(c.Vec, c.body[:copy(c.body, body)])
	return true
}

// unauthorized refuses a call whose handler has not asked for one of the rights that the table says: it forgot to.
func (a *answers) unauthorized(c *Call) bool {
	if c.authorized || rowOf(c.Code).session {
		return false
	}
	a.note(News{Kind: Unauthorized, Code: c.Code})
	a.refuse(c, wire.StatusUnauthorized)
	return true
}

// invariants panics when something does not hold that always does between two calls into the room.
func (r *Room) invariants() {
	if !invariantsOn {
		return
	}
	for c := r.first; c != nil; c = c.next {
		if !c.listed || c.effects == 0 || (c.next == nil) != (c == r.last) {
			panic("BUG: a call waits to be taken, and nothing is to be done with it")
		}
	}
	r.lists.invariants()
}
