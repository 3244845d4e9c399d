package call

import (
	"fmt"

	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// A frame of several requests has a call for itself and one for each of them, its parts. Each part is handled as if it had come alone, with
// its own right, log and refusal. What it is answered with stays where it is until all are answered; then they go out as one reply, in
// their order.
//
//	Dispatch --> several --> Part --> a log's owner --> Answered --+
//	                   +---> Part --> another's     --> Answered --+--> Replied
//	                   +---> a part that is refused ---------------+
//
// A part that is answered holds memory of its log while the others are due. So it waits for nothing that another call may hold: see Waits.

// split is what a call knows of its parts, or of the call that it is a part of.
type split struct {
	whole  *Call // nil: it is no part
	joined bool  // it is a part, and answered

	parts []*Call
	due   int // of parts, not answered yet
	gone  int // of parts, whose reply was given to the connection
}

// Parts are the calls that c consists of, none for most.
func (c *split) Parts() []*Call { return c.parts }

// IsPart reports whether the call is one of several of a frame.
func (c *split) IsPart() bool { return c.whole != nil }

// Waits reports whether the call is one of several of a frame, and not answered yet. What the others are answered with is held until then, so
// whoever drives the room has it wait for nothing that is scarce for long: it is to be answered with storage.ErrCanceled instead.
func (c *split) Waits() bool { return c.whole != nil && !c.joined }

// mayExceed reports whether a batch that is larger than the share of this call may be its reply. All parts together have what one reply may have, with
// one batch beyond it: that of the first part, so that whoever puts another one first gets all.
func (c *Call) mayExceed() bool { return c.whole == nil || c.whole.parts[0] == c }

// share is the part of what a reply may have that is for this call.
func (c *split) share(most int) int {
	if c.whole == nil {
		return most
	}
	return most / len(c.whole.parts)
}

// several handles a frame of several requests.
func several(r *Room, c *Call, in *wire.Request) {
	if !splits(in.Parts) {
		r.refuse(c, wire.StatusInvalidCommand)
		return
	}
	for range in.Parts {
		p := r.world.Part(c)
		if p == nil {
			r.refuse(c, wire.StatusTransientNotCommitted)
			return
		}
		p.whole = c
		c.parts = append(c.parts, p)
	}
	c.due, c.Watched = len(c.parts), true
	r.tell(c, Splits)
	for i, p := range c.parts {
		r.dispatchPart(p, &in.Parts[i])
	}
}

// splits reports whether a frame may have these parts: some, of one command that asks one log. Of more than one command the reply to one could
// hold the memory that another one waits for.
func splits(parts []wire.Request) bool {
	if len(parts) == 0 || len(parts) > wire.PartsMax || !rowOf(parts[0].Code).part {
		return false
	}
	for i := range parts {
		if parts[i].Code != parts[0].Code {
			return false
		}
	}
	return true
}

// dispatchPart handles one of several requests.
func (r *Room) dispatchPart(p *Call, in *wire.Request) {
	p.handle, p.Code, p.AtOnce = in.Handle, in.Code, true
	if in.Malformed != nil {
		r.refuse(p, wire.StatusOf(in.Malformed))
		return
	}
	rowOf(p.Code).handle(r, p, in)
}

// gather takes the reply to a part. The last one has that to the whole frame leave.
func (a *answers) gather(p *Call) {
	w := p.whole
	if p.joined || w.due == 0 {
		panic(fmt.Sprintf("BUG: a part is answered twice, or one too many: %d are due", w.due))
	}
	p.joined = true
	if w.due--; w.due > 0 {
		return
	}
	a.dropFrame(w)
	bytes := 0
	for _, p := range w.parts {
		for _, span := range p.Vec {
			bytes += len(span)
		}
	}
	a.success(w, nil)
	head := w.Peer.Dialect.HeadBytes()
	w.Peer.Dialect.Head(w.Top, &w.handle, &a.out, bytes)
	w.Vec, w.Pins = append(w.Vec[:0], w.Top[:head]), true
	w.add()
	a.replied(w)
}

// spansMax is how many spans leave at once; the reply to a part has no more.
const spansMax = storage.SpansMax + 4

// fill makes Vec of the next piece of a reply of several.
func (c *Call) fill() {
	c.Vec = c.Vec[:0]
	c.add()
}

// add adds to Vec the replies to the next parts, as many as leave at once.
func (c *Call) add() {
	for c.gone < len(c.parts) && len(c.Vec)+len(c.parts[c.gone].Vec) <= spansMax {
		c.Vec = append(c.Vec, c.parts[c.gone].Vec...)
		c.gone++
	}
	c.Partial = c.gone < len(c.parts)
}
