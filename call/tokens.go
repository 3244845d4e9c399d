package call

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// tokenBytes is how much chance is in a token: so much that guessing it is no matter of speed, and a fast hash is enough.
const tokenBytes = 50

func (r *Room) newToken() string {
	var p [tokenBytes]byte
	r.cfg.Random(p[:])
	return base64.RawStdEncoding.EncodeToString(p[:])
}

func getTokens(r *Room, c *Call, _ *wire.Request) {
	if !r.may(c, metadata.ActionGetTokens, 0, 0) {
		return
	}
	r.lists.start(c, &listing{step: listTokens(subjectIn(&c.Peer.Session))})
}

func createToken(r *Room, c *Call, in *wire.Request) {
	t := in.Form.(*wire.CreateToken)
	c.about(string(t.Name))
	if !r.authorize(c, metadata.ActionCreateToken, nothing, nothing) {
		return
	}
	if !r.nameAllowed(t.Name) {
		r.refuse(c, wire.StatusInvalidPersonalAccessTokenName)
		return
	}
	now, expires := r.now, metadata.Micros(0)
	if t.ExpiryMicros != 0 && t.ExpiryMicros != wire.NeverExpires {
		if expires = now + metadata.Micros(t.ExpiryMicros); expires < now {
			r.refuse(c, wire.StatusInvalidPersonalAccessTokenExpiry)
			return
		}
	}
	c.secret = r.newToken()
	r.propose(c, metadata.EncodeCreateToken(nil, now, metadata.UserID(c.Peer.Session.User), c.Peer.Session.Since, t.Name, sha256.Sum256([]byte(c.secret)), expires))
}

func deleteToken(r *Room, c *Call, in *wire.Request) {
	t := in.Form.(*wire.DeleteToken)
	c.about(string(t.Name))
	if r.authorize(c, metadata.ActionDeleteToken, nothing, nothing) {
		r.propose(c, metadata.EncodeDeleteToken(nil, r.now, metadata.UserID(c.Peer.Session.User), c.Peer.Session.Since, t.Name))
	}
}

// loginWithToken opens a session for the owner of a token.
func (r *Room) loginWithToken(c *Call, token []byte) {
	u, t := r.meta.Accounts.Token(sha256.Sum256(token))
	switch {
	case u == nil || t.ExpiresAt != 0 && t.ExpiresAt <= r.now:
		r.loginFailed(c, "", byToken, wire.StatusInvalidPersonalAccessToken)
		r.refuseLogin(c, wire.StatusInvalidPersonalAccessToken)
	case u.Status != metadata.UserActive:
		r.loginFailed(c, u.Name, byToken, wire.StatusUserInactive)
		r.refuseLogin(c, wire.StatusUserInactive)
	default:
		r.openSession(c, u, byToken)
	}
}
