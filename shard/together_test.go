package shard_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
)

// TestCommandsThatWaitShareASync: many clients make topics while shard 0 is busy. Each has its answer and finds its topic, whichever
// shard it asks, and few operations were synced for all of them.
func TestCommandsThatWaitShareASync(t *testing.T) {
	const clients = 64
	s := startBroker(t, t.TempDir(), func(c *server.Config) { c.CPUs, c.Log = make([]int, 2), zap.NewNop() })
	stream, _ := topicWith(t, s.dial(t), 1)
	var all []*client.Client
	for range clients {
		all = append(all, s.dial(t))
	}
	synced := func() (n uint64) {
		for _, x := range s.Stats() {
			n += x.IO.Synced
		}
		return n
	}
	before, handled, atOther := synced(), s.Handled(1), uint64(s.Conns()[1])
	resume := s.Hold(0)
	var made sync.WaitGroup
	for i, c := range all {
		made.Go(func() {
			if _, err := c.CreateTopic(t.Context(), stream, fmt.Sprint("topic ", i), 2); err != nil {
				t.Errorf("topic %d: %v", i, err)
			}
			if topics, err := c.GetTopics(t.Context(), stream); err != nil || !slices.ContainsFunc(topics, func(x wire.Topic) bool { return x.Name == fmt.Sprint("topic ", i) }) {
				t.Errorf("client %d does not find its topic among %d: %v", i, len(topics), err)
			}
		})
	}
	until(t, "the commands of the other shard wait", func() bool { return s.Handled(1) >= handled+atOther/2 })
	resume()
	made.Wait()
	n := synced() - before
	t.Logf("%d commands, %d synced operations", clients, n)
	if n > clients/8 {
		t.Errorf("%d synced operations for %d commands that came at once", n, clients)
	}
	topics, err := all[0].GetTopics(t.Context(), stream)
	if err != nil || len(topics) != clients+1 {
		t.Errorf("%d topics, %v", len(topics), err)
	}
}
