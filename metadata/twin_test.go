package metadata

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 draws one and prints it")

// newRand returns a generator whose seed is printed when the test fails.
func newRand(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("run again with -seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// twin is the state as lists that are searched from the front: slow, and obvious.
type twin struct {
	streams []*twinStream
	nextLog LogID
	retired []LogID
}

type twinStream struct {
	id     uint32
	name   string
	topics []*twinTopic
}

type twinTopic struct {
	id        uint32
	name      string
	logs      []LogID
	groups    []*twinGroup
	nextGroup int
}

func (w *twin) stream(name string) *twinStream {
	for _, s := range w.streams {
		if s.name == name {
			return s
		}
	}
	return nil
}

func (s *twinStream) topic(name string) *twinTopic {
	for _, t := range s.topics {
		if t.name == name {
			return t
		}
	}
	return nil
}

func (w *twin) logs(n int) (logs []LogID) {
	for range n {
		w.nextLog++
		logs = append(logs, w.nextLog)
	}
	return logs
}

func (w *twin) createStream(name string) error {
	if w.stream(name) != nil {
		return ErrStreamNameExists
	}
	id := uint32(0)
	for slices.ContainsFunc(w.streams, func(s *twinStream) bool { return s.id == id }) {
		id++
	}
	w.streams = append(w.streams, &twinStream{id: id, name: name})
	return nil
}

func (w *twin) deleteStream(name string) error {
	s := w.stream(name)
	if s == nil {
		return ErrStreamNotFound
	}
	for _, t := range s.topics {
		w.retired = append(w.retired, t.logs...)
	}
	w.streams = slices.DeleteFunc(w.streams, func(x *twinStream) bool { return x == s })
	return nil
}

func (w *twin) createTopic(stream, name string, partitions int) error {
	s := w.stream(stream)
	if s == nil {
		return ErrStreamNotFound
	}
	if s.topic(name) != nil {
		return ErrTopicNameExists
	}
	id := uint32(0)
	for slices.ContainsFunc(s.topics, func(t *twinTopic) bool { return t.id == id }) {
		id++
	}
	s.topics = append(s.topics, &twinTopic{id: id, name: name, logs: w.logs(partitions)})
	return nil
}

// withTopic does f to a topic that is there.
func (w *twin) withTopic(stream, topic string, f func(*twinStream, *twinTopic) error) error {
	s := w.stream(stream)
	if s == nil {
		return ErrStreamNotFound
	}
	t := s.topic(topic)
	if t == nil {
		return ErrTopicNotFound
	}
	return f(s, t)
}

// step does one random thing to both and returns the two errors.
func (w *twin) step(r *rand.Rand, m *Machine) (what string, got, want error) {
	name := func() string { return string('a' + byte(r.IntN(6))) }
	stream, topic, other, n := name(), name(), name(), r.IntN(4)
	id := func(name string) Ident { return ByName([]byte(name)) }
	var cmd []byte
	switch r.IntN(20) {
	default:
		what, cmd, want = w.groupStep(r, m.Revision()+1)
	case 0:
		what, cmd = "create stream "+stream, EncodeCreateStream(nil, testTime, []byte(stream))
		want = w.createStream(stream)
	case 1:
		what, cmd = "rename stream "+stream+" "+other, EncodeUpdateStream(nil, testTime, id(stream), []byte(other))
		if s := w.stream(stream); s == nil {
			want = ErrStreamNotFound
		} else if x := w.stream(other); x != nil && x != s {
			want = ErrStreamNameExists
		} else {
			s.name = other
		}
	case 2:
		what, cmd = "delete stream "+stream, EncodeDeleteStream(nil, testTime, id(stream))
		want = w.deleteStream(stream)
	case 3, 4:
		what = fmt.Sprintf("create topic %s %s %d", stream, topic, n)
		cmd = EncodeCreateTopic(nil, testTime, CreateTopic{id(stream), []byte(topic), uint32(n), nil})
		want = w.createTopic(stream, topic, n)
	case 5:
		what, cmd = "rename topic "+stream+" "+topic+" "+other, EncodeUpdateTopic(nil, testTime, UpdateTopic{id(stream), id(topic), []byte(other), nil})
		want = w.withTopic(stream, topic, func(s *twinStream, t *twinTopic) error {
			if x := s.topic(other); x != nil && x != t {
				return ErrTopicNameExists
			}
			t.name = other
			return nil
		})
	case 6:
		what, cmd = "delete topic "+stream+" "+topic, EncodeDeleteTopic(nil, testTime, id(stream), id(topic))
		want = w.withTopic(stream, topic, func(s *twinStream, t *twinTopic) error {
			w.retired = append(w.retired, t.logs...)
			s.topics = slices.DeleteFunc(s.topics, func(x *twinTopic) bool { return x == t })
			return nil
		})
	case 7:
		what, cmd = "purge topic "+stream+" "+topic, EncodePurgeTopic(nil, testTime, id(stream), id(topic))
		want = w.withTopic(stream, topic, func(_ *twinStream, t *twinTopic) error {
			w.retired = append(w.retired, t.logs...)
			t.logs = w.logs(len(t.logs))
			return nil
		})
	case 8:
		what, cmd = fmt.Sprintf("add partitions %s %s %d", stream, topic, n+1), EncodeCreatePartitions(nil, testTime, id(stream), id(topic), uint32(n+1))
		want = w.withTopic(stream, topic, func(_ *twinStream, t *twinTopic) error {
			t.logs = append(t.logs, w.logs(n+1)...)
			t.redistribute(m.Revision() + 1)
			return nil
		})
	case 9:
		if len(w.retired) > 0 && n > 0 {
			log := w.retired[r.IntN(len(w.retired))]
			what, cmd = fmt.Sprintf("forget log %d", log), EncodeForgetLogs(nil, testTime, log)
			w.retired = slices.DeleteFunc(w.retired, func(l LogID) bool { return l == log })
			break
		}
		what, cmd = fmt.Sprintf("delete partitions %s %s %d", stream, topic, n+1), EncodeDeletePartitions(nil, testTime, id(stream), id(topic), uint32(n+1))
		want = w.withTopic(stream, topic, func(_ *twinStream, t *twinTopic) error {
			if len(t.logs) < n+1 {
				return ErrPartitionsCount
			}
			w.retired = append(w.retired, t.logs[len(t.logs)-n-1:]...)
			t.logs = t.logs[:len(t.logs)-n-1]
			t.redistribute(m.Revision() + 1)
			return nil
		})
	}
	_, got = m.Apply(m.Revision()+1, cmd)
	return what, got, want
}

func (w *twin) String() string {
	var b strings.Builder
	slices.SortFunc(w.streams, func(x, y *twinStream) int { return int(x.id) - int(y.id) })
	for _, s := range w.streams {
		slices.SortFunc(s.topics, func(x, y *twinTopic) int { return int(x.id) - int(y.id) })
		fmt.Fprintf(&b, "stream %d %s\n", s.id, s.name)
		for _, t := range s.topics {
			fmt.Fprintf(&b, "  topic %d %s %v\n", t.id, t.name, append([]LogID{}, t.logs...))
			for _, g := range t.groups {
				b.WriteString(g.String())
			}
		}
	}
	slices.Sort(w.retired)
	fmt.Fprintf(&b, "retired %v next %d\n", append([]LogID{}, w.retired...), w.nextLog+1)
	return b.String()
}

func dump(m *Machine) string {
	var b strings.Builder
	for s := range m.Streams() {
		fmt.Fprintf(&b, "stream %d %s\n", s.ID, s.Name)
		for t := range s.Topics() {
			logs := []LogID{}
			for _, p := range t.Partitions {
				logs = append(logs, p.Log)
			}
			fmt.Fprintf(&b, "  topic %d %s %v\n", t.ID, t.Name, logs)
			for g := range t.Groups() {
				dumpGroup(&b, g)
			}
		}
	}
	fmt.Fprintf(&b, "retired %v next %d\n", append([]LogID{}, m.LogIDs.Retired()...), m.LogIDs.next)
	return b.String()
}

func TestMachineAgainstTwin(t *testing.T) {
	r := newRand(t)
	for range 20 {
		m, w := New(), &twin{}
		for step := range 800 {
			what, got, want := w.step(r, m)
			if !errors.Is(got, want) || (got == nil) != (want == nil) {
				t.Fatalf("step %d, %s: %v, the twin says %v", step, what, got, want)
			}
			if got, want := dump(m), w.String(); got != want {
				t.Fatalf("step %d, %s: state\n%s the twin has\n%s", step, what, got, want)
			}
		}
	}
}

// TestReplicasAreEqual runs one history on three replicas: one from the beginning, one that is replaced by its own
// snapshot now and then, and one that lags behind and catches up. All have the same bytes in the end.
func TestReplicasAreEqual(t *testing.T) {
	r := newRand(t)
	var log [][]byte
	m, restored, late := New(), New(), New()
	done := make([]int, kindLast+1)
	for range 5000 {
		cmd := randomCommand(r, m)
		log = append(log, cmd)
		index := uint64(len(log))
		bytes, logs := m.Bytes(), m.LogCount()
		more, moreLogs := m.Growth(cmd)
		_, err1 := m.Apply(index, cmd)
		if retired := len(m.LogIDs.retired) * retiredSize; m.Bytes() > bytes+more+retired || m.LogCount() > logs+moreLogs {
			t.Fatalf("command % x adds %d bytes and %d logs, said to be at most %d and %d", cmd, m.Bytes()-bytes, m.LogCount()-logs, more, moreLogs)
		}
		_, err2 := restored.Apply(index, cmd)
		if !errors.Is(err1, err2) {
			t.Fatalf("command % x: %v and after a restore %v", cmd, err1, err2)
		}
		if err1 == nil {
			done[cmd[1]]++
		}
		if r.IntN(20) == 0 {
			restored = mustRestore(t, restored)
		}
	}
	for i, cmd := range log {
		late.Apply(uint64(i+1), cmd)
	}
	want := string(m.AppendSnapshot(nil))
	if string(restored.AppendSnapshot(nil)) != want || string(late.AppendSnapshot(nil)) != want {
		t.Fatal("replicas of one history have different snapshots")
	}
	if kind := slices.Index(done[1:], 0); kind >= 0 {
		t.Fatalf("no command of kind %d was accepted: %v", kind+1, done)
	}
}

func mustRestore(t *testing.T, m *Machine) *Machine {
	t.Helper()
	again, err := Restore(m.AppendSnapshot(nil))
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	return again
}

// randomCommand draws one of all kinds, with few names so that they meet, and numbers that m may know.
func randomCommand(r *rand.Rand, m *Machine) []byte {
	name := func() []byte { return []byte(strings.Repeat(string('a'+byte(r.IntN(5))), 3)) }
	id := func() Ident {
		if r.IntN(2) == 0 {
			return ByNumber(uint32(r.IntN(5)))
		}
		return ByName(name())
	}
	options := []Option{
		text("deduplication", []string{"1h", "5", "off"}[r.IntN(3)]),
		text("durability", []string{"persisted", "written", "no"}[r.IntN(3)]),
		{"message_expiry", KindU64, u64(uint64(r.IntN(3)))},
		text("segment_size", "1 MiB"), text("max_topic_size", "2 MiB"),
	}[r.IntN(4):]
	at, n := testTime+Micros(r.IntN(100)), uint32(r.IntN(4))
	since, pending := uint64(1), []Handover{{}}
	if u, err := m.Accounts.User(ByNumber(n)); err == nil && r.IntN(8) > 0 {
		since = u.Since
	}
	stream, topic, group, leaver := id(), id(), id(), MemberKey{byte(n)}
	for s := range m.Streams() {
		for t := range s.Topics() {
			if r.IntN(4) == 0 {
				stream, topic = ByNumber(s.ID), ByNumber(t.ID)
			}
			for g := range t.Groups() {
				pending = g.Pending(pending)
				if r.IntN(4) == 0 {
					stream, topic, group = ByNumber(s.ID), ByNumber(t.ID), ByNumber(g.ID)
					for member := range g.Members() {
						leaver = member.Key
					}
				}
			}
		}
	}
	r.Shuffle(len(pending), func(i, j int) { pending[i], pending[j] = pending[j], pending[i] })
	rights := &Permissions{Global: GlobalRights(r.IntN(1 << 10)), Streams: []StreamPermissions{{Stream: StreamID(n), Topics: []TopicPermissions{{Topic: 1}, {Topic: 2}}}}}
	if s, err := m.Stream(ByNumber(n)); err == nil && r.IntN(2) == 0 {
		rights.Streams[0].Since = s.Since - uint64(r.IntN(4)/3)
		if t, err := s.Topic(ByNumber(TopicID(1))); err == nil {
			rights.Streams[0].Topics[0].Since = t.Since
		}
	}
	switch 1 + commandKind(r.IntN(int(kindLast))) {
	case kindCreateStream:
		return EncodeCreateStream(nil, at, name())
	case kindUpdateStream:
		return EncodeUpdateStream(nil, at, id(), name())
	case kindDeleteStream:
		if r.IntN(4) > 0 {
			return EncodeCreateStream(nil, at, name())
		}
		return EncodeDeleteStream(nil, at, id())
	case kindPurgeStream:
		return EncodePurgeStream(nil, at, id())
	case kindCreateTopic:
		return EncodeCreateTopic(nil, at, CreateTopic{id(), name(), n, options})
	case kindUpdateTopic:
		return EncodeUpdateTopic(nil, at, UpdateTopic{id(), id(), name(), options[len(options)-1:]})
	case kindDeleteTopic:
		return EncodeDeleteTopic(nil, at, id(), id())
	case kindPurgeTopic:
		return EncodePurgeTopic(nil, at, id(), id())
	case kindCreatePartitions:
		return EncodeCreatePartitions(nil, at, id(), id(), n)
	case kindDeletePartitions:
		return EncodeDeletePartitions(nil, at, id(), id(), n)
	case kindForgetLogs:
		return EncodeForgetLogs(nil, at, LogID(r.IntN(100)), LogID(n))
	case kindCreateUser:
		return EncodeCreateUser(nil, at, CreateUser{name(), "$hash", UserStatus(n), rights})
	case kindUpdateUser:
		return EncodeUpdateUser(nil, at, UpdateUser{id(), name(), UserStatus(n)})
	case kindDeleteUser:
		return EncodeDeleteUser(nil, at, id())
	case kindUpdatePermissions:
		return EncodeUpdatePermissions(nil, at, id(), rights)
	case kindChangePassword:
		return EncodeChangePassword(nil, at, id(), "$hash", "$other", n == 1)
	case kindResetPassword:
		if r.IntN(4) > 0 {
			return EncodeCreateToken(nil, at, UserID(n), since, name(), TokenHash{byte(r.IntN(8))}, 0)
		}
		return EncodeResetPassword(nil, at, id(), "$reset")
	case kindCreateToken:
		return EncodeCreateToken(nil, at, UserID(n), since, name(), TokenHash{byte(r.IntN(8))}, Micros(n)*(at+10))
	case kindDeleteToken:
		for u := range m.Accounts.Users() {
			if len(u.Tokens) > 0 && r.IntN(2) == 0 {
				return EncodeDeleteToken(nil, at, u.ID, u.Since, []byte(u.Tokens[0].Name))
			}
		}
		return EncodeDeleteToken(nil, at, UserID(n), since, name())
	case kindExpireTokens:
		return EncodeExpireTokens(nil, at)
	case kindCreateGroup:
		return EncodeCreateGroup(nil, at, stream, topic, name())
	case kindDeleteGroup:
		return EncodeDeleteGroup(nil, at, stream, topic, group)
	case kindJoinGroup:
		return EncodeJoinGroup(nil, at, stream, topic, group, MemberKey{byte(n)})
	case kindLeaveGroup:
		return EncodeLeaveGroup(nil, at, stream, topic, group, leaver)
	case kindDropMember:
		return EncodeDropMember(nil, at, MemberKey{byte(n)})
	case kindDropMembers:
		if r.IntN(4) > 0 {
			return EncodeJoinGroup(nil, at, stream, topic, group, MemberKey{byte(n)})
		}
		return EncodeDropMembers(nil, at)
	case kindHandOver:
		return EncodeHandOver(nil, at, pending[:1+r.IntN(len(pending))])
	case kindSkipLogs:
		return EncodeSkipLogs(nil, at, LogID(r.IntN(50)))
	case kindSetLevels:
		return EncodeSetLevels(nil, at, stream, topic, Level(r.IntN(6)), Level(r.IntN(6)))
	}
	return EncodeReserveSessions(nil, at, uint64(r.IntN(1000)))
}
