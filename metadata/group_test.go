package metadata

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// groupRig has stream s with topic t of so many partitions and group g in it, all with number 0.
type groupRig struct {
	*rig
}

func newGroupRig(t testing.TB, partitions uint32) groupRig {
	r := groupRig{newRig(t)}
	r.stream(nil, "s")
	r.topic(nil, "s", "t", partitions)
	r.create(nil, "g")
	return r
}

func (r groupRig) create(want error, name string) Result {
	r.t.Helper()
	return r.apply(want, EncodeCreateGroup(nil, testTime, name2("s"), name2("t"), []byte(name)))
}

func (r groupRig) join(want error, group string, key byte) Result {
	r.t.Helper()
	return r.apply(want, EncodeJoinGroup(nil, testTime, name2("s"), name2("t"), name2(group), MemberKey{key}))
}

func (r groupRig) leave(want error, group string, key byte) Result {
	r.t.Helper()
	return r.apply(want, EncodeLeaveGroup(nil, testTime, name2("s"), name2("t"), name2(group), MemberKey{key}))
}

func (r groupRig) delete(want error, group string) Result {
	r.t.Helper()
	return r.apply(want, EncodeDeleteGroup(nil, testTime, name2("s"), name2("t"), name2(group)))
}

func (r groupRig) handOver(done ...Handover) {
	r.t.Helper()
	r.apply(nil, EncodeHandOver(nil, testTime, done))
}

func (r groupRig) group() *Group {
	r.t.Helper()
	g, ok := r.m.GroupByID(0, 0, 0)
	if !ok {
		r.t.Fatal("group 0 is gone")
	}
	return g
}

// want compares the group with lines like "0 key 7: 0 1 >2", one per member, where > marks what is pending.
func (r groupRig) want(generation uint64, lines ...string) {
	r.t.Helper()
	g, got := r.group(), []string{}
	for m := range g.Members() {
		line := fmt.Sprintf("%d key %d:", m.ID, m.Key[0])
		for _, p := range m.Partitions {
			mark := ""
			if g.Owner(p).Pending {
				mark = ">"
			}
			line += fmt.Sprintf(" %s%d", mark, p)
		}
		got = append(got, line)
	}
	if g.Generation != generation || !slices.Equal(got, lines) {
		r.t.Fatalf("generation %d\n%s\nwant %d\n%s", g.Generation, strings.Join(got, "\n"), generation, strings.Join(lines, "\n"))
	}
}

func TestGroupErrors(t *testing.T) {
	r := newGroupRig(t, 2)
	r.create(ErrGroupName, "")
	r.create(ErrGroupName, strings.Repeat("x", 256))
	r.create(ErrGroupName, "\xff")
	r.create(ErrGroupExists, "g")
	if got := r.create(nil, strings.Repeat("x", 255)).Group; got != 1 {
		t.Fatalf("group id %d, want 1", got)
	}
	r.apply(ErrStreamNotFound, EncodeCreateGroup(nil, testTime, name2("x"), name2("t"), []byte("g")))
	r.apply(ErrTopicNotFound, EncodeCreateGroup(nil, testTime, name2("s"), name2("x"), []byte("g")))
	r.apply(ErrStreamNotFound, EncodeDeleteGroup(nil, testTime, name2("x"), name2("t"), name2("g")))
	r.apply(ErrTopicNotFound, EncodeDeleteGroup(nil, testTime, name2("s"), name2("x"), name2("g")))
	r.delete(ErrGroupNotFound, "h")
	r.join(ErrGroupNotFound, "h", 1)
	r.apply(ErrStreamNotFound, EncodeJoinGroup(nil, testTime, name2("x"), name2("t"), name2("g"), MemberKey{1}))
	r.apply(ErrTopicNotFound, EncodeJoinGroup(nil, testTime, name2("s"), name2("x"), name2("g"), MemberKey{1}))
	r.leave(ErrGroupNotFound, "h", 1)
	r.leave(ErrNotMember, "g", 1)
	r.apply(nil, EncodeDropMember(nil, testTime, MemberKey{1})) // in no group: fine
	r.apply(nil, EncodeDropMembers(nil, testTime))
	r.handOver()
	r.handOver(Handover{9, 9, 9, 9, 9}, Handover{0, 0, 0, 9, 9}, Handover{0, 0, 0, 1, 9})
	r.want(0)
	for _, cmd := range [][]byte{
		EncodeCreateGroup(nil, testTime, name2("s"), name2("t"), []byte("new")),
		EncodeDeleteGroup(nil, testTime, name2("s"), name2("t"), name2("g")),
		EncodeJoinGroup(nil, testTime, name2("s"), name2("t"), name2("g"), MemberKey{1}),
		EncodeLeaveGroup(nil, testTime, name2("s"), name2("t"), name2("g"), MemberKey{1}),
		EncodeDropMember(nil, testTime, MemberKey{1}),
		EncodeDropMembers(nil, testTime),
		EncodeHandOver(nil, testTime, []Handover{{}}),
	} {
		for n := range cmd {
			r.apply(ErrCommand, cmd[:n])
		}
		r.apply(ErrCommand, append(slices.Clone(cmd), 0))
	}
}

