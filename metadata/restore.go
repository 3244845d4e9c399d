package metadata

import (
	"fmt"
	"slices"
)

// restorer reads the body of a snapshot and refuses what Apply could never have made: the checksum tells a damaged disk,
// not a faulty writer.
type restorer struct {
	decoder
	m    *Machine
	logs []LogID // all that were met, living and retired
}

func restoreBody(body []byte, version uint32) (*Machine, error) {
	r := restorer{decoder: decoder{p: body, version: version}, m: New()}
	r.m.revision, r.m.LogIDs.next, r.m.sessionsReserved = r.u64(), LogID(r.u64()), r.u64()
	r.room("cluster id", clusterIDBytes)
	r.room("nodes", 4)
	r.room("origins", 4)
	for range r.count(userBytesMin) {
		r.user()
	}
	for range r.count(streamBytesMin) {
		r.stream()
	}
	retired := make([]LogID, r.count(8))
	for i := range retired {
		retired[i] = r.log()
		r.room("nodes of a retired log", 4)
		r.require(i == 0 || retired[i] > retired[i-1])
	}
	r.m.LogIDs.retired = retired
	slices.Sort(r.logs)
	for i := 1; i < len(r.logs); i++ {
		r.require(r.logs[i] != r.logs[i-1])
	}
	r.require(r.m.LogIDs.next > 0 && (r.m.Accounts.UserCount() == 0 || r.m.Accounts.users.find(ByNumber(RootID)) != nil))
	if version < 3 {
		r.m.Accounts.bindOldRights(&r.m.Tree)
	}
	for u := range r.m.Accounts.Users() {
		r.require(u.Permissions == nil || u.Permissions.bound(&r.m.Tree))
	}
	if r.newer != nil {
		return nil, r.newer
	}
	if !r.whole() {
		return nil, ErrSnapshot
	}
	r.m.recount()
	r.m.invariants()
	return r.m, nil
}

// recount is for who has put things in by hand.
func (m *Machine) recount() {
	tr := &m.Tree
	tr.topics, tr.logs, tr.groups, tr.bytes = tr.count()
	m.Accounts.bytes = m.Accounts.count()
}

// require notes that the snapshot is bad if ok is false; reading on then gives zeros.
func (r *restorer) require(ok bool) {
	if !ok {
		r.failed, r.p = true, nil
	}
}

// room takes n bytes that snapshots have for clusters since version 3.
func (r *restorer) room(what string, n int) {
	if r.version >= 3 {
		r.reserved(what, n)
	}
}

// since reads the revision at which a thing was made. Version 2 does not say it: things are as old as its snapshot then, which
// tells them from whatever gets their number later.
func (r *restorer) since() uint64 {
	since := r.m.revision
	if r.version >= 3 {
		since = r.u64()
	}
	r.require(since > 0 && since <= r.m.revision)
	return since
}

// log reads an id that must have been given out, once.
func (r *restorer) log() LogID {
	log := LogID(r.u64())
	r.require(log > 0 && log < r.m.LogIDs.next)
	r.logs = append(r.logs, log)
	return log
}

func (r *restorer) user() {
	id := UserID(r.u32())
	u := &User{ID: id, Name: string(r.text()), PasswordPHC: string(r.text()), Status: UserStatus(r.u8()),
		CreatedAt: Micros(r.u64()), Since: r.u64()}
	u.Secured = u.Since
	if r.version >= 3 {
		u.Secured = r.u64()
	}
	u.Permissions = r.permissions(r.version >= 3)
	r.require(id < UsersMax && u.check() == nil && u.Since > 0 && u.Since <= u.Secured && u.Secured <= r.m.revision)
	r.tokens(u)
	restoreRow(r, &r.m.Accounts.users, uint32(id), u.Name, u)
}

// tokens reads a user's tokens: names are unique with the user, hashes everywhere.
func (r *restorer) tokens(u *User) {
	count := r.count(tokenBytesMin)
	r.require(count <= TokensMax)
	for range count {
		t := Token{Name: string(r.text()), Hash: r.hash(), ExpiresAt: Micros(r.u64()), CreatedAt: Micros(r.u64())}
		r.require(t.check() && u.tokenIndex([]byte(t.Name)) < 0 && r.m.Accounts.tokens[t.Hash] == nil)
		if r.failed {
			return
		}
		r.m.Accounts.addToken(u, t)
	}
}

func (r *restorer) stream() {
	s := &Stream{ID: StreamID(r.u32()), Name: string(r.text()), CreatedAt: Micros(r.u64()), Since: r.since()}
	r.require(s.ID < StreamsMax && nameOK([]byte(s.Name), 1, nameBytesMax))
	for range r.count(topicBytesMin) {
		r.topic(s)
	}
	restoreRow(r, &r.m.streams, uint32(s.ID), s.Name, s)
}

