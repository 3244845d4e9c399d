package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// groupSet is the consumer groups of a topic, from its creation to its deletion. One client makes and deletes them, one command
// after the other, and not while the topic may be deleted: which came first nobody could tell.
type groupSet struct {
	groups    [groupSlots]groupSlot
	ids       uint32 // all that were told are below
	arranging bool   // a command is in flight
}

// groupSlot is a place for groups of one name. Each creation makes another group, which has nothing of the one before.
type groupSlot struct {
	is     *group // nil: there is none
	flying bool
	may    *group // what the command in flight makes of is
}

// group is one life of a consumer group.
type group struct {
	topic *topic
	name  string
	id    uint32
	told  bool // the id
	auto  bool // its members have polls commit what they return
}

const groupSlots = 3

func (g *group) String() string {
	if g == nil {
		return "no group"
	}
	return fmt.Sprintf("group %s (id %d) of %s", g.name, g.id, g.topic.name)
}

func (g *group) ident() wire.Identifier { return wire.Named(g.name) }

// arrange makes and deletes groups for as long as the load runs.
func (l *load) arrange(c *client.Client, rng *rand.Rand) error {
	for l.running() {
		t, i := l.h.topics[rng.IntN(len(l.h.topics))], rng.IntN(groupSlots)
		if err := l.arrangeOne(c, rng, t, i); err != nil {
			return fmt.Errorf("groups of %s: %w", t.name, err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(8 * time.Millisecond))))
	}
	return nil
}

func (l *load) arrangeOne(c *client.Client, rng *rand.Rand, t *topic, i int) error {
	is, may, ok := l.h.beginGroup(t, i, rng.IntN(4) == 0)
	if !ok {
		return nil
	}
	var err error
	if may == nil {
		err = c.DeleteGroup(l.ctx, stream(), t.id(), is.ident())
	} else {
		err = l.createGroup(c, may)
	}
	return l.h.endGroup(t, i, err)
}

// createGroup makes a group that must have nothing of an earlier one of its name.
func (l *load) createGroup(c *client.Client, g *group) error {
	d, err := c.CreateGroup(l.ctx, stream(), g.topic.id(), g.name)
	if err != nil {
		return err
	}
	g.id, g.told = d.ID, true
	if d.Name != g.name || d.MembersCount != 0 || int(d.PartitionsCount) != g.topic.partitions {
		err = fmt.Errorf("%v was made as %+v", g, d)
	}
	for p := range uint32(g.topic.partitions) {
		o, offsetErr := c.GetOffset(l.ctx, consumer{group: g}.wire(), stream(), g.topic.id(), p)
		if offsetErr == nil {
			err = fmt.Errorf("%v was just made and has offset %d in partition %d", g, o.StoredOffset, p)
		} else if !errors.Is(offsetErr, wire.StatusConsumerOffsetNotFound) {
			return offsetErr
		}
	}
	if err != nil {
		l.fail(err)
	}
	return err
}

// beginGroup notes that a group is about to be made or, if there is one and del is set, deleted.
func (h *history) beginGroup(t *topic, i int, del bool) (is, may *group, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := &t.groups[i]
	if t.state != live && t.state != purging || (x.is != nil) != del {
		return nil, nil, false
	}
	if !del {
		x.may = &group{topic: t, name: fmt.Sprintf("group-%d", i), auto: i%2 == 0}
	}
	t.arranging, x.flying = true, true
	return x.is, x.may, true
}

// endGroup takes the answer. What became of a command that has none, the next start tells.
func (h *history) endGroup(t *topic, i int, err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := &t.groups[i]
	if g := x.may; g != nil && g.told {
		if g.id < t.ids {
			err = fmt.Errorf("%v: ids below %d were given out before", g, t.ids)
		}
		t.ids = max(t.ids, g.id+1)
	}
	switch {
	case err == nil:
		x.settle(x.may)
	case turnedDown(err) && (x.may == nil || !x.may.told):
		x.settle(x.is)
	default:
		return err
	}
	t.arranging = false
	return err
}

func (x *groupSlot) settle(g *group) { *x = groupSlot{is: g} }

