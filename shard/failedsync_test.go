package shard_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the randomised tests; 0: a new one")

// random returns a generator; a failing test prints how to have it again.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay with -seed=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// fault is one failed sync: the first synced operation that fits, after so many of them. What it was to write is lost.
type fault struct {
	fits   func(op *uring.Op, path string) bool
	after  atomic.Int64
	failed chan struct{} // closed before a shard hears of it
	path   atomic.Value  // of the file
	late   atomic.Int64  // writes and syncs of that file asked for after it was heard of
}

func newFault(after int64, fits func(op *uring.Op, path string) bool) *fault {
	f := &fault{fits: fits, failed: make(chan struct{})}
	f.after.Store(after)
	return f
}

func (f *fault) hasFailed() bool {
	select {
	case <-f.failed:
		return true
	default:
		return false
	}
}

// faultyIO lets one operation of a shard fail.
type faultyIO struct {
	uring.IO
	*fault
	opening map[uring.Handle]string
	paths   map[int32]string
	doomed  uring.Handle
	kind    uring.Kind
	heard   bool
}

func (x *faultyIO) Submit(op *uring.Op) uring.Handle {
	path := x.paths[op.FD]
	syncs := op.Kind == uring.KindFdatasync || op.Kind == uring.KindWrite && op.Flags&uring.FlagDSync != 0
	switch {
	case op.Kind == uring.KindOpen:
		h := x.IO.Submit(op)
		x.opening[h] = op.Path
		return h
	case op.Kind == uring.KindClose:
		delete(x.paths, op.FD)
	case x.heard && path == x.path.Load() && (syncs || op.Kind == uring.KindWrite):
		x.late.Add(1)
	case x.doomed == 0 && syncs && x.fits(op, path) && x.after.Add(-1) == 0:
		x.path.Store(path)
		x.kind = op.Kind
		x.doomed = x.IO.Submit(&uring.Op{Kind: uring.KindNop, Token: op.Token})
		return x.doomed
	}
	return x.IO.Submit(op)
}

func (x *faultyIO) Wait(timeout time.Duration) []uring.Completion {
	cs := x.IO.Wait(timeout)
	for i := range cs {
		c := &cs[i]
		if path, ok := x.opening[c.Handle]; ok {
			delete(x.opening, c.Handle)
			if c.Err == 0 {
				x.paths[int32(c.Res)] = path
			}
		}
		if x.doomed != 0 && c.Handle == x.doomed && !x.heard {
			c.Kind, c.Err, c.Res = x.kind, syscall.EIO, 0
			x.heard = true
			close(x.failed)
		}
	}
	return cs
}

func (x *faultyIO) WakePeer(peer uring.IO) { x.IO.WakePeer(peer.(*faultyIO).IO) }

func (f *fault) wrap(_ int, io uring.IO) uring.IO {
	return &faultyIO{IO: io, fault: f, opening: map[uring.Handle]string{}, paths: map[int32]string{}}
}

// acked is a message that was acknowledged.
type acked struct {
	offset uint64
	seq    int
	size   int
}

// producer sends messages to one partition, one after the other, and notes what was acknowledged.
type producer struct {
	part    uint32
	acked   []acked
	after   int          // of acked, those sent after the fault was known
	count   atomic.Int64 // of acked, for others
	err     error        // what ended it
	sizeMax int
}

func payloadOf(part uint32, seq, size int) []byte {
	p := bytes.Repeat([]byte{byte(part*31) + byte(seq)}, size)
	copy(p, fmt.Sprintf("%d/%d/%d", part, seq, size))
	return p
}

const faultTopic = "faults"

func (p *producer) run(c *client.Client, f *fault, rng *rand.Rand, end *atomic.Bool) {
	for seq := 0; !end.Load(); seq++ {
		size := 30 + rng.IntN(p.sizeMax-30)
		late := f.hasFailed()
		var b batch.Builder
		if p.err = b.Add([16]byte{1}, payloadOf(p.part, seq, size), nil); p.err != nil {
			return
		}
		placed, err := c.Send(context.Background(), wire.Named(faultTopic), wire.Named(faultTopic), p.part, b.Bytes())
		if err != nil {
			p.err = err
			return
		}
		p.acked = append(p.acked, acked{placed.BaseOffset, seq, size})
		p.count.Add(1)
		if late {
			p.after++
		}
	}
}

