package e2e

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// TestStoredOffsetsAreOfMessagesThatAreThere: a consumer or group may store the offset of any message of a partition, and none beyond, nor
// any of an empty partition. A topic or group that is made anew under the name of a deleted one knows no offset of it.
func TestStoredOffsetsAreOfMessagesThatAreThere(t *testing.T) {
	ctx, in, topic := context.Background(), wire.Named("s"), wire.Named("t")
	s := start(t, options{args: []string{"--shards", "2", "--journal-size", "8MiB"}})
	c := s.dial()
	group := groupNamed("g")
	all := []wire.Consumer{consumerNamed("me"), {Kind: wire.SingleConsumer, ID: wire.Numbered(7)}, group}
	found := func() {
		t.Helper()
		if _, err := c.CreateGroup(ctx, in, topic, "g"); err != nil {
			t.Fatal(err)
		}
		if err := c.JoinGroup(ctx, in, topic, wire.Named("g")); err != nil {
			t.Fatal(err)
		}
		if a, member, err := c.SyncGroup(ctx, in, topic, wire.Named("g")); err != nil || !member || len(a.Partitions) != 1 {
			t.Fatalf("the member has partitions %v (%v), %v", a.Partitions, member, err)
		}
	}
	next := func(who wire.Consumer) []uint64 {
		t.Helper()
		p, err := c.Poll(ctx, wire.PollMessages{Consumer: who, Stream: in, Topic: topic, Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 100})
		if err != nil {
			t.Fatalf("%v polls: %v", who, err)
		}
		return offsetsOf(p)
	}
	beyond := func(who wire.Consumer, offsets ...uint64) {
		t.Helper()
		for _, o := range offsets {
			if err := c.StoreOffset(ctx, who, in, topic, 0, o); !errors.Is(err, wire.StatusInvalidOffset) {
				t.Errorf("%v stores %d: %v, want %v", who, o, err, wire.StatusInvalidOffset)
			}
		}
	}
	unknown := func(who wire.Consumer, what string) {
		t.Helper()
		if o, err := c.GetOffset(ctx, who, in, topic, 0); !errors.Is(err, wire.StatusConsumerOffsetNotFound) {
			t.Errorf("%s: %v has stored %+v, %v", what, who, o, err)
		}
	}
	newTopic(t, c, "s", "t", 1)
	found()
	for _, who := range all {
		beyond(who, 0, 1)
	}
	sendEach(t, c, "s", "t", 10)
	for _, who := range all {
		beyond(who, 10, 11, 1<<32, math.MaxUint64)
		unknown(who, "after refusals")
		for _, x := range []struct {
			offset uint64
			rest   []uint64
		}{{9, nil}, {0, count1(1, 9)}} { // a way back is legal
			if err := c.StoreOffset(ctx, who, in, topic, 0, x.offset); err != nil {
				t.Errorf("%v stores %d: %v", who, x.offset, err)
			}
			if o, err := c.GetOffset(ctx, who, in, topic, 0); err != nil || o.StoredOffset != x.offset {
				t.Errorf("%v has stored %+v, %v, want %d", who, o, err, x.offset)
			}
			if got := next(who); !slices.Equal(got, x.rest) {
				t.Errorf("%v goes on behind %d with %d, want %d", who, x.offset, got, x.rest)
			}
		}
	}
	if err := c.DeleteTopic(ctx, in, topic); err != nil {
		t.Fatal(err)
	}
	newTopic(t, c, "s", "t", 1)
	found()
	sendEach(t, c, "s", "t", 3)
	for _, who := range all {
		unknown(who, "topic made anew")
		if got := next(who); !slices.Equal(got, count1(0, 3)) {
			t.Errorf("%v begins in the topic that was made anew with %d", who, got)
		}
	}
	if err := c.StoreOffset(ctx, group, in, topic, 0, 2); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteGroup(ctx, in, topic, wire.Named("g")); err != nil {
		t.Fatal(err)
	}
	found()
	unknown(group, "group made anew")
	if got := next(group); !slices.Equal(got, count1(0, 3)) {
		t.Errorf("the group that was made anew begins with %d", got)
	}
	s.stop()
}

// sendEach sends messages to the first partition of a topic, one at a time.
func sendEach(t *testing.T, c *client.Client, in, topic string, messages int) {
	t.Helper()
	for range messages {
		if _, err := c.Send(context.Background(), wire.Named(in), wire.Named(topic), 0, single([]byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
}

func offsetsOf(p client.Polled) (offsets []uint64) {
	for m := range p.Messages() {
		offsets = append(offsets, m.Offset)
	}
	return offsets
}
