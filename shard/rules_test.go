package shard_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// TestBalancedSendsTakeTurnsByTopic: each topic has its own round, which begins at partition 0.
func TestBalancedSendsTakeTurnsByTopic(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.CPUs = []int{0} })
	c := s.dial(t)
	ctx := context.Background()
	if _, err := c.CreateStream(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	b := oneBatch(t, 1, 10)
	sent := map[string][]uint32{}
	again := func(name string) {
		t.Helper()
		if _, err := c.CreateTopic(ctx, wire.Named("s"), name, 2); err != nil {
			t.Fatal(err)
		}
		sent[name] = nil
	}
	again("a")
	again("b")
	send := func(name string) {
		t.Helper()
		p, err := c.SendTo(ctx, wire.Named("s"), wire.Named(name), wire.Partitioning{Kind: wire.Balanced}, b)
		if err != nil {
			t.Fatal(err)
		}
		sent[name] = append(sent[name], p.PartitionID)
	}
	for range 3 {
		send("a")
		send("b")
	}
	for name, got := range sent {
		if !slices.Equal(got, []uint32{0, 1, 0}) {
			t.Errorf("topic %s: partitions %v", name, got)
		}
	}
	if err := c.DeleteTopic(ctx, wire.Named("s"), wire.Named("a")); err != nil {
		t.Fatal(err)
	}
	again("a") // has the number of the one before, and a round of its own
	send("a")
	if got := sent["a"]; got[0] != 0 {
		t.Errorf("the first send to a new topic goes to partition %d", got[0])
	}
}

// TestTrimsWaitForEachOther: two clients each remove one segment at the same time, and two go.
func TestTrimsWaitForEachOther(t *testing.T) {
	s := startBroker(t, t.TempDir(), nil)
	c := s.dial(t)
	stream, topic := topicWith(t, c, 1, u64Option("segment_size", 1<<20))
	fill(t, c, stream, topic, 60)
	segments := func() uint32 { return partitionOf(t, c, stream, topic).SegmentsCount }
	had := segments()
	clients := []*rawClient{s.raw(t), s.raw(t)}
	resume := s.Hold(s.Owner(metadata.ByName([]byte("cost")), metadata.ByName([]byte("cost")), 0)) // both are there when it looks
	for _, k := range clients {
		k.send(wire.CodeDeleteSegments, 1, 1, vsr.AppendDeleteSegments(nil, wire.DeleteSegments{Stream: stream, Topic: topic, Count: 1}))
	}
	resume()
	for _, k := range clients {
		if f := k.answer(); f.Status() != wire.StatusOK {
			t.Errorf("remove a segment: %v", f.Status())
		}
	}
	if now := segments(); now != had-2 {
		t.Errorf("%d segments, then %d: want two fewer", had, now)
	}
}

