package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// TestTurnsAreEven: when the broker chooses the partition, each gets its part: of one producer, of two in turn, of two topics in turn, and of
// eight producers at once.
func TestTurnsAreEven(t *testing.T) {
	const rounds = 12
	s := start(t, options{args: []string{"--shards", "2", "--journal-size", "8MiB", "--pin=false"}})
	var producers [8]*client.Client
	for i := range producers {
		producers[i] = s.dial()
	}
	b := single([]byte("x"))
	send := func(c *client.Client, topic string) {
		t.Helper()
		if _, err := c.SendTo(context.Background(), wire.Named("s"), wire.Named(topic), wire.Partitioning{Kind: wire.Balanced}, b); err != nil {
			t.Errorf("send to %s: %v", topic, err)
		}
	}
	one, two := producers[0], producers[1]
	even := func(topic string, sent uint64, apart uint64) {
		t.Helper()
		d, err := one.GetTopic(context.Background(), wire.Named("s"), wire.Named(topic))
		if err != nil {
			t.Fatal(err)
		}
		var counts []uint64
		for _, p := range d.Partitions {
			counts = append(counts, p.MessagesCount)
		}
		if slices.Max(counts)-slices.Min(counts) > apart || d.MessagesCount != sent {
			t.Errorf("%s: partitions have %d messages of %d, want at most %d between them", topic, counts, sent, apart)
		}
	}
	for _, parts := range []uint32{2, 3, 4, 8} {
		name := func(what string) string { return fmt.Sprintf("%s, %d partitions", what, parts) }
		turns := uint64(parts * rounds)
		for _, what := range []string{"one", "two", "this", "that", "many"} {
			newTopic(t, one, "s", name(what), parts)
		}
		for range turns {
			send(one, name("one"))
			send(one, name("two"))
			send(two, name("two"))
			send(two, name("this"))
			send(two, name("that"))
		}
		var all sync.WaitGroup
		for _, c := range producers {
			all.Go(func() {
				for range turns {
					send(c, name("many"))
				}
			})
		}
		all.Wait()
		even(name("one"), turns, 0)
		even(name("two"), 2*turns, 2)
		even(name("this"), turns, 0)
		even(name("that"), turns, 0)
		even(name("many"), uint64(len(producers))*turns, uint64(len(producers)))
	}
	s.stop()
}
