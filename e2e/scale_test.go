package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/galgo-mq/galgo/wire"
)

var partitionsFlag = flag.Int("partitions", 10_000, "partitions of TestManyPartitions, in topics of 1000")

// TestManyPartitions has a broker keep ten thousand partitions, all but ten of them quiet, and prints what they cost: memory
// and the time to start, with nothing in them, with a message in each, and after kill -9.
func TestManyPartitions(t *testing.T) {
	const busy = 10
	dir := t.TempDir()
	o := options{dir: dir, tags: "none", args: []string{"--shards", "2", "--memory", "1GiB"}}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "partitions\tresident\ta quiet one\tstart")
	begin := time.Now()
	s := start(t, o)
	took, empty := time.Since(begin), s.resident()
	row := func(what string, rss int64, start time.Duration) {
		fmt.Fprintf(w, "%s\t%.1f MiB\t%.2f KiB\t%v\n", what, float64(rss)/(1<<20), float64(rss-empty)/1024/float64(*partitionsFlag), start.Round(time.Millisecond))
	}
	row("none", empty, took)
	c := s.dial()
	topics := max(1, *partitionsFlag/1000)
	for i := range topics {
		newTopic(t, c, "many", fmt.Sprint("t", i), uint32(*partitionsFlag/topics))
	}
	row(fmt.Sprint(*partitionsFlag, ", empty"), s.resident(), 0)

	restart := func(what string, end func()) {
		end()
		begin := time.Now()
		s = start(t, o)
		took := time.Since(begin)
		row(what, s.resident(), took)
	}
	restart("the same after a restart", s.stop)
	fillAll(t, s, topics)
	row("with a message in each", s.resident(), 0)
	restart("the same after a restart", s.stop)
	restart("and after kill -9", s.Kill)

	// Ten are busy: the others do not slow them down to nothing, and none has lost its message.
	load := bystandersOf(t, s, topics, busy)
	restart("after kill -9 with ten busy", s.Kill)
	c = s.dial()
	for i := range topics {
		d, err := c.GetTopic(context.Background(), wire.Named("many"), wire.Named(fmt.Sprint("t", i)))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range d.Partitions {
			if p.MessagesCount == 0 {
				t.Fatalf("partition %d of topic %d has lost its message", p.ID, i)
			}
		}
	}
	w.Flush()
	t.Logf("%d sends to ten of them meanwhile\n%s", load, b.String())
}

// fillAll sends a message to each partition.
func fillAll(t *testing.T, s *server, topics int) {
	var clients sync.WaitGroup
	for k := range 16 {
		c := s.dial()
		clients.Add(1)
		go func() {
			defer clients.Done()
			for i := k; i < *partitionsFlag; i += 16 {
				if _, err := c.Send(context.Background(), wire.Named("many"), wire.Named(fmt.Sprint("t", i%topics)), uint32(i/topics), single([]byte("quiet"))); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	clients.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// bystandersOf sends to a few partitions for a while and returns how often.
func bystandersOf(t *testing.T, s *server, topics, busy int) (sent uint64) {
	var clients sync.WaitGroup
	var n atomic.Uint64
	for k := range busy {
		c := s.dial()
		clients.Add(1)
		go func() {
			defer clients.Done()
			for range 200 {
				if _, err := c.Send(context.Background(), wire.Named("many"), wire.Named(fmt.Sprint("t", k%topics)), 0, single(make([]byte, 1000))); err != nil {
					t.Error(err)
					return
				}
				n.Add(1)
			}
		}()
	}
	clients.Wait()
	return n.Load()
}

// TestTopicsComeAndGo has 16 clients create and delete a thousand topics while others produce to topics that stay and to those
// that go: nothing is answered but what the protocol names for it.
func TestTopicsComeAndGo(t *testing.T) {
	const topics, makers, producers = 1000, 16, 4
	s := start(t, options{args: []string{"--shards", "2", "--journal-size", "32MiB"}})
	admin := s.dial()
	newTopic(t, admin, "s", "stays", 8)
	ctx, ended := context.WithCancel(context.Background())
	defer ended()
	var sends, refused atomic.Uint64
	var load, make sync.WaitGroup
	var turn atomic.Uint64
	for k := range producers {
		c := s.dial()
		load.Add(1)
		go func() {
			defer load.Done()
			for i := uint32(0); ctx.Err() == nil; i++ {
				topic := "stays"
				if k%2 == 1 {
					topic = fmt.Sprint("t", turn.Load())
				}
				_, err := c.Send(context.Background(), wire.Named("s"), wire.Named(topic), i%2, single([]byte("x")))
				switch {
				case err == nil:
					sends.Add(1)
				case topic != "stays" && gone(err):
					refused.Add(1)
				default:
					t.Errorf("send to %s: %v", topic, err)
					return
				}
			}
		}()
	}
	for k := range makers {
		c := s.dial()
		make.Add(1)
		go func() {
			defer make.Done()
			for i := k; i < topics; i += makers {
				name := fmt.Sprint("t", i)
				turn.Store(uint64(i))
				if _, err := c.CreateTopic(context.Background(), wire.Named("s"), name, 2); err != nil {
					t.Errorf("create %s: %v", name, err)
					return
				}
				if i%3 == 0 {
					if err := c.CreatePartitions(context.Background(), wire.Named("s"), wire.Named(name), 2); err != nil {
						t.Errorf("partitions of %s: %v", name, err)
					}
					if err := c.DeletePartitions(context.Background(), wire.Named("s"), wire.Named(name), 1); err != nil {
						t.Errorf("partitions of %s: %v", name, err)
					}
				}
				if err := c.DeleteTopic(context.Background(), wire.Named("s"), wire.Named(name)); err != nil {
					t.Errorf("delete %s: %v", name, err)
					return
				}
			}
		}()
	}
	make.Wait()
	ended()
	load.Wait()
	d, err := admin.GetStream(context.Background(), wire.Named("s"))
	if err != nil || len(d.Topics) != 1 {
		t.Errorf("%d topics are left, %v, want the one that stays", len(d.Topics), err)
	}
	t.Logf("%d sends acknowledged, %d to topics that were gone", sends.Load(), refused.Load())
	s.stop()
}

// gone reports whether an error is one of those that the protocol has for something that is not there.
func gone(err error) bool {
	for _, s := range []wire.Status{wire.StatusTopicIDNotFound, wire.StatusPartitionNotFound, wire.StatusResourceNotFound} {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}