func TestGroupIDsOnlyGrow(t *testing.T) {
	r := newGroupRig(t, 2)
	r.create(nil, "h")
	logs := r.delete(nil, "h").DroppedGroups
	if len(logs) != 1 || logs[0].Group != 1 || !slices.Equal(logs[0].Logs, []LogID{1, 2}) {
		t.Fatalf("dropped %+v, want group 1 of the logs 1 and 2", logs)
	}
	if got := r.create(nil, "h").Group; got != 2 {
		t.Fatalf("group id %d after 1 was deleted, want 2", got)
	}
	again := mustRestore(t, r.m)
	got, err := again.Apply(again.Revision()+1, EncodeCreateGroup(nil, testTime, name2("s"), name2("t"), []byte("i")))
	if err != nil || got.Group != 3 || again.GroupCount() != 3 {
		t.Fatalf("group id %d of %d, %v after a restore, want 3", got.Group, again.GroupCount(), err)
	}
	r.topic(nil, "s", "u", 1)
	if got := r.apply(nil, EncodeCreateGroup(nil, testTime, name2("s"), name2("u"), []byte("h"))); got.Group != 0 || got.Topic != 1 {
		t.Fatalf("group %+v, want group 0 of topic 1: each topic counts for itself", got)
	}
	topic, _ := r.m.Topic(name2("s"), name2("t"))
	topic.groups.next = 1<<32 - 1
	r.create(ErrTooManyGroups, "last")
}

func TestJoinTakesNothingAwayFromUnderItsOwner(t *testing.T) {
	r := newGroupRig(t, 6)
	if got := r.join(nil, "g", 7); len(got.Pending) != 0 {
		t.Fatalf("pending %v at the first join", got.Pending)
	}
	r.want(1, "0 key 7: 0 1 2 3 4 5")
	second := r.join(nil, "g", 8).Pending
	r.want(2, "0 key 7: 0 1 2 >3 >4 >5", "1 key 8:")
	if want := (Handover{0, 0, 0, 5, r.m.Revision()}); len(second) != 3 || second[0] != want {
		t.Fatalf("pending %v, want %v first: what came last goes first", second, want)
	}
	if again := r.join(nil, "g", 8); len(again.Pending) != 0 {
		t.Fatalf("pending %v at a repeated join", again.Pending)
	}
	r.want(2, "0 key 7: 0 1 2 >3 >4 >5", "1 key 8:")

	g := r.group()
	fence, owns, pending := g.Fence(5, MemberKey{7})
	if !owns || !pending || fence != second[0].Fence {
		t.Fatalf("partition 5: fence %d, owned by 7 %v, pending %v", fence, owns, pending)
	}
	if _, owns, _ := g.Fence(5, MemberKey{8}); owns {
		t.Fatal("partition 5 belongs to the one it is promised to")
	}
	first, _ := g.Member(MemberKey{7})
	if got := g.Pollable([]PartitionID{99}, first); !slices.Equal(got, []PartitionID{99, 0, 1, 2}) {
		t.Fatalf("pollable %v, want 0 to 2", got)
	}

	r.handOver(second[0], second[2])
	r.want(4, "0 key 7: 0 1 2 >4", "1 key 8: 5 3")
	r.handOver(second[0], second[2]) // said twice
	stale := second[1]
	stale.Fence--
	r.handOver(stale)
	r.want(4, "0 key 7: 0 1 2 >4", "1 key 8: 5 3")
	if fence, owns, pending := g.Fence(5, MemberKey{8}); !owns || pending || fence <= second[0].Fence {
		t.Fatalf("partition 5: fence %d, owned by 8 %v, pending %v", fence, owns, pending)
	}
	r.handOver(second[1])
	r.want(5, "0 key 7: 0 1 2", "1 key 8: 5 3 4")

	third := r.join(nil, "g", 9).Pending
	r.want(6, "0 key 7: 0 1 >2", "1 key 8: 5 3 >4", "2 key 9:")
	r.handOver(third...)
	r.want(8, "0 key 7: 0 1", "1 key 8: 5 3", "2 key 9: 2 4")
}

