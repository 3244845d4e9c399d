package metadata

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const testTime Micros = 1_700_000_000_000_000

// rig applies commands one after the other and fails the test when a result is not the wanted one.
type rig struct {
	t    testing.TB
	m    *Machine
	huge bool // too large to compare the state before and after every command
}

func newRig(t testing.TB) *rig { return &rig{t: t, m: New()} }

// recount is for what a test has put in by hand.
func (r *rig) recount() {
	r.m.recount()
}

func (r *rig) apply(want error, cmd []byte) Result {
	r.t.Helper()
	var before []byte
	if !r.huge {
		before = stateBytes(r.m)
	}
	result, err := r.m.Apply(r.m.Revision()+1, cmd)
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		r.t.Fatalf("command % x: %v, want %v", cmd, err, want)
	}
	if err != nil && !r.huge && string(before) != string(stateBytes(r.m)) {
		r.t.Fatalf("command % x was refused (%v) and changed the state", cmd, err)
	}
	return result
}

// stateBytes is the snapshot without what a refused command may change: revision and checksum.
func stateBytes(m *Machine) []byte {
	p := m.AppendSnapshot(nil)
	return p[snapshotHead+8 : len(p)-snapshotChecksum]
}

func (r *rig) stream(want error, name string) Result {
	r.t.Helper()
	return r.apply(want, EncodeCreateStream(nil, testTime, []byte(name)))
}

func (r *rig) topic(want error, stream, name string, partitions uint32, options ...Option) Result {
	r.t.Helper()
	return r.apply(want, EncodeCreateTopic(nil, testTime, CreateTopic{name2(stream), []byte(name), partitions, options}))
}

func name2(s string) Ident { return ByName([]byte(s)) }

func text(key, value string) Option { return Option{key, KindString, []byte(value)} }

func TestStreamTakesTheLowestFreeID(t *testing.T) {
	r := newRig(t)
	for i, name := range []string{"a", "b", "c"} {
		if got := r.stream(nil, name).Stream; got != StreamID(i) {
			t.Fatalf("stream %s got id %d, want %d", name, got, i)
		}
	}
	r.apply(nil, EncodeDeleteStream(nil, testTime, ByNumber(StreamID(1))))
	r.apply(nil, EncodeDeleteStream(nil, testTime, name2("a")))
	if got := r.stream(nil, "d").Stream; got != 0 {
		t.Fatalf("id %d after 0 and 1 became free, want 0", got)
	}
	if got := r.stream(nil, "e").Stream; got != 1 {
		t.Fatalf("id %d, want 1", got)
	}
	if got := r.stream(nil, "f").Stream; got != 3 {
		t.Fatalf("id %d, want 3", got)
	}
}

func TestStreamErrors(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "a")
	r.stream(nil, "b")
	r.stream(ErrStreamNameExists, "a")
	r.stream(ErrStreamName, "")
	r.stream(ErrStreamName, strings.Repeat("x", 256))
	r.stream(ErrStreamName, strings.Repeat("x", 70_000)) // longer than the command's own length field
	r.stream(ErrStreamName, "\xff")
	r.stream(nil, strings.Repeat("x", 255))
	r.stream(nil, " A ") // no trimming, no case folding
	r.apply(nil, EncodeUpdateStream(nil, testTime, name2("a"), []byte("a")))
	r.apply(ErrStreamNameExists, EncodeUpdateStream(nil, testTime, name2("a"), []byte("b")))
	r.apply(ErrStreamNotFound, EncodeUpdateStream(nil, testTime, name2("zz"), []byte("b")))
	r.apply(ErrStreamName, EncodeUpdateStream(nil, testTime, name2("a"), nil))
	r.apply(nil, EncodeUpdateStream(nil, testTime, name2("a"), []byte("c")))
	r.apply(ErrStreamNotFound, EncodeDeleteStream(nil, testTime, name2("a")))
	r.apply(ErrStreamNotFound, EncodePurgeStream(nil, testTime, ByNumber(uint32(99))))
	r.stream(nil, "a")
}

