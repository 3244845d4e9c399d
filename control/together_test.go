package control

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/metadata"
)

// rest lets everything come to its end, and time hardly pass.
func (w *world) rest() {
	w.t.Helper()
	for n := 0; n == 0 || w.room.Busy(); n++ {
		if n > 100_000 {
			w.t.Fatal("the room does not come to rest")
		}
		for w.happen() {
		}
		w.facts.Mono++
		w.step(Event{Kind: EventTick})
	}
}

func (w *world) give(p *metadata.Proposal) {
	w.t.Helper()
	w.given[p] = true
	w.step(Event{Kind: EventProposed, Proposal: p})
}

// TestTogetherAsOneByOne: commands that come at once have the outcomes that they have one after the other, and leave the same state.
func TestTogetherAsOneByOne(t *testing.T) {
	first, n := uint64(time.Now().UnixNano()), max(1, *seedsFlag/4)
	if *seedFlag != 0 {
		first, n = *seedFlag, 1
	}
	commits, commands, refused := 0, 0, 0
	for i := range uint64(n) {
		seed := first + i
		one, all := newWorld(t, seed), newWorld(t, seed)
		for _, w := range []*world{one, all} {
			w.keep = true
			w.room.cfg.Limits.Bytes = w.room.bytes(0, 30) // little: together they may be too much
			for range 150 {
				w.give(w.proposal())
				w.rest()
			}
		}
		var singly, together []*metadata.Proposal
		for range 60 {
			p := all.proposal()
			q := *p
			singly, together = append(singly, p), append(together, &q)
		}
		before := all.commits
		for _, p := range together {
			all.give(p)
		}
		all.rest()
		for _, p := range singly {
			one.give(p)
			one.rest()
		}
		commits += all.commits - before
		for k, p := range singly {
			q := together[k]
			if !sameError(p.Err, q.Err) || fmt.Sprint(p.Result) != fmt.Sprint(q.Result) {
				t.Fatalf("seed %d: command %d is answered %v %v by itself, and %v %v with others", seed, k, p.Err, p.Result, q.Err, q.Result)
			}
			if commands++; p.Err != nil {
				refused++
			}
		}
		if a, b := shape(one.replicas[1]), shape(all.replicas[1]); a != b {
			t.Fatalf("seed %d: the states differ:\n%s\n%s", seed, a, b)
		}
		all.settle()
	}
	t.Logf("%d commands, %d of them refused, were made safe in %d goes", commands, refused, commits)
	if commits > commands*2/3 || refused == 0 {
		t.Errorf("%d commands, %d of them refused, took %d goes: this proves little", commands, refused, commits)
	}
}

// shape is what there is. Revisions are left out: a command for what is gone is refused by its judgement, or takes an index and is refused
// when it is applied.
func shape(m *metadata.Machine) string {
	var s strings.Builder
	for st := range m.Streams() {
		fmt.Fprintln(&s, "stream", st.ID, st.Name)
		for t := range st.Topics() {
			fmt.Fprintln(&s, " topic", t.ID, t.Name, t.Explicit)
			for _, p := range t.Partitions {
				fmt.Fprint(&s, " ", p.Log)
			}
			for g := range t.Groups() {
				fmt.Fprint(&s, "\n  group ", g.ID, g.Name)
				for x := range g.Members() {
					fmt.Fprint(&s, " ", x.ID, x.Key, x.Partitions)
				}
			}
			fmt.Fprintln(&s)
		}
	}
	for u := range m.Accounts.Users() {
		fmt.Fprintln(&s, "user", u.ID, u.Name, u.Permissions)
	}
	fmt.Fprintln(&s, m.LogIDs.Retired(), m.LogIDs.Next())
	return s.String()
}

func sameError(a, b error) bool {
	return a == b || a != nil && b != nil && a.Error() == b.Error() && errors.Unwrap(a) == errors.Unwrap(b)
}

// byRoot makes a command of the root user.
func byRoot(a metadata.Action, stream, topic string, command []byte) *metadata.Proposal {
	return &metadata.Proposal{Command: command, Judgement: metadata.Judgement{Subject: metadata.Subject{Since: 1, Secured: 1}, Action: a,
		Stream: metadata.ByName([]byte(stream)), Topic: metadata.ByName([]byte(topic))}}
}

// wide makes a world with a stream and a topic whose limits are the state's own.
func wide(t *testing.T) *world {
	w := newWorld(t, 1)
	w.micros = 5
	w.room.cfg.Limits = metadata.Limits{Streams: metadata.StreamsMax, Topics: metadata.TopicsMax, Partitions: metadata.PartitionsMax, Users: metadata.UsersMax,
		Tokens: metadata.TokensMax, Groups: metadata.GroupsMax, Members: metadata.MembersMax, Bytes: 1 << 40}
	w.give(byRoot(metadata.ActionCreateStream, "s", "", metadata.EncodeCreateStream(nil, 5, []byte("s"))))
	w.rest()
	w.give(topicOf("t", 4))
	w.rest()
	return w
}

// members counts those of all groups, as a shard knows them.
func (w *world) members() (n int) {
	for st := range w.replicas[2].Streams() {
		for t := range st.Topics() {
			for g := range t.Groups() {
				n += g.MemberCount()
			}
		}
	}
	return n
}

func topicOf(name string, partitions uint32) *metadata.Proposal {
	s := metadata.ByName([]byte("s"))
	p := byRoot(metadata.ActionCreateTopic, "s", "", metadata.EncodeCreateTopic(nil, 5, metadata.CreateTopic{Stream: s, Name: []byte(name), Partitions: partitions}))
	p.Quota, p.Demand = &metadata.QuotaOfTopics, metadata.Demand{Stream: s, Name: []byte(name), Partitions: partitions, Parts: metadata.NewTopic}
	return p
}

