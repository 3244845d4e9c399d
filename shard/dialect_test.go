package shard_test

import (
	"context"
	"net"
	"slices"
	"testing"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/trial"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// trialled is a broker of two shards that speaks the dialect on trial, with a client of it, and five messages in each of two partitions: one that
// the client's shard owns, and one of the other shard.
type trialled struct {
	*broker
	c                 *trialClient
	nearID, farID     int // of the shards
	near, far, beyond int // partitions; beyond is of no shard
}

func startTrialled(t *testing.T, mode string) *trialled {
	t.Helper()
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.IO, c.CPUs = mode, []int{0, 0}
		withTrial(c)
	})
	today := s.dial(t)
	stream, topic := topicWith(t, today, 8)
	before := s.Conns()
	x := &trialled{broker: s, c: s.trial(t), beyond: 1000}
	x.nearID = slices.IndexFunc([]int{0, 1}, func(i int) bool { return s.Conns()[i] > before[i] })
	x.farID = 1 - x.nearID
	owners := s.OwnersOf("cost", "cost")
	x.near, x.far = slices.Index(owners, x.nearID), slices.Index(owners, x.farID)
	for _, p := range []int{x.near, x.far} {
		for range 5 {
			if _, err := today.Send(context.Background(), stream, topic, uint32(p), oneBatch(t, 1, 100)); err != nil {
				t.Fatal(err)
			}
		}
	}
	today.Close()
	return x
}

// nothingHeld waits until no shard has anything on behalf of the clients, which are gone.
func (x *trialled) nothingHeld(t *testing.T) {
	t.Helper()
	until(t, "nothing is held for clients that are gone", func() bool { return x.HeldForClients() == "" })
}

func inEachMode(t *testing.T, f func(t *testing.T, x *trialled)) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) { f(t, startTrialled(t, mode)) })
	}
}

// TestDialectBesideToday: a dialect that only the configuration names is spoken on the port beside today's, and sees the same messages. Its frame
// may have several requests, of which one reply tells.
func TestDialectBesideToday(t *testing.T) {
	inEachMode(t, func(t *testing.T, x *trialled) {
		b := oneBatch(t, 1, 50)
		x.c.write(trial.Several(trial.Send(x.near, b), trial.Send(x.far, b)).Frame(7), trial.Ping().Frame(8))
		for range 2 {
			r := x.c.next()
			switch {
			case r.Number == 8 && r.Status == wire.StatusOK && len(r.Body) == 0:
			case r.Number == 7 && r.Status == wire.StatusOK && len(r.Parts()) == 2:
				for _, p := range r.Parts() {
					if p.Status != wire.StatusOK || len(p.Body) != 8 || p.Offset() != 5 {
						t.Errorf("a send of several: %v, % x, want offset 5", p.Status, p.Body)
					}
				}
			default:
				t.Errorf("reply %d, %v, %d bytes", r.Number, r.Status, len(r.Body))
			}
		}
		got, err := x.dial(t).Poll(context.Background(), wire.PollMessages{Consumer: consumer(1), Stream: wire.Named("cost"), Topic: wire.Named("cost"),
			Partition: wire.InPartition(uint32(x.far)), Strategy: wire.Strategy{Kind: wire.FromOffset}, Count: 10})
		if err != nil || got.Count != 6 {
			t.Errorf("today's client sees %d messages of 6, %v", got.Count, err)
		}
		x.c.write([]byte("\xf5GT2 is no frame of it"))
		if !x.c.closed() {
			t.Error("a connection that sends no frame is not closed")
		}
	})
}

// TestRepliesOutOfOrder: a reply that is there leaves before one that is not, each under the number of its own request.
func TestRepliesOutOfOrder(t *testing.T) {
	inEachMode(t, func(t *testing.T, x *trialled) {
		resume := x.Hold(x.farID)
		x.c.write(trial.Poll(x.far, 1).Frame(10), trial.Poll(x.near, 2).Frame(11), trial.Poll(x.near, 3).Frame(12))
		want := map[uint32]string{10: trial.Found(x.far, 1), 11: trial.Found(x.near, 2), 12: trial.Found(x.near, 3)}
		var order []uint32
		for len(order) < 3 {
			if len(order) == 2 {
				resume()
			}
			r := x.c.next()
			if order = append(order, r.Number); r.Polled() != want[r.Number] {
				t.Errorf("reply %d: %s, want %s", r.Number, r.Polled(), want[r.Number])
			}
		}
		if order[2] != 10 {
			t.Errorf("replies %v: the first request waited for a shard that stood still", order)
		}
	})
}

