package metadata

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

const churnSteps = 10_000

// churn drives one group with up to 16 members on a topic of up to 20 partitions, and looks at it from outside.
type churn struct {
	t       *testing.T
	r       *rand.Rand
	m       *Machine
	again   *Machine   // is replaced by its own snapshot now and then
	known   []Handover // that were told and may still be completed, most of them in vain
	views   []Owner    // before the step, by partition
	fence   uint64     // the highest that was ever seen
	begun   int
	ended   int
	changed int // targets
}

func (c *churn) apply(cmd []byte) (Result, error) {
	c.t.Helper()
	index := c.m.Revision() + 1
	result, err := c.m.Apply(index, cmd)
	if _, err2 := c.again.Apply(index, cmd); err != err2 {
		c.t.Fatalf("%v, and on the other replica %v", err, err2)
	}
	if c.r.IntN(50) == 0 {
		c.again = mustRestore(c.t, c.again)
	}
	if string(c.m.AppendSnapshot(nil)) != string(c.again.AppendSnapshot(nil)) {
		c.t.Fatal("replicas differ")
	}
	return result, err
}

func (c *churn) group() *Group {
	g, err := c.m.Group(name2("s"), name2("t"), name2("g"))
	if err != nil {
		return nil
	}
	return g
}

// view is who owns what, by partition.
func view(g *Group, partitions int) (owners []Owner) {
	for p := range partitions {
		if g == nil {
			owners = append(owners, Owner{})
		} else {
			owners = append(owners, g.Owner(PartitionID(p)))
		}
	}
	return owners
}

func (c *churn) partitions() int {
	topic, err := c.m.Topic(name2("s"), name2("t"))
	if err != nil {
		c.t.Fatal(err)
	}
	return len(topic.Partitions)
}

func anywhere(PartitionID) bool { return true }
func nowhere(PartitionID) bool  { return false }

// step does one thing and returns what, by how much the generation has to rise, and which partitions may change hands.
func (c *churn) step() (what string, rise int, moves func(PartitionID) bool) {
	s, t, g := name2("s"), name2("t"), name2("g")
	key := MemberKey{byte(c.r.IntN(16))}
	group, members, in := c.group(), 0, false
	if group != nil {
		members = group.MemberCount()
		_, in = group.Member(key)
	}
	n := 1 + c.r.IntN(3)
	one := func(yes bool) int {
		if yes {
			return 1
		}
		return 0
	}
	switch k := c.r.IntN(100); {
	case k < 30:
		r, err := c.apply(EncodeJoinGroup(nil, testTime, s, t, g, key))
		if (err == nil) != (group != nil) || in && len(r.Pending) > 0 {
			c.t.Fatalf("join: %v, pending %v", err, r.Pending)
		}
		c.known = append(c.known, r.Pending...)
		c.begun += len(r.Pending)
		return fmt.Sprint("join ", key[0], r.Pending), one(group != nil && !in), func(PartitionID) bool { return members == 0 }
	case k < 38:
		_, err := c.apply(EncodeLeaveGroup(nil, testTime, s, t, g, key))
		if (err == nil) != in {
			c.t.Fatalf("leave: %v", err)
		}
		return fmt.Sprint("leave ", key[0]), one(in), anywhere
	case k < 44:
		if _, err := c.apply(EncodeDropMember(nil, testTime, key)); err != nil {
			c.t.Fatal(err)
		}
		return fmt.Sprint("drop ", key[0]), one(in), anywhere
	case k < 45:
		if _, err := c.apply(EncodeDropMembers(nil, testTime)); err != nil {
			c.t.Fatal(err)
		}
		return "drop all", one(members > 0), anywhere
	case k < 47:
		_, err := c.apply(EncodeCreatePartitions(nil, testTime, s, t, uint32(n)))
		if c.partitions() > 20 {
			_, less := c.apply(EncodeDeletePartitions(nil, testTime, s, t, 20))
			if err = errors.Join(err, less); err != nil {
				c.t.Fatal(err)
			}
			return "many partitions less", 2 * one(members > 0), anywhere
		}
		if err != nil {
			c.t.Fatal(err)
		}
		return fmt.Sprint("partitions +", n), one(members > 0), anywhere
	case k < 49:
		_, err := c.apply(EncodeDeletePartitions(nil, testTime, s, t, uint32(n)))
		return fmt.Sprint("partitions -", n, err), one(members > 0 && err == nil), anywhere
	case k < 50:
		_, err := c.apply(EncodeDeleteGroup(nil, testTime, s, t, g))
		if (err == nil) != (group != nil) {
			c.t.Fatalf("delete: %v", err)
		}
		return "delete group", 0, anywhere
	case k < 54:
		_, err := c.apply(EncodeCreateGroup(nil, testTime, s, t, []byte("g")))
		if (err == nil) != (group == nil) {
			c.t.Fatalf("create: %v", err)
		}
		return "create group", 0, anywhere
	case k < 56:
		r, err := c.apply(EncodePurgeTopic(nil, testTime, s, t))
		if err != nil || group != nil && !slices.Equal(r.Pending, group.Pending(nil)) {
			c.t.Fatalf("purge: %v, pending %v", err, r.Pending)
		}
		return "purge", 0, nowhere
	}
	var done []Handover
	for range min(len(c.known), c.r.IntN(6)) {
		done = append(done, c.known[c.r.IntN(len(c.known))]) // some of them twice
	}
	var complete []PartitionID
	for _, h := range done {
		if group != nil && slices.Contains(group.Pending(nil), h) && !slices.Contains(complete, h.Partition) {
			complete = append(complete, h.Partition)
		}
	}
	c.ended += len(complete)
	if _, err := c.apply(EncodeHandOver(nil, testTime, done)); err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprint("hand over ", done), len(complete), func(p PartitionID) bool { return slices.Contains(complete, p) }
}

