package call

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// The replies of metadata commands that were applied, here as everywhere. What was made may be gone again meanwhile.

func replyJoined(r *Room, c *Call) {
	if c.Peer.Session.Client != c.Proposal.Demand.Member { // it has lost its session meanwhile
		c.Member = c.Proposal.Demand.Member
		r.tell(c, Leaves)
	}
	r.replyEmpty(c)
}

func replyStream(r *Room, c *Call) {
	st, err := r.meta.Stream(metadata.ByNumber(c.Proposal.Result.Stream))
	if err != nil {
		r.refuse(c, wire.StatusError)
		return
	}
	w := r.world.describeStream(st)
	r.answer(c, &w)
}

func replyTopic(r *Room, c *Call) {
	t, err := r.meta.Topic(metadata.ByNumber(c.Proposal.Result.Stream), metadata.ByNumber(c.Proposal.Result.Topic))
	if err != nil {
		r.refuse(c, wire.StatusError)
		return
	}
	w := r.world.describeTopicDetails(t)
	r.answer(c, &w)
}

func replyUser(r *Room, c *Call) {
	u, err := r.meta.Accounts.User(metadata.ByNumber(c.Proposal.Result.User))
	if err != nil {
		r.refuse(c, wire.StatusError)
		return
	}
	w := wireUserDetails(u)
	r.answer(c, &w)
}

func replyPasswordChanged(r *Room, c *Call) {
	r.keepSession(c)
	r.replyEmpty(c)
}

func replyToken(r *Room, c *Call) {
	text := wire.TokenText(c.secret)
	r.answer(c, &text)
}

func replyGroup(r *Room, c *Call) {
	g, found := r.meta.GroupByID(c.Proposal.Result.Stream, c.Proposal.Result.Topic, c.Proposal.Result.Group)
	if !found {
		r.refuse(c, wire.StatusError)
		return
	}
	t, _ := r.meta.Topic(metadata.ByNumber(g.Stream), metadata.ByNumber(g.Topic))
	w := wireGroupDetails(g, len(t.Partitions))
	r.answer(c, &w)
}

// keepSession lets the session that has changed its own user's password go on; all others of that user have ended.
func (r *Room) keepSession(c *Call) {
	if x := c.Peer.Session; x.Bound() && subjectIn(&x) == c.Proposal.Judgement.Subject && metadata.UserID(x.User) == c.Proposal.Result.User {
		x.Secured = c.Proposal.Result.Secured
		c.Peer.Bind(x)
	}
}