// verify finds every acknowledged message of p where it was acknowledged.
func (p *producer) verify(t *testing.T, c *client.Client) {
	t.Helper()
	found := map[uint64][]byte{}
	for next := uint64(0); ; {
		r, err := c.Poll(context.Background(), wire.PollMessages{Consumer: consumer(1), Stream: wire.Named(faultTopic), Topic: wire.Named(faultTopic),
			Partition: wire.InPartition(p.part), Strategy: wire.Strategy{Kind: wire.FromOffset, Value: next}, Count: 1000})
		if err != nil {
			t.Fatalf("partition %d, poll from %d: %v", p.part, next, err)
		}
		if r.Count == 0 {
			break
		}
		for m := range r.Messages() {
			found[m.Offset] = bytes.Clone(m.Payload())
			next = m.Offset + 1
		}
	}
	for _, a := range p.acked {
		if !bytes.Equal(found[a.offset], payloadOf(p.part, a.seq, a.size)) {
			t.Fatalf("partition %d: message %d, acknowledged at offset %d, is %.20q", p.part, a.seq, a.offset, found[a.offset])
		}
	}
	t.Logf("partition %d: %d acknowledged, %d there; %v", p.part, len(p.acked), len(found), p.err)
}

// startFaulty starts a broker with a fault to come, a topic, and producers for its partitions.
func startFaulty(t *testing.T, dir, mode string, f *fault, rng *rand.Rand, sizeMax int, options ...wire.Option) (s *broker, ps []*producer, stop func()) {
	t.Helper()
	s = startBroker(t, dir, func(c *server.Config) {
		c.IO, c.JournalBytes, c.WrapIO, c.WrittenLossBound, c.Log = mode, 4<<20, f.wrap, 20*time.Millisecond, zap.NewNop()
		c.JournalWrites = server.JournalDirect // the start's own synced writes are not what is to fail
	})
	c := s.dial(t)
	ctx := context.Background()
	if _, err := c.CreateStream(ctx, faultTopic); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateTopic(ctx, wire.Named(faultTopic), faultTopic, 4, options...); err != nil {
		t.Fatal(err)
	}
	var end atomic.Bool
	var group sync.WaitGroup
	var clients []*client.Client
	for range 4 { // all, before the first sends anything that could be the end
		clients = append(clients, s.dial(t))
	}
	for part, c := range clients {
		p, own := &producer{part: uint32(part), sizeMax: sizeMax}, rand.New(rand.NewPCG(rng.Uint64(), uint64(part)))
		ps = append(ps, p)
		group.Go(func() { p.run(c, f, own, &end) })
	}
	return s, ps, func() {
		end.Store(true)
		group.Wait()
	}
}

