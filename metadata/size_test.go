package metadata

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestBytesAreWhatTheHeapTakes makes many of each kind of thing and compares what they are said to take with the heap.
func TestBytesAreWhatTheHeapTakes(t *testing.T) {
	if invariantsOn {
		t.Skip("with invariants each command walks the whole state")
	}
	long := strings.Repeat("n", 240)
	name := func(i int) []byte { return fmt.Appendf(nil, "%07d%s", i, long) }
	s, topic := name2("s"), name2("t")
	base := func(m *Machine) {
		for _, cmd := range [][]byte{EncodeCreateUser(nil, testTime, CreateUser{Name: []byte("root"), PasswordPHC: "$h", Status: UserActive}),
			EncodeCreateStream(nil, testTime, []byte("s")), EncodeCreateTopic(nil, testTime, CreateTopic{s, []byte("t"), 8, nil}),
			EncodeCreateGroup(nil, testTime, s, topic, []byte("g"))} {
			mustApply(t, m, cmd)
		}
	}
	key := func(i int) (k MemberKey) { binary.LittleEndian.PutUint32(k[:], uint32(i)); return k }
	var entries []StreamPermissions
	for i := range 30 {
		e := StreamPermissions{Stream: StreamID(i)}
		for j := range 20 {
			e.Topics = append(e.Topics, TopicPermissions{Topic: TopicID(j)})
		}
		entries = append(entries, e)
	}
	for what, kind := range map[string]struct {
		count int
		cmd   func(i int) []byte
	}{
		"streams":       {20_000, func(i int) []byte { return EncodeCreateStream(nil, testTime, name(i)) }},
		"short streams": {20_000, func(i int) []byte { return EncodeCreateStream(nil, testTime, fmt.Append(nil, i)) }},
		"topics":        {4000, func(i int) []byte { return EncodeCreateTopic(nil, testTime, CreateTopic{s, name(i), 0, nil}) }},
		"partitions":    {100, func(int) []byte { return EncodeCreatePartitions(nil, testTime, s, topic, 1000) }},
		"groups":        {30_000, func(i int) []byte { return EncodeCreateGroup(nil, testTime, s, topic, name(i)) }},
		"short groups":  {30_000, func(i int) []byte { return EncodeCreateGroup(nil, testTime, s, topic, fmt.Append(nil, i)) }},
		"members":       {10_000, func(i int) []byte { return EncodeJoinGroup(nil, testTime, s, topic, name2("g"), key(i)) }},
		"users": {20_000, func(i int) []byte {
			return EncodeCreateUser(nil, testTime, CreateUser{fmt.Appendf(nil, "user-%d", i), "$argon2id$" + long, UserActive, nil})
		}},
		"users' rights": {2000, func(i int) []byte {
			return EncodeCreateUser(nil, testTime, CreateUser{fmt.Appendf(nil, "user-%d", i), "$h", UserActive, &Permissions{Streams: entries}})
		}},
		"tokens": {1000, func(i int) []byte {
			return EncodeCreateToken(nil, testTime, 0, 1, name(i), TokenHash{byte(i), byte(i >> 8)}, 0)
		}},
		"described topics": {1000, func(i int) []byte {
			return EncodeCreateTopic(nil, testTime, CreateTopic{s, name(i), 1, []Option{text("description", strings.Repeat("d", descriptionMax))}})
		}},
		"retired logs": {2000, func(int) []byte { return EncodePurgeTopic(nil, testTime, s, topic) }},
	} {
		m := New()
		base(m)
		before, said := heap(), m.Bytes()
		for i := range kind.count {
			cmd := kind.cmd(i)
			more, _ := m.Growth(cmd)
			had := m.Bytes() - len(m.LogIDs.retired)*retiredSize
			mustApply(t, m, cmd)
			if added := m.Bytes() - len(m.LogIDs.retired)*retiredSize - had; added > more {
				t.Fatalf("%s: a command has added %d bytes, said to be at most %d", what, added, more)
			}
		}
		took, said := int(heap()-before), m.Bytes()-said
		t.Logf("%-14s %6d: %5d bytes each, said to be %5d", what, kind.count, took/kind.count, said/kind.count)
		if took > said || said > 4*took {
			t.Errorf("%s: the heap has grown by %d bytes, the state is said to take %d more", what, took, said)
		}
		runtime.KeepAlive(m)
	}
}

func mustApply(t *testing.T, m *Machine, cmd []byte) {
	t.Helper()
	if _, err := m.Apply(m.Revision()+1, cmd); err != nil {
		t.Fatal(err)
	}
}

// heap is what lives in the heap.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
