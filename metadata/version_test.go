package metadata

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// checkOptionsByKey takes every key out of a snapshot, and puts one in that nobody knows. What is missing is the default, what is
// unknown is a newer version's and named.
func checkOptionsByKey() error {
	for i := range catalogue {
		want := defaultSettings()
		m, err := Restore(snapshotWithout(catalogue[i].key))
		if err != nil {
			return fmt.Errorf("without %s: %w", catalogue[i].key, err)
		}
		t, err := m.Topic(ByNumber(StreamID(0)), ByNumber(TopicID(0)))
		if err != nil || t.Settings != want || t.explicit != 0 {
			return fmt.Errorf("without %s: settings %+v, want %+v (%v)", catalogue[i].key, t.Settings, want, err)
		}
		if again, err := Restore(m.AppendSnapshot(nil)); err != nil || again.Revision() != m.Revision() {
			return fmt.Errorf("without %s, written again: %w", catalogue[i].key, err)
		}
	}
	_, err := Restore(snapshotWith("zz_later", KindU64, u64(7)))
	if later := (*VersionError)(nil); !errors.As(err, &later) || later.What != `topic option "zz_later"` || !errors.Is(err, ErrVersion) {
		return fmt.Errorf("an unknown option: %w", err)
	}
	return nil
}

// optionsOf writes the options of a topic with defaults as its snapshot does.
func optionsOf(s *Settings, leave string, more ...Option) []byte {
	var options []Option
	for i := range catalogue {
		if o := &catalogue[i]; o.key != leave && len(o.value(s)) > 0 {
			options = append(options, Option{o.key, o.kind, o.value(s)})
		}
	}
	options = append(options, more...)
	p := le.AppendUint16(nil, uint16(len(options)))
	for _, o := range options {
		p = appendText(append(appendText(p, o.Key), 0, byte(o.Kind)), o.Value)
	}
	return p
}

func snapshotWithout(key string) []byte { return snapshotOfOptions(key) }

func snapshotWith(key string, kind Kind, value []byte) []byte {
	return snapshotOfOptions("", Option{key, kind, value})
}

// snapshotOfOptions is a snapshot of one topic with defaults whose options are changed.
func snapshotOfOptions(leave string, more ...Option) []byte {
	m := New()
	for i, cmd := range [][]byte{EncodeCreateStream(nil, testTime, []byte("s")),
		EncodeCreateTopic(nil, testTime, CreateTopic{name2("s"), []byte("t"), 1, nil})} {
		if _, err := m.Apply(uint64(i+1), cmd); err != nil {
			panic(err)
		}
	}
	s := defaultSettings()
	all := m.AppendSnapshot(nil)
	if bytes.Count(all, optionsOf(&s, "")) != 1 {
		panic("the snapshot does not hold the options as this test writes them")
	}
	return seal(bytes.Replace(all, optionsOf(&s, ""), optionsOf(&s, leave, more...), 1))
}

func TestOptionsAreReadByKey(t *testing.T) {
	if err := checkOptionsByKey(); err != nil {
		t.Fatal(err)
	}
	s := defaultSettings()
	for _, bad := range [][]byte{
		bytes.Replace(optionsOf(&s, ""), []byte("durability\x00\x02\x0a\x00replicated"), []byte("durability\x00\x02\x0a\x00quadrupled"), 1),
		bytes.Replace(optionsOf(&s, ""), []byte("segment_size\x00\x0c"), []byte("segment_size\x00\x0d"), 1),
	} {
		_, err := Restore(seal(bytes.Replace(snapshotOfOptions(""), optionsOf(&s, ""), bad, 1)))
		if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "the value of topic option") {
			t.Errorf("a value that this version does not know: %v", err)
		}
	}
}

