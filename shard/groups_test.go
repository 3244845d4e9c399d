package shard_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

const (
	churnPartitions = 8
	churnMembers    = 16
	churnSteps      = 10_000
)

var group = wire.Consumer{Kind: wire.GroupConsumer, ID: wire.Named("g")}

// churn is a group whose members come and go, and what its messages have become.
type churn struct {
	t                                       testing.TB
	s                                       *broker
	rng                                     *rand.Rand
	admin                                   *client.Client
	stream, topic                           wire.Identifier
	members                                 []*churnMember
	sent                                    uint64
	mu                                      sync.Mutex // of what follows, where members poll at the same time
	delivered                               map[uint64]int
	crashes                                 bool
	polls, joins, leaves, crashed, notOwned int
}

type churnMember struct {
	c    *client.Client
	auto bool              // commits with its polls; else by itself
	open map[uint32]uint64 // last offset of a partition that it was sent and has not stored yet
}

func seedOf(t testing.TB) uint64 {
	seed, err := strconv.ParseUint(os.Getenv("GALGO_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("GALGO_SEED=%d", seed)
	return seed
}

func newChurn(t testing.TB, seed uint64, timeout time.Duration) *churn {
	x := &churn{t: t, rng: rand.New(rand.NewPCG(seed, 3)), delivered: make(map[uint64]int)}
	x.s = startBroker(t, t.TempDir(), func(c *server.Config) { c.RebalancingTimeout = timeout })
	x.admin = x.s.dial(t)
	x.stream, x.topic = topicWith(t, x.admin, churnPartitions)
	if _, err := x.admin.CreateGroup(context.Background(), x.stream, x.topic, "g"); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *churn) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

// numbers makes a batch whose payloads are consecutive numbers.
func numbers(t testing.TB, from uint64, n int) batch.Batch {
	var b batch.Builder
	for i := range n {
		if err := b.Add([16]byte{1}, binary.LittleEndian.AppendUint64(nil, from+uint64(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func (x *churn) send() {
	n := 1 + x.rng.IntN(20)
	_, err := x.admin.Send(context.Background(), x.stream, x.topic, uint32(x.rng.IntN(churnPartitions)), numbers(x.t, x.sent, n))
	x.must(err)
	x.sent += uint64(n)
}

func (x *churn) join() {
	c, err := client.Dial(context.Background(), x.s.Info().Address)
	x.must(err)
	_, err = c.Login(context.Background(), "iggy", "iggy")
	x.must(err)
	x.must(c.JoinGroup(context.Background(), x.stream, x.topic, group.ID))
	x.members = append(x.members, &churnMember{c: c, auto: x.rng.IntN(2) == 0, open: map[uint32]uint64{}})
	x.joins++
}

// leave ends a membership: in order, or with the connection.
func (x *churn) leave(i int, crash bool) {
	m := x.members[i]
	x.members = append(x.members[:i], x.members[i+1:]...)
	if crash {
		x.crashed++
	} else {
		x.commit(m)
		x.must(m.c.LeaveGroup(context.Background(), x.stream, x.topic, group.ID))
		x.leaves++
	}
	m.c.Close()
	if crash {
		x.settle(len(x.members))
	}
}

// settle waits until the group has so many members: a closed connection is noticed soon, not at once.
func (x *churn) settle(n int) {
	for deadline := time.Now().Add(10 * time.Second); ; {
		g, err := x.admin.GetGroup(context.Background(), x.stream, x.topic, group.ID)
		x.must(err)
		if int(g.MembersCount) == n {
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("%d members, want %d", g.MembersCount, n)
		}
	}
}

func (x *churn) commit(m *churnMember) {
	for p, offset := range m.open {
		err := m.c.StoreOffset(context.Background(), group, x.stream, x.topic, p, offset)
		if err != nil && !errors.Is(err, wire.StatusResourceNotFound) { // not its own any more
			x.t.Fatal(err)
		}
		delete(m.open, p)
	}
}

// poll takes some messages of a partition that is the member's. In a group where nobody crashes it stores at once what it
// was sent; in others it may leave that for later, or never come to it.
func (x *churn) poll(m *churnMember) {
	a, is, err := m.c.SyncGroup(context.Background(), x.stream, x.topic, group.ID)
	x.must(err)
	if !is {
		x.t.Fatal("a member is told that it is none")
	}
	if len(a.Partitions) == 0 {
		return
	}
	p := a.Partitions[x.rng.IntN(len(a.Partitions))]
	auto := m.auto && !x.crashes
	polled, err := m.c.Poll(context.Background(), wire.PollMessages{Consumer: group, Stream: x.stream, Topic: x.topic, Partition: wire.InPartition(p),
		Strategy: wire.Strategy{Kind: wire.FromNext}, Count: uint32(1 + x.rng.IntN(30)), AutoCommit: auto})
	x.must(err)
	x.polls++
	if polled.PartitionID == wire.NotOwned {
		x.t.Fatalf("partition %d was the member's a moment ago, and nothing happened since", p)
	}
	for msg := range polled.Messages() {
		x.delivered[binary.LittleEndian.Uint64(msg.Payload())]++
		m.open[p] = msg.Offset
	}
	if auto {
		delete(m.open, p)
	}
	if !x.crashes || x.rng.IntN(3) > 0 {
		x.commit(m)
	}
}

// check looks at the group from outside: every partition has one owner while there are members.
func (x *churn) check() {
	g, err := x.admin.GetGroup(context.Background(), x.stream, x.topic, group.ID)
	x.must(err)
	if int(g.MembersCount) != len(x.members) || len(g.Members) != len(x.members) {
		x.t.Fatalf("the group has %d members, want %d", g.MembersCount, len(x.members))
	}
	owners, pollable := map[uint32]uint32{}, map[uint32]bool{}
	for _, m := range g.Members {
		for _, p := range m.Partitions {
			if other, twice := owners[p]; twice {
				x.t.Fatalf("partition %d belongs to members %d and %d", p, other, m.ID)
			}
			owners[p] = m.ID
		}
	}
	if len(x.members) > 0 && len(owners) != churnPartitions {
		x.t.Fatalf("%d members own %d of %d partitions", len(x.members), len(owners), churnPartitions)
	}
	for _, m := range x.members {
		a, is, err := m.c.SyncGroup(context.Background(), x.stream, x.topic, group.ID)
		x.must(err)
		if !is {
			x.t.Fatal("a member is told that it is none")
		}
		for _, p := range a.Partitions {
			if pollable[p] {
				x.t.Fatalf("two members may poll partition %d", p)
			}
			pollable[p] = true
		}
	}
}

// finish has one member take what is left, and counts.
func (x *churn) finish() {
	for len(x.members) > 0 {
		x.leave(0, false)
	}
	x.join()
	m := x.members[0]
	for p := range uint32(churnPartitions) {
		for {
			polled, err := m.c.Poll(context.Background(), wire.PollMessages{Consumer: group, Stream: x.stream, Topic: x.topic, Partition: wire.InPartition(p),
				Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 1000, AutoCommit: true})
			x.must(err)
			if polled.PartitionID != p {
				x.t.Fatalf("the only member does not own partition %d", p)
			}
			if polled.Count == 0 {
				break
			}
			for msg := range polled.Messages() {
				x.delivered[binary.LittleEndian.Uint64(msg.Payload())]++
			}
		}
	}
	again := 0
	for i := range x.sent {
		n := x.delivered[i]
		if n == 0 {
			x.t.Fatalf("message %d was never delivered", i)
		}
		if n > 1 {
			again++
		}
	}
	if again > 0 && !x.crashes {
		x.t.Fatalf("%d messages were delivered more than once, and nobody crashed", again)
	}
	x.t.Logf("%d messages, %d polls, %d joins, %d leaves, %d crashes; %d messages delivered again", x.sent, x.polls, x.joins, x.leaves, x.crashed, again)
}

// TestGroupChurn lets up to 16 members join, leave, crash and poll at random, in 10,000 steps.
func TestGroupChurn(t *testing.T) {
	for name, crashes := range map[string]bool{"nobody crashes": false, "crashes": true} {
		t.Run(name, func(t *testing.T) {
			x := newChurn(t, seedOf(t), 200*time.Millisecond)
			x.crashes = crashes
			steps := churnSteps
			if testing.Short() {
				steps /= 10
			}
			for i := range steps {
				switch v := x.rng.IntN(100); {
				case v < 4 && len(x.members) < churnMembers:
					x.join()
				case v < 6 && len(x.members) > 0:
					x.leave(x.rng.IntN(len(x.members)), crashes && x.rng.IntN(2) == 0)
				case v < 25:
					x.send()
				case len(x.members) > 0:
					x.poll(x.members[x.rng.IntN(len(x.members))])
				}
				if i%10 == 0 {
					x.check()
				}
			}
			x.finish()
		})
	}
}

// TestGroupShared has members join, poll and leave at the same time, each on a connection of its own, so that polls are under
// way while partitions change hands: with auto-commit every message is delivered once. From memory, and from disk, where a
// poll takes long enough to be overtaken.
func TestGroupShared(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		x := newChurn(t, seedOf(t), 200*time.Millisecond)
		x.share(func() {
			for x.sent < 20_000 {
				x.send()
			}
		})
	})
	t.Run("disk", func(t *testing.T) {
		x := newChurn(t, seedOf(t), 200*time.Millisecond)
		for x.sent < 20_000 {
			x.send()
		}
		dir := x.s.dir
		x.s.stop(t)
		x.s = startBroker(t, dir, func(c *server.Config) { c.RebalancingTimeout = 200 * time.Millisecond })
		x.admin = x.s.dial(t)
		x.share(func() {
			for deadline := time.Now().Add(20 * time.Second); x.count() < x.sent && time.Now().Before(deadline); {
				x.look(t)
			}
		})
	})
}

// look looks at the group while its members come and go.
func (x *churn) look(t *testing.T) {
	g, err := x.admin.GetGroup(context.Background(), x.stream, x.topic, group.ID)
	x.must(err)
	owned := 0
	for _, m := range g.Members {
		owned += len(m.Partitions)
	}
	if len(g.Members) > 0 && owned != churnPartitions {
		t.Fatalf("%d members own %d of %d partitions", len(g.Members), owned, churnPartitions)
	}
}

func (x *churn) count() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return uint64(len(x.delivered))
}

// share runs six members until f returns, and counts.
func (x *churn) share(f func()) {
	t := x.t
	ctx, ended := context.WithCancel(context.Background())
	defer ended()
	var members sync.WaitGroup
	for i := range 6 {
		rng := rand.New(rand.NewPCG(x.rng.Uint64(), uint64(i)))
		c := x.s.dial(t)
		members.Add(1)
		go func() {
			defer members.Done()
			for ctx.Err() == nil {
				if err := x.member(c, rng); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	f()
	ended()
	members.Wait()
	x.finish()
	t.Logf("%d polls found that the partition had gone", x.notOwned)
}

// member joins, polls for a while, and leaves.
func (x *churn) member(c *client.Client, rng *rand.Rand) error {
	if err := c.JoinGroup(context.Background(), x.stream, x.topic, group.ID); err != nil {
		return err
	}
	for range rng.IntN(60) {
		a, _, err := c.SyncGroup(context.Background(), x.stream, x.topic, group.ID)
		if err != nil {
			return err
		}
		for _, p := range a.Partitions {
			polled, err := c.Poll(context.Background(), wire.PollMessages{Consumer: group, Stream: x.stream, Topic: x.topic, Partition: wire.InPartition(p),
				Strategy: wire.Strategy{Kind: wire.FromNext}, Count: uint32(1 + rng.IntN(50)), AutoCommit: true})
			if err != nil {
				return err
			}
			x.mu.Lock()
			if polled.PartitionID == wire.NotOwned {
				x.notOwned++
			}
			for msg := range polled.Messages() {
				x.delivered[binary.LittleEndian.Uint64(msg.Payload())]++
			}
			x.polls++
			x.mu.Unlock()
		}
	}
	return c.LeaveGroup(context.Background(), x.stream, x.topic, group.ID)
}

// TestHandOverWaitsForTheCommit goes through a join step by step: what was delivered and not stored keeps its partition with
// the old member until that stores it, or until the time is over.
func TestHandOverWaitsForTheCommit(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"stored": time.Hour, "time over": time.Second} {
		t.Run(name, func(t *testing.T) { testHandOver(t, timeout) })
	}
}

func testHandOver(t *testing.T, timeout time.Duration) {
	x := newChurn(t, 1, timeout)
	ctx := context.Background()
	for p := range uint32(churnPartitions) {
		if _, err := x.admin.Send(ctx, x.stream, x.topic, p, numbers(t, uint64(p)*10, 10)); err != nil {
			t.Fatal(err)
		}
	}
	poll := func(m *client.Client, p uint32) client.Polled {
		polled, err := m.Poll(ctx, wire.PollMessages{Consumer: group, Stream: x.stream, Topic: x.topic, Partition: wire.InPartition(p),
			Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 5})
		x.must(err)
		return polled
	}
	sync := func(m *client.Client) wire.Assignment {
		a, is, err := m.SyncGroup(ctx, x.stream, x.topic, group.ID)
		x.must(err)
		if !is {
			t.Fatal("a member is told that it is none")
		}
		return a
	}
	x.join()
	old := x.members[0].c
	for p := range uint32(churnPartitions) { // the last four are what it will have to give up
		if got := poll(old, p); got.PartitionID != p || got.Count != 5 {
			t.Fatalf("partition %d: %d messages of %d", p, got.Count, got.PartitionID)
		}
	}
	x.must(old.StoreOffset(ctx, group, x.stream, x.topic, 4, 4)) // of this one nothing is in flight any more
	x.join()
	young := x.members[1].c
	if got := sync(young).Partitions; len(got) != 1 || got[0] != 4 {
		t.Fatalf("the new member may poll %v, want 4 alone: of the others something is in flight", got)
	}
	before := sync(old)
	if len(before.Partitions) != 4 {
		t.Fatalf("the old member may poll %v, want the first four", before.Partitions)
	}
	g, err := x.admin.GetGroup(ctx, x.stream, x.topic, group.ID)
	x.must(err)
	if len(g.Members[0].Partitions) != 7 || len(g.Members[1].Partitions) != 1 {
		t.Fatalf("the members own %v: what is pending is still the old one's", g.Members)
	}
	if got := poll(old, 5); got.PartitionID != wire.NotOwned {
		t.Fatalf("the old member polls a partition that is pending: %+v", got)
	}
	if err := young.StoreOffset(ctx, group, x.stream, x.topic, 5, 0); !errors.Is(err, wire.StatusResourceNotFound) {
		t.Fatalf("the new member stores an offset of a partition that is not its own yet: %v", err)
	}
	if timeout == time.Hour {
		x.must(old.StoreOffset(ctx, group, x.stream, x.topic, 5, 3)) // not far enough
		if got := sync(young).Partitions; len(got) != 1 {
			t.Fatalf("the new member may poll %v after too small an offset was stored", got)
		}
		for p := uint32(5); p < churnPartitions; p++ {
			x.must(old.StoreOffset(ctx, group, x.stream, x.topic, p, 4))
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		a := sync(young)
		if len(a.Partitions) == 4 {
			if a.Generation < before.Generation+3 {
				t.Errorf("generation %d after three hand-overs, it was %d", a.Generation, before.Generation)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the new member may poll %v", a.Partitions)
		}
	}
	first := uint64(50) // nothing was stored: it is delivered again
	if timeout == time.Hour {
		first = 55
	}
	got := poll(young, 5)
	for m := range got.Messages() {
		if n := binary.LittleEndian.Uint64(m.Payload()); n != first {
			t.Errorf("the new member gets %d of partition %d first, want %d", n, got.PartitionID, first)
		}
		break
	}
	if got.Count != 5 {
		t.Errorf("the new member gets %d messages", got.Count)
	}
}

// gate is what all of a broker's lateReads know.
type gate struct {
	shut atomic.Bool
	late atomic.Int32 // outcomes kept back
}

// lateReads is an IO that keeps the outcome of reads back while it is shut.
type lateReads struct {
	uring.IO
	gate *gate
	kept []uring.Completion
}

func (x *lateReads) Wait(timeout time.Duration) []uring.Completion {
	var out []uring.Completion
	for _, c := range x.IO.Wait(timeout) {
		if c.Kind == uring.KindRead && x.gate.shut.Load() {
			x.gate.late.Add(1)
			x.kept = append(x.kept, c)
			continue
		}
		out = append(out, c)
	}
	if !x.gate.shut.Load() {
		out = append(out, x.kept...)
		x.kept = nil
	}
	return out
}

func (x *lateReads) WakePeer(peer uring.IO) { x.IO.WakePeer(peer.(*lateReads).IO) }

// TestOvertakenPollDeliversNothing has a partition change hands while its old owner's poll reads from disk: the records go to
// the new owner, and to nobody else.
func TestOvertakenPollDeliversNothing(t *testing.T) {
	ctx := context.Background()
	x := newChurn(t, 1, time.Hour)
	const last = churnPartitions - 1 // the first that is given up
	if _, err := x.admin.Send(ctx, x.stream, x.topic, last, numbers(t, 0, 10)); err != nil {
		t.Fatal(err)
	}
	dir := x.s.dir
	x.s.stop(t)
	g := &gate{}
	x.s = startBroker(t, dir, func(c *server.Config) {
		c.WrapIO = func(_ int, io uring.IO) uring.IO { return &lateReads{IO: io, gate: g} }
	})
	x.admin = x.s.dial(t)
	x.join()
	x.join()
	old, young := x.members[0].c, x.members[1].c
	x.must(young.LeaveGroup(ctx, x.stream, x.topic, group.ID))
	poll := func(c *client.Client) (client.Polled, error) {
		return c.Poll(ctx, wire.PollMessages{Consumer: group, Stream: x.stream, Topic: x.topic, Partition: wire.InPartition(last),
			Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 10, AutoCommit: true})
	}
	g.shut.Store(true)
	type answer struct {
		client.Polled
		err error
	}
	overtaken := make(chan answer, 1)
	go func() {
		p, err := poll(old)
		overtaken <- answer{p, err}
	}()
	for deadline := time.Now().Add(10 * time.Second); g.late.Load() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the poll reads nothing from disk")
		}
	}
	x.must(young.JoinGroup(ctx, x.stream, x.topic, group.ID))
	a, _, err := young.SyncGroup(ctx, x.stream, x.topic, group.ID)
	x.must(err)
	if !slices.Contains(a.Partitions, last) {
		t.Fatalf("the new member may poll %v, want partition %d among them: nothing of it was delivered", a.Partitions, last)
	}
	g.shut.Store(false)
	x.s.WakeAll()
	if got := <-overtaken; got.err != nil || got.PartitionID != wire.NotOwned || got.Count != 0 {
		t.Errorf("the poll that was overtaken gets %d messages of partition %d, %v", got.Count, got.PartitionID, got.err)
	}
	got, err := poll(young)
	if err != nil || got.Count != 10 {
		t.Errorf("the new owner gets %d messages, %v, want all 10", got.Count, err)
	}
}