// TestWindowOfADialect: as many requests of a connection are under way as its dialect says; the next one is looked at when one is answered.
func TestWindowOfADialect(t *testing.T) {
	inEachMode(t, func(t *testing.T, x *trialled) {
		resume := x.Hold(x.farID)
		before := x.Handled(x.nearID)
		var frames [][]byte
		for n := range trial.Window {
			frames = append(frames, trial.Poll(x.far, uint64(n)).Frame(uint32(20+n)))
		}
		x.c.write(append(frames, trial.Poll(x.near, 4).Frame(20+trial.Window))...) // in one piece: it is there when the others are looked at
		until(t, "the window is full", func() bool { return x.Handled(x.nearID) >= before+trial.Window })
		if n := x.Handled(x.nearID) - before; n != trial.Window {
			t.Errorf("%d requests are under way, and %d may be", n, trial.Window)
		}
		resume()
		answered := map[uint32]string{}
		for range trial.Window + 1 {
			r := x.c.next()
			answered[r.Number] = r.Polled()
		}
		for n := range uint64(trial.Window) {
			if got := answered[uint32(20+n)]; got != trial.Found(x.far, n) {
				t.Errorf("reply %d: %s", 20+n, got)
			}
		}
		if got := answered[20+trial.Window]; got != trial.Found(x.near, 4) {
			t.Errorf("the request behind the window: %s", got)
		}
	})
}

// TestSeveralWaitForTheLast: a frame with parts for two shards, one of which stands still, is answered when both have answered, whichever is
// first in it; what comes behind it is answered before.
func TestSeveralWaitForTheLast(t *testing.T) {
	inEachMode(t, func(t *testing.T, x *trialled) {
		for n, of := range [][2]int{{x.near, x.far}, {x.far, x.near}} {
			resume := x.Hold(x.farID)
			x.c.write(trial.Several(trial.Poll(of[0], 1), trial.Poll(of[1], 2)).Frame(30), trial.Poll(x.near, uint64(n)).Frame(31))
			if r := x.c.next(); r.Number != 31 || r.Polled() != trial.Found(x.near, uint64(n)) {
				t.Errorf("reply %d is the first, %s", r.Number, r.Polled())
			}
			resume()
			r := x.c.next()
			if r.Number != 30 || r.Status != wire.StatusOK {
				t.Fatalf("reply %d, %v", r.Number, r.Status)
			}
			parts := r.Parts()
			if len(parts) != 2 || parts[0].Polled() != trial.Found(of[0], 1) || parts[1].Polled() != trial.Found(of[1], 2) {
				t.Errorf("several are answered: %v", parts)
			}
		}
	})
}

// TestSeveralWithOneRefused: a part that is refused says why in its place, and keeps no other from being served.
func TestSeveralWithOneRefused(t *testing.T) {
	inEachMode(t, func(t *testing.T, x *trialled) {
		for n, of := range [][3]int{{x.beyond, x.near, x.far}, {x.far, x.beyond, x.near}, {x.near, x.far, x.beyond}} {
			x.c.write(trial.Several(trial.Poll(of[0], 0), trial.Poll(of[1], 1), trial.Poll(of[2], 2)).Frame(uint32(n)))
			r := x.c.next()
			if r.Number != uint32(n) || r.Status != wire.StatusOK || len(r.Parts()) != 3 {
				t.Fatalf("reply %d, %v, %d bytes", r.Number, r.Status, len(r.Body))
			}
			for i, p := range r.Parts() {
				want := trial.Found(of[i], uint64(i))
				if of[i] == x.beyond {
					want = wire.StatusPartitionNotFound.Error()
				}
				if p.Polled() != want {
					t.Errorf("part %d: %s, want %s", i, p.Polled(), want)
				}
			}
		}
		for what, parts := range map[string][]trial.Request{"none": nil, "two commands": {trial.Poll(x.near, 0), trial.Send(x.near, oneBatch(t, 1, 10))}, "pings": {trial.Ping(), trial.Ping()}} {
			x.c.write(trial.Several(parts...).Frame(40))
			if r := x.c.next(); r.Number != 40 || r.Status != wire.StatusInvalidCommand || len(r.Body) > 0 {
				t.Errorf("%s: reply %d, %v, %d bytes", what, r.Number, r.Status, len(r.Body))
			}
		}
	})
}

