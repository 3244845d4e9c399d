package metadata

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew; read the difference before you commit it")

// goldenCommands is one command of every kind, applied in this order; the last is refused.
func goldenCommands() (names []string, cmds [][]byte) {
	add := func(name string, cmd []byte) { names, cmds = append(names, name), append(cmds, cmd) }
	s, t := ByName([]byte("orders")), ByNumber(TopicID(0))
	rights := &Permissions{Global: ReadStreams | PollMessages, Streams: []StreamPermissions{
		{Stream: 1, Rights: StreamRead, Topics: []TopicPermissions{{Topic: 2, Rights: TopicManage | TopicSendMessages}}}, {Stream: 3}}}
	add("create user", EncodeCreateUser(nil, testTime, CreateUser{[]byte("iggy"), "$argon2id$1", UserActive, nil}))
	add("create user", EncodeCreateUser(nil, testTime, CreateUser{[]byte("anna"), "$argon2id$2", UserActive, rights}))
	add("create user", EncodeCreateUser(nil, testTime, CreateUser{[]byte("otto"), "$argon2id$3", UserInactive, nil}))
	add("update user", EncodeUpdateUser(nil, testTime, UpdateUser{ByNumber(UserID(1)), []byte("anne"), UserInactive}))
	add("delete user", EncodeDeleteUser(nil, testTime, ByName([]byte("otto"))))
	add("update permissions", EncodeUpdatePermissions(nil, testTime, ByName([]byte("anne")), rights))
	add("change password", EncodeChangePassword(nil, testTime, ByNumber(UserID(0)), "$argon2id$1", "$argon2id$4", false))
	add("drop members", EncodeDropMembers(nil, testTime))
	add("create stream", EncodeCreateStream(nil, testTime+1, []byte("first")))
	add("create stream", EncodeCreateStream(nil, testTime+2, []byte("second")))
	add("update stream", EncodeUpdateStream(nil, testTime+3, ByNumber(StreamID(1)), []byte("orders")))
	add("delete stream", EncodeDeleteStream(nil, testTime+4, ByName([]byte("first"))))
	add("create topic", EncodeCreateTopic(nil, testTime+5, CreateTopic{s, []byte("eu"), 2, []Option{
		text("durability", "persisted"), {"message_expiry", KindU64, u64(60_000_000)}, text("deduplication", "10m,100000")}}))
	add("create topic", EncodeCreateTopic(nil, testTime+6, CreateTopic{s, []byte("us"), 1, nil}))
	add("update topic", EncodeUpdateTopic(nil, testTime+7, UpdateTopic{s, t, []byte("europe"), []Option{text("max_topic_size", "4 GiB")}}))
	add("create partitions", EncodeCreatePartitions(nil, testTime+8, s, t, 2))
	add("delete partitions", EncodeDeletePartitions(nil, testTime+9, s, t, 1))
	add("purge topic", EncodePurgeTopic(nil, testTime+10, s, t))
	add("purge stream", EncodePurgeStream(nil, testTime+11, s))
	add("delete topic", EncodeDeleteTopic(nil, testTime+12, s, ByName([]byte("us"))))
	add("forget logs", EncodeForgetLogs(nil, testTime+13, 1, 3))
	add("reserve sessions", EncodeReserveSessions(nil, testTime+14, 4096))
	add("create token", EncodeCreateToken(nil, testTime+15, 1, 2, []byte("ci"), TokenHash{1, 2, 3}, 0))
	add("create token", EncodeCreateToken(nil, testTime+16, 1, 2, []byte("cd"), TokenHash{4, 5, 6}, testTime+1000))
	add("create token", EncodeCreateToken(nil, testTime+17, 0, 1, []byte("tmp"), TokenHash{7}, testTime+18))
	add("create token", EncodeCreateToken(nil, testTime+18, 1, 2, []byte("old"), TokenHash{8}, 0))
	add("delete token", EncodeDeleteToken(nil, testTime+19, 1, 2, []byte("old")))
	add("expire tokens", EncodeExpireTokens(nil, testTime+20))
	group := ByName([]byte("billing"))
	add("create group", EncodeCreateGroup(nil, testTime+21, s, t, []byte("first")))
	add("create group", EncodeCreateGroup(nil, testTime+22, s, t, []byte("billing")))
	add("create group", EncodeCreateGroup(nil, testTime+23, s, t, []byte("idle")))
	add("join group", EncodeJoinGroup(nil, testTime+24, s, t, group, MemberKey{1}))
	add("join group", EncodeJoinGroup(nil, testTime+25, s, t, group, MemberKey{2}))
	add("leave group", EncodeLeaveGroup(nil, testTime+26, s, t, group, MemberKey{1}))
	add("join group", EncodeJoinGroup(nil, testTime+27, s, t, group, MemberKey{3}))
	add("hand over", EncodeHandOver(nil, testTime+28, []Handover{{1, 0, 1, 2, 35}}))
	add("join group", EncodeJoinGroup(nil, testTime+29, s, t, group, MemberKey{4})) // stays pending
	add("join group", EncodeJoinGroup(nil, testTime+30, s, t, ByName([]byte("first")), MemberKey{3}))
	add("drop member", EncodeDropMember(nil, testTime+31, MemberKey{9}))
	add("delete group", EncodeDeleteGroup(nil, testTime+32, s, t, ByNumber(GroupID(0))))
	add("set levels", EncodeSetLevels(nil, testTime+33, s, t, LevelWritten, 0))
	add("skip logs", EncodeSkipLogs(nil, testTime+34, 100))
	add("reset password", EncodeResetPassword(nil, testTime+35, ByNumber(UserID(0)), "$argon2id$5"))
	add("refused", EncodeDeleteStream(nil, testTime+15, ByName([]byte("first"))))
	return names, cmds
}