func TestTheFirstOverFullMembersKeepOneMore(t *testing.T) {
	r := newGroupRig(t, 5)
	r.join(nil, "g", 1)
	r.handOver(r.join(nil, "g", 2).Pending...)
	r.want(4, "0 key 1: 0 1 2", "1 key 2: 4 3")
	r.handOver(r.join(nil, "g", 3).Pending...)
	r.want(6, "0 key 1: 0 1", "1 key 2: 4 3", "2 key 3: 2")
	r.handOver(r.join(nil, "g", 4).Pending...)
	r.want(8, "0 key 1: 0 1", "1 key 2: 4", "2 key 3: 2", "3 key 4: 3")
}

// TestJoinDuringHandOver: a member that joins while hand-overs are under way gets its share of what was promised to others.
func TestJoinDuringHandOver(t *testing.T) {
	r := newGroupRig(t, 4)
	r.join(nil, "g", 1)
	second := r.join(nil, "g", 2).Pending
	third := r.join(nil, "g", 3).Pending
	r.want(3, "0 key 1: 0 1 >2 >3", "1 key 2:", "2 key 3:")
	if len(second) != 2 || len(third) != 1 || third[0].Partition != 3 {
		t.Fatalf("pending %v and then %v, want partition 3 to change its target", second, third)
	}
	r.handOver(second...) // of 3 the fence has changed
	r.want(4, "0 key 1: 0 1 >3", "1 key 2: 2", "2 key 3:")
	r.handOver(third...)
	r.want(5, "0 key 1: 0 1", "1 key 2: 2", "2 key 3: 3")
}

func TestOnePartitionStaysWithTheFirst(t *testing.T) {
	r := newGroupRig(t, 1)
	r.join(nil, "g", 1)
	for key := byte(2); key < 5; key++ {
		if got := r.join(nil, "g", key).Pending; len(got) != 0 {
			t.Fatalf("pending %v", got)
		}
	}
	r.want(4, "0 key 1: 0", "1 key 2:", "2 key 3:", "3 key 4:")
	r.leave(nil, "g", 2)
	r.leave(nil, "g", 1)
	r.want(6, "2 key 3: 0", "3 key 4:")
	r.join(nil, "g", 5)
	r.want(7, "0 key 5:", "2 key 3: 0", "3 key 4:")
}

