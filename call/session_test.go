package call

import (
	"testing"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

func loginBody(user string) []byte {
	return vsr.AppendLogin(nil, wire.Login{Protocol: vsr.Protocol, SDKName: []byte("t"), SDKVersion: []byte("1"), Username: []byte(user), Password: []byte("secret")})
}

// TestLoginAsks: a login has its password checked and then asks for a session; what changes meanwhile counts.
func TestLoginAsks(t *testing.T) {
	login := func(user string) (*rig, *Call) {
		g := newRig(t, nil)
		g.peer.Unbind()
		c, e := g.send(wire.CodeLogin, loginBody(user))
		if e != FrameDone|Asks || c.Ask.Kind != AskCheck || string(c.Ask.Password) != "secret" {
			t.Fatalf("effects %b, ask %+v", e, c.Ask)
		}
		return g, c
	}
	g, c := login("root")
	if c.Ask.PHC != "$root" {
		t.Errorf("hash %q", c.Ask.PHC)
	}
	g.r.Told(c, Answer{OK: true})
	if e := g.effects(c); e != Asks || c.Ask.Kind != AskSession || c.Ask.Client != someClient {
		t.Fatalf("effects %b, ask %+v", e, c.Ask)
	}
	g.r.Told(c, Answer{OK: true, Number: 9})
	if s := g.status(c, g.effects(c)); s != wire.StatusOK || g.peer.Session.Number != 9 || len(g.news(LoggedIn)) != 1 {
		t.Errorf("%v, session %+v", s, g.peer.Session)
	}

	for _, refused := range []struct {
		user   string
		told   Answer
		before func(g *rig)
		name   string // in the log
	}{
		{user: "root", told: Answer{}, name: "root"},
		{user: "none", told: Answer{OK: true}},
		{user: "nobody", told: Answer{OK: true}, before: func(g *rig) {
			g.apply(metadata.EncodeDeleteUser(nil, 1, metadata.ByName([]byte("nobody"))))
		}},
		{user: "root", told: Answer{OK: true}, before: func(g *rig) {
			g.apply(metadata.EncodeResetPassword(nil, 1, metadata.ByName([]byte("root")), "$other"))
		}},
	} {
		g, c := login(refused.user)
		if refused.before != nil {
			refused.before(g)
		}
		g.r.Told(c, refused.told)
		e := g.effects(c)
		n := g.news(LoginFailed)
		if e&Asks != 0 || e&Replied == 0 || g.peer.Session.Bound() || len(n) != 1 || n[0].User != refused.name {
			t.Errorf("%+v: effects %b, news %+v", refused, e, n)
		}
	}
	g, c = login("root")
	g.r.Told(c, Answer{Busy: true})
	if s := g.status(c, g.effects(c)); s != wire.StatusTransientNotCommitted {
		t.Errorf("busy: %v", s)
	}
	g, c = login("root")
	g.r.Told(c, Answer{OK: true})
	g.effects(c)
	g.r.Told(c, Answer{}) // the client id is another user's
	if g.effects(c)&Replied == 0 || g.peer.Session.Bound() || len(g.news(LoginFailed)) != 1 {
		t.Error("a client id of another user has got a session")
	}
}

// TestASessionEndsWithItsMemberships: by a login on the same connection, by logout, and for silence.
func TestASessionEndsWithItsMemberships(t *testing.T) {
	joined := func() *rig {
		g := newRig(t, nil)
		g.addGroup()
		g.apply(metadata.EncodeJoinGroup(nil, 1, metadata.ByName([]byte("s")), metadata.ByName([]byte("t")), metadata.ByName([]byte("g")), someClient))
		return g
	}
	g := joined()
	c, e := g.send(wire.CodeLogin, loginBody("root"))
	if e != FrameDone|LoggedOut|Leaves|Asks || c.Member != someClient || g.peer.Session.Bound() {
		t.Errorf("a login: effects %b", e)
	}
	g = joined()
	c, e = g.send(wire.CodeLogout, nil)
	if e != LoggedOut|Proposed || !c.Proposal.Judgement.Broker || g.peer.Session.Bound() || len(g.news(SessionEnded)) != 1 {
		t.Errorf("a logout: effects %b", e)
	}
	c.Proposal.Err = metadata.ErrNotMember
	g.r.Outcome(c)
	if e = g.effects(c); e != Leaves|FrameDone|Replied || c.Member != someClient {
		t.Errorf("a logout that the order of commands has refused: effects %b", e)
	}
	g = joined()
	h := newHeld()
	h.x.Peer = &g.peer
	g.r.Silence(&h.c)
	if e = g.effects(&h.c); e != LoggedOut|Leaves|Replied || !h.x.Final || len(g.news(MemberSilent)) != 1 {
		t.Errorf("silence: effects %b", e)
	}
}

// TestJoinOfASessionThatIsOver: who has lost its session while it joined is taken out of the group again.
func TestJoinOfASessionThatIsOver(t *testing.T) {
	g := newRig(t, nil)
	g.addGroup()
	c, e := g.send(wire.CodeJoinConsumerGroup, frames(t)[wire.CodeJoinConsumerGroup])
	if e != Proposed {
		t.Fatalf("effects %b", e)
	}
	c.Proposal.Result = g.apply(c.Proposal.Command)
	g.peer.Unbind()
	g.r.Outcome(c)
	if e = g.effects(c); e&(Leaves|Replied) != Leaves|Replied || c.Member != someClient {
		t.Errorf("effects %b", e)
	}
}

// TestPasswordIsCheckedThenHashed: a change of a password has the present one checked and the new one hashed, and names the hash
// that was checked.
func TestPasswordIsCheckedThenHashed(t *testing.T) {
	g := newRig(t, nil)
	change := func() *Call {
		c, e := g.send(wire.CodeChangePassword, frames(t)[wire.CodeChangePassword])
		if e != Asks || c.Ask.Kind != AskCheck || c.Ask.PHC != "$root" {
			t.Fatalf("effects %b, ask %+v", e, c.Ask)
		}
		return c
	}
	c := change()
	g.r.Told(c, Answer{OK: true})
	if e := g.effects(c); e != Asks || c.Ask.Kind != AskHash || string(c.Ask.Password) != "secret2" {
		t.Fatalf("effects %b, ask %+v", e, c.Ask)
	}
	g.r.Told(c, Answer{PHC: "$new"})
	if e := g.effects(c); e != Proposed {
		t.Fatalf("effects %b", e)
	}
	c.Proposal.Result = g.apply(c.Proposal.Command)
	g.r.Outcome(c)
	if s := g.status(c, g.effects(c)); s != wire.StatusOK || g.r.Orphaned(&g.peer) {
		t.Errorf("%v; the session of who has changed its password goes on", s)
	}
	g = newRig(t, nil)
	c = change()
	g.r.Told(c, Answer{})
	if s := g.status(c, g.effects(c)); s != wire.StatusInvalidCredentials {
		t.Errorf("a wrong password: %v", s)
	}
}
