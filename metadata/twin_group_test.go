package metadata

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// twinGroup is a group in which everything is searched for, one partition at a time.
type twinGroup struct {
	id, generation int
	name           string
	members        []*twinMember
	target         map[int]*twinMember // of pending partitions
	fence          map[int]uint64
}

type twinMember struct {
	id   int
	key  byte
	owns []int
}

func (g *twinGroup) member(key byte) *twinMember {
	for _, m := range g.members {
		if m.key == key {
			return m
		}
	}
	return nil
}

func (g *twinGroup) owner(p int) *twinMember {
	for _, m := range g.members {
		if slices.Contains(m.owns, p) {
			return m
		}
	}
	return nil
}

// expects lists what a member will own when all hand-overs are completed, in the order in which it came.
func (g *twinGroup) expects(m *twinMember, partitions int) (all []int) {
	for _, p := range m.owns {
		if g.target[p] == nil {
			all = append(all, p)
		}
	}
	for p := range partitions {
		if g.target[p] == m {
			all = append(all, p)
		}
	}
	return all
}

func (g *twinGroup) join(key byte, partitions int, revision uint64) {
	if g.member(key) != nil {
		return
	}
	id := 0
	for slices.ContainsFunc(g.members, func(m *twinMember) bool { return m.id == id }) {
		id++
	}
	g.members = append(g.members, &twinMember{id: id, key: key})
	slices.SortFunc(g.members, func(x, y *twinMember) int { return cmp.Compare(x.id, y.id) })
	if len(g.members) == 1 {
		g.redistribute(partitions, revision)
		return
	}
	g.generation++
	var idle []*twinMember
	var given []int
	share, extra := partitions/len(g.members), partitions%len(g.members)
	for _, m := range g.members {
		all := g.expects(m, partitions)
		if len(all) == 0 && len(m.owns) == 0 {
			idle = append(idle, m)
		}
		if len(all) <= share {
			continue
		}
		keep := share
		if extra > 0 {
			keep, extra = keep+1, extra-1
		}
		for len(all) > keep {
			given = append(given, all[len(all)-1])
			all = all[:len(all)-1]
		}
	}
	for i, p := range given {
		g.target[p], g.fence[p] = idle[i%len(idle)], revision
	}
}

func (g *twinGroup) leave(key byte, partitions int, revision uint64) error {
	m := g.member(key)
	if m == nil {
		return ErrNotMember
	}
	for _, p := range m.owns { // whoever gets them
		g.fence[p] = revision
	}
	g.members = slices.DeleteFunc(g.members, func(x *twinMember) bool { return x == m })
	g.redistribute(partitions, revision)
	return nil
}

func (g *twinGroup) redistribute(partitions int, revision uint64) {
	g.generation++
	before := map[int]*twinMember{}
	for p := range partitions {
		before[p] = g.owner(p)
	}
	for _, m := range g.members {
		m.owns = nil
	}
	for p := range partitions {
		if len(g.members) == 0 {
			break
		}
		m := g.members[p%len(g.members)]
		m.owns = append(m.owns, p)
		if before[p] != m || g.target[p] != nil {
			g.fence[p] = revision
		}
	}
	g.target = map[int]*twinMember{}
}

func (g *twinGroup) handOver(p int, fence, revision uint64) {
	if g.target[p] == nil || g.fence[p] != fence {
		return
	}
	from := g.owner(p)
	from.owns = slices.DeleteFunc(from.owns, func(x int) bool { return x == p })
	g.target[p].owns = append(g.target[p].owns, p)
	delete(g.target, p)
	g.fence[p] = revision
	g.generation++
}

func (t *twinTopic) redistribute(revision uint64) {
	for _, g := range t.groups {
		if len(g.members) > 0 {
			g.redistribute(len(t.logs), revision)
		}
	}
}

func (t *twinTopic) group(name string) *twinGroup {
	for _, g := range t.groups {
		if g.name == name {
			return g
		}
	}
	return nil
}

// eachGroup does f to every group there is.
func (w *twin) eachGroup(f func(*twinStream, *twinTopic, *twinGroup)) {
	for _, s := range w.streams {
		for _, t := range s.topics {
			for _, g := range t.groups {
				f(s, t, g)
			}
		}
	}
}

