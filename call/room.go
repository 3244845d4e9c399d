package call

import (
	"errors"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// Config is what a Room needs to know.
type Config struct {
	Batches       batch.Limits // what sends may be
	FrameBytesMax int
	NameBytesMax  int // of new streams, topics, groups and tokens
	ListBytesMax  int // of the lists that are made and sent at a time
	Version       string
	Semver        uint32 // the version as clients compare it

	Random func(p []byte) // fills p with what nobody can guess
}

// World is what a Room looks at.
type World struct {
	Meta    *metadata.Machine // a replica
	Logs    Logs
	Clients Clients
	Memory  storage.Memory // for replies, outside the heap

	// Part makes a call for a part of another one, whose peer it has, and with a Top of its own. Whoever drives the room uses it again
	// when the exchange of that one is over. nil: there is no memory.
	Part func(of *Call) *Call
}

// Logs knows what there is in the logs of all shards.
type Logs interface {
	Log(id metadata.LogID) storage.LogStats
	Add(sum *storage.LogStats, parts []metadata.Partition) // of what can be added up
}

// Clients knows the connections of all shards that have sent a request.
type Clients interface {
	Find(id uint32) (Client, bool)
	Page(dst []Client, from uint32, n int) []Client // appends those whose id is not below from, ascending
	Count() int
}

// Client is one of them.
type Client struct {
	wire.Client
	Key  [16]byte // its session's own name for itself, if it has one
	User metadata.UserID
}

// Room has the commands of one shard's connections that are on their way. It belongs to the shard's thread.
type Room struct {
	answers
	cfg     Config
	world   World
	lists   listings
	in      wire.Request // being handled
	hasher  batch.Hasher
	turns   turns
	handled uint64
}

// New makes a room with no calls.
func New(cfg Config, w World) *Room {
	r := &Room{cfg: cfg, world: w}
	r.answers.meta, r.answers.memory = w.Meta, w.Memory
	r.lists.answers, r.lists.world, r.lists.bytesMax = &r.answers, &r.world, cfg.ListBytesMax
	return r
}

// Begin starts a turn at a time: monotonic, and of the day.
func (r *Room) Begin(mono int64, now metadata.Micros) { r.mono, r.now = mono, now }

// Tend makes a turn's work of lists.
func (r *Room) Tend() {
	r.lists.make()
	r.invariants()
}

// Deadline is the monotonic time at which the room wants a turn; 0: none.
func (r *Room) Deadline() int64 { return r.lists.deadline() }

// Handled is how many frames there were.
func (r *Room) Handled() uint64 { return r.handled }

// ListBytes is the memory that lists have.
func (r *Room) ListBytes() int { return r.lists.bytes }

// OthersCame says that the shard has requests that are no lists: lists leave them most of the core.
func (r *Room) OthersCame() { r.lists.others = r.mono }

// handler answers one command, or hands it on so that it is answered later. What in points to in the frame lives until the frame is
// done; in itself is the room's, and another call's when the handler has returned.
type handler func(r *Room, c *Call, in *wire.Request)

// Dispatch handles a frame.
func (r *Room) Dispatch(c *Call) {
	c.AtOnce = c.Hurried // the next request is here already
	r.handled++
	in := &r.in
	err := c.Peer.Dialect.Open(c.Frame, c.Peer.Session.Bound(), in)
	c.handle, c.Code = in.Handle, in.Code
	if err == nil && in.Numbered {
		c.numbered = true
		err = c.Peer.Numbered(c.handle.Request)
	}
	if err != nil {
		r.reject(c, err)
		return
	}
	k, unknown := commandOf(c.Code)
	if unknown != wire.StatusOK {
		r.refuse(c, unknown)
		return
	}
	if r.Orphaned(c.Peer) && c.Code != wire.CodePing && c.Code != wire.CodeLogin && c.Code != wire.CodeLogout {
		r.refuse(c, wire.StatusUnauthenticated)
		return
	}
	if in.Malformed != nil && !k.early {
		r.refuse(c, wire.StatusOf(in.Malformed))
		return
	}
	if k.retires != nil {
		c.Proposal.Retires = k.retires(in)
	}
	if k.demands != nil {
		c.Proposal.Demand = k.demands(c.Peer, in)
	}
	k.handle(r, c, in)
}

// Answered goes on with a call whose part its owner has answered.
func (r *Room) Answered(c *Call) {
	if c.Err == storage.ErrNotOwned {
		r.notOwned(c)
		return
	}
	if c.Err != nil {
		r.storeFailed(c)
		return
	}
	switch c.Code {
	case wire.CodeSendMessages:
		r.replySend(c)
	case wire.CodePollMessages:
		r.replyPoll(c)
	case wire.CodeGetConsumerOffset:
		r.replyOffset(c)
	default:
		r.changed(c)
		r.replyEmpty(c)
	}
}

// Outcome goes on with a call whose proposal was applied or refused.
func (r *Room) Outcome(c *Call) {
	if err := c.Proposal.Err; err != nil {
		r.notApplied(c, err)
		return
	}
	r.changed(c)
	if reply := rowOf(c.Code).reply; reply != nil {
		reply(r, c)
		return
	}
	r.replyEmpty(c)
}

// notApplied refuses a call whose proposal was refused.
func (r *Room) notApplied(c *Call, err error) {
	if limit := r.refused.count(err); limit != "" {
		r.limitHit(c, limit)
	}
	if c.Code == wire.CodeLogout {
		r.tell(c, Leaves) // the session is gone: nobody else will
	}
	if isStoreError(err) {
		c.Err = err
		r.storeFailed(c)
		return
	}
	r.refuse(c, statusOf(err))
}

// PartOut goes on with a list, or a reply of several, of which a piece is out. False: the reply is neither.
func (r *Room) PartOut(c *Call) bool {
	switch {
	case c.list != nil:
		r.lists.partOut(c.list)
	case len(c.parts) > 0:
		c.fill()
		r.tell(c, More)
	default:
		return false
	}
	return true
}

// Clear empties a call for its next use: its exchange is over, and nothing in flight names its memory.
func (r *Room) Clear(c *Call) {
	if c.list != nil {
		r.lists.end(c.list)
	}
	if c.body != nil {
		r.memory.Put(c.body)
	}
	c.clear()
}

// isStoreError reports whether a command failed for what storage answered, not for what it asked.
func isStoreError(err error) bool {
	for _, e := range storeStatuses {
		if errors.Is(err, e.err) {
			return true
		}
	}
	return false
}