func TestTopicErrors(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "s")
	r.topic(nil, "s", "t", 1)
	r.topic(nil, "s", "u", 0)
	r.topic(ErrStreamNotFound, "x", "t", 1)
	r.topic(ErrTopicNameExists, "s", "t", 1)
	r.topic(ErrTopicName, "s", "", 1)
	r.topic(ErrTooManyPartitions, "s", "v", 1001)
	r.topic(ErrOptionKey, "s", "v", 1, text("colour", "red"))
	r.topic(ErrOptionKey, "nowhere", "v", 1, text("colour", "red"))
	r.topic(ErrOptionValue, "s", "v", 1, text("durability", "perhaps"))
	r.topic(ErrOptionsMalformed, "s", "v", 1, text("durability", "persisted"), text("durability", "persisted"))
	r.topic(ErrTopicSize, "s", "v", 1, text("max_topic_size", "1023 KiB"))
	r.topic(ErrTopicSize, "s", "v", 4, text("max_topic_size", "4095 KiB"))
	r.topic(ErrTopicSize, "s", "v", 1, text("max_topic_size", "2 MiB"), text("segment_size", "3 MiB"))
	r.topic(nil, "s", "v", 1, text("max_topic_size", "1 MiB"), text("segment_size", "1 MiB"))
	r.topic(nil, "s", "w", 64, text("preallocate_segments", "true"))
	r.topic(ErrOptionValue, "s", "x", 65, text("preallocate_segments", "true"))

	update := func(want error, topic, name string, options ...Option) Result {
		t.Helper()
		return r.apply(want, EncodeUpdateTopic(nil, testTime, UpdateTopic{name2("s"), name2(topic), []byte(name), options}))
	}
	update(nil, "t", "t")
	update(ErrTopicNameExists, "t", "u")
	update(ErrTopicNotFound, "zz", "t")
	update(ErrTopicName, "t", "")
	update(ErrOptionKey, "t", "t", text("durability", "persisted"))
	update(ErrOptionKey, "t", "t", text("enforce_fsync", "true"))
	update(ErrOptionValue, "t", "t", text("message_expiry", "never"))
	update(ErrTopicSize, "t", "t", text("max_topic_size", "1023 KiB"))
	r.apply(ErrStreamNotFound, EncodeUpdateTopic(nil, testTime, UpdateTopic{name2("x"), name2("t"), []byte("t"), nil}))

	r.apply(ErrTopicNotFound, EncodeDeleteTopic(nil, testTime, name2("s"), name2("zz")))
	r.apply(ErrStreamNotFound, EncodeDeleteTopic(nil, testTime, name2("x"), name2("t")))
	r.apply(ErrTopicNotFound, EncodePurgeTopic(nil, testTime, name2("s"), ByNumber(uint32(77))))

	parts := func(want error, encode func([]byte, Micros, Ident, Ident, uint32) []byte, topic string, count uint32) {
		t.Helper()
		r.apply(want, encode(nil, testTime, name2("s"), name2(topic), count))
	}
	parts(ErrTooManyPartitions, EncodeCreatePartitions, "t", 0)
	parts(ErrTooManyPartitions, EncodeCreatePartitions, "t", 1001)
	parts(ErrTopicNotFound, EncodeCreatePartitions, "zz", 1)
	parts(ErrPartitionsCount, EncodeCreatePartitions, "w", 1) // 64 preallocated GiB are the most
	parts(nil, EncodeCreatePartitions, "t", 1000)
	parts(ErrTooManyPartitions, EncodeDeletePartitions, "t", 0)
	parts(ErrTooManyPartitions, EncodeDeletePartitions, "t", 1001)
	parts(ErrPartitionsCount, EncodeDeletePartitions, "u", 1)
	parts(nil, EncodeDeletePartitions, "t", 1000)
}

func TestPartitionsComeAndGoAtTheTop(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "s")
	made := r.topic(nil, "s", "t", 3)
	if len(made.Created) != 3 || made.Created[2].Partition != 2 || made.Created[2].Log != 3 || made.Created[0].Settings.SegmentSize != 1<<30 {
		t.Fatalf("created %+v", made.Created)
	}
	gone := r.apply(nil, EncodeDeletePartitions(nil, testTime, name2("s"), name2("t"), 2))
	if len(gone.Retired) != 2 || gone.Retired[0] != (RetiredLog{Partition: 1, Log: 2}) || gone.Retired[1] != (RetiredLog{Partition: 2, Log: 3}) {
		t.Fatalf("retired %+v, want partitions 1 and 2", gone.Retired)
	}
	more := r.apply(nil, EncodeCreatePartitions(nil, testTime, name2("s"), name2("t"), 1))
	if more.Created[0].Partition != 1 || more.Created[0].Log != 4 {
		t.Fatalf("created %+v, want partition 1 with log 4: log ids are not reused", more.Created)
	}
	if p, _, err := r.m.Partition(name2("s"), name2("t"), 1); err != nil || p.Log != 4 || p.CreatedAt != testTime {
		t.Fatalf("partition 1 is %+v, %v", p, err)
	}
	if _, _, err := r.m.Partition(name2("s"), name2("t"), 2); !errors.Is(err, ErrPartitionNotFound) {
		t.Fatalf("partition 2: %v, want %v", err, ErrPartitionNotFound)
	}
}

