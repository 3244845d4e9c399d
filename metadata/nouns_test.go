package metadata

import (
	"slices"
	"testing"
)

// mustPanic fails the test unless f finds a bug.
func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no invariant says that this cannot be", what)
		}
	}()
	f()
}

// TestLogIDsAreGivenOutOnce: an id comes back neither while its files may be there nor afterwards.
func TestLogIDsAreGivenOutOnce(t *testing.T) {
	l := LogIDs{next: 1}
	a, b, c := l.give(), l.give(), l.give()
	l.retire([]RetiredLog{{Log: c}, {Log: a}})
	if !slices.Equal(l.Retired(), []LogID{a, c}) || l.IsRetired(b) || !l.IsRetired(c) {
		t.Fatalf("retired are %v of %d, %d and %d", l.Retired(), a, b, c)
	}
	l.invariants(1)
	cmd := EncodeForgetLogs(nil, testTime, a)
	if _, err := l.forgetLogs(bodyOf(cmd)); err != nil || l.IsRetired(a) || l.give() == a {
		t.Fatalf("log %d is forgotten: %v, retired are %v", a, err, l.Retired())
	}
	if _, err := l.forgetLogs(bodyOf(EncodeForgetLogs(nil, testTime, l.Next()))); err != ErrLogNever {
		t.Fatalf("a log that was never there: %v", err)
	}
	mustPanic(t, "more logs than were given out", func() { l.invariants(4) })
	mustPanic(t, "a retired log that was never given out", func() { (&LogIDs{next: 2, retired: []LogID{2}}).invariants(0) })
}

// bodyOf is a command of which Apply has read the head.
func bodyOf(cmd []byte) *command {
	return &command{decoder: decoder{p: cmd[10+originBytes:], version: commandVersion}, at: testTime, revision: 1}
}

// TestMembershipsMirrorTheGroups: what the index says of a member is what the groups say.
func TestMembershipsMirrorTheGroups(t *testing.T) {
	var in memberships
	one, two := MemberKey{1}, MemberKey{2}
	groups := [3]*Group{{Topic: 1}, {Topic: 0}, {Topic: 0, ID: 4}}
	for _, g := range groups {
		g.join(one, 2, 1)
		in.note(one, g)
	}
	if !slices.Equal(in[one], []*Group{groups[1], groups[2], groups[0]}) {
		t.Fatal("groups of a member are not in order")
	}
	noted := 0
	for _, g := range groups {
		noted += in.check(g)
	}
	in.invariants(noted)
	groups[0].join(two, 2, 2)
	mustPanic(t, "a member that is not noted", func() { in.check(groups[0]) })
	in.note(two, groups[0])
	in.forget(one, groups[1])
	mustPanic(t, "a member that was forgotten", func() { in.check(groups[1]) })
	for _, g := range []*Group{groups[0], groups[2]} {
		in.forget(one, g)
	}
	if in.forget(two, groups[0]); len(in) != 0 {
		t.Fatalf("%d members are in no group and still noted", len(in))
	}
}

// TestTreeCountsWhatIsInIt: counts that are not those of what is there are found, in the tree and in the accounts.
func TestTreeCountsWhatIsInIt(t *testing.T) {
	var tr Tree
	s, topic := &Stream{Name: "s", Since: 1}, &Topic{Name: "t", Since: 1}
	topic.setOptions(defaultSettings(), 0)
	tr.addStream(s)
	tr.addTopic(s, topic)
	tr.addGroup(topic, &Group{Name: "g", Since: 1})
	topic.groups.next = 1
	tr.invariants(1, 1)
	tr.removeStream(s)
	if tr.invariants(1, 1); tr.topics != 0 || tr.groups != 0 || tr.bytes != 0 {
		t.Fatalf("an empty tree has %d topics and %d groups in %d bytes", tr.topics, tr.groups, tr.bytes)
	}
	tr.addStream(s)
	mustPanic(t, "a topic that nobody counts", func() { tr.topics--; tr.invariants(1, 1) })

	var a Accounts
	u := &User{Name: "root", PasswordPHC: "$h", Status: UserActive, Since: 1, Secured: 1}
	a.add(u)
	a.invariants(&tr, 1)
	a.resize(u, func() { a.addToken(u, Token{Name: "t", Hash: TokenHash{1}}) })
	a.invariants(&tr, 1)
	mustPanic(t, "a token that its hash does not find", func() { delete(a.tokens, TokenHash{1}); a.invariants(&tr, 1) })
}
