package control

import (
	"fmt"
	"time"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/metadata"
)

// groups is what is done for consumer groups beside putting commands in order: members that are gone are dropped, hand-overs that the
// partition's shard reports are completed, and those whose time is over.
type groups struct {
	leavers   fifo.Queue[metadata.MemberKey] // a command for each is wanted
	asked     int                            // members that are looked for, or whose command is on its way
	again     int64                          // none is asked for before, after one command failed
	completed []metadata.Handover            // a command for them is wanted
	moving    bool                           // one is on its way
	deadlines []handoverDeadline
	nextCheck int64
}

// handoverDeadline is when a hand-over is completed without the member's help.
type handoverDeadline struct {
	metadata.Handover
	at int64
}

const (
	handoverCheck = time.Second     // how often deadlines are looked at
	handoverAgain = 5 * time.Second // after that the command for one is given again: it may have failed
	dropPause     = time.Second     // after a member could not be dropped: the disk may be full
	dropsMax      = 1024            // members that are dropped at a time
)

// note takes what a shard reports.
func (g *groups) note(handovers []metadata.Handover, leavers []metadata.MemberKey) {
	g.completed = append(g.completed, handovers...)
	for _, key := range leavers {
		g.leavers.Push(key)
	}
}

// begun notes hand-overs that a command has begun.
func (g *groups) begun(list []metadata.Handover, deadline int64) {
	for _, h := range list {
		g.deadlines = append(g.deadlines, handoverDeadline{h, deadline})
	}
}

// pending reports whether a hand-over is under way.
func pending(m *metadata.Machine, h *metadata.Handover) bool {
	g, found := m.GroupByID(h.Stream, h.Topic, h.Group)
	if !found {
		return false
	}
	o := g.Owner(h.Partition)
	return o.Pending && o.Fence == h.Fence
}

// tend does what has become due.
func (g *groups) tend(c *Control) {
	if c.facts.Stopping { // no session outlives the run; the next one begins without members
		g.completed = nil
		g.leavers.Clear()
		return
	}
	if len(g.deadlines) > 0 && c.facts.Mono >= g.nextCheck {
		g.nextCheck = c.facts.Mono + int64(handoverCheck)
		g.checkDeadlines(c)
	}
	g.proposeHandovers(c)
	g.findLeavers(c)
}

// checkDeadlines completes the hand-overs whose time is over, and forgets those that are.
func (g *groups) checkDeadlines(c *Control) {
	keep := g.deadlines[:0]
	for _, d := range g.deadlines {
		if !pending(c.meta, &d.Handover) {
			continue
		}
		if c.facts.Mono >= d.at {
			g.completed = append(g.completed, d.Handover)
			d.at = c.facts.Mono + int64(handoverAgain)
		}
		keep = append(keep, d)
	}
	g.deadlines = keep
}

func (g *groups) proposeHandovers(c *Control) {
	if g.moving || len(g.completed) == 0 {
		return
	}
	g.moving = true
	k := min(len(g.completed), handoversMax)
	cmd := metadata.EncodeHandOver(nil, c.facts.Micros, g.completed[:k])
	g.completed = append(g.completed[:0], g.completed[k:]...)
	c.own(metadata.Proposal{Command: cmd}, func(err error) {
		g.moving = false
		if err != nil { // their deadlines bring them back
			c.emit(Effect{Kind: EffectReport, Report: ReportHandoverLate, Err: err})
		}
	})
}

// findLeavers asks whether those who are gone have come back, before they are dropped.
func (g *groups) findLeavers(c *Control) {
	for g.asked < dropsMax && g.leavers.Len() > 0 && c.facts.Mono >= g.again {
		g.asked++
		c.emit(Effect{Kind: EffectFindMember, Key: g.leavers.Pop()})
	}
}

// member drops a member that is gone, unless its client id has a session again.
func (g *groups) member(c *Control, key metadata.MemberKey, back bool) {
	if back || c.facts.Stopping {
		g.asked--
		g.findLeavers(c)
		return
	}
	c.own(metadata.Proposal{Command: metadata.EncodeDropMember(nil, c.facts.Micros, key)}, func(err error) {
		g.asked--
		if err == nil {
			g.findLeavers(c)
			return
		}
		g.again = c.facts.Mono + int64(dropPause)
		g.leavers.Push(key)
		c.emit(Effect{Kind: EffectReport, Report: ReportMemberKept, Err: err})
	})
}

// due reports whether a tick has something to do.
func (g *groups) due(mono int64) bool {
	return g.leavers.Len() > 0 || len(g.completed) > 0 || len(g.deadlines) > 0 && mono >= g.nextCheck
}

// busy reports whether something is to be done yet.
func (g *groups) busy() bool {
	return g.asked > 0 || g.moving || len(g.completed) > 0 || g.leavers.Len() > 0
}

func (g *groups) invariants() {
	if g.asked < 0 || g.asked > dropsMax {
		panic(fmt.Sprintf("BUG: %d members are dropped at a time, at most %d", g.asked, dropsMax))
	}
}
