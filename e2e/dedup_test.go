package e2e

import (
	"context"
	le "encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

var dedupMessages = flag.Int("dedup-messages", 100_000, "messages of the deduplication test")

const (
	dedupProducers = 3
	dedupLives     = 8   // of the broker, before the last one
	dedupBatch     = 250 // messages at most
)

// resender sends every message of its own, some of them twice, and every batch that it heard no answer to again.
type resender struct {
	number      uint64
	rng         *rand.Rand
	next, total uint64 // messages of its own: sent first, and in all
	unheard     []uint64
	b           batch.Builder
	twice       uint64
	resent      uint64
}

// dedupID names a message; it is in the payload too.
func (p *resender) dedupID(seq uint64) (id [16]byte) {
	le.LittleEndian.PutUint64(id[:], seq)
	le.LittleEndian.PutUint64(id[8:], p.number+1)
	return id
}

// choose takes the next messages, and with every twentieth one that was sent before: in this batch or any time.
func (p *resender) choose() {
	n := min(uint64(1+p.rng.IntN(dedupBatch)), p.total-p.next)
	for range n {
		p.unheard = append(p.unheard, p.next)
		p.next++
		if p.rng.IntN(20) == 0 {
			again := p.rng.Uint64N(p.next)
			if p.rng.IntN(2) == 0 {
				again = p.unheard[p.rng.IntN(len(p.unheard))]
			}
			p.unheard = append(p.unheard, again)
			p.twice++
		}
	}
}

// send sends the batch that was not heard of, or the next one.
func (p *resender) send(c *client.Client, topic wire.Identifier) error {
	if len(p.unheard) == 0 {
		p.choose()
	} else {
		p.resent += uint64(len(p.unheard))
	}
	var payload [100]byte
	p.b.Reset(1)
	for _, seq := range p.unheard {
		id := p.dedupID(seq)
		copy(payload[:], id[:])
		if err := p.b.Add(id, payload[:], nil); err != nil {
			return err
		}
	}
	if _, err := c.Send(context.Background(), wire.Named("dedup"), topic, 0, p.b.Bytes()); err != nil {
		return err
	}
	p.unheard = p.unheard[:0]
	return nil
}

func (p *resender) done() bool { return p.next == p.total && len(p.unheard) == 0 }

// run sends until all is sent, or the broker ends.
func (p *resender) run(address string, topic wire.Identifier, acked *atomic.Int64) error {
	c, err := login(address)
	if err != nil {
		return err
	}
	defer c.Close()
	for !p.done() {
		if err := p.send(c, topic); err != nil {
			return err
		}
		acked.Add(1)
	}
	return nil
}

// TestEveryMessageIsStoredOnceHoweverOftenItIsSent sends messages, some of them twice and every unanswered batch again,
// through ends of the broker in order and by kill -9, and then looks for each of them.
func TestEveryMessageIsStoredOnceHoweverOftenItIsSent(t *testing.T) {
	for _, level := range []string{"persisted", "written"} {
		t.Run(level, func(t *testing.T) { storedOnce(t, level) })
	}
}

func storedOnce(t *testing.T, level string) {
	rng, n := random(t), uint64(*dedupMessages)
	o := options{dir: t.TempDir(), args: []string{"--shards", "2"}}
	topic := wire.Named(level)
	producers := make([]*resender, dedupProducers)
	for i := range producers {
		producers[i] = &resender{number: uint64(i), rng: rand.New(rand.NewPCG(rng.Uint64(), 0)), total: n / dedupProducers}
	}
	producers[0].total += n % dedupProducers

	batches := int64(n) * 2 / dedupBatch / dedupLives // of a life
	kills := 0
	for life := 0; ; life++ {
		s := start(t, o)
		if life == 0 {
			newTopic(t, s.dial(), "dedup", level, 1,
				wire.Option{Key: []byte("durability"), Kind: wire.KindString, Value: []byte(level)},
				wire.Option{Key: []byte("deduplication"), Kind: wire.KindString, Value: fmt.Appendf(nil, "1h,%d", min(2*n, 16_777_216))})
		}
		if life == dedupLives {
			if err := sendAll(s.Address, producers, topic, 0, nil); err != nil {
				t.Fatalf("%v\n%s", err, tail(s.Log()))
			}
			s.stop()
			break
		}
		end, killing := s.stop, rng.IntN(3) > 0
		if killing {
			end = s.Kill
			kills++
		}
		err := sendAll(s.Address, producers, topic, 1+rng.Int64N(2*batches), end)
		var status wire.Status
		if killing && errors.As(err, &status) {
			t.Fatalf("refused: %v\n%s", err, tail(s.Log()))
		}
	}
	o.tags = "plain" // this one is measured
	s := start(t, o)
	rebuildCost(t, s, producers[0], topic, n)
	lookForAll(t, s.dial(), producers, topic)
	twice, resent := uint64(0), uint64(0)
	for _, p := range producers {
		twice, resent = twice+p.twice, resent+p.resent
	}
	t.Logf("%d messages, %d sent twice, %d resent after no answer; %d starts, %d kills", n, twice, resent, dedupLives+2, kills)
}

// sendAll lets the producers send until so many batches are acknowledged, and then ends the broker; with 0, until all is
// sent.
func sendAll(address string, producers []*resender, topic wire.Identifier, batches int64, end func()) error {
	var group sync.WaitGroup
	var acked atomic.Int64
	errs := make([]error, len(producers))
	for i, p := range producers {
		group.Go(func() { errs[i] = p.run(address, topic, &acked) })
	}
	if batches == 0 {
		group.Wait()
		return errors.Join(errs...)
	}
	sent := make(chan struct{})
	go func() { group.Wait(); close(sent) }()
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for acked.Load() < batches {
		select {
		case <-sent:
			batches = 0
		case <-tick.C:
		}
	}
	end()
	<-sent
	return errors.Join(errs...)
}

// rebuildCost sends the first message again, which is the first append of this run, and says what that took.
func rebuildCost(t *testing.T, s *server, p *resender, topic wire.Identifier, n uint64) {
	t.Helper()
	c := s.dial()
	id := p.dedupID(0)
	p.b.Reset(1)
	if err := p.b.Add(id, id[:], nil); err != nil {
		t.Fatal(err)
	}
	before, begin := resident(t, s), time.Now()
	placed, err := c.Send(context.Background(), wire.Named("dedup"), topic, 0, p.b.Bytes())
	took := time.Since(begin)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("first append after the start: %.2f s for a window of %d; memory grew by %d bytes a message", took.Seconds(), n, (resident(t, s)-before)/int64(n))
	polled, err := c.Poll(context.Background(), wire.PollMessages{Consumer: anyone(), Stream: wire.Named("dedup"), Topic: topic, Partition: wire.InPartition(0),
		Strategy: wire.Strategy{Kind: wire.FromOffset, Value: placed.BaseOffset}, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	for m := range polled.Messages() {
		if m.Offset != placed.BaseOffset || m.ID() != id {
			t.Errorf("message %x was acknowledged at %d, there is %x at %d", id, placed.BaseOffset, m.ID(), m.Offset)
		}
	}
}

// resident is how much memory the broker has.
func resident(t *testing.T, s *server) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// lookForAll polls the partition and counts every message.
func lookForAll(t *testing.T, c *client.Client, producers []*resender, topic wire.Identifier) {
	t.Helper()
	counts := make([][]uint8, len(producers))
	for i, p := range producers {
		counts[i] = make([]uint8, p.total)
	}
	for next := uint64(0); ; {
		polled, err := c.Poll(context.Background(), wire.PollMessages{Consumer: anyone(), Stream: wire.Named("dedup"), Topic: topic, Partition: wire.InPartition(0),
			Strategy: wire.Strategy{Kind: wire.FromOffset, Value: next}, Count: pollCount})
		if err != nil {
			t.Fatal(err)
		}
		if polled.Count == 0 {
			break
		}
		for m := range polled.Messages() {
			id := m.ID()
			seq, number := le.LittleEndian.Uint64(id[:]), le.LittleEndian.Uint64(id[8:])-1
			if [16]byte(m.Payload()) != id || number >= uint64(len(counts)) || seq >= uint64(len(counts[number])) {
				t.Fatalf("nobody sent message %x at %d", id, m.Offset)
			}
			counts[number][seq]++
			next = m.Offset + 1
		}
	}
	for i, list := range counts {
		for seq, k := range list {
			if k != 1 {
				t.Fatalf("message %d of producer %d is stored %d times", seq, i, k)
			}
		}
	}
}