// TestFailedJournalSyncIsTheEnd: when a sync of a journal fails the broker acknowledges nothing more, does not try again, and
// ends with an error. What was acknowledged before is there after a restart, and no offset is told twice.
func TestFailedJournalSyncIsTheEnd(t *testing.T) {
	journal := func(kind uring.Kind) func(op *uring.Op, path string) bool {
		return func(op *uring.Op, path string) bool { return op.Kind == kind && strings.Contains(path, "/journal/") }
	}
	for _, mode := range modes {
		for _, level := range []struct {
			name string
			kind uring.Kind
		}{{"persisted", uring.KindWrite}, {"written", uring.KindFdatasync}} {
			t.Run(mode+"-"+level.name, func(t *testing.T) {
				rng, dir := random(t), t.TempDir()
				f := newFault(30+rng.Int64N(100), journal(level.kind))
				s, ps, stop := startFaulty(t, dir, mode, f, rng, 2000, wire.TextOption("durability", level.name))
				owners := s.OwnersOf(faultTopic, faultTopic)
				select {
				case <-s.Done():
				case <-time.After(30 * time.Second):
					t.Fatal("the broker goes on")
				}
				stop()
				if !f.hasFailed() || s.Err() == nil {
					t.Fatalf("failed: %v, error: %v", f.hasFailed(), s.Err())
				}
				if n := f.late.Load(); n != 0 {
					t.Errorf("%d writes or syncs of the journal after its sync failed", n)
				}
				again := startBroker(t, dir, func(c *server.Config) { c.IO = mode })
				if again.Info().Clean {
					t.Error("the end is taken for an orderly one")
				}
				c := again.dial(t)
				for i, p := range ps {
					if p.after != 0 && strings.Contains(f.path.Load().(string), fmt.Sprintf("/shard-%04d-", owners[i])) {
						t.Errorf("partition %d: %d messages acknowledged that were sent after the failure", p.part, p.after)
					}
					p.verify(t, c)
					if placed, err := c.Send(context.Background(), wire.Named(faultTopic), wire.Named(faultTopic), p.part, oneBatch(t, 1, 10)); err != nil ||
						len(p.acked) > 0 && placed.BaseOffset <= p.acked[len(p.acked)-1].offset {
						t.Errorf("partition %d goes on at %+v, %v; last acknowledged: %+v", p.part, placed, err, p.acked[len(p.acked)-1])
					}
				}
			})
		}
	}
}

// TestFailedSegmentSyncFencesOneLog: when a write to a segment fails its log takes no more appends; the others go on, over
// many laps of the journal. Everything acknowledged is there, now and after a restart.
func TestFailedSegmentSyncFencesOneLog(t *testing.T) {
	for _, mode := range modes {
		for _, sizes := range []struct {
			name string
			max  int
		}{{"small", 4000}, {"direct", 2 * storage.DirectMin}} {
			t.Run(mode+"-"+sizes.name, func(t *testing.T) {
				rng, dir := random(t), t.TempDir()
				f := newFault(5+rng.Int64N(20), func(op *uring.Op, path string) bool {
					return op.Pos > 0 && strings.HasSuffix(path, ".segment")
				})
				s, ps, stop := startFaulty(t, dir, mode, f, rng, sizes.max)
				select {
				case <-f.failed:
				case <-time.After(30 * time.Second):
					t.Fatal("no segment was written")
				}
				counts := make([]int64, len(ps))
				for i, p := range ps {
					counts[i] = p.count.Load()
				}
				laps := s.Stats()[0].Laps + s.Stats()[1].Laps
				for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
					n := 0
					for i, p := range ps {
						if p.count.Load() > counts[i]+20 {
							n++
						}
					}
					if now := s.Stats()[0].Laps + s.Stats()[1].Laps; n >= 3 && now >= laps+6 {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("only %d partitions go on after a fault of one", n)
					}
				}
				stop()
				fenced := 0
				c := s.dial(t)
				for _, p := range ps {
					if p.err == nil {
						p.verify(t, c)
						continue
					}
					fenced++
					if !errors.Is(p.err, wire.StatusCannotAppendMessage) {
						t.Errorf("partition %d is refused with %v", p.part, p.err)
					}
					if p.after != 0 {
						t.Errorf("partition %d: %d messages acknowledged that were sent after the failure", p.part, p.after)
					}
					if _, err := c.Send(context.Background(), wire.Named(faultTopic), wire.Named(faultTopic), p.part, oneBatch(t, 1, 10)); !errors.Is(err, wire.StatusCannotAppendMessage) {
						t.Errorf("another append to the fenced log: %v", err)
					}
					p.verify(t, c)
				}
				if fenced != 1 || f.late.Load() != 0 {
					t.Errorf("%d logs are fenced; %d writes to the segment that failed", fenced, f.late.Load())
				}
				s.stop(t)
				c = startBroker(t, dir, func(c *server.Config) { c.IO = mode }).dial(t)
				for _, p := range ps {
					p.verify(t, c)
				}
			})
		}
	}
}
