package metadata

import (
	"encoding/binary"
	"testing"
)

// segmentSize is that of topic t in stream s, and whether a client is told that it was asked for.
func (r *rig) segmentSize() (size uint64, explicit bool) {
	r.t.Helper()
	t, err := r.m.Topic(name2("s"), name2("t"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, list := range [][]Option{t.Explicit, t.Derived} {
		for _, o := range list {
			if o.Key == "segment_size" {
				if got := binary.LittleEndian.Uint64(o.Value); got != t.Settings.SegmentSize {
					r.t.Errorf("the option says %d, the setting is %d", got, t.Settings.SegmentSize)
				}
			}
		}
	}
	return t.Settings.SegmentSize, t.explicit&optionNamed("segment_size") != 0
}

// TestSegmentsFitTheCap: a topic with a size gets segments of a quarter of each partition's share, at least 1 MiB, unless they were asked for.
func TestSegmentsFitTheCap(t *testing.T) {
	f := func(partitions uint32, want uint64, options ...Option) {
		t.Helper()
		r := newRig(t)
		r.stream(nil, "s")
		r.topic(nil, "s", "t", partitions, options...)
		if size, explicit := r.segmentSize(); size != want || explicit {
			t.Errorf("%d partitions, %v: segments of %d, want %d; asked for: %v", partitions, options, size, want, explicit)
		}
	}
	f(1, 1<<30)
	f(1, 1<<20, text("max_topic_size", "1 MiB"))
	f(1, 1<<20, text("max_topic_size", "2 MiB"))
	f(4, 1<<20, text("max_topic_size", "16 MiB"))
	f(4, 4<<20, text("max_topic_size", "64 MiB"))
	f(0, 256<<20, text("max_topic_size", "1 GiB"))
	f(3, 80_000_000/3/4/512*512, text("max_topic_size", "80 MB")) // whole units of 512 bytes
	f(1, 1<<30, text("max_topic_size", "4 TiB"))
}

func TestTheCapChanges(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "s")
	r.topic(nil, "s", "t", 2, text("max_topic_size", "64 MiB"))
	update := func(want error, changed bool, options ...Option) {
		t.Helper()
		res := r.apply(want, EncodeUpdateTopic(nil, testTime, UpdateTopic{name2("s"), name2("t"), []byte("t"), options}))
		if res.SettingsChanged != changed {
			t.Errorf("%v: settings changed: %v", options, res.SettingsChanged)
		}
	}
	size := func(want uint64) {
		t.Helper()
		if got, _ := r.segmentSize(); got != want {
			t.Errorf("segments of %d, want %d", got, want)
		}
	}
	size(8 << 20)
	update(nil, true, text("max_topic_size", "32 MiB"))
	size(4 << 20)
	update(ErrTopicSize, false, text("max_topic_size", "1 MiB"))
	if res := r.apply(nil, EncodeCreatePartitions(nil, testTime, name2("s"), name2("t"), 2)); !res.SettingsChanged {
		t.Error("more partitions: the settings did not change")
	}
	size(2 << 20)
	r.apply(ErrTopicSize, EncodeCreatePartitions(nil, testTime, name2("s"), name2("t"), 29)) // 33 would have less than 1 MiB each
	r.apply(nil, EncodeDeletePartitions(nil, testTime, name2("s"), name2("t"), 3))
	size(8 << 20)
	update(nil, true, text("max_topic_size", "unlimited"))
	size(1 << 30)
}

// TestCapsOfVersionOneStay: what was judged by older rules is judged so again when it is read from a journal, and a topic that they
// accepted can be renamed and shrunk.
func TestCapsOfVersionOneStay(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "s")
	old := func(want error, options ...Option) {
		t.Helper()
		cmd := EncodeCreateTopic(nil, testTime, CreateTopic{name2("s"), []byte("t"), 64, options})
		old := append(append([]byte{1}, cmd[1:10]...), cmd[10+originBytes:len(cmd)-placementBytes]...)
		r.apply(want, old)
	}
	old(ErrTopicSize, text("max_topic_size", "2 MiB")) // below the default size of segments
	old(nil, text("max_topic_size", "2 MiB"), text("segment_size", "1 MiB"))
	r.apply(nil, EncodeUpdateTopic(nil, testTime, UpdateTopic{name2("s"), name2("t"), []byte("t"), []Option{text("message_expiry", "1h")}}))
	r.apply(nil, EncodeDeletePartitions(nil, testTime, name2("s"), name2("t"), 1))
	r.apply(ErrTopicSize, EncodeUpdateTopic(nil, testTime, UpdateTopic{name2("s"), name2("t"), []byte("t"), []Option{text("max_topic_size", "3 MiB")}}))
}

func TestOffsetsHold(t *testing.T) {
	r := newRig(t)
	r.stream(nil, "s")
	r.topic(nil, "s", "t", 1, text("offsets_hold", "2 days"))
	hold := func(want uint64) {
		t.Helper()
		topic, err := r.m.Topic(name2("s"), name2("t"))
		if err != nil || topic.Settings.OffsetsHoldMicros != want {
			t.Errorf("held for %d us, want %d (%v)", topic.Settings.OffsetsHoldMicros, want, err)
		}
		again, err := Restore(r.m.AppendSnapshot(nil))
		if err != nil {
			t.Fatal(err)
		}
		if topic, err := again.Topic(name2("s"), name2("t")); err != nil || topic.Settings.OffsetsHoldMicros != want {
			t.Errorf("restored, held for %d us, want %d (%v)", topic.Settings.OffsetsHoldMicros, want, err)
		}
	}
	hold(2 * 86_400_000_000)
	update := func(o Option) {
		t.Helper()
		r.apply(nil, EncodeUpdateTopic(nil, testTime, UpdateTopic{name2("s"), name2("t"), []byte("t"), []Option{o}}))
	}
	update(text("offsets_hold", "never"))
	hold(0)
	update(Option{"offsets_hold", KindU64, u64(1500)})
	hold(1500)
	update(text("offsets_hold", "server_default"))
	hold(1500)
	update(Option{"offsets_hold", KindU64, u64(0)})
	hold(0)
	r.topic(ErrOptionValue, "s", "u", 1, text("offsets_hold", "for ever"))
	r.topic(nil, "s", "u", 1)
	if topic, _ := r.m.Topic(name2("s"), name2("u")); topic.Settings.OffsetsHoldMicros != HoldDefault {
		t.Errorf("by default held for %d", topic.Settings.OffsetsHoldMicros)
	}
}