// TestNewerIsNotDamaged: who meets a later version's bytes says so, with both numbers.
func TestNewerIsNotDamaged(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if !errors.Is(err, ErrVersion) || errors.Is(err, ErrSnapshot) || errors.Is(err, ErrCommand) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want a version error with %q", err, want)
		}
	}
	snapshot := func(change func(p []byte)) error {
		p := goldenMachine(t).AppendSnapshot(nil)
		change(p)
		_, err := Restore(seal(p))
		return err
	}
	f(snapshot(func(p []byte) { p[8] = 4 }), "version of the snapshot is 4, and this one reads up to 3")
	f(snapshot(func(p []byte) { p[snapshotHead+24] = 1 }), "cluster id")
	f(snapshot(func(p []byte) { p[snapshotHead+40] = 1 }), "nodes")
	f(snapshot(func(p []byte) { p[snapshotHead+44] = 1 }), "origins")
	command := func(cmd []byte, change func(p []byte)) error {
		m := goldenMachine(t)
		before := stateBytes(m)
		change(cmd)
		_, err := m.Apply(1000, cmd)
		if !bytes.Equal(before, stateBytes(m)) {
			t.Errorf("the command has changed something, and gave %v", err)
		}
		return err
	}
	last := func(p []byte) { p[len(p)-1] = 1 }
	group := ByName([]byte("billing"))
	f(command(EncodeCreateStream(nil, testTime, []byte("x")), func(p []byte) { p[0] = 3 }), "version of a command is 3, and this one reads up to 2")
	f(command(EncodeCreateStream(nil, testTime, []byte("x")), func(p []byte) { p[1] = byte(kindLast) + 1 }), "kind of a command")
	f(command(EncodeCreateStream(nil, testTime, []byte("x")), func(p []byte) { p[10] = 1 }), "origin of a command")
	f(command(EncodeCreateTopic(nil, testTime, CreateTopic{name2("orders"), []byte("x"), 1, nil}), last), "placement")
	f(command(EncodeCreatePartitions(nil, testTime, name2("orders"), name2("europe"), 1), last), "placement")
	f(command(EncodeJoinGroup(nil, testTime, name2("orders"), name2("europe"), group, MemberKey{7}), last), "node of a member")
	f(command(EncodeDropMembers(nil, testTime), last), "node of members")
}

// TestVersionOneAndTwoAreRead: commands of version 1 bring about what they brought about, and the snapshot of version 2 after them
// is that state too.
func TestVersionOneAndTwoAreRead(t *testing.T) {
	want, _, _ := strings.Cut(string(read(t, "testdata/snapshot-v2.txt")), "00000000  ")
	m := New()
	names, cmds := dumps(t, "testdata/commands-v1.txt")
	for i, cmd := range cmds {
		if _, err := m.Apply(uint64(i+1), cmd); cmd[0] != 1 || (err != nil) != (names[i] == "refused") {
			t.Fatalf("%s of version %d: %v", names[i], cmd[0], err)
		}
	}
	if got := dump(m); got != want {
		t.Errorf("commands of version 1 bring about\n%s want\n%s", got, want)
	}
	_, old := dumps(t, "testdata/snapshot-v2.txt")
	restored, err := Restore(old[0])
	if err != nil || restored.Revision() != m.Revision() {
		t.Fatal(err)
	}
	if got := dump(restored); got != want {
		t.Errorf("the snapshot of version 2 says\n%s want\n%s", got, want)
	}
	mustRestore(t, restored)
	for s := range restored.Streams() {
		for topic := range s.Topics() {
			if s.Since != 43 || topic.Since != 43 || topic.Partitions[0].Since != 43 {
				t.Errorf("stream of %d, topic of %d, partition of %d; want the revision of the snapshot, 43", s.Since, topic.Since, topic.Partitions[0].Since)
			}
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// dumps reads the hexadecimal dumps of a golden file, each with the line before it.
func dumps(t *testing.T, path string) (names []string, all [][]byte) {
	t.Helper()
	name := ""
	for line := range strings.Lines(string(read(t, path))) {
		at, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), "  ")
		if _, err := hex.DecodeString(at); err != nil || len(at) != 8 {
			name = strings.TrimSpace(line)
			continue
		}
		if at == "00000000" {
			names, all = append(names, name), append(all, nil)
		}
		digits, _, _ := strings.Cut(rest, "|")
		p, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 0 {
			all[len(all)-1] = append(all[len(all)-1], p...)
		}
	}
	return names, all
}