// anyGroup returns a group that is there, chosen by n, or nil.
func (h *history) anyGroup(n int) *group {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*group
	for _, t := range h.topics {
		for i := range t.groups {
			if g := t.groups[i].is; g != nil {
				all = append(all, g)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[n%len(all)]
}

// holds reports whether g was there all the time since it was seen there.
func (h *history) holds(g *group) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return g.topic.has(g)
}

func (t *topic) has(g *group) bool {
	for i := range t.groups {
		if t.groups[i].is == g {
			return true
		}
	}
	return false
}

// logOf is what partition p of t holds, or nil.
func (h *history) logOf(t *topic, p uint32) *logHistory {
	h.mu.Lock()
	defer h.mu.Unlock()
	if int(p) >= len(t.logs) {
		return nil
	}
	return t.logs[p]
}

// attend is a member: it joins a group, consumes what it is assigned, and leaves or stays while it looks after the next.
func (l *load) attend(c *client.Client, rng *rand.Rand) error {
	for l.running() {
		g := l.h.anyGroup(rng.IntN(1 << 20))
		if g == nil {
			time.Sleep(time.Millisecond)
			continue
		}
		if err := l.visit(c, rng, g); err != nil && !refused(err) {
			return fmt.Errorf("member of %v: %w", g, err)
		}
	}
	return nil
}

func (l *load) visit(c *client.Client, rng *rand.Rand, g *group) error {
	if err := c.JoinGroup(l.ctx, stream(), g.topic.id(), g.ident()); err != nil {
		return err
	}
	joined := l.h.holds(g) // else it may be the next one of that name
	for n := rng.IntN(12); joined && n > 0 && l.running(); n-- {
		a, member, err := c.SyncGroup(l.ctx, stream(), g.topic.id(), g.ident())
		if err != nil {
			return err
		}
		if !member {
			return nil // it was deleted
		}
		if len(a.Partitions) == 0 {
			time.Sleep(time.Millisecond)
			continue
		}
		log := l.h.logOf(g.topic, a.Partitions[rng.IntN(len(a.Partitions))])
		if log == nil {
			return nil
		}
		if err := l.poll(c, rng, consumer{group: g}, log); err != nil && !refused(err) {
			return err
		}
	}
	if joined && rng.IntN(2) == 0 {
		return nil
	}
	return c.LeaveGroup(l.ctx, stream(), g.topic.id(), g.ident())
}

// verifyGroups checks which groups there are and that nobody is in them, and settles the commands that were in flight.
func (h *history) verifyGroups(c *client.Client) error {
	for _, t := range h.topics {
		if t.state == absent {
			continue
		}
		if err := t.verifyGroups(c, &h.counts); err != nil {
			return fmt.Errorf("groups of topic %s: %w", t.name, err)
		}
		for i := range t.groups {
			if t.groups[i].is != nil {
				h.groups++
			}
		}
	}
	return nil
}

func (t *topic) verifyGroups(c *client.Client, n *counts) error {
	list, err := c.GetGroups(context.Background(), stream(), t.id())
	if err != nil {
		return err
	}
	there := map[string]wire.ConsumerGroup{}
	for _, w := range list {
		if w.MembersCount != 0 || int(w.PartitionsCount) != t.partitions {
			return fmt.Errorf("after the start there is %+v; members went with their sessions, and there are %d partitions", w, t.partitions)
		}
		d, err := c.GetGroup(context.Background(), stream(), t.id(), wire.Numbered(w.ID))
		if err != nil || d.ConsumerGroup != w || len(d.Members) != 0 {
			return fmt.Errorf("%+v is listed, described as %+v, %v", w, d, err)
		}
		there[w.Name] = w
	}
	for i := range t.groups {
		x := &t.groups[i]
		name := fmt.Sprintf("group-%d", i)
		w, found := there[name]
		delete(there, name)
		if x.flying {
			n.groupsFlew++
		}
		switch {
		case x.is.agrees(w, found):
			x.settle(x.is)
		case x.flying && x.may.agrees(w, found) && (!found || x.may.told || w.ID >= t.ids):
			x.settle(x.may)
			n.groupsTook++
		default:
			return fmt.Errorf("slot %d: there is %+v, %v; told was %v, or with the command in flight (%v) %v; ids below %d were given out",
				i, w, found, x.is, x.flying, x.may, t.ids)
		}
		if g := x.is; g != nil {
			g.id, g.told = w.ID, true
			t.ids = max(t.ids, w.ID+1)
		}
	}
	for name := range there {
		return fmt.Errorf("group %s appeared", name)
	}
	t.arranging = false
	return nil
}

// agrees reports whether what was found is g, which may be nobody.
func (g *group) agrees(w wire.ConsumerGroup, found bool) bool {
	if g == nil || !found {
		return g == nil && !found
	}
	return !g.told || g.id == w.ID
}

// onlyLiveGroups leaves the consumers whose offsets can be there: also groups that have stored none.
func (v *verification) onlyLiveGroups() {
	for who := range v.log.consumers {
		if who.group != nil && !v.t.has(who.group) {
			delete(v.log.consumers, who)
		}
	}
	for i := range v.t.groups {
		who := consumer{group: v.t.groups[i].is}
		if _, known := v.log.consumers[who]; who.group != nil && !known {
			v.log.consumer(who).unknown = v.t.state == purging // an empty log may be either
		}
	}
}