func TestLeaveSharesEverythingAnew(t *testing.T) {
	r := newGroupRig(t, 5)
	for key := byte(1); key < 4; key++ {
		r.join(nil, "g", key)
	}
	pending := r.group().Pending(nil)
	before := r.group().Owner(0)
	r.leave(nil, "g", 2)
	r.want(4, "0 key 1: 0 2 4", "2 key 3: 1 3")
	if after := r.group().Owner(0); after != before {
		t.Fatalf("partition 0 stayed with its owner: %+v, and before %+v", after, before)
	}
	r.handOver(pending...) // too late
	r.want(4, "0 key 1: 0 2 4", "2 key 3: 1 3")
	r.leave(nil, "g", 1)
	r.leave(nil, "g", 3)
	r.want(6)
	if got := r.group().Owner(0); got != (Owner{}) {
		t.Fatalf("without members partition 0 has owner %+v", got)
	}
	r.leave(ErrNotMember, "g", 3)
	r.join(nil, "g", 3)
	r.want(7, "0 key 3: 0 1 2 3 4")
	if got := r.group().Owner(0); got.Fence <= before.Fence {
		t.Fatalf("fence %d, not above %d", got.Fence, before.Fence)
	}
}

func TestPartitionCountSharesEverythingAnew(t *testing.T) {
	r := newGroupRig(t, 3)
	r.create(nil, "empty")
	r.join(nil, "g", 1)
	r.join(nil, "g", 2)
	r.apply(nil, EncodeCreatePartitions(nil, testTime, name2("s"), name2("t"), 2))
	r.want(3, "0 key 1: 0 2 4", "1 key 2: 1 3")
	r.apply(nil, EncodeDeletePartitions(nil, testTime, name2("s"), name2("t"), 4))
	r.want(4, "0 key 1: 0", "1 key 2:")
	if got := r.group().Owner(1); got.HasOwner {
		t.Fatalf("partition 1 of one has owner %+v", got)
	}
	r.apply(nil, EncodeDeletePartitions(nil, testTime, name2("s"), name2("t"), 1))
	r.join(nil, "g", 3)
	r.want(6, "0 key 1:", "1 key 2:", "2 key 3:")
	r.apply(nil, EncodeCreatePartitions(nil, testTime, name2("s"), name2("t"), 4))
	r.want(7, "0 key 1: 0 3", "1 key 2: 1", "2 key 3: 2")
	if g, _ := r.m.GroupByID(0, 0, 1); g.Generation != 0 {
		t.Fatalf("a group without members is in generation %d", g.Generation)
	}
	mustRestore(t, r.m)
}

func TestPurgeListsWhatIsPending(t *testing.T) {
	r := newGroupRig(t, 4)
	r.create(nil, "h")
	for _, group := range []string{"g", "h"} {
		r.join(nil, group, 1)
		r.join(nil, group, 2)
	}
	fences := r.group().Pending(nil)
	got := r.apply(nil, EncodePurgeTopic(nil, testTime, name2("s"), name2("t"))).Pending
	if len(got) != 4 || !slices.Equal(got[:2], fences) || got[2].Group != 1 {
		t.Fatalf("pending after a purge: %v, want those of both groups, first %v", got, fences)
	}
	got = r.apply(nil, EncodePurgeStream(nil, testTime, name2("s"))).Pending
	if len(got) != 4 {
		t.Fatalf("pending after a purge of the stream: %v", got)
	}
	r.handOver(got...)
	r.want(4, "0 key 1: 0 1", "1 key 2: 2 3")
}

func TestMemberships(t *testing.T) {
	r := newGroupRig(t, 2)
	r.create(nil, "h")
	r.topic(nil, "s", "u", 1)
	r.apply(nil, EncodeCreateGroup(nil, testTime, name2("s"), name2("u"), []byte("g")))
	want := func(key byte, places ...string) {
		t.Helper()
		got := []string{}
		for _, m := range []*Machine{r.m, mustRestore(t, r.m)} {
			got = got[:0]
			m.Memberships(MemberKey{key}, func(s StreamID, t TopicID, g GroupID) { got = append(got, fmt.Sprint(s, t, g)) })
			if !slices.Equal(got, places) || m.MembershipCount(MemberKey{key}) != len(places) {
				t.Fatalf("member %d is in %v, want %v", key, got, places)
			}
		}
	}
	r.apply(nil, EncodeJoinGroup(nil, testTime, name2("s"), name2("u"), name2("g"), MemberKey{1}))
	r.join(nil, "h", 1)
	r.join(nil, "g", 1)
	r.join(nil, "g", 2)
	want(1, "0 0 0", "0 0 1", "0 1 0")
	want(2, "0 0 0")
	want(3)
	r.delete(nil, "h")
	want(1, "0 0 0", "0 1 0")
	r.apply(nil, EncodeDeleteTopic(nil, testTime, name2("s"), name2("u")))
	want(1, "0 0 0")
	r.apply(nil, EncodeDropMember(nil, testTime, MemberKey{1}))
	want(1)
	r.want(3, "1 key 2: 0 1")
	r.join(nil, "g", 1)
	r.apply(nil, EncodeDropMembers(nil, testTime))
	want(1)
	want(2)
	r.want(5)
	r.join(nil, "g", 2)
	if r.m.GroupCount() != 1 {
		t.Fatalf("%d groups, want 1", r.m.GroupCount())
	}
	r.apply(nil, EncodeDeleteStream(nil, testTime, name2("s")))
	want(2)
	if _, ok := r.m.GroupByID(0, 0, 0); ok || r.m.GroupCount() != 0 {
		t.Fatalf("%d groups after their stream has gone", r.m.GroupCount())
	}
}