func TestPurgeGivesNewLogs(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "s")
	r.topic(nil, "s", "t", 2)
	r.topic(nil, "s", "u", 1)
	one := r.apply(nil, EncodePurgeTopic(nil, testTime, name2("s"), name2("t")))
	if len(one.Created) != 2 || len(one.Retired) != 2 || one.Created[0].Log != 4 || one.Retired[0].Log != 1 {
		t.Fatalf("purged a topic: %+v", one)
	}
	all := r.apply(nil, EncodePurgeStream(nil, testTime, name2("s")))
	if len(all.Created) != 3 || len(all.Retired) != 3 || all.Retired[2] != (RetiredLog{Topic: 1, Log: 3}) {
		t.Fatalf("purged a stream: %+v", all)
	}
	wantRetired(t, r.m, 1, 2, 3, 4, 5)
}

// TestLogsAreHeldByTheirPartition: the partition of a log is found among many, as long as it has that log.
func TestLogsAreHeldByTheirPartition(t *testing.T) {
	r := newRig(t)
	for _, s := range []string{"s", "other"} {
		r.stream(nil, s)
		r.topic(nil, s, "t", 3)
		r.topic(nil, s, "u", 2)
	}
	r.apply(nil, EncodeCreatePartitions(nil, testTime, name2("s"), name2("t"), 2))
	r.apply(nil, EncodePurgeTopic(nil, testTime, name2("s"), name2("u")))
	r.apply(nil, EncodeDeletePartitions(nil, testTime, name2("s"), name2("t"), 1))
	held := 0
	for s := range r.m.Streams() {
		for topic := range s.Topics() {
			for i, p := range topic.Partitions {
				held++
				if hs, ht, hp := r.m.Holder(p.Log); hs != s || ht != topic || hp != PartitionID(i) {
					t.Errorf("log %d of partition %d of %s/%s is held by partition %d of %v", p.Log, i, s.Name, topic.Name, hp, ht)
				}
			}
		}
	}
	if held != 11 {
		t.Fatalf("%d logs, want 11", held)
	}
	for _, log := range append([]LogID{0, r.m.LogIDs.Next()}, r.m.LogIDs.Retired()...) {
		if _, topic, _ := r.m.Holder(log); topic != nil {
			t.Errorf("log %d is held by %s", log, topic.Name)
		}
	}
}

func TestRetiredLogsStayUntilForgotten(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "s")
	r.topic(nil, "s", "t", 3)
	r.apply(nil, EncodeDeleteStream(nil, testTime, name2("s")))
	wantRetired(t, r.m, 1, 2, 3)
	r.apply(nil, EncodeForgetLogs(nil, testTime, 3, 1))
	r.apply(nil, EncodeForgetLogs(nil, testTime, 1)) // said twice
	wantRetired(t, r.m, 2)
	r.apply(ErrLogNever, EncodeForgetLogs(nil, testTime, 2, 4))
	r.apply(ErrLogNever, EncodeForgetLogs(nil, testTime, 0))
	if !r.m.LogIDs.IsRetired(2) || r.m.LogIDs.IsRetired(1) {
		t.Fatal("log 2 is retired, log 1 is forgotten")
	}
	r.stream(nil, "s")
	if made := r.topic(nil, "s", "t", 1); made.Created[0].Log != 4 {
		t.Fatalf("log %d, want 4: a forgotten id is not reused", made.Created[0].Log)
	}
	r.apply(nil, EncodeForgetLogs(nil, testTime, 4)) // it lives: nothing to forget
	if p, _, err := r.m.Partition(name2("s"), name2("t"), 0); err != nil || p.Log != 4 {
		t.Fatalf("log %d, %v after an idle forget", p.Log, err)
	}
}

func wantRetired(t *testing.T, m *Machine, want ...LogID) {
	t.Helper()
	got := m.LogIDs.Retired()
	same := len(got) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = got[i] == want[i]
	}
	if !same {
		t.Fatalf("retired %v, want %v", got, want)
	}
}