// TestSeveralInPieces: as many parts as a frame may have take more spans than leave at once. They arrive as one reply, and no other is between.
func TestSeveralInPieces(t *testing.T) {
	inEachMode(t, func(t *testing.T, x *trialled) {
		var parts []trial.Request
		for i := range wire.PartsMax {
			parts = append(parts, trial.Poll([]int{x.near, x.far}[i%2], uint64(i%5)))
		}
		x.c.write(trial.Several(parts...).Frame(50), trial.Poll(x.near, 1).Frame(51), trial.Several(parts...).Frame(52), trial.Poll(x.far, 1).Frame(53))
		for range 4 {
			r := x.c.next()
			if r.Number%2 == 1 {
				continue
			}
			all := r.Parts()
			if r.Status != wire.StatusOK || len(all) != wire.PartsMax {
				t.Fatalf("reply %d: %v, %d parts", r.Number, r.Status, len(all))
			}
			for i, p := range all {
				if want := trial.Found([]int{x.near, x.far}[i%2], uint64(i%5)); p.Polled() != want {
					t.Errorf("reply %d, part %d: %s, want %s", r.Number, i, p.Polled(), want)
				}
			}
		}
		x.c.write(trial.Several(append(parts, trial.Ping())...).Frame(54))
		if r := x.c.next(); r.Status != wire.StatusInvalidCommand {
			t.Errorf("a part too many: %v", r.Status)
		}
	})
}

// TestSeveralWhoseClientIsGone: a client goes while a part of its frame is at a shard that stands still. When that has answered, nothing is held.
func TestSeveralWhoseClientIsGone(t *testing.T) {
	inEachMode(t, func(t *testing.T, x *trialled) {
		resume := x.Hold(x.farID)
		before := x.Handled(x.nearID)
		x.c.write(trial.Several(trial.Poll(x.near, 1), trial.Poll(x.far, 2)).Frame(60), trial.Several(trial.Send(x.far, oneBatch(t, 1, 10)), trial.Send(x.near, oneBatch(t, 1, 10))).Frame(61))
		until(t, "both frames are handled", func() bool { return x.Handled(x.nearID) == before+2 })
		if err := x.c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		x.c.Close() // by a reset
		resume()
		x.nothingHeld(t)
		again := x.trial(t)
		again.write(trial.Poll(x.far, 5).Frame(2))
		if r := again.next(); r.Polled() != trial.Found(x.far, 5) {
			t.Errorf("what was sent before the client went: %s", r.Polled())
		}
	})
}

// TestSeveralDoNotWaitForCredits: frames of several use up what a shard may have under way at one that stands still. The part of another frame that
// would be one more is not kept waiting with what the others are answered with: its client is told to come again.
func TestSeveralDoNotWaitForCredits(t *testing.T) {
	inEachMode(t, func(t *testing.T, x *trialled) {
		const parts = trial.Window * wire.PartsMax // of a connection
		var crowd []*trialClient
		for len(crowd) < x.Credits()/parts+2 {
			before := x.Conns()[x.nearID]
			if c := x.trial(t); x.Conns()[x.nearID] > before {
				crowd = append(crowd, c)
			}
		}
		resume := x.Hold(x.farID)
		before := x.Handled(x.nearID)
		for _, c := range crowd {
			frame := trial.Several(slices.Repeat([]trial.Request{trial.Poll(x.far, 1)}, wire.PartsMax)...)
			c.write(frame.Frame(80), frame.Frame(81), frame.Frame(82), frame.Frame(83))
		}
		until(t, "all credits are used up", func() bool { return x.Handled(x.nearID) >= before+uint64(x.Credits()/wire.PartsMax+1) })
		x.c.write(trial.Several(trial.Poll(x.near, 1), trial.Poll(x.far, 1)).Frame(90))
		if got := x.c.next().Parts(); len(got) != 2 || got[0].Polled() != trial.Found(x.near, 1) || got[1].Status != wire.StatusTransientNotCommitted {
			t.Errorf("without a credit: %v", got)
		}
		resume()
		served := 0
		for _, c := range crowd {
			for range trial.Window {
				for _, p := range c.next().Parts() {
					if p.Polled() == trial.Found(x.far, 1) {
						served++
					} else if p.Status != wire.StatusTransientNotCommitted {
						t.Errorf("a part of the crowd: %s", p.Polled())
					}
				}
			}
			c.Close()
		}
		if served < x.Credits()/2 {
			t.Errorf("%d parts are served, of %d credits", served, x.Credits())
		}
		x.c.write(trial.Several(trial.Poll(x.near, 1), trial.Poll(x.far, 1)).Frame(91))
		if got := x.c.next().Parts(); len(got) != 2 || got[1].Polled() != trial.Found(x.far, 1) {
			t.Errorf("when there are credits: %v", got)
		}
	})
}

