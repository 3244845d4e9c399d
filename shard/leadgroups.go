package shard

import (
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/metadata"
)

// groupsLead is what shard 0 does for consumer groups beside putting commands in order: it drops members that are gone,
// completes hand-overs that the partition's shard reports, and those whose time is over.
type groupsLead struct {
	dropping  fifo.Queue[metadata.MemberKey] // a command for each is wanted
	asked     bool                           // one is on its way
	again     int64                          // not before, after one failed
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
)

// pending notes hand-overs that a command has begun.
func (l *lead) pending(list []metadata.Handover) {
	for _, h := range list {
		l.groups.deadlines = append(l.groups.deadlines, handoverDeadline{h, l.s.mono + int64(l.s.cfg.RebalancingTimeout)})
	}
}

// stillPending reports whether a hand-over is under way.
func (l *lead) stillPending(h *metadata.Handover) bool {
	g, found := l.s.meta.GroupByID(h.Stream, h.Topic, h.Group)
	if !found {
		return false
	}
	o := g.Owner(h.Partition)
	return o.Pending && o.Fence == h.Fence
}

// tendGroups runs in every turn of shard 0.
func (l *lead) tendGroups() {
	g, s := &l.groups, l.s
	if s.stopping { // no session outlives the run; the next one begins without members
		g.completed = nil
		g.dropping.Clear()
		return
	}
	if len(g.deadlines) > 0 && s.mono >= g.nextCheck {
		g.nextCheck = s.mono + int64(handoverCheck)
		keep := g.deadlines[:0]
		for _, d := range g.deadlines {
			if !l.stillPending(&d.Handover) {
				continue
			}
			if s.mono >= d.at {
				g.completed = append(g.completed, d.Handover)
				d.at = s.mono + int64(handoverAgain)
			}
			keep = append(keep, d)
		}
		g.deadlines = keep
	}
	l.proposeHandovers()
	l.proposeDrops()
}

func (l *lead) proposeHandovers() {
	g, s := &l.groups, l.s
	if g.moving || len(g.completed) == 0 {
		return
	}
	g.moving = true
	k := min(len(g.completed), handoversMax)
	cmd := metadata.EncodeHandOver(nil, s.micros(), g.completed[:k])
	g.completed = append(g.completed[:0], g.completed[k:]...)
	s.proposeInternal(cmd, func(s *Shard, q *request) {
		s.lead.groups.moving = false
		if q.err != nil && s.logAllowed() {
			s.log.Warn("hand-over of partitions put off", zap.String("event", "handover_put_off"), zap.Error(q.err)) // their deadlines bring them back
		}
	})
}

const handoversMax = 1024 // in one command

func (l *lead) proposeDrops() {
	g, s := &l.groups, l.s
	if g.asked || g.dropping.Len() == 0 || s.mono < g.again {
		return
	}
	for g.dropping.Len() > 0 && s.g.registry.holds(g.dropping.First()) { // its client id has a session again
		g.dropping.Pop()
	}
	if g.dropping.Len() == 0 {
		return
	}
	key := g.dropping.First()
	g.asked = true
	s.proposeInternal(metadata.EncodeDropMember(nil, s.micros(), key), func(s *Shard, q *request) {
		g := &s.lead.groups
		g.asked = false
		if q.err != nil {
			g.again = s.mono + int64(dropPause)
			if s.logAllowed() {
				s.log.Warn("a member that is gone keeps its place in its groups for now", zap.String("event", "member_kept"), zap.Error(q.err))
			}
			return
		}
		if g.dropping.Len() > 0 {
			g.dropping.Pop()
		}
		s.lead.proposeDrops()
	})
}

// sleep says when shard 0 has something to do for groups and tokens though nothing happens there. At the end there is nothing.
func (l *lead) sleep(earlier func(t int64)) {
	g := &l.groups
	if l.s.stopping {
		return
	}
	if len(g.deadlines) > 0 {
		earlier(max(1, g.nextCheck)) // 0 would be never
	}
	if g.dropping.Len() > 0 && !g.asked {
		earlier(max(1, g.again))
	}
	if l.s.meta.TokensExpireAt() != 0 {
		earlier(max(1, l.nextExpiry))
	}
}

// note takes what a shard reports.
func (l *lead) note(n *groupNote) {
	l.groups.completed = append(l.groups.completed, n.handovers...)
	for _, key := range n.leavers {
		l.groups.dropping.Push(key)
	}
}

// busy reports whether something is to be done yet.
func (g *groupsLead) busy() bool {
	return g.asked || g.moving || len(g.completed) > 0 || g.dropping.Len() > 0
}
