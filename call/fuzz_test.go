package call

import (
	"errors"
	"testing"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// FuzzDispatch sends one request of any code, body and numbers, and does what is to be done with it: whatever it is, it is answered once, or
// its connection is dropped, and nothing is kept of it. Commands that come of it can be applied, or are refused by a rule.
func FuzzDispatch(f *testing.F) {
	for code, body := range frames(f) {
		f.Add(uint32(code), byte(0), uint64(1), body, byte(0))
		f.Add(uint32(code), byte(0), uint64(1), body, byte(1))
		f.Add(uint32(code), byte(0), uint64(1), body, byte(2))
	}
	f.Add(uint32(0), byte(64), uint64(7), []byte("internal"), byte(0))
	f.Add(uint32(0), byte(255), uint64(7), []byte("unknown"), byte(0))
	f.Fuzz(func(t *testing.T, code uint32, operation byte, number uint64, body []byte, who byte) {
		g := newRig(t, nil)
		g.addGroup()
		switch who % 3 {
		case 1:
			g.as("nobody")
		case 2:
			g.peer.Unbind()
		}
		h := newHeld()
		g.number = number - 1
		h.x.Peer, h.x.Number, h.x.Frame = &g.peer, 1, g.frame(wire.Code(code), body)
		if operation != 0 {
			h.x.Frame[176] = operation
		}
		g.r.Dispatch(&h.c)
		if n := g.carryOut(&h.c, who); n != 1 {
			t.Fatalf("answered %d times", n)
		}
		g.over(&h.c)
	})
}

// carryOut does what is to be done with c until it is over, and counts its answers. how says what logs and the process answer.
func (g *rig) carryOut(c *Call, how byte) (answers int) {
	g.t.Helper()
	for step := 0; ; step++ {
		e := g.effects(c)
		for range 100 { // a list is made in some turns
			if e == FrameDone && c.list != nil {
				e = g.turn(c)
			}
		}
		n := 0
		for _, one := range []Effect{Drops, Asks, Part, Proposed, Replied, More} {
			if e&one != 0 {
				n++
			}
		}
		if n != 1 || step > 10 {
			g.t.Fatalf("effects %b at step %d", e, step)
		}
		switch {
		case e&Drops != 0:
			return answers + 1
		case e&Replied != 0:
			if f := g.reply(c); f.Command() != vsr.CommandReply && f.Command() != vsr.CommandEviction {
				g.t.Fatalf("answered with %v", f.Command())
			}
			return answers + 1
		case e&Part != 0:
			c.Err = [...]error{nil, storage.ErrNotOwned, storage.ErrUnknownLog, storage.ErrNoSpace}[how>>2&3]
			g.r.Answered(c)
		case e&Asks != 0:
			g.r.Told(c, [...]Answer{{OK: true, PHC: "$x", Number: 5, Archive: make([]byte, 5000)}, {Busy: true}, {}, {Err: errors.New("failed")}}[how>>2&3])
		case e&Proposed != 0:
			c.Proposal.Result, c.Proposal.Err = g.m.Apply(g.m.Revision()+1, c.Proposal.Command)
			if err := c.Proposal.Err; errors.Is(err, metadata.ErrCommand) || errors.Is(err, metadata.ErrVersion) {
				g.t.Fatalf("the room has proposed what is no command: %v", err)
			}
			g.r.Outcome(c)
		}
	}
}
