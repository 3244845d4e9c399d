package metadata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func num32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// settingsOf applies options as a create does.
func settingsOf(options ...Option) (Settings, optionSet, error) {
	s, explicit := defaultSettings(), optionSet(0)
	err := s.apply(options, false, &explicit)
	return s, explicit, err
}

func TestOptionValues(t *testing.T) {
	// f: the option is taken and listed as explicit with the canonical value want.
	f := func(key string, kind Kind, value []byte, want string) {
		t.Helper()
		s, explicit, err := settingsOf(Option{key, kind, value})
		asked, derived := s.lists(explicit)
		others := 0
		for i := range catalogue {
			if !catalogue[i].hidden && catalogue[i].key != key {
				others++
			}
		}
		if err != nil || len(asked) != 1 || len(derived) != others || asked[0].Key != key {
			t.Fatalf("%s %d %q: %v, explicit %v", key, kind, value, err, asked)
		}
		if got := show(asked[0]); got != want {
			t.Errorf("%s %d %q reads as %s, want %s", key, kind, value, got, want)
		}
	}
	str := func(s string) []byte { return []byte(s) }
	f("compression_algorithm", KindString, str("GZip"), "gzip")
	f("compression_algorithm", KindU8, []byte{1}, "none")
	f("compression_algorithm", KindU8, []byte{2}, "gzip")
	f("message_expiry", KindU64, u64(5), "5")
	f("message_expiry", KindU64, u64(math.MaxUint64), "18446744073709551615")
	f("message_expiry", KindString, str("none"), "18446744073709551615")
	f("message_expiry", KindString, str("unlimited"), "18446744073709551615")
	f("message_expiry", KindString, str("never_expire"), "18446744073709551615")
	f("message_expiry", KindString, str("7 days"), "604800000000")
	f("message_expiry", KindString, str("1h 30m"), "5400000000")
	f("message_expiry", KindString, str("1h30min 5s"), "5405000000")
	f("message_expiry", KindString, str("4294967295s"), "4294967295000000")
	f("message_expiry", KindString, str("1us"), "1")
	f("max_topic_size", KindString, str("unlimited"), "18446744073709551615")
	f("max_topic_size", KindString, str("2 GB"), "2000000000")
	f("max_topic_size", KindString, str("1 GiB"), "1073741824")
	f("max_topic_size", KindString, str("1.5gib"), "1610612736")
	f("max_topic_size", KindString, str("17179869183 GiB"), "18446744072635809792")
	f("max_topic_size", KindU64, u64(1<<40), "1099511627776")
	f("segment_size", KindU64, u64(1<<20), "1048576")
	f("segment_size", KindString, str("1 GiB"), "1073741824")
	f("segment_size", KindString, str("1049088"), "1049088")
	f("durability", KindString, str("Replicated"), "replicated")
	f("durability", KindString, str("PERSISTED"), "persisted")
	f("durability", KindString, str("Written"), "written")
	f("durability", KindString, str("memory"), "memory")
	f("consumer_offset_durability", KindString, str("persisted"), "persisted")
	f("deduplication", KindString, str("10m"), "10m")
	f("deduplication", KindString, str("600 s"), "10m")
	f("deduplication", KindString, str("1s"), "1s")
	f("deduplication", KindString, str("1500ms"), "1500ms")
	f("deduplication", KindString, str("1s 1us"), "1000001us")
	f("deduplication", KindString, str("30 days"), "30d")
	f("deduplication", KindString, str("1"), "1")
	f("deduplication", KindString, str("16777216"), "16777216")
	f("deduplication", KindString, str("1h 30m, 100000"), "90m,100000")
	f("messages_required_to_save", KindU32, num32(16_777_216), "16777216")
	f("messages_required_to_save", KindString, str("1"), "1")
	f("size_of_messages_required_to_save", KindU64, u64(1<<30), "1073741824")
	f("size_of_messages_required_to_save", KindString, str("2 MB"), "2000000")
	f("preallocate_segments", KindBool, []byte{1}, "true")
	f("preallocate_segments", KindString, str("false"), "false")
}

func TestSentinelsCountAsAbsent(t *testing.T) {
	f := func(key string, kind Kind, value []byte) {
		t.Helper()
		s, explicit, err := settingsOf(Option{key, kind, value})
		if err != nil || explicit != 0 || s != defaultSettings() {
			t.Errorf("%s %q: %v, explicit %b, want the default", key, value, err, explicit)
		}
	}
	f("message_expiry", KindU64, u64(0))
	f("message_expiry", KindString, []byte("default"))
	f("message_expiry", KindString, []byte("server_default"))
	f("message_expiry", KindString, []byte("0s"))
	f("max_topic_size", KindU64, u64(0))
	f("max_topic_size", KindString, []byte("server_default"))
	f("segment_size", KindU64, u64(0))
	f("segment_size", KindString, []byte("0"))
	f("size_of_messages_required_to_save", KindU64, u64(0))
	f("deduplication", KindString, []byte("off"))
	f("deduplication", KindString, []byte("None"))
	f("enforce_fsync", KindBool, []byte{0})
	f("enforce_fsync", KindString, []byte("false"))
}