// check holds the group against what must be true after every step.
func (c *churn) check(what string, moves func(PartitionID) bool) {
	c.t.Helper()
	g, partitions := c.group(), c.partitions()
	before := c.views
	c.views = view(g, partitions)
	if g == nil {
		return
	}
	owned := make([]int, partitions)
	for m := range g.Members() {
		for _, p := range m.Partitions {
			owned[p]++
			if o := c.views[p]; o.Key != m.Key {
				c.t.Fatalf("%s: member %d lists partition %d, whose owner is %+v", what, m.ID, p, o)
			}
		}
		for _, p := range g.Pollable(nil, m) {
			if fence, owns, pending := g.Fence(p, m.Key); !owns || pending || fence != c.views[p].Fence {
				c.t.Fatalf("%s: member %d may poll partition %d: fence %d, owns %v, pending %v", what, m.ID, p, fence, owns, pending)
			}
		}
	}
	highest := c.fence
	for p, o := range c.views {
		if want := min(g.MemberCount(), 1); owned[p] != want || o.HasOwner != (want == 1) {
			c.t.Fatalf("%s: partition %d has %d owners with %d members", what, p, owned[p], g.MemberCount())
		}
		if !o.HasOwner {
			continue
		}
		highest = max(highest, o.Fence)
		if p < len(before) && before[p] == o {
			continue
		}
		if o.Fence <= c.fence {
			c.t.Fatalf("%s: partition %d is now %+v, but fence %d was seen before", what, p, o, c.fence)
		}
		if p < len(before) && before[p].Key != o.Key && !moves(PartitionID(p)) {
			c.t.Fatalf("%s: partition %d went from %+v to %+v", what, p, before[p], o)
		}
		if p < len(before) && before[p].Key == o.Key && before[p].Pending && o.Pending {
			c.changed++
		}
	}
	c.fence = highest
}

// checkShares completes all hand-overs on a copy: then nobody has two more than another.
func (c *churn) checkShares(what string) {
	c.t.Helper()
	g := c.group()
	if g == nil || g.MemberCount() == 0 {
		return
	}
	m := mustRestore(c.t, c.m)
	pending := g.Pending(nil)
	c.r.Shuffle(len(pending), func(i, j int) { pending[i], pending[j] = pending[j], pending[i] })
	if _, err := m.Apply(m.Revision()+1, EncodeHandOver(nil, testTime, pending)); err != nil {
		c.t.Fatal(err)
	}
	done, _ := m.GroupByID(g.Stream, g.Topic, g.ID)
	if left := done.Pending(nil); len(left) > 0 || done.Generation != g.Generation+uint64(len(pending)) {
		c.t.Fatalf("%s: %d hand-overs completed, %v are left, generation %d and before %d", what, len(pending), left, done.Generation, g.Generation)
	}
	least, most, sum := c.partitions(), 0, 0
	for member := range done.Members() {
		n := len(member.Partitions)
		least, most, sum = min(least, n), max(most, n), sum+n
	}
	if most-least > 1 || sum != c.partitions() {
		c.t.Fatalf("%s: shares are between %d and %d, together %d of %d", what, least, most, sum, c.partitions())
	}
}

func TestGroupChurn(t *testing.T) {
	r := newRand(t)
	c := &churn{t: t, r: r, m: New(), again: New()}
	for _, cmd := range [][]byte{
		EncodeCreateStream(nil, testTime, []byte("s")),
		EncodeCreateTopic(nil, testTime, CreateTopic{name2("s"), []byte("t"), uint32(r.IntN(12)), nil}),
		EncodeCreateGroup(nil, testTime, name2("s"), name2("t"), []byte("g")),
	} {
		if _, err := c.apply(cmd); err != nil {
			t.Fatal(err)
		}
	}
	for step := range churnSteps {
		var before Group
		if g := c.group(); g != nil {
			before = *g
		}
		what, rise, moves := c.step()
		what = fmt.Sprintf("step %d, %s", step, what)
		if g := c.group(); g != nil && g.ID == before.ID && g.Generation != before.Generation+uint64(rise) {
			t.Fatalf("%s: generation %d after %d, want %d more", what, g.Generation, before.Generation, rise)
		}
		c.check(what, moves)
		c.checkShares(what)
		if len(c.known) > 40 {
			c.known = c.known[20:]
		}
	}
	t.Logf("%d hand-overs begun, %d completed, %d targets changed, highest fence %d", c.begun, c.ended, c.changed, c.fence)
	if c.begun < 500 || c.ended < 100 || c.changed < 20 {
		t.Fatalf("only %d hand-overs, %d completed, %d changes of target", c.begun, c.ended, c.changed)
	}
}