// TestManyCommandsAreMadeSafeTogether counts how often something is made safe. Each command has its own outcome.
func TestManyCommandsAreMadeSafeTogether(t *testing.T) {
	const groups = 100
	many := 10_000
	if invariantsOn { // which look at everything for each command
		many = 500
	}
	s, topic := metadata.ByName([]byte("s")), metadata.ByName([]byte("t"))
	group := func(i int) metadata.Ident { return metadata.ByName(fmt.Append(nil, "group ", i%groups)) }
	key := func(i int) metadata.MemberKey { return metadata.MemberKey{byte(i), byte(i >> 8), 1} }
	members := func(t *testing.T) *world {
		w := wide(t)
		w.keep = true
		for i := range groups {
			w.give(byRoot(metadata.ActionCreateGroup, "s", "t", metadata.EncodeCreateGroup(nil, 5, s, topic, fmt.Append(nil, "group ", i))))
		}
		w.rest()
		for i := range many {
			p := byRoot(metadata.ActionJoinGroup, "s", "t", metadata.EncodeJoinGroup(nil, 5, s, topic, group(i), key(i)))
			p.Quota, p.Demand = &metadata.QuotaOfMembers, metadata.Demand{Stream: s, Topic: topic, Group: group(i), Member: key(i)}
			w.give(p)
		}
		w.rest()
		if n := w.members(); n != many || w.refused > 0 {
			t.Fatalf("%d members, %d refused", n, w.refused)
		}
		return w
	}
	t.Run("members leave", func(t *testing.T) {
		w := members(t)
		before := w.commits
		for i := range many {
			w.give(byRoot(metadata.ActionLeaveGroup, "s", "t", metadata.EncodeLeaveGroup(nil, 5, s, topic, group(i), key(i))))
		}
		w.rest()
		if n, goes := w.members(), w.commits-before; n != 0 || w.refused > 0 || goes > many/1000+1 {
			t.Errorf("%d members are left, %d refused, made safe in %d goes", n, w.refused, goes)
		}
	})
	t.Run("members are gone", func(t *testing.T) {
		w := members(t)
		before := w.commits
		var gone []metadata.MemberKey
		for i := range many {
			gone = append(gone, key(i))
		}
		w.step(Event{Kind: EventGroups, Leavers: gone})
		w.rest()
		if n, goes := w.members(), w.commits-before; n != 0 || goes > many/500+2 {
			t.Errorf("%d members are left, made safe in %d goes", n, goes)
		}
	})
	t.Run("topics are made", func(t *testing.T) {
		w := wide(t)
		before := w.commits
		for i := range 1000 {
			w.give(topicOf(fmt.Sprint("topic ", i), 2))
		}
		w.give(topicOf("topic 7", 2))
		w.rest()
		if n := w.replicas[2].TopicCount(); n != 1001 || w.refused != 1 || w.commits-before > 2 {
			t.Errorf("%d topics, %d refused, made safe in %d goes, want at most 2", n, w.refused, w.commits-before)
		}
	})
	t.Run("one turn applies few", func(t *testing.T) {
		w := wide(t)
		for i := range 100 {
			w.give(topicOf(fmt.Sprint("topic ", i), 1))
		}
		w.step(Event{Kind: EventTick})
		for w.happen() { // all that can come without another turn
		}
		if n := w.replicas[2].TopicCount() - 1; n != runMax {
			t.Errorf("%d commands were applied in one turn, want %d", n, runMax)
		}
	})
}

// TestWhatIsInDoubtWaits: two limits are near, and a command that passes alone is not made safe with those that would take it beyond one, nor refused.
func TestWhatIsInDoubtWaits(t *testing.T) {
	w := wide(t)
	w.room.cfg.Limits.Topics = 4
	names := []string{"a", "a", "b", "c", "d"}
	var all []*metadata.Proposal
	for _, name := range names {
		all = append(all, topicOf(name, 1))
		w.give(all[len(all)-1])
	}
	w.rest()
	for i, want := range []error{nil, metadata.ErrTopicNameExists, nil, nil, metadata.ErrTooManyTopics} {
		if all[i].Err != want {
			t.Errorf("topic %d, %s: %v, want %v", i, names[i], all[i].Err, want)
		}
	}
}

// TestRightsOfARound: who loses a right by a command in front of it is refused, although both came at once.
func TestRightsOfARound(t *testing.T) {
	w := wide(t)
	create := byRoot(metadata.ActionCreateUser, "", "", metadata.EncodeCreateUser(nil, 5, metadata.CreateUser{Name: []byte("maker"), PasswordPHC: "$h",
		Status: metadata.UserActive, Permissions: &metadata.Permissions{Global: 1<<10 - 1}}))
	w.give(create)
	w.rest()
	u, err := w.replicas[0].Accounts.User(metadata.ByName([]byte("maker")))
	if err != nil {
		t.Fatal(err)
	}
	before, after := topicOf("before", 1), topicOf("after", 1)
	before.Judgement.Subject, after.Judgement.Subject = metadata.SubjectOf(u), metadata.SubjectOf(u)
	w.give(before)
	w.give(byRoot(metadata.ActionUpdatePermissions, "", "", metadata.EncodeUpdatePermissions(nil, 5, metadata.ByName([]byte("maker")), nil)))
	w.give(after)
	w.rest()
	if before.Err != nil || after.Err != metadata.ErrForbidden {
		t.Errorf("before: %v, after: %v", before.Err, after.Err)
	}
}