// TestGoldenBytes compares commands and the snapshot after them with the files in testdata. Data directories hold these
// bytes: a difference is a new version of the format, not a new golden file.
func TestGoldenBytes(t *testing.T) {
	m := New()
	var commands strings.Builder
	names, cmds := goldenCommands()
	for i, cmd := range cmds {
		fmt.Fprintf(&commands, "%s\n%s", names[i], hex.Dump(cmd))
		if _, err := m.Apply(uint64(i+1), cmd); (err != nil) != (names[i] == "refused") {
			t.Fatalf("%s: %v", names[i], err)
		}
	}
	golden(t, "commands-v2.txt", commands.String())
	golden(t, "snapshot-v3.txt", dump(m)+hex.Dump(m.AppendSnapshot(nil)))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed:\n%s", path, got)
	}
}

func goldenMachine(t testing.TB) *Machine {
	m := New()
	_, cmds := goldenCommands()
	for i, cmd := range cmds {
		if _, err := m.Apply(uint64(i+1), cmd); err != nil && i < len(cmds)-1 {
			t.Fatal(err)
		}
	}
	return m
}

func TestRestoreGoesOnWhereTheSnapshotEnds(t *testing.T) {
	m := goldenMachine(t)
	again := mustRestore(t, m)
	if again.Revision() != m.Revision() || again.SessionsReserved() != 4096 {
		t.Fatalf("revision %d, sessions %d", again.Revision(), again.SessionsReserved())
	}
	cmd := EncodeCreateTopic(nil, testTime, CreateTopic{name2("orders"), []byte("new"), 1, nil})
	want, err1 := m.Apply(100, cmd)
	got, err2 := again.Apply(100, cmd)
	if err1 != nil || err2 != nil || got.Created[0] != want.Created[0] {
		t.Fatalf("created %+v and after the restore %+v (%v, %v)", want.Created, got.Created, err1, err2)
	}
}

func TestDamagedSnapshotIsRefused(t *testing.T) {
	good := goldenMachine(t).AppendSnapshot(nil)
	for n := range good {
		if _, err := Restore(good[:n]); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("cut at %d: %v", n, err)
		}
		bad := append([]byte(nil), good...)
		bad[n] ^= 0x10
		if _, err := Restore(bad); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("bit flipped at %d: %v", n, err)
		}
	}
	for _, version := range []byte{0, 1} {
		early := append([]byte(nil), good...)
		early[8] = version
		if _, err := Restore(seal(early)); !errors.Is(err, ErrOldVersion) {
			t.Fatalf("version %d: %v, want %v", version, err, ErrOldVersion)
		}
	}
}

// TestImpossibleSnapshotIsRefused changes a snapshot behind its checksum: a bit anywhere gives an error or a state that
// is sound, and its own snapshot is then those very bytes.
func TestImpossibleSnapshotIsRefused(t *testing.T) {
	good := goldenMachine(t).AppendSnapshot(nil)
	r := newRand(t)
	refused := 0
	for range 20_000 {
		bad := append([]byte(nil), good...)
		bad[snapshotHead+r.IntN(len(bad)-snapshotHead-snapshotChecksum)] ^= 1 << r.IntN(8)
		if !soundOrRefused(t, seal(bad)) {
			refused++
		}
	}
	if refused < 1000 {
		t.Fatalf("only %d of 20000 changed snapshots refused", refused)
	}
}

// soundOrRefused restores p; what is accepted must write the same bytes again, if no option was missing. False: refused.
func soundOrRefused(t *testing.T, p []byte) bool {
	t.Helper()
	m, err := Restore(p)
	if err != nil {
		return false
	}
	again := m.AppendSnapshot(nil)
	if string(again) != string(p) && len(again) == len(p) { // a longer one has an option that was missing
		t.Fatalf("accepted\n%swrites\n%s", hex.Dump(p), hex.Dump(again))
	}
	if m, err = Restore(again); err != nil || string(m.AppendSnapshot(nil)) != string(again) {
		t.Fatalf("accepted\n%swrites\n%s which is not read (%v)", hex.Dump(p), hex.Dump(again), err)
	}
	return true
}

// seal makes size and checksum right again.
func seal(p []byte) []byte {
	le.PutUint64(p[12:], uint64(len(p)-snapshotHead-snapshotChecksum))
	end := len(p) - snapshotChecksum
	le.PutUint64(p[end:], xxh3.Hash(p[:end]))
	return p
}

func FuzzRestore(f *testing.F) {
	f.Add(goldenMachine(f).AppendSnapshot(nil)[snapshotHead:])
	f.Add(New().AppendSnapshot(nil)[snapshotHead:])
	f.Fuzz(func(t *testing.T, body []byte) {
		head := append(le.AppendUint32([]byte(snapshotMagic), snapshotVersion), make([]byte, 8)...)
		soundOrRefused(t, seal(append(append(head, body...), make([]byte, snapshotChecksum)...)))
	})
}

// FuzzApply gives arbitrary bytes to a machine that has something in it: no panic, a refused command changes nothing,
// and what comes out can be restored.
func FuzzApply(f *testing.F) {
	_, cmds := goldenCommands()
	for _, cmd := range cmds {
		f.Add(cmd)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		f.Add(randomCommand(r, goldenMachine(f)))
	}
	f.Fuzz(func(t *testing.T, cmd []byte) {
		m := goldenMachine(t)
		before := stateBytes(m)
		_, err := m.Apply(1000, cmd)
		if err != nil && string(before) != string(stateBytes(m)) {
			t.Fatalf("refused (%v) and changed", err)
		}
		if !soundOrRefused(t, m.AppendSnapshot(nil)) {
			t.Fatal("the state after the command cannot be restored")
		}
	})
}
