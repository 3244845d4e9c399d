package metadata

import (
	"errors"
	"testing"
)

func TestDeduplicationRefused(t *testing.T) {
	for _, s := range []string{"", "yes", "0", "16777217", "0s", "999ms", "31d", "2592001s", "10m,", ",5", "5,10m", "10m,0", "10m,16777217",
		"10m,5,5", "-1", "1.5h", "10m;5", "off,5"} {
		if _, _, err := settingsOf(text("deduplication", s)); !errors.Is(err, ErrOptionValue) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, _, err := settingsOf(Option{"deduplication", KindU64, u64(5)}); !errors.Is(err, ErrOptionValue) {
		t.Errorf("a number in binary: %v", err)
	}
}

func TestDeduplicationIsSetOnceAndShownOnlyThen(t *testing.T) {
	for _, o := range TopicOptions() {
		if o.Key == "deduplication" {
			t.Fatal("clients are told of an option that their protocol does not have")
		}
	}
	r := newRig(t)
	r.stream(nil, "s")
	r.topic(nil, "s", "with", 1, text("deduplication", "10m"))
	r.topic(nil, "s", "without", 1, text("deduplication", "off"))
	update := EncodeUpdateTopic(nil, testTime, UpdateTopic{name2("s"), name2("with"), []byte("with"), []Option{text("deduplication", "1h")}})
	r.apply(ErrOptionKey, update)
	for name, want := range map[string]int{"with": 1, "without": 0} {
		topic, err := mustRestore(t, r.m).Topic(name2("s"), name2(name))
		if err != nil || len(topic.Explicit) != want || len(topic.Derived) != 9 || topic.Settings.Deduplication.On() != (want > 0) {
			t.Errorf("topic %s: %v, explicit %v, derived %d", name, err, topic.Explicit, len(topic.Derived))
		}
	}
}

func TestATimeAloneHoldsAsManyMessagesAsTheDefault(t *testing.T) {
	f := func(text string, want uint32) {
		t.Helper()
		if d, ok := parseDeduplication(text); !ok || d.CountMax() != want {
			t.Errorf("%q holds %d messages, %v", text, d.CountMax(), ok)
		}
	}
	f("10m", 1_000_000)
	f("10m,5", 5)
	f("2000000", 2_000_000)
	f("off", 0)
}