func TestOptionValuesRefused(t *testing.T) {
	f := func(key string, kind Kind, value string) {
		t.Helper()
		if _, _, err := settingsOf(Option{key, kind, []byte(value)}); !errors.Is(err, ErrOptionValue) {
			t.Errorf("%s %d %q: %v, want %v", key, kind, value, err, ErrOptionValue)
		}
	}
	f("compression_algorithm", KindU8, "\x03")
	f("compression_algorithm", KindU8, "\x00")
	f("compression_algorithm", KindString, "zstd")
	f("compression_algorithm", KindU32, "\x01\x00\x00\x00")
	for _, text := range []string{"never", "NONE", "", "7", "days", "7 Days", "-1s", "1.5h", "4294967296s", "99999999999999999999s", "1ns", "5 s x"} {
		f("message_expiry", KindString, text)
	}
	f("message_expiry", KindU32, "\x01\x00\x00\x00")
	f("message_expiry", KindU64, "\x01")
	for _, text := range []string{"", "GiB", "1 XB", "1.GiB", "-1", "17179869184 GiB", "1.0000000001 KB", "18446744073709551616", "1 GiB!"} {
		f("max_topic_size", KindString, text)
	}
	f("segment_size", KindU64, string(u64(1<<20-512)))
	f("segment_size", KindU64, string(u64(1<<30+512)))
	f("segment_size", KindU64, string(u64(1<<20+1)))
	f("segment_size", KindString, "1.001 MiB")
	f("segment_size", KindBool, "\x01")
	f("durability", KindString, "quorum")
	f("durability", KindU8, "\x01")
	f("consumer_offset_durability", KindString, "")
	f("messages_required_to_save", KindU32, string(num32(0)))
	f("messages_required_to_save", KindU32, string(num32(16_777_217)))
	f("messages_required_to_save", KindString, "0x10")
	f("messages_required_to_save", KindString, "4294967296")
	f("messages_required_to_save", KindU64, string(u64(1)))
	f("size_of_messages_required_to_save", KindU64, string(u64(1<<30+1)))
	f("preallocate_segments", KindBool, "\x02")
	f("preallocate_segments", KindString, "True")
	f("preallocate_segments", KindU8, "\x01")
	f("enforce_fsync", KindString, "yes")
}

func TestEnforceFsyncMeansPersisted(t *testing.T) {
	for _, options := range [][]Option{
		{{"enforce_fsync", KindBool, []byte{1}}},
		{text("enforce_fsync", "true"), text("durability", "replicated")},
		{text("durability", "replicated"), text("enforce_fsync", "true")},
	} {
		s, explicit, err := settingsOf(options...)
		asked, _ := s.lists(explicit)
		if err != nil || s.Durability != LevelPersisted || len(asked) != 1 || asked[0].Key != "durability" {
			t.Fatalf("%v: durability %v, explicit %v, %v", options, s.Durability, asked, err)
		}
	}
	for _, o := range TopicOptions() {
		if o.Key == keyEnforceFsync {
			t.Fatal("enforce_fsync is listed")
		}
	}
}

func TestOptionsBlockLimits(t *testing.T) {
	many := make([]Option, OptionsMax+1)
	for i := range many {
		many[i] = text(fmt.Sprintf("key %d", i), "v")
	}
	f := func(options []Option, want error) {
		t.Helper()
		if _, _, err := settingsOf(options...); !errors.Is(err, want) {
			t.Errorf("%d options: %v, want %v", len(options), err, want)
		}
	}
	f(many, ErrOptionsTooLarge)
	f(many[1:], ErrOptionKey)
	long := strings.Repeat("v", 255)
	large := make([]Option, 380)
	for i := range large {
		large[i] = text(fmt.Sprintf("key %03d", i), long)
	}
	f(large, ErrOptionsTooLarge)
	f(large[:367], ErrOptionKey)
	f([]Option{text("colour", "red"), text("durability", "perhaps")}, ErrOptionKey)
	f([]Option{text("durability", "perhaps"), text("colour", "red")}, ErrOptionKey)
}

