package shard

import (
	"errors"
	"sync/atomic"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// ServerVersion is what clients are told.
const ServerVersion = "0.1.0"

// session is what a login gives a connection.
type session struct {
	number uint64 // 0: none
	client [16]byte
	user   metadata.UserID
}

func (x *session) bound() bool { return x.number != 0 }

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

// login checks a password outside the shard, and binds the connection to a new session.
func login(s *Shard, c *conn, q *request, body []byte) {
	s.logout(c) // a login on a connection that has a session ends that one
	l, err := q.codec.decodeLogin(body)
	if err != nil {
		s.reject(c, q, err)
		return
	}
	if l.ByToken {
		s.refuseLogin(c, q, wire.StatusInvalidPersonalAccessToken)
		return
	}
	phc, id := "", metadata.UserID(0)
	user, err := s.meta.User(metadata.ByName(l.Username))
	if err == nil && user.Status == metadata.UserActive {
		phc, id = user.PasswordPHC, user.ID
	}
	known := phc != ""
	err = s.cfg.Hasher.Verify(phc, l.Password, func(ok bool) {
		s.post(func(s *Shard) { s.passwordChecked(c, q, id, ok && known) })
	})
	if err != nil {
		s.refuse(q, wire.StatusTransientNotCommitted) // busy: clients try again in 50 ms
		return
	}
	s.dropFrame(q)
}

// passwordChecked ends a login.
func (s *Shard) passwordChecked(c *conn, q *request, id metadata.UserID, ok bool) {
	user, err := s.meta.User(metadata.ByNumber(id))
	if !ok || errors.Is(err, metadata.ErrUserNotFound) || user.Status != metadata.UserActive {
		s.refuseLogin(c, q, wire.StatusInvalidCredentials)
		return
	}
	number, ok := s.b.sessions.take()
	if s.b.sessions.low() {
		s.b.wantSessions()
	}
	if !ok {
		s.refuse(q, wire.StatusTransientNotCommitted)
		return
	}
	c.session = session{number: number, client: q.handle.Client, user: id}
	c.lastMeta = 0
	s.reply(q, q.codec.appendLoginReply(s.body(q), wire.LoginReply{UserID: uint32(id), Session: number,
		ServerVersion: ServerVersion}))
}

// logout ends the session of c, if it has one.
func (s *Shard) logout(c *conn) { c.session = session{} }

func logoutCommand(s *Shard, c *conn, q *request, _ []byte) {
	s.logout(c)
	s.replyEmpty(q)
}