func (r *restorer) topic(s *Stream) {
	t := &Topic{Stream: s.ID, ID: TopicID(r.u32()), Name: string(r.text()), CreatedAt: Micros(r.u64()), Since: r.since()}
	r.require(t.ID < TopicsMax && nameOK([]byte(t.Name), 1, nameBytesMax))
	settings, explicit := r.settings()
	r.room("replicas of a topic", 2)
	t.Partitions = make([]Partition, r.count(partitionBytesMin))
	r.require(len(t.Partitions) <= PartitionsMax && settings.check(len(t.Partitions)) == nil)
	for i := range t.Partitions {
		if r.failed {
			return
		}
		t.Partitions[i] = Partition{Log: r.log(), CreatedAt: Micros(r.u64()), Since: r.since()}
		r.room("replicas of a partition", 4+4)
	}
	t.setOptions(settings, explicit)
	r.groups(t)
	restoreRow(r, &s.topics, uint32(t.ID), t.Name, t)
}

func (r *restorer) groups(t *Topic) {
	next, count := GroupID(r.u32()), r.count(groupBytesMin)
	r.require(count <= GroupsMax)
	for range count {
		g := r.group(t)
		r.require(g.ID >= t.groups.next && g.ID < next && nameOK([]byte(g.Name), 1, nameBytesMax) && t.groups.names[g.Name] == nil)
		if r.failed {
			return
		}
		t.groups.put(g)
		t.groups.next = g.ID + 1
		for member := range g.Members() {
			r.m.members.note(member.Key, g)
		}
	}
	t.groups.next = next
}

// group reads a group whose members own every partition once.
func (r *restorer) group(t *Topic) *Group {
	g := &Group{Stream: t.Stream, Topic: t.ID, ID: GroupID(r.u32()), Name: string(r.text()), CreatedAt: Micros(r.u64()), Since: r.since()}
	g.Generation = r.u64()
	members := r.count(memberBytesMin)
	r.require(members <= MembersMax)
	if members > 0 && !r.failed {
		g.seats = make([]seat, len(t.Partitions))
	}
	for range members {
		m := &Member{ID: MemberID(r.u32()), Key: r.memberKey()}
		r.room("node of a member", memberNodeBytes)
		m.Partitions = make([]PartitionID, r.count(seatBytes))
		for i := range m.Partitions {
			p, s := PartitionID(r.u32()), seat{r.u64(), m.ID, MemberID(r.u32())}
			r.require(uint64(p) < uint64(len(g.seats)))
			if r.failed {
				return g
			}
			m.Partitions[i], g.seats[p] = p, s
		}
		r.require(m.ID < MembersMax)
		restoreRow(r, &g.members, uint32(m.ID), string(m.Key[:]), m)
		if r.failed {
			return g
		}
	}
	r.require(g.fault(len(t.Partitions), r.m.revision) == "")
	return g
}

// settings reads options by key, ascending. A key that is missing has its default; one that is not in the catalogue, or has a
// kind or a value that nothing here means, was written by a newer version.
func (r *restorer) settings() (s Settings, explicit optionSet) {
	s = defaultSettings()
	last := ""
	count := int(r.u16())
	r.require(!plantedOptionsByPlace || count >= len(catalogue)-1) // a description is left out where there is none
	for i := range count {
		key := string(r.text())
		r.require(i == 0 || key > last)
		last = key
		asked := r.bool()
		kind, value := Kind(r.u8()), r.text()
		if r.failed {
			break
		}
		if r.option(&s, key, asked, kind, value) {
			explicit |= optionNamed(key)
		}
	}
	return s, explicit
}

// option takes one option over, in its canonical form, and tells whether a client has asked for it.
func (r *restorer) option(s *Settings, key string, explicit bool, kind Kind, value []byte) bool {
	row := rowOf(key)
	if row < 0 {
		r.newerThan(fmt.Sprintf("topic option %q", key), 0, 0)
		return false
	}
	o := &catalogue[row]
	asked, ok := o.set(s, kind, value)
	if !ok || kind != o.kind {
		r.newerThan(fmt.Sprintf("the value of topic option %q", key), 0, 0)
		return false
	}
	r.require((asked || o.hidden) && (!o.hidden || asked == explicit) && string(o.value(s)) == string(value))
	return explicit
}

// restoreRow puts a row into its table: numbers ascend, names are unique.
func restoreRow[T any](r *restorer, t *table[T], number uint32, name string, row *T) {
	r.require(int(number) >= len(t.rows) && !t.hasName([]byte(name)))
	if !r.failed {
		t.put(number, name, row)
	}
}
