package metadata

import (
	"fmt"
	"slices"
)

// invariants walks the whole state: every thing is found under its own number and name, every log id was given out, no
// more logs live or are retired than were given out, and groups share their partitions out as they should.
func (m *Machine) invariants() {
	if !invariantsOn {
		return
	}
	live, groups, memberships, topics := 0, 0, 0, 0
	checkTable(&m.streams, "stream", func(s *Stream) (uint32, string) { return uint32(s.ID), s.Name })
	checkTable(&m.users, "user", func(u *User) (uint32, string) { return uint32(u.ID), u.Name })
	for s := range m.Streams() {
		checkTable(&s.topics, "topic", func(t *Topic) (uint32, string) { return uint32(t.ID), t.Name })
		for t := range s.Topics() {
			m.checkTopic(s, t)
			topics++
			live += len(t.Partitions)
			groups += t.GroupCount()
			memberships += m.checkGroups(t)
		}
	}
	for _, in := range m.memberships {
		memberships -= len(in)
	}
	if groups != m.groups || memberships != 0 {
		panic(fmt.Sprintf("BUG: %d groups, counted %d; they have %d members that no membership is for", groups, m.groups, memberships))
	}
	if !slices.IsSorted(m.retired) {
		panic(fmt.Sprintf("BUG: retired logs are not in order: %v", m.retired))
	}
	if n := len(m.retired); n > 0 && m.retired[n-1] >= m.nextLog {
		panic(fmt.Sprintf("BUG: log %d is retired, the next to be given out is %d", m.retired[n-1], m.nextLog))
	}
	if given := uint64(m.nextLog) - 1; uint64(live+len(m.retired)) > given {
		panic(fmt.Sprintf("BUG: %d logs live and %d retired, only %d were given out", live, len(m.retired), given))
	}
	if topics != m.topics {
		panic(fmt.Sprintf("BUG: %d topics, counted %d", topics, m.topics))
	}
	if bytes, logs := m.count(); bytes != m.bytes || logs != m.logs {
		panic(fmt.Sprintf("BUG: the state takes %d bytes and has %d logs, counted %d and %d", bytes, logs, m.bytes, m.logs))
	}
	m.checkTokens()
	for u := range m.Users() {
		if u.Permissions != nil && !m.bound(u.Permissions) {
			panic(fmt.Sprintf("BUG: rights of user %d are not those for what is there: %+v", u.ID, *u.Permissions))
		}
	}
	if m.UserCount() > 0 && m.users.find(ByNumber(RootID)) == nil {
		panic(fmt.Sprintf("BUG: %d users without root", m.UserCount()))
	}
}

func (m *Machine) checkTokens() {
	tokens := 0
	for u := range m.Users() {
		if u.Since == 0 || u.Since > m.revision {
			panic(fmt.Sprintf("BUG: user %d is there since %d, the revision is %d", u.ID, u.Since, m.revision))
		}
		for i := range u.Tokens {
			t := &u.Tokens[i]
			if owner, found := m.Token(t.Hash); owner != u || found != t {
				panic(fmt.Sprintf("BUG: token %q of user %d is not found by its hash", t.Name, u.ID))
			}
			if t.ExpiresAt > 0 && (m.tokensExpireAt == 0 || m.tokensExpireAt > t.ExpiresAt) {
				panic(fmt.Sprintf("BUG: token %q expires at %d, before %d", t.Name, t.ExpiresAt, m.tokensExpireAt))
			}
		}
		tokens += len(u.Tokens)
	}
	if tokens != len(m.tokens) {
		panic(fmt.Sprintf("BUG: %d tokens, %d of them in the index", tokens, len(m.tokens)))
	}
}

func (m *Machine) checkTopic(s *Stream, t *Topic) {
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
		if p.Log == 0 || p.Log >= m.nextLog {
			panic(fmt.Sprintf("BUG: partition %d of topic %d has log %d, the next to be given out is %d", i, t.ID, p.Log, m.nextLog))
		}
	}
}

// checkGroups looks at the groups of a topic and counts their members.
func (m *Machine) checkGroups(t *Topic) (members int) {
	last := -1
	for g := range t.Groups() {
		if g.Stream != t.Stream || g.Topic != t.ID || int(g.ID) <= last || g.ID >= t.groups.next || t.groups.names[g.Name] != g {
			panic(fmt.Sprintf("BUG: group %d %q of topic %d says topic %d; the one before is %d, the next %d", g.ID, g.Name, t.ID, g.Topic, last, t.groups.next))
		}
		last = int(g.ID)
		checkTable(&g.members, "member", func(m *Member) (uint32, string) { return uint32(m.ID), string(m.Key[:]) })
		if fault := g.fault(len(t.Partitions), m.revision); fault != "" {
			panic(fmt.Sprintf("BUG: group %d of topic %d: %s", g.ID, t.ID, fault))
		}
		for member := range g.Members() {
			if in := m.memberships[member.Key]; !slices.Contains(in, g) || !slices.IsSortedFunc(in, (*Group).compare) {
				panic(fmt.Sprintf("BUG: member %d of group %d is in %d groups, not in this one or not in order", member.ID, g.ID, len(in)))
			}
		}
		members += g.MemberCount()
	}
	if t.GroupCount() != len(t.groups.names) {
		panic(fmt.Sprintf("BUG: topic %d has %d groups, %d names", t.ID, t.GroupCount(), len(t.groups.names)))
	}
	return members
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