// TestSeveralDoNotWaitForMemory: one part finds its message in memory, and there is none to read the other's into. That one's client is told to
// come again for it, and with the whole frame nothing of it is held.
func TestSeveralDoNotWaitForMemory(t *testing.T) {
	s, _, giveBack := withoutReads(t, true, withTrial)
	today := s.dial(t)
	if _, err := today.Send(context.Background(), wire.Named("cost"), wire.Named("cost"), 1, oneBatch(t, 1, 10)); err != nil {
		t.Fatal(err)
	}
	for _, parts := range [][]trial.Request{{trial.Poll(1, 1), trial.Poll(0, 0)}, {trial.Poll(0, 0), trial.Poll(1, 1)}} { // message 1 of partition 1 is in memory
		c := s.trial(t)
		c.write(trial.Several(parts...).Frame(70), trial.Poll(0, 0).Frame(71))
		r := c.next()
		if r.Number != 70 || r.Status != wire.StatusOK {
			t.Fatalf("reply %d, %v", r.Number, r.Status)
		}
		var got []string
		for _, p := range r.Parts() {
			got = append(got, p.Polled())
		}
		slices.Sort(got)
		want := []string{wire.StatusTransientNotCommitted.Error(), trial.Found(1, 1)}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("several are answered %q, want %q", got, want)
		}
		c.Close()
	}
	giveBack()
	c := s.trial(t)
	c.write(trial.Several(trial.Poll(0, 0), trial.Poll(1, 1)).Frame(72))
	if parts := c.next().Parts(); len(parts) != 2 || parts[0].Polled() != trial.Found(0, 0) || parts[1].Polled() != trial.Found(1, 1) {
		t.Errorf("when there is memory: %v", parts)
	}
	c.Close()
	today.Close()
	until(t, "nothing is held", func() bool { return s.HeldForClients() == "" })
}

// TestSeveralWhoseClientDoesNotRead: the reply to a frame of several holds memory, and nobody reads it. When memory is short, its connection is not
// waited for.
func TestSeveralWhoseClientDoesNotRead(t *testing.T) {
	s, poll, giveBack := withoutReads(t, true, withTrial)
	today, parts := s.dial(t), []trial.Request(nil)
	for n := range uint64(8) { // beside message 0; more than sockets hold
		if _, err := today.Send(context.Background(), wire.Named("cost"), wire.Named("cost"), 1, oneBatch(t, 1, 1<<20-1000)); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, trial.Poll(1, n+1))
	}
	today.Close()
	c := s.trial(t)
	if err := c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	c.write(trial.Several(parts...).Frame(2))
	waits := s.raw(t)
	waits.send(wire.CodePollMessages, 1, 1, vsr.AppendPollMessages(nil, poll(0)))
	until(t, "memory is short", s.ReadsClaimed)
	until(t, "the connection is closed", func() bool {
		x := s.Stats()
		return x[0].Connections+x[1].Connections == 1 && x[0].SlowReaders+x[1].SlowReaders == 1
	})
	giveBack()
	waits.answer()
	waits.Close()
	until(t, "nothing is held", func() bool { return s.HeldForClients() == "" })
}

// TestSeveralAreNoMoreThanOneReply: of a frame with many polls for large messages the first has its own, and the others, which together would be more than
// a reply may have, say that theirs is too large for a part. Nothing is committed or held for them, and alone each is answered.
func TestSeveralAreNoMoreThanOneReply(t *testing.T) {
	inEachMode(t, func(t *testing.T, x *trialled) {
		today := x.dial(t)
		for _, p := range []int{x.near, x.far} {
			if _, err := today.Send(context.Background(), wire.Named("cost"), wire.Named("cost"), uint32(p), oneBatch(t, 1, 1<<20)); err != nil {
				t.Fatal(err)
			}
		}
		today.Close()
		parts := []trial.Request{trial.Poll(x.near, 5), trial.Poll(x.far, 5), trial.Poll(x.far, 4), trial.Poll(x.near, 5)}
		for len(parts) < wire.PartsMax {
			parts = append(parts, trial.Poll(x.far, 5))
		}
		x.c.write(trial.Several(parts...).Frame(95))
		r, bytes := x.c.next(), 0
		for i, p := range r.Parts() {
			bytes += len(p.Body)
			want := wire.StatusTooBigMessagePayload.Error()
			if i == 0 {
				want = trial.Found(x.near, 5)
			}
			if i == 2 { // what fits comes without what does not
				want = trial.Found(x.far, 4)
			}
			if got := p.Polled(); got != want {
				t.Errorf("part %d is answered %q, want %q", i, got, want)
			}
		}
		if bytes > 2<<20 {
			t.Errorf("a reply of %d bytes", bytes)
		}
		x.c.write(trial.Several(trial.Poll(x.far, 5), trial.Poll(x.near, 4)).Frame(96))
		if parts := x.c.next().Parts(); parts[0].Polled() != trial.Found(x.far, 5) || parts[1].Polled() != trial.Found(x.near, 4) {
			t.Errorf("two parts are answered %q and %q", parts[0].Polled(), parts[1].Polled())
		}
		x.c.Close()
		x.nothingHeld(t)
	})
}
