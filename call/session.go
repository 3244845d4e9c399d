package call

import (
	"bytes"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// login opens a session, by password or by token.
func login(r *Room, c *Call, in *wire.Request) {
	r.logout(c) // a login on a connection that has a session ends that one
	if in.Malformed != nil {
		r.reject(c, in.Malformed)
		return
	}
	l := in.Form.(*wire.Login)
	if l.ByToken {
		r.loginWithToken(c, l.Token)
		return
	}
	phc, who := "", subject{}
	user, err := r.meta.Accounts.User(metadata.ByName(l.Username))
	if err == nil && user.Status == metadata.UserActive {
		phc, who = user.PasswordPHC, metadata.SubjectOf(user)
	}
	known := phc != ""
	r.checkPassword(c, phc, string(l.Username), l.Password, func(ok bool) { r.passwordChecked(c, who, ok && known) })
	r.dropFrame(c)
}

// checkPassword has a password checked outside the shard. then does not run when too much is to be checked.
func (r *Room) checkPassword(c *Call, phc, name string, password []byte, then func(ok bool)) {
	r.ask(c, Ask{Kind: AskCheck, Account: name, PHC: phc, Password: bytes.Clone(password)}, func(a *Answer) { then(a.OK) })
}

// passwordChecked ends a login. A password that was changed meanwhile was the wrong one.
func (r *Room) passwordChecked(c *Call, who subject, ok bool) {
	user, good := who.Find(r.meta)
	if !ok || !good || user.Status != metadata.UserActive {
		name := ""
		if good {
			name = user.Name
		}
		r.loginFailed(c, name, byPassword, wire.StatusInvalidCredentials)
		r.refuseLogin(c, wire.StatusInvalidCredentials)
		return
	}
	r.openSession(c, user, byPassword)
}

// How a login is made, for the log.
const (
	byPassword = "password"
	byToken    = "token"
)

// openSession binds the connection to a new session of the user, and answers the login.
func (r *Room) openSession(c *Call, user *metadata.User, by string) {
	id, since, secured, name := user.ID, user.Since, user.Secured, user.Name
	r.ask(c, Ask{Kind: AskSession, Client: c.handle.Client, User: id}, func(a *Answer) {
		if !a.OK {
			r.loginFailed(c, name, by, wire.StatusUnauthenticated)
			r.refuseLogin(c, wire.StatusUnauthenticated) // the client id is in use by another user
			return
		}
		c.Peer.Bind(wire.Session{Number: a.Number, Client: c.handle.Client, User: uint32(id), Since: since, Secured: secured})
		r.note(News{Kind: LoggedIn, Peer: *c.Peer, User: name, By: by})
		r.answer(c, &wire.LoginReply{UserID: uint32(id), Session: a.Number, ServerVersion: r.cfg.Version})
	})
}

// loginFailed names the user only if there is one: people type passwords into the wrong field.
func (r *Room) loginFailed(c *Call, user, by string, status wire.Status) {
	r.note(News{Kind: LoginFailed, Peer: *c.Peer, User: user, By: by, Status: status})
}

// logout ends the session of c's peer, if it has one, and its memberships.
func (r *Room) logout(c *Call) {
	if !c.Peer.Session.Bound() {
		return
	}
	if key := c.Peer.Session.Client; r.meta.MembershipCount(key) > 0 {
		c.Member = key
		r.tell(c, Leaves)
	}
	c.Peer.Unbind()
	r.tell(c, LoggedOut)
}

// logoutCommand is answered when the session's memberships have ended everywhere.
func logoutCommand(r *Room, c *Call, _ *wire.Request) {
	key := c.Peer.Session.Client
	member := c.Peer.Session.Bound() && r.meta.MembershipCount(key) > 0
	if c.Peer.Session.Bound() {
		r.note(News{Kind: SessionEnded, Peer: *c.Peer})
	}
	c.Peer.Unbind()
	r.tell(c, LoggedOut)
	if member {
		c.Member, c.Proposal.Judgement.Broker = key, true // whoever has a session may end it
		r.propose(c, metadata.EncodeDropMember(nil, r.now, key))
		return
	}
	r.replyEmpty(c)
}

// Silence ends the session of c's peer, a member of a consumer group that was silent for too long, and says so. Nobody has asked.
func (r *Room) Silence(c *Call) {
	r.note(News{Kind: MemberSilent, Peer: *c.Peer})
	c.handle.Client = c.Peer.Session.Client
	r.logout(c)
	c.Final = true
	r.putHead(c, wire.StatusStaleClient, wire.EndedSession, nil)
}
