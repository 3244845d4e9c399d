package metadata

import "fmt"

// invariants: every thing is found under its own number and name, groups share their partitions out as they should, every log was given
// out, and the counts are those of what is there.
func (tr *Tree) invariants(nextLog LogID, revision uint64) {
	noted := 0
	checkTable(&tr.streams, "stream", func(s *Stream) (uint32, string) { return uint32(s.ID), s.Name })
	for s := range tr.Streams() {
		checkTable(&s.topics, "topic", func(t *Topic) (uint32, string) { return uint32(t.ID), t.Name })
		for t := range s.Topics() {
			t.invariants(s, nextLog)
			t.checkGroups(revision)
			for g := range t.Groups() {
				noted += tr.members.check(g)
			}
		}
	}
	tr.members.invariants(noted)
	if topics, logs, groups, bytes := tr.count(); topics != tr.topics || logs != tr.logs || groups != tr.groups || bytes != tr.bytes {
		panic(fmt.Sprintf("BUG: %d topics, %d logs and %d groups take %d bytes, counted %d, %d, %d and %d", topics, logs, groups, bytes,
			tr.topics, tr.logs, tr.groups, tr.bytes))
	}
}

// invariants: every user is found under its number and name, and every token under its hash; rights are bound to what is there; nobody
// is there without root.
func (a *Accounts) invariants(tr *Tree, revision uint64) {
	checkTable(&a.users, "user", func(u *User) (uint32, string) { return uint32(u.ID), u.Name })
	a.checkTokens(revision)
	for u := range a.Users() {
		if u.Permissions != nil && !u.Permissions.bound(tr) {
			panic(fmt.Sprintf("BUG: rights of user %d are not those for what is there: %+v", u.ID, *u.Permissions))
		}
	}
	if a.UserCount() > 0 && a.users.find(ByNumber(RootID)) == nil {
		panic(fmt.Sprintf("BUG: %d users without root", a.UserCount()))
	}
	if bytes := a.count(); bytes != a.bytes {
		panic(fmt.Sprintf("BUG: users take %d bytes, counted %d", bytes, a.bytes))
	}
}

func (a *Accounts) checkTokens(revision uint64) {
	tokens := 0
	for u := range a.Users() {
		if u.Since == 0 || u.Since > revision {
			panic(fmt.Sprintf("BUG: user %d is there since %d, the revision is %d", u.ID, u.Since, revision))
		}
		for i := range u.Tokens {
			t := &u.Tokens[i]
			if owner, found := a.Token(t.Hash); owner != u || found != t {
				panic(fmt.Sprintf("BUG: token %q of user %d is not found by its hash", t.Name, u.ID))
			}
			if t.ExpiresAt > 0 && (a.tokensExpireAt == 0 || a.tokensExpireAt > t.ExpiresAt) {
				panic(fmt.Sprintf("BUG: token %q expires at %d, before %d", t.Name, t.ExpiresAt, a.tokensExpireAt))
			}
		}
		tokens += len(u.Tokens)
	}
	if tokens != len(a.tokens) {
		panic(fmt.Sprintf("BUG: %d tokens, %d of them in the index", tokens, len(a.tokens)))
	}
}

func (t *Topic) invariants(s *Stream, nextLog LogID) {
	if t.Stream != s.ID {
		panic(fmt.Sprintf("BUG: topic %d of stream %d says stream %d", t.ID, s.ID, t.Stream))
	}
	listed := 0
	for i := range catalogue {
		if !catalogue[i].hidden || t.explicit>>i&1 == 1 {
			listed++
		}
	}
	if n := len(t.Explicit) + len(t.Derived); n != listed {
		panic(fmt.Sprintf("BUG: topic %d lists %d options, want %d", t.ID, n, listed))
	}
	if err := t.Settings.check(len(t.Partitions)); err != nil {
		panic(fmt.Sprintf("BUG: topic %d has settings %+v: %v", t.ID, t.Settings, err))
	}
	for i, p := range t.Partitions {
		if p.Log == 0 || p.Log >= nextLog {
			panic(fmt.Sprintf("BUG: partition %d of topic %d has log %d, the next to be given out is %d", i, t.ID, p.Log, nextLog))
		}
	}
}

// checkGroups looks at the groups of a topic.
func (t *Topic) checkGroups(revision uint64) {
	last := -1
	for g := range t.Groups() {
		if g.Stream != t.Stream || g.Topic != t.ID || int(g.ID) <= last || g.ID >= t.groups.next || t.groups.names[g.Name] != g {
			panic(fmt.Sprintf("BUG: group %d %q of topic %d says topic %d; the one before is %d, the next %d", g.ID, g.Name, t.ID, g.Topic, last, t.groups.next))
		}
		last = int(g.ID)
		checkTable(&g.members, "member", func(m *Member) (uint32, string) { return uint32(m.ID), string(m.Key[:]) })
		if fault := g.fault(len(t.Partitions), revision); fault != "" {
			panic(fmt.Sprintf("BUG: group %d of topic %d: %s", g.ID, t.ID, fault))
		}
	}
	if t.GroupCount() != len(t.groups.names) {
		panic(fmt.Sprintf("BUG: topic %d has %d groups, %d names", t.ID, t.GroupCount(), len(t.groups.names)))
	}
}

func checkTable[T any](t *table[T], what string, key func(*T) (uint32, string)) {
	rows := 0
	for row := range t.all {
		number, name := key(row)
		if t.rows[number] != row || t.names[name] != number {
			panic(fmt.Sprintf("BUG: %s %d %q stands under name number %d", what, number, name, t.names[name]))
		}
		rows++
	}
	if rows != len(t.names) {
		panic(fmt.Sprintf("BUG: %d rows of kind %s, %d names", rows, what, len(t.names)))
	}
	for i := range t.free {
		if int(i) < len(t.rows) && t.rows[i] == nil {
			panic(fmt.Sprintf("BUG: %s %d is free below the free mark %d", what, i, t.free))
		}
	}
}