func TestUsers(t *testing.T) {
	r := newRig(t)
	create := func(want error, name, phc string, status UserStatus, p *Permissions) Result {
		t.Helper()
		return r.apply(want, EncodeCreateUser(nil, testTime, CreateUser{[]byte(name), phc, status, p}))
	}
	create(ErrUsername, "ab", "$h", UserActive, nil)
	create(ErrUsername, strings.Repeat("a", 51), "$h", UserActive, nil)
	create(ErrPassword, "root", "", UserActive, nil)
	create(ErrUserStatus, "root", "$h", 3, nil)
	create(nil, "root", "$h", UserActive, nil)
	if u, err := r.m.Accounts.User(ByNumber(RootID)); err != nil || u.Permissions.Global != AllRights || u.CreatedAt != testTime {
		t.Fatalf("root is %+v, %v", u, err)
	}
	rights := &Permissions{Global: PollMessages, Streams: []StreamPermissions{{Stream: 7, Rights: StreamRead, Topics: []TopicPermissions{{Topic: 1, Rights: TopicManage}}}}}
	create(ErrUserExists, "root", "$h", UserActive, nil)
	create(nil, "anna", "$h", UserInactive, rights)
	create(ErrPermissions, "otto", "$h", UserActive, &Permissions{Streams: []StreamPermissions{{Stream: 2}, {Stream: 2}}})
	create(ErrPermissions, "otto", "$h", UserActive, &Permissions{Global: 1 << 15})

	r.apply(ErrDeleteRoot, EncodeDeleteUser(nil, testTime, name2("root")))
	r.apply(ErrUserNotFound, EncodeDeleteUser(nil, testTime, name2("nobody")))
	r.apply(ErrRootPermissions, EncodeUpdatePermissions(nil, testTime, ByNumber(RootID), nil))
	r.apply(ErrUserNotFound, EncodeUpdatePermissions(nil, testTime, name2("nobody"), nil))
	r.apply(nil, EncodeUpdatePermissions(nil, testTime, name2("anna"), nil))
	r.apply(nil, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("anna")}))
	r.apply(ErrUserExists, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("anna"), Name: []byte("root")}))
	r.apply(ErrUsername, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("anna"), Name: []byte("x")}))
	r.apply(ErrUserStatus, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("anna"), Status: 9}))
	r.apply(ErrUserNotFound, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("nobody")}))
	r.apply(nil, EncodeUpdateUser(nil, testTime, UpdateUser{name2("anna"), []byte("anne"), UserActive}))
	r.apply(ErrPasswordChanged, EncodeChangePassword(nil, testTime, name2("anne"), "$other", "$new", false))
	r.apply(ErrPassword, EncodeChangePassword(nil, testTime, name2("anne"), "$h", "", false))
	r.apply(nil, EncodeChangePassword(nil, testTime, name2("anne"), "$h", "$new", false))
	u, err := r.m.Accounts.User(name2("anne"))
	if err != nil || u.ID != 1 || u.PasswordPHC != "$new" || u.Status != UserActive || u.Permissions != nil {
		t.Fatalf("user is %+v, %v", u, err)
	}
	r.apply(nil, EncodeDeleteUser(nil, testTime, name2("anne")))
	if got := create(nil, "karl", "$h", UserActive, nil).User; got != 1 {
		t.Fatalf("user id %d, want the free 1", got)
	}
}

func TestSessionsAreReservedUpwards(t *testing.T) {
	r := newRig(t)
	r.apply(nil, EncodeReserveSessions(nil, testTime, 1000))
	r.apply(ErrSessions, EncodeReserveSessions(nil, testTime, 1000))
	r.apply(nil, EncodeReserveSessions(nil, testTime, 2000))
	if got := r.m.SessionsReserved(); got != 2000 {
		t.Fatalf("reserved below %d, want 2000", got)
	}
}

func TestRevisionFollowsTheLog(t *testing.T) {
	m := New()
	cmd := EncodeCreateStream(nil, testTime, []byte("s"))
	if _, err := m.Apply(5, cmd); err != nil || m.Revision() != 5 {
		t.Fatalf("revision %d, %v, want 5: indexes may leave gaps", m.Revision(), err)
	}
	if _, err := m.Apply(5, cmd); !errors.Is(err, ErrStale) {
		t.Fatalf("the same index again: %v, want %v", err, ErrStale)
	}
	if _, err := m.Apply(6, cmd); !errors.Is(err, ErrStreamNameExists) || m.Revision() != 6 {
		t.Fatalf("revision %d after a refused command (%v), want 6", m.Revision(), err)
	}
}