func TestUpdateReplacesOnlyWhatIsThere(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "s")
	r.topic(nil, "s", "t", 1, text("durability", "Written"), text("max_topic_size", "2 GiB"))
	update := func(options ...Option) Result {
		t.Helper()
		return r.apply(nil, EncodeUpdateTopic(nil, testTime, UpdateTopic{name2("s"), name2("t"), []byte("t"), options}))
	}
	if r := update(Option{"max_topic_size", KindU64, u64(0)}); r.SettingsChanged {
		t.Fatal("a sentinel leaves the value alone")
	}
	if r := update(text("message_expiry", "1s")); !r.SettingsChanged {
		t.Fatal("a new expiry is a change")
	}
	topic, err := r.m.Topic(name2("s"), name2("t"))
	if err != nil || topic.Settings.MaxTopicSize != 2<<30 || topic.Settings.MessageExpiryMicros != 1e6 || topic.Settings.Durability != LevelWritten {
		t.Fatalf("settings %+v, %v", topic.Settings, err)
	}
	var keys []string
	for _, o := range topic.Explicit {
		keys = append(keys, o.Key)
	}
	if got := strings.Join(keys, " "); got != "durability max_topic_size message_expiry" || len(topic.Derived) != 6 {
		t.Fatalf("explicit %q and %d derived", got, len(topic.Derived))
	}
}

func TestCatalogue(t *testing.T) {
	want := map[string]string{
		"compression_algorithm": "none", "consumer_offset_durability": "replicated", "durability": "replicated",
		"max_topic_size": "18446744073709551615", "message_expiry": "18446744073709551615",
		"messages_required_to_save": "1024", "preallocate_segments": "false", "segment_size": "1073741824",
		"size_of_messages_required_to_save": "1048576",
	}
	infos := TopicOptions()
	for i, o := range infos {
		if got := show(o.Option); got != want[o.Key] {
			t.Errorf("%s has default %s, want %s", o.Key, got, want[o.Key])
		}
		if updatable := o.Key == "compression_algorithm" || o.Key == "max_topic_size" || o.Key == "message_expiry"; o.Updatable != updatable {
			t.Errorf("%s updatable %v", o.Key, o.Updatable)
		}
		if i > 0 && infos[i-1].Key >= o.Key {
			t.Errorf("%s stands after %s", o.Key, infos[i-1].Key)
		}
		if o.Description == "" {
			t.Errorf("%s has no description", o.Key)
		}
	}
	if len(infos) != len(want) {
		t.Fatalf("%d options, want %d", len(infos), len(want))
	}
}

// show writes a canonical value for people.
func show(o Option) string {
	switch o.Kind {
	case KindU64:
		return fmt.Sprint(binary.LittleEndian.Uint64(o.Value))
	case KindU32:
		return fmt.Sprint(binary.LittleEndian.Uint32(o.Value))
	case KindBool:
		return fmt.Sprint(o.Value[0] == 1)
	}
	return string(o.Value)
}

// TestDescription: a topic shows it when it has one. It can be changed and taken back, and outlives a snapshot.
func TestDescription(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "s")
	r.topic(nil, "s", "t", 1)
	is := func(want string) {
		t.Helper()
		again, err := Restore(r.m.AppendSnapshot(nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []*Machine{r.m, again} {
			topic, err := m.Topic(name2("s"), name2("t"))
			if err != nil || topic.Settings.Description != want || (len(topic.Explicit) == 1) != (want != "") {
				t.Errorf("described as %q, asked for %v, want %q (%v)", topic.Settings.Description, topic.Explicit, want, err)
			}
			for _, o := range topic.Derived {
				if o.Key == "description" {
					t.Error("one that nobody gave is shown")
				}
			}
		}
	}
	update := func(want error, value string) {
		t.Helper()
		r.apply(want, EncodeUpdateTopic(nil, testTime, UpdateTopic{name2("s"), name2("t"), []byte("t"), []Option{text("description", value)}}))
	}
	is("")
	update(nil, "orders, by customer")
	is("orders, by customer")
	update(nil, strings.Repeat("é", 127)+"!")
	is(strings.Repeat("é", 127) + "!")
	update(ErrOptionValue, strings.Repeat("é", 128))
	update(ErrOptionValue, "\xff")
	r.apply(ErrOptionValue, EncodeUpdateTopic(nil, testTime, UpdateTopic{name2("s"), name2("t"), []byte("t"), []Option{{"description", KindU64, u64(1)}}}))
	update(ErrOptionValue, "")
	update(nil, "none")
	is("")
	r.topic(nil, "s", "u", 1, text("description", "made with it"))
	if topic, err := r.m.Topic(name2("s"), name2("u")); err != nil || topic.Settings.Description != "made with it" {
		t.Errorf("described as %q (%v)", topic.Settings.Description, err)
	}
}
