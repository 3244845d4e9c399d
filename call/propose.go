package call

import "github.com/galgo-mq/galgo/wire"

// propose sends a metadata command into the order. Its outcome comes to Outcome. The frame stays: names in c point
// into it.
func (r *Room) propose(c *Call, command []byte) {
	if r.unauthorized(c) {
		return
	}
	if len(command) > commandMax {
		r.refuse(c, wire.StatusInvalidCommand)
		return
	}
	c.Proposal.Command, c.Proposal.Owner = command, c.Holder
	c.Proposal.Quota = rowOf(c.Code).quota
	r.lists.others = r.mono
	r.tell(c, Proposed)
}

// commandMax bounds a metadata command: what every shard applies in one turn, and the journal carries.
const commandMax = 256 << 10