// TestFullSegmentIsSealed: a batch that fills a segment seals it, and it may go, with nothing appended behind it.
func TestFullSegmentIsSealed(t *testing.T) {
	s := startBroker(t, t.TempDir(), nil)
	c := s.dial(t)
	ctx := context.Background()
	stream, topic := topicWith(t, c, 1, u64Option("segment_size", 1<<20))
	partition := func() wire.Partition { return partitionOf(t, c, stream, topic) }
	if p := partition(); p.SegmentsCount != 1 {
		t.Errorf("%d segments of a new partition", p.SegmentsCount)
	}
	if _, err := c.Send(ctx, stream, topic, 0, oneBatch(t, 1, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if p := partition(); p.SegmentsCount != 2 {
		t.Errorf("%d segments when the first is full", p.SegmentsCount)
	}
	until(t, "the full segment goes, when its last block is on disk", func() bool {
		if err := c.DeleteSegments(ctx, stream, topic, 0, 1); err != nil {
			t.Fatal(err)
		}
		return partition().SegmentsCount == 1
	})
	if p := partition(); p.MessagesCount != 0 || p.SizeBytes != 0 {
		t.Errorf("after the full segment went: %+v", p)
	}
	if p, err := c.Send(ctx, stream, topic, 0, oneBatch(t, 1, 10)); err != nil || p.BaseOffset != 1 {
		t.Errorf("the next message is at %d, %v", p.BaseOffset, err)
	}
}

// TestDeletedOffsetsKeepNoPlace: consumers that come and go for ever leave room for others.
func TestDeletedOffsetsKeepNoPlace(t *testing.T) {
	dir := t.TempDir()
	s := startBroker(t, dir, nil)
	ctx := context.Background()
	stream, topic := topicWith(t, s.dial(t), 1)
	if _, err := s.dial(t).Send(ctx, stream, topic, 0, oneBatch(t, 1, 10)); err != nil {
		t.Fatal(err)
	}
	const clients, each = 16, (1<<16)/16 + 1
	var all sync.WaitGroup
	for k := range uint32(clients) {
		c := s.dial(t)
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range uint32(each) {
				who := consumer(1 + k*each + i)
				if err := errors.Join(c.StoreOffset(ctx, who, stream, topic, 0, 0), c.DeleteOffset(ctx, who, stream, topic, 0)); err != nil {
					t.Errorf("consumer %d: %v", k*each+i, err)
					return
				}
			}
		}()
	}
	all.Wait()
	for range 2 {
		c := s.dial(t)
		if err := c.StoreOffset(ctx, consumer(1<<20), stream, topic, 0, 0); err != nil {
			t.Errorf("a new consumer: %v", err)
		}
		if _, err := c.GetOffset(ctx, consumer(1), stream, topic, 0); !errors.Is(err, wire.StatusConsumerOffsetNotFound) {
			t.Errorf("a deleted offset: %v", err)
		}
		s.stop(t)
		s = startBroker(t, dir, nil)
	}
}

// TestWhatIsJudgedFirst: what does not exist is told to everybody, options are looked at before the right, and strangers do not
// learn how much has changed.
func TestWhatIsJudgedFirst(t *testing.T) {
	s := startBroker(t, t.TempDir(), nil)
	root := s.dial(t)
	ctx := context.Background()
	stream, topic := topicWith(t, root, 1)
	if _, err := root.CreateGroup(ctx, stream, topic, "g"); err != nil {
		t.Fatal(err)
	}
	if _, err := root.CreateUser(ctx, "nobody", "password", nil); err != nil {
		t.Fatal(err)
	}
	k := s.rawAs(t, "nobody", "password")
	number := uint64(0)
	status := func(what string, code wire.Code, body []byte, want wire.Status) {
		t.Helper()
		number++
		k.send(code, 1, number, body)
		if f := k.answer(); f.Status() != want {
			t.Errorf("%s: %v, want %v", what, f.Status(), want)
		}
	}
	for name, want := range map[string]wire.Status{"g": wire.StatusUnauthorized, "none": wire.StatusConsumerGroupIDNotFound} {
		g := wire.Named(name)
		got := want
		if name == "none" {
			got = wire.StatusOK // and an empty body
		}
		status("get "+name, wire.CodeGetConsumerGroup, vsr.AppendGetConsumerGroup(nil, wire.GetConsumerGroup{Stream: stream, Topic: topic, Group: g}), got)
		status("join "+name, wire.CodeJoinConsumerGroup, vsr.AppendJoinConsumerGroup(nil, wire.JoinConsumerGroup{Stream: stream, Topic: topic, Group: g}), want)
		status("leave "+name, wire.CodeLeaveConsumerGroup, vsr.AppendLeaveConsumerGroup(nil, wire.LeaveConsumerGroup{Stream: stream, Topic: topic, Group: g}), want)
		status("delete "+name, wire.CodeDeleteConsumerGroup, vsr.AppendDeleteConsumerGroup(nil, wire.DeleteConsumerGroup{Stream: stream, Topic: topic, Group: g}), want)
	}
	u := wire.CreateUser{Username: []byte("other"), Password: []byte("password"), Status: wire.UserActive}
	status("create a user", wire.CodeCreateUser, vsr.AppendCreateUser(nil, u), wire.StatusUnauthorized)
	u.Options = []wire.Option{u64Option("colour", 1)}
	status("create a user with an option", wire.CodeCreateUser, vsr.AppendCreateUser(nil, u), wire.StatusUnsupportedOptionKey)

	stranger := s.rawAs(t, "", "")
	stranger.send(wire.CodeGetStreams, 0, 0, nil)
	if f := stranger.answer(); f.Status() != wire.StatusUnauthenticated || f.Commit() != 0 {
		t.Errorf("a stranger is answered %v at revision %d", f.Status(), f.Commit())
	}
	for _, n := range []uint32{1001, 1_000_001, 1<<32 - 1} {
		if _, err := root.CreateTopic(ctx, stream, "huge", n); !errors.Is(err, wire.StatusTooManyPartitions) {
			t.Errorf("a topic of %d partitions: %v", n, err)
		}
		if err := root.CreatePartitions(ctx, stream, topic, n); !errors.Is(err, wire.StatusTooManyPartitions) {
			t.Errorf("%d more partitions: %v", n, err)
		}
	}
}

// TestHandOversGoInOrder: what a join hands over at once comes to the new member in the order in which it was given up, on
// whatever shards the partitions are.
func TestHandOversGoInOrder(t *testing.T) {
	var first map[int][]uint32
	for _, shards := range []int{1, 2, 4} {
		s := startBroker(t, t.TempDir(), func(c *server.Config) { c.CPUs = make([]int, shards) })
		ctx := context.Background()
		root := s.dial(t)
		stream, topic := topicWith(t, root, 10)
		if _, err := root.CreateGroup(ctx, stream, topic, "g"); err != nil {
			t.Fatal(err)
		}
		var members []*client.Client
		for range 3 {
			c := s.dial(t)
			if err := c.JoinGroup(ctx, stream, topic, wire.Named("g")); err != nil {
				t.Fatal(err)
			}
			members = append(members, c)
		}
		got := map[int][]uint32{}
		for i, c := range members {
			a, member, err := c.SyncGroup(ctx, stream, topic, wire.Named("g"))
			if err != nil || !member {
				t.Fatal(member, err)
			}
			got[i] = a.Partitions
		}
		if first == nil {
			first = got
		}
		for i := range got {
			if !slices.Equal(got[i], first[i]) {
				t.Errorf("%d shards: member %d has %v, with one shard %v", shards, i, got[i], first[i])
			}
		}
	}
}
