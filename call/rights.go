package call

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// subject is who a session belongs to.
type subject = metadata.Subject

// subjectIn is who a session belongs to.
func subjectIn(x *wire.Session) subject {
	return subject{User: metadata.UserID(x.User), Since: x.Since, Secured: x.Secured}
}

// storing is who x is as the owner of offsets that it stores.
func storing(x subject) storage.User {
	return storage.User{Number: uint32(x.User), Since: uint32(x.Since)}
}

// authorize asks whether c's caller may do a with a stream and a topic, and refuses c if not. Idents that the action is not about
// are not looked at.
func (r *Room) authorize(c *Call, a metadata.Action, stream, topic metadata.Ident) bool {
	c.authorized = rowOf(c.Code).needs(a)
	c.aboutRule(a, stream, topic)
	c.Proposal.Judgement = metadata.Judgement{Subject: subjectIn(&c.Peer.Session), Action: a, Stream: stream, Topic: topic}
	if err := c.Proposal.Judgement.Pass(r.meta); err != nil {
		r.refuse(c, statusOf(err))
		return false
	}
	return true
}

// may asks whether c's caller may do a with what was resolved already, and refuses c if not.
func (r *Room) may(c *Call, a metadata.Action, stream metadata.StreamID, topic metadata.TopicID) bool {
	c.authorized = rowOf(c.Code).needs(a)
	if err := subjectIn(&c.Peer.Session).May(r.meta, a, stream, topic); err != nil {
		r.refuse(c, statusOf(err))
		return false
	}
	return true
}

// Orphaned reports whether p has the session of a user who is gone, or a session that was ended by a changed password or by the user
// being switched off: it may do no more than who has not logged in, and is not to see which things exist.
func (r *Room) Orphaned(p *wire.Peer) bool {
	if !p.Session.Bound() {
		return false
	}
	_, good := subjectIn(&p.Session).Find(r.meta)
	return !good
}

// nothing stands for a stream or a topic that an action is not about.
var nothing metadata.Ident
