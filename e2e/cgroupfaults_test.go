package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// TestGroupsDoNotCrashASmallContainer: who may only read topics makes groups of the longest names, as fast as the broker takes them and as
// many as it takes, in a container of 128 MiB. They are refused by name; nothing is killed, and starts after kills serve, with the groups.
func TestGroupsDoNotCrashASmallContainer(t *testing.T) {
	const makers = 8
	g := newMemoryGroup(t, 128<<20)
	o := options{dir: t.TempDir(), tags: "none", in: g, wait: startMax}
	s := start(t, o)
	ctx, root := context.Background(), s.dial()
	rights := wire.StreamPermissions{}
	for n := range uint32(baitTopics) {
		newTopic(t, root, baitStream, string(baitTopic(int(n)).Name), 1)
		rights.Topics = append(rights.Topics, wire.TopicPermissions{ID: n, Rights: 1 << 1})
	}
	if _, err := root.CreateUser(ctx, "groups", tenantPassword, &wire.Permissions{Streams: []wire.StreamPermissions{rights}}); err != nil {
		t.Fatal(err)
	}
	var made [makers]int
	var all sync.WaitGroup
	for n := range made {
		all.Go(func() {
			c, err := enter(ctx, s.Address, "groups")
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for {
				create := wire.CreateConsumerGroup{Stream: wire.Named(baitStream), Topic: baitTopic(n % baitTopics), Name: []byte(groupName(n, made[n]))}
				status, _, err := c.ask(wire.CodeCreateConsumerGroup, vsr.AppendCreateConsumerGroup(nil, create))
				if err != nil || status != 0 {
					if status != wire.StatusCannotCreateConsumerGroupInfo {
						t.Errorf("group %d of maker %d: %v, %v", made[n], n, status, err)
					}
					return
				}
				made[n]++
			}
		})
	}
	all.Wait()
	sum := 0
	for _, n := range made {
		sum += n
	}
	t.Logf("%d groups were made; the broker has %d MiB", sum, s.resident()>>20)
	if sum < 1000 {
		t.Errorf("%d groups were made\n%s", sum, tail(s.Log()))
	}
	s.says("metadata_full")
	for run := range 3 {
		s.Kill()
		s = start(t, o)
		c := s.dial()
		for n := range made {
			if _, err := c.GetGroup(ctx, wire.Named(baitStream), baitTopic(n%baitTopics), wire.Named(groupName(n, made[n]-1))); err != nil {
				t.Errorf("start %d: the last group of maker %d: %v", run, n, err)
			}
		}
		if r := s.resident(); r >= g.limit {
			t.Errorf("start %d: the broker has %d MiB", run, r>>20)
		}
	}
	s.stop()
	g.noKills(t)
}

// TestListsDoNotCrashASmallContainer: sixteen connections of a user who may read a stream of 3000 topics ask for it without a pause, in a
// container of 256 MiB. They get whole lists, another user's sends go on, and memory stays within what the container has.
func TestListsDoNotCrashASmallContainer(t *testing.T) {
	const topics, makers = 3000, 4
	g := newMemoryGroup(t, 256<<20)
	s := start(t, options{tags: "none", in: g, wait: startMax})
	ctx, root := context.Background(), s.dial()
	newTopic(t, root, "mine", "t", 1)
	if _, err := root.CreateStream(ctx, manyStream); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := range makers {
		c := s.dial()
		all.Go(func() {
			for i := n; i < topics; i += makers {
				if _, err := c.CreateTopic(ctx, wire.Named(manyStream), groupName(0, i), 1); err != nil {
					t.Errorf("topic %d: %v", i, err)
					return
				}
			}
		})
	}
	all.Wait()
	many, err := root.GetStream(ctx, wire.Named(manyStream))
	if err != nil || len(many.Topics) != topics {
		t.Fatalf("%d topics: %v", len(many.Topics), err)
	}
	if _, err := root.CreateUser(ctx, "lists", tenantPassword, &wire.Permissions{Streams: []wire.StreamPermissions{{ID: many.ID, Rights: 1 << 1}}}); err != nil {
		t.Fatal(err)
	}
	asking, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	var answers atomic.Int64
	for range 16 {
		all.Go(func() {
			c, err := enter(asking, s.Address, "lists")
			for err == nil {
				var status wire.Status
				status, _, err = c.ask(lists[0].code, lists[0].body)
				if err == nil && status != 0 {
					t.Errorf("a list is refused: %v", status)
				}
				answers.Add(1)
			}
			if asking.Err() == nil {
				t.Error(err)
			}
		})
	}
	sends := 0
	for ; asking.Err() == nil; sends++ {
		if _, err := root.Send(ctx, wire.Named("mine"), wire.Named("t"), 0, single([]byte("a message"))); err != nil {
			t.Fatalf("another user's send: %v\n%s", err, tail(s.Log()))
		}
	}
	all.Wait()
	t.Logf("%d lists, %d sends, the broker takes at most %d MiB", answers.Load(), sends, procNumber(t, s, "status", "VmHWM:")>>10)
	if answers.Load() < 16 || sends < 10 {
		t.Errorf("%d lists, %d sends", answers.Load(), sends)
	}
	s.stop()
	g.noKills(t)
}

// TestDeletingManyPartitionsInASmallContainer: a stream of 3600 partitions with a message in each is deleted in a container of 128 MiB, which
// the broker has sized itself for. It stays, takes little memory for it, and a start after a kill in the middle of it serves.
func TestDeletingManyPartitionsInASmallContainer(t *testing.T) {
	const partitions, each = 3600, 400
	g := newMemoryGroup(t, 128<<20)
	o := options{dir: t.TempDir(), tags: "none", in: g, wait: startMax}
	s := start(t, o)
	ctx, c := context.Background(), s.dial()
	for n := range partitions / each {
		newTopic(t, c, "s", fmt.Sprint("t", n), each)
	}
	var all sync.WaitGroup
	for n := range partitions / each {
		sender := s.dial()
		all.Go(func() {
			b := single(make([]byte, 500))
			for part := range uint32(each) {
				if _, err := sender.Send(ctx, wire.Named("s"), wire.Named(fmt.Sprint("t", n)), part, b); err != nil {
					t.Errorf("message to partition %d of topic %d: %v", part, n, err)
					return
				}
			}
		})
	}
	all.Wait()
	before := s.resident()
	if err := c.DeleteStream(ctx, wire.Named("s")); err != nil {
		t.Fatalf("%v\n%s", err, tail(s.Log()))
	}
	newTopic(t, c, "next", "t", 1)
	after := procNumber(t, s, "status", "VmHWM:") << 10
	t.Logf("%d MiB with %d partitions, at most %d with their deletion", before>>20, partitions, after>>20)
	if after > before+16<<20 {
		t.Errorf("the broker had %d MiB, and took %d for the deletion", before>>20, after>>20)
	}
	s.Kill()
	s = start(t, o)
	c = s.dial()
	if _, err := c.GetStream(ctx, wire.Named("s")); !errors.Is(err, wire.StatusStreamIDNotFound) {
		t.Errorf("the stream is there again: %v", err)
	}
	if _, err := c.Send(ctx, wire.Named("next"), wire.Named("t"), 0, single([]byte("a message"))); err != nil {
		t.Errorf("a send after the restart: %v", err)
	}
	s.stop()
	g.noKills(t)
}
