package shard

import (
	"sync/atomic"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

const (
	sessionsAhead = 65536
	sessionsLow   = sessionsAhead / 2
)

// sessionNumbers gives out the numbers of sessions: each is larger than all before, across restarts. Blocks of numbers
// are reserved in the metadata log, so that a login is no sync.
type sessionNumbers struct {
	next     atomic.Uint64 // last number given out
	reserved atomic.Uint64 // numbers below it may be given out
	asked    atomic.Bool   // a reservation is on its way
}

// take returns a new number. False: none is reserved at the moment.
func (n *sessionNumbers) take() (uint64, bool) {
	for {
		k := n.next.Load()
		if k+1 >= n.reserved.Load() {
			return 0, false
		}
		if n.next.CompareAndSwap(k, k+1) {
			return k + 1, true
		}
	}
}

func (n *sessionNumbers) low() bool { return n.next.Load()+sessionsLow >= n.reserved.Load() }

// login opens a session, by password or by token.
func login(s *Shard, q *request, r *wire.Request) {
	s.logout(q) // a login on a connection that has a session ends that one
	if r.Malformed != nil {
		s.reject(q, r.Malformed)
		return
	}
	l := r.Form.(*wire.Login)
	if l.ByToken {
		s.loginWithToken(q, l.Token)
		return
	}
	phc, who := "", subject{}
	user, err := s.meta.Accounts.User(metadata.ByName(l.Username))
	if err == nil && user.Status == metadata.UserActive {
		phc, who = user.PasswordPHC, metadata.SubjectOf(user)
	}
	known := phc != ""
	err = s.checkPassword(q, phc, string(l.Username), l.Password, func(s *Shard, ok bool) { s.passwordChecked(q, who, ok && known) })
	if err != nil {
		s.refuse(q, wire.StatusTransientNotCommitted) // busy: clients try again in 50 ms
		return
	}
	s.dropFrame(q)
}

// passwordChecked ends a login. A password that was changed meanwhile was the wrong one.
func (s *Shard) passwordChecked(q *request, who subject, ok bool) {
	user, good := who.Find(s.meta)
	if !ok || !good || user.Status != metadata.UserActive {
		name := ""
		if good {
			name = user.Name
		}
		s.loginFailed(q.Peer, name, byPassword, wire.StatusInvalidCredentials)
		s.refuseLogin(q, wire.StatusInvalidCredentials)
		return
	}
	s.openSession(q, user, byPassword)
}

// How a login is made, for the log.
const (
	byPassword = "password"
	byToken    = "token"
)

// openSession binds the connection to a new session of the user, and answers the login.
func (s *Shard) openSession(q *request, user *metadata.User, by string) {
	number, ok := s.g.sessions.take()
	if s.g.sessions.low() {
		s.g.wantSessions()
	}
	if !ok {
		s.refuse(q, wire.StatusTransientNotCommitted)
		return
	}
	before, ok := s.g.registry.bind(q.Peer.ID, q.handle.Client, user.ID)
	if !ok {
		s.loginFailed(q.Peer, user.Name, by, wire.StatusUnauthenticated)
		s.refuseLogin(q, wire.StatusUnauthenticated) // the client id is in use by another user
		return
	}
	if before != 0 {
		s.g.unbind(before, q.handle.Client)
	}
	q.Peer.Bind(wire.Session{Number: number, Client: q.handle.Client, User: uint32(user.ID), Since: user.Since, Secured: user.Secured})
	s.loggedIn(q.Peer, user, by)
	s.answer(q, &wire.LoginReply{UserID: uint32(user.ID), Session: number, ServerVersion: s.cfg.Version})
}

// unbind takes the session from a connection whose client id has logged in elsewhere.
func (g *Group) unbind(id uint32, key metadata.MemberKey) {
	for _, o := range g.shards {
		o.Post(func(s *Shard) { s.front.Evict(id, key) })
	}
}

// logout ends the session of q's connection, if it has one, and its memberships.
func (s *Shard) logout(q *request) {
	if q.Peer.Session.Bound() {
		s.sessionOver(q.Peer)
		q.Peer.Unbind()
	}
}

// sessionOver says that a session ends, and has its memberships ended.
func (s *Shard) sessionOver(p *wire.Peer) {
	if s.meta.MembershipCount(p.Session.Client) > 0 {
		s.dropMember(p.Session.Client)
	}
	s.g.registry.logout(p.ID)
}

// logoutCommand is answered when the session's memberships have ended everywhere.
func logoutCommand(s *Shard, q *request, _ *wire.Request) {
	key := q.Peer.Session.Client
	s.loggedOut(q.Peer)
	member := q.Peer.Session.Bound() && s.meta.MembershipCount(key) > 0
	s.g.registry.logout(q.Peer.ID)
	q.Peer.Unbind()
	if member {
		q.Member.Key, q.proposal.Judgement.Broker = key, true // whoever has a session may end it
		s.propose(q, metadata.EncodeDropMember(nil, s.micros(), key))
		return
	}
	s.replyEmpty(q)
}
