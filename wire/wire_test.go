package wire

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/batch"
)

func TestXXH32(t *testing.T) {
	f := func(in string, want uint32) {
		t.Helper()
		if got := XXH32([]byte(in)); got != want {
			t.Errorf("XXH32(%q) = %#x, want %#x", in, got, want)
		}
	}
	f("", 0x02cc5d05)
	f("a", 0x550d7456)
	f("key", 0xb3d93ae0)
	f("order-1", 0xc209e3e8)
	f("user-42", 0x61819a7e)
	f("Nobody inspects the spammish repetition", 0xe2293b2f) // long enough for the four lanes
}

func TestAKeyHasThePartitionThatClientsExpect(t *testing.T) {
	f := func(key string, of3, of8 uint32) {
		t.Helper()
		p := Partitioning{Kind: ByKey, Key: []byte(key)}
		if p.KeyIndex(3) != of3 || p.KeyIndex(8) != of8 {
			t.Errorf("key %q: %d of 3, %d of 8", key, p.KeyIndex(3), p.KeyIndex(8))
		}
	}
	f("a", 0, 6)
	f("key", 0, 0)
	f("order-1", 2, 0)
	f("user-42", 2, 6)
}

func TestAConsumersKeyIsItsNumberOrItsNamesHash(t *testing.T) {
	if k := (Consumer{SingleConsumer, Numbered(7)}).Key(); k != 7 {
		t.Errorf("numbered: %d", k)
	}
	if k := (Consumer{SingleConsumer, Named("key")}).Key(); k != 0xb3d93ae0 {
		t.Errorf("named: %#x", k)
	}
}

func TestStatusOfSaysWhatThePeerMayKnow(t *testing.T) {
	f := func(err error, want Status) {
		t.Helper()
		if got := StatusOf(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
	f(nil, StatusOK)
	f(StatusTopicIDNotFound, 2010)
	f(fmt.Errorf("topic 4: %w", StatusTopicIDNotFound), 2010)
	f(batch.ErrMessageChecksum, 4027)
	f(batch.ErrChecksum, 4039)
	f(batch.ErrPayloadTooLarge, 4022)
	f(batch.ErrHeadersTooLarge, 4017)
	f(batch.ErrPayloadEmpty, 4025)
	f(batch.ErrTiling, 3)
	f(batch.ErrOffsetDelta, 3)
	f(errors.New("disk on fire"), StatusError)
}

func TestEveryStatusHasAText(t *testing.T) {
	if len(statusTexts) != 240 {
		t.Errorf("%d texts", len(statusTexts))
	}
	for status, text := range statusTexts {
		if name, meaning, ok := strings.Cut(text, ": "); !ok || name == "" || meaning == "" {
			t.Errorf("%d: %q", status, text)
		}
	}
	if got := StatusStreamIDNotFound.Error(); !strings.HasPrefix(got, "StreamIdNotFound: no such stream") || !strings.HasSuffix(got, "(1009)") {
		t.Error(got)
	}
	if got := Status(17).Error(); got != "unknown status (17)" {
		t.Error(got)
	}
}

func TestPermissionsAreArrangedById(t *testing.T) {
	p := Permissions{Streams: []StreamPermissions{
		{ID: 9}, {ID: 1<<32 - 1, Rights: 3}, {ID: 0, Topics: []TopicPermissions{{ID: 7, Rights: 2}, {ID: 4}}},
	}}
	if !p.Arrange() || !reflect.DeepEqual(p.Streams, []StreamPermissions{
		{ID: 0, Topics: []TopicPermissions{{ID: 4}, {ID: 7, Rights: 2}}}, {ID: 9}, {ID: 1<<32 - 1, Rights: 3},
	}) {
		t.Errorf("%+v", p)
	}
	p.Streams = append(p.Streams, StreamPermissions{ID: 0})
	if p.Arrange() {
		t.Error("stream 0 is there twice")
	}
	p.Streams = []StreamPermissions{{Topics: []TopicPermissions{{ID: 1}, {ID: 0}, {ID: 1}}}}
	if p.Arrange() {
		t.Error("topic 1 is there twice")
	}
	if p = (Permissions{}); !p.Arrange() {
		t.Error("nothing is in order")
	}
}