// TestFencesAreNotReused: a group that is deleted and made again, also with its topic, has other fences.
func TestFencesAreNotReused(t *testing.T) {
	r := newGroupRig(t, 2)
	seen := map[uint64]bool{}
	note := func() {
		t.Helper()
		if fence := r.group().Owner(0).Fence; seen[fence] {
			t.Fatalf("fence %d again", fence)
		} else {
			seen[fence] = true
		}
	}
	for range 3 {
		r.join(nil, "g", 1)
		note()
		r.leave(nil, "g", 1)
		r.join(nil, "g", 1)
		note()
		r.apply(nil, EncodeDeleteTopic(nil, testTime, name2("s"), name2("t")))
		r.topic(nil, "s", "t", 2)
		r.create(nil, "g")
	}
}

func TestGroupLimits(t *testing.T) {
	r := newGroupRig(t, 1)
	r.huge = true
	topic, _ := r.m.Topic(name2("s"), name2("t"))
	for topic.GroupCount() < GroupsMax-1 {
		g := &Group{ID: topic.groups.next, Name: fmt.Sprint(topic.groups.next)}
		topic.groups.put(g)
		topic.groups.next++
	}
	r.recount()
	r.create(nil, "last")
	r.create(ErrTooManyGroups, "one more")

	r = newGroupRig(t, 0)
	r.huge = true
	g := r.group()
	for id := range MemberID(MembersMax - 1) {
		key := MemberKey{byte(id), byte(id >> 8), 1}
		g.members.put(uint32(id), string(key[:]), &Member{ID: id, Key: key})
		r.m.members.note(key, g)
	}
	g.seats, g.Generation = []seat{}, 1
	r.recount()
	r.join(nil, "g", 255)
	r.join(nil, "g", 255) // is in: no limit applies
	key := MemberKey{9, 9, 9}
	r.apply(ErrTooManyMembers, EncodeJoinGroup(nil, testTime, name2("s"), name2("t"), name2("g"), key))
}

func TestGroupLookUpsDoNotAllocate(t *testing.T) {
	r := newGroupRig(t, 4)
	r.join(nil, "g", 1)
	r.join(nil, "g", 2)
	stream, topic, group, dst := []byte("s"), []byte("t"), []byte("g"), make([]PartitionID, 0, 4)
	allocs := testing.AllocsPerRun(100, func() {
		g, err := r.m.Group(ByName(stream), ByName(topic), ByName(group))
		if err != nil {
			t.Fatal(err)
		}
		again, ok := r.m.GroupByID(0, 0, g.ID)
		_, owns, pending := g.Fence(1, MemberKey{1})
		m, in := g.Member(MemberKey{1})
		if !ok || again != g || !owns || pending || !in || !g.Owner(3).Pending || len(g.Pollable(dst, m)) != 2 || r.m.MembershipCount(m.Key) != 1 {
			t.Fatal("group look-ups fail")
		}
	})
	if allocs != 0 {
		t.Fatalf("%v allocations per look-up, want none", allocs)
	}
}
