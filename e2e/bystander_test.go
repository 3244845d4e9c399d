package e2e

import (
	"bytes"
	"context"
	bin "encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

const patience = 20 * time.Second // for what has to happen

// eventually waits until f holds, as long as the test has patience.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// single is a batch of one message.
func single(payload []byte) batch.Batch {
	var b batch.Builder
	if err := b.Add([16]byte{1}, payload, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func anyone() wire.Consumer {
	return wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}
}

// pollAt asks for count messages from offset on.
func pollAt(c *client.Client, in, topic string, partition uint32, offset uint64, count uint32) (client.Polled, error) {
	return c.Poll(context.Background(), wire.PollMessages{Consumer: anyone(), Stream: wire.Named(in), Topic: wire.Named(topic),
		Partition: wire.InPartition(partition), Strategy: wire.Strategy{Kind: wire.FromOffset, Value: offset}, Count: count})
}

// newTopic makes a topic, and its stream if there is none.
func newTopic(t testing.TB, c *client.Client, in, topic string, partitions uint32, options ...wire.Option) {
	t.Helper()
	ctx := context.Background()
	if _, err := c.GetStream(ctx, wire.Named(in)); err != nil {
		if _, err := c.CreateStream(ctx, in); err != nil {
			t.Fatalf("create stream %s: %v", in, err)
		}
	}
	if _, err := c.CreateTopic(ctx, wire.Named(in), topic, partitions, options...); err != nil {
		t.Fatalf("create topic %s: %v", topic, err)
	}
}

// bystander is a client that sends, and polls what it sent, all the time: whatever others do, it is served.
type bystander struct {
	t      testing.TB
	rounds atomic.Uint64
	ending atomic.Bool
	ended  chan error
}

const bystanderSize = 3000

func newBystander(t testing.TB, s *server) *bystander {
	t.Helper()
	c := s.dial()
	newTopic(t, c, "bystander", "own", 2)
	b := &bystander{t: t, ended: make(chan error, 1)}
	go func() { b.ended <- b.run(c) }()
	t.Cleanup(func() {
		b.ending.Store(true)
		if err := <-b.ended; err != nil {
			t.Errorf("another client was not served: %v\n%s", err, tail(s.Log()))
		}
	})
	return b
}

func (b *bystander) run(c *client.Client) error {
	payload := make([]byte, bystanderSize)
	for n := uint64(0); !b.ending.Load(); n++ {
		bin.LittleEndian.PutUint64(payload, n)
		part, offset := uint32(n%2), n/2
		placed, err := c.Send(context.Background(), wire.Named("bystander"), wire.Named("own"), part, single(payload))
		if err != nil || placed.BaseOffset != offset {
			return fmt.Errorf("send %d: %+v, %w", n, placed, err)
		}
		p, err := pollAt(c, "bystander", "own", part, offset, 10)
		if err != nil || p.Count != 1 {
			return fmt.Errorf("poll %d: %d messages, %w", n, p.Count, err)
		}
		for m := range p.Messages() {
			if m.Offset != offset || !bytes.Equal(m.Payload(), payload) {
				return fmt.Errorf("poll %d: another message at offset %d", n, m.Offset)
			}
		}
		b.rounds.Add(1)
	}
	return nil
}

// served waits until the bystander has been served again, twice in full.
func (b *bystander) served() {
	b.t.Helper()
	n := b.rounds.Load()
	eventually(b.t, "another client is served", func() bool {
		select {
		case err := <-b.ended:
			b.ended <- err
			b.t.Fatalf("another client is not served: %v", err)
		default:
		}
		return b.rounds.Load() >= n+3
	})
}

// tail is the end of a log, for a test that failed.
func tail(log string) string {
	if k := len(log) - 4000; k > 0 {
		return "..." + log[k:]
	}
	return log
}

// lines are those of the log that have all the words.
func (s *server) lines(words ...string) (found []string) {
next:
	for line := range strings.Lines(s.Log()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

// says waits until the log of a server that runs has a line with all these words: a line takes its time behind the reply.
func (s *server) says(words ...string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); len(s.lines(words...)) == 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("no line of the log has %q within %v:\n%s", words, patience, tail(s.Log()))
		}
	}
}

// resident is the server's memory that the machine really holds, in bytes.
func (s *server) resident() int64 {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n << 10
		}
	}
	s.t.Fatal("no VmRSS")
	return 0
}