func TestDamagedCommandsAreRefused(t *testing.T) {
	r := newRig(t)
	good := EncodeCreateStream(nil, testTime, []byte("s"))
	for n := range good {
		r.apply(ErrCommand, good[:n])
	}
	f := func(change func(p []byte) []byte) {
		t.Helper()
		r.apply(ErrCommand, change(append([]byte(nil), good...)))
	}
	f(func(p []byte) []byte { return append(p, 0) })
	f(func(p []byte) []byte { p[0] = 0; return p })
	f(func(p []byte) []byte { p[0] = 1; return p }) // which has no origin
	f(func(p []byte) []byte { p[1] = 0; return p })
	f(func(p []byte) []byte { clear(p[2:10]); return p }) // no time
	f(func(p []byte) []byte { return appendHead(nil, kindForgetLogs, testTime) })
	f(func(p []byte) []byte {
		return le.AppendUint32(appendReserved(appendHead(nil, kindForgetLogs, testTime), nodeBytes), 1<<31)
	})
}

// TestLimits begins one below each limit, with rows put in by hand: a million commands would take too long.
func TestLimits(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "s")
	r.topic(nil, "s", "big", 1)
	s, err := r.m.Stream(name2("s"))
	if err != nil {
		t.Fatal(err)
	}
	for id := TopicID(1); id < TopicsMax-1; id++ {
		topic := &Topic{ID: id, Name: fmt.Sprint(id)}
		topic.setOptions(defaultSettings(), 0)
		s.topics.put(uint32(id), topic.Name, topic)
	}
	r.recount()
	r.topic(nil, "s", "last", 0)
	r.topic(ErrTooManyTopics, "s", "one more", 0)

	r.huge = true
	big, err := s.Topic(name2("big"))
	if err != nil {
		t.Fatal(err)
	}
	for len(big.Partitions) < PartitionsMax-1 {
		big.Partitions = append(big.Partitions, Partition{Log: r.m.LogIDs.give(), CreatedAt: testTime})
	}
	r.recount()
	r.apply(nil, EncodeCreatePartitions(nil, testTime, name2("s"), name2("big"), 1))
	r.apply(ErrPartitionIDs, EncodeCreatePartitions(nil, testTime, name2("s"), name2("big"), 1))

	r = &rig{t: t, m: New(), huge: true}
	for id := range StreamID(StreamsMax - 1) {
		r.m.streams.put(uint32(id), fmt.Sprint(id), &Stream{ID: id, Name: fmt.Sprint(id)})
	}
	r.recount()
	if got := r.stream(nil, "last").Stream; got != StreamsMax-1 {
		t.Fatalf("the last stream has id %d", got)
	}
	r.stream(ErrTooManyStreams, "one more")

	r = newRig(t)
	user := func(want error, name string) {
		t.Helper()
		r.apply(want, EncodeCreateUser(nil, testTime, CreateUser{[]byte(name), "$h", UserActive, nil}))
	}
	user(nil, "root")
	r.huge = true
	for id := UserID(1); id < UsersMax-1; id++ {
		r.m.Accounts.users.put(uint32(id), fmt.Sprint("u", id), &User{ID: id, Name: fmt.Sprint("u", id), PasswordPHC: "$h", Status: UserActive, Since: 1})
	}
	r.recount()
	user(nil, "last")
	user(ErrTooManyUsers, "one more")
}

func TestLookUpsDoNotAllocate(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "orders")
	r.topic(nil, "orders", "eu", 4)
	stream, topic := []byte("orders"), []byte("eu")
	allocs := testing.AllocsPerRun(100, func() {
		_, _, byName := r.m.Partition(ByName(stream), ByName(topic), 3)
		_, _, byNumber := r.m.Partition(ByNumber(uint32(0)), ByNumber(uint32(0)), 3)
		_, missing := r.m.Topic(ByName(topic), ByName(topic))
		if byName != nil || byNumber != nil || missing != ErrStreamNotFound {
			t.Fatal("look-ups by name or number fail")
		}
	})
	if allocs != 0 {
		t.Fatalf("%v allocations per look-up, want none", allocs)
	}
}