// groupStep does one random thing to the groups of the twin and returns the command that says the same.
func (w *twin) groupStep(r *rand.Rand, revision uint64) (what string, cmd []byte, want error) {
	name := func(n int) string { return string('a' + byte(r.IntN(n))) }
	stream, topic, group, key := name(6), name(6), name(3), byte(r.IntN(6))
	if len(w.streams) > 0 && r.IntN(8) > 0 { // one that is there, mostly
		s := w.streams[r.IntN(len(w.streams))]
		stream = s.name
		if len(s.topics) > 0 {
			topic = s.topics[r.IntN(len(s.topics))].name
		}
	}
	id := func(name string) Ident { return ByName([]byte(name)) }
	place := stream + " " + topic + " " + group
	withGroup := func(f func(*twinTopic, *twinGroup) error) error {
		return w.withTopic(stream, topic, func(_ *twinStream, t *twinTopic) error {
			g := t.group(group)
			if g == nil {
				return ErrGroupNotFound
			}
			return f(t, g)
		})
	}
	switch r.IntN(10) {
	case 0, 1:
		what, cmd = "create group "+place, EncodeCreateGroup(nil, testTime, id(stream), id(topic), []byte(group))
		want = w.withTopic(stream, topic, func(_ *twinStream, t *twinTopic) error {
			if t.group(group) != nil {
				return ErrGroupExists
			}
			t.groups = append(t.groups, &twinGroup{id: t.nextGroup, name: group, target: map[int]*twinMember{}, fence: map[int]uint64{}})
			t.nextGroup++
			return nil
		})
	case 2:
		if r.IntN(3) > 0 {
			what, cmd = fmt.Sprint("drop member ", key), EncodeDropMember(nil, testTime, MemberKey{key})
			w.eachGroup(func(_ *twinStream, t *twinTopic, g *twinGroup) { g.leave(key, len(t.logs), revision) })
			break
		}
		what, cmd = "delete group "+place, EncodeDeleteGroup(nil, testTime, id(stream), id(topic), id(group))
		want = withGroup(func(t *twinTopic, g *twinGroup) error {
			t.groups = slices.DeleteFunc(t.groups, func(x *twinGroup) bool { return x == g })
			return nil
		})
	case 3:
		if r.IntN(10) == 0 {
			what, cmd = "drop members", EncodeDropMembers(nil, testTime)
			w.eachGroup(func(_ *twinStream, t *twinTopic, g *twinGroup) {
				if len(g.members) > 0 {
					g.members = nil
					g.redistribute(len(t.logs), revision)
				}
			})
			break
		}
		what, cmd = fmt.Sprint("leave ", place, key), EncodeLeaveGroup(nil, testTime, id(stream), id(topic), id(group), MemberKey{key})
		want = withGroup(func(t *twinTopic, g *twinGroup) error { return g.leave(key, len(t.logs), revision) })
	case 4, 5, 6:
		what, cmd = fmt.Sprint("join ", place, key), EncodeJoinGroup(nil, testTime, id(stream), id(topic), id(group), MemberKey{key})
		want = withGroup(func(t *twinTopic, g *twinGroup) error { g.join(key, len(t.logs), revision); return nil })
	default:
		var done []Handover
		w.eachGroup(func(s *twinStream, t *twinTopic, g *twinGroup) {
			for p := range len(t.logs) {
				if r.IntN(4) == 0 {
					fence := g.fence[p] - uint64(r.IntN(4)/3) // now and then another's
					done = append(done, Handover{StreamID(s.id), TopicID(t.id), GroupID(g.id), PartitionID(p), fence})
					g.handOver(p, fence, revision)
				}
			}
		})
		what, cmd = fmt.Sprint("hand over ", done), EncodeHandOver(nil, testTime, done)
	}
	return what, cmd, want
}

func (g *twinGroup) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "    group %d %s generation %d\n", g.id, g.name, g.generation)
	for _, m := range g.members {
		fmt.Fprintf(&b, "      member %d key %d:", m.id, m.key)
		for _, p := range m.owns {
			fmt.Fprintf(&b, " %d since %d", p, g.fence[p])
			if g.target[p] != nil {
				fmt.Fprintf(&b, " to %d", g.target[p].id)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func dumpGroup(b *strings.Builder, g *Group) {
	fmt.Fprintf(b, "    group %d %s generation %d\n", g.ID, g.Name, g.Generation)
	for m := range g.Members() {
		fmt.Fprintf(b, "      member %d key %d:", m.ID, m.Key[0])
		for _, p := range m.Partitions {
			o := g.Owner(p)
			fmt.Fprintf(b, " %d since %d", p, o.Fence)
			if o.Pending {
				fmt.Fprintf(b, " to %d", g.seats[p].target)
			}
		}
		b.WriteString("\n")
	}
}
