package shard

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// tokenBytes is how much chance is in a token: so much that guessing it is no matter of speed, and a fast hash is enough.
const tokenBytes = 50

func (s *Shard) newToken() string {
	var p [tokenBytes]byte
	s.g.host.Random(p[:])
	return base64.RawStdEncoding.EncodeToString(p[:])
}

func getTokens(s *Shard, q *request, _ *wire.Request) {
	if !s.may(q, metadata.ActionGetTokens, 0, 0) {
		return
	}
	s.list(q, &listing{step: listTokens(subjectIn(&q.Peer.Session))})
}

func createToken(s *Shard, q *request, r *wire.Request) {
	t := r.Form.(*wire.CreateToken)
	q.about(string(t.Name))
	if !s.judge(q, metadata.ActionCreateToken, nothing, nothing) {
		return
	}
	if !s.nameAllowed(t.Name) {
		s.refuse(q, wire.StatusInvalidPersonalAccessTokenName)
		return
	}
	now, expires := s.micros(), metadata.Micros(0)
	if t.ExpiryMicros != 0 && t.ExpiryMicros != wire.NeverExpires {
		if expires = now + metadata.Micros(t.ExpiryMicros); expires < now {
			s.refuse(q, wire.StatusInvalidPersonalAccessTokenExpiry)
			return
		}
	}
	q.secret = s.newToken()
	s.propose(q, metadata.EncodeCreateToken(nil, now, metadata.UserID(q.Peer.Session.User), q.Peer.Session.Since, t.Name, sha256.Sum256([]byte(q.secret)), expires))
}

func deleteToken(s *Shard, q *request, r *wire.Request) {
	t := r.Form.(*wire.DeleteToken)
	q.about(string(t.Name))
	if s.judge(q, metadata.ActionDeleteToken, nothing, nothing) {
		s.propose(q, metadata.EncodeDeleteToken(nil, s.micros(), metadata.UserID(q.Peer.Session.User), q.Peer.Session.Since, t.Name))
	}
}

// loginWithToken opens a session for the owner of a token.
func (s *Shard) loginWithToken(q *request, token []byte) {
	u, t := s.meta.Accounts.Token(sha256.Sum256(token))
	switch {
	case u == nil || t.ExpiresAt != 0 && t.ExpiresAt <= s.micros():
		s.loginFailed(q.Peer, "", byToken, wire.StatusInvalidPersonalAccessToken)
		s.refuseLogin(q, wire.StatusInvalidPersonalAccessToken)
	case u.Status != metadata.UserActive:
		s.loginFailed(q.Peer, u.Name, byToken, wire.StatusUserInactive)
		s.refuseLogin(q, wire.StatusUserInactive)
	default:
		s.openSession(q, u, byToken)
	}
}
