package server_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/servertest"
	"github.com/galgo-mq/galgo/wire"
)

// TestServersSideBySide runs two servers in this process at a time, each on a directory of its own, and both again after they ended: each has
// what was sent to it, and nothing of the other.
func TestServersSideBySide(t *testing.T) {
	ctx, dirs := context.Background(), [2]string{t.TempDir(), t.TempDir()}
	stream, topic := wire.Named("s"), wire.Named("t")
	for run := range 2 {
		var both [2]*servertest.Server
		for i, dir := range dirs {
			both[i] = servertest.Start(t, dir, nil)
		}
		for i, s := range both {
			c := s.Dial(t)
			if run == 0 {
				if _, err := c.CreateStream(ctx, "s"); err != nil {
					t.Fatal(err)
				}
				if _, err := c.CreateTopic(ctx, stream, "t", 1); err != nil {
					t.Fatal(err)
				}
			}
			var b batch.Builder
			if err := b.Add([16]byte{}, fmt.Appendf(nil, "run %d of server %d", run, i), nil); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Send(ctx, stream, topic, 0, b.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		both[0].Stop(t) // the other one goes on
		c := both[1].Dial(t)
		p, err := c.Poll(ctx, wire.PollMessages{Consumer: wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}, Stream: stream, Topic: topic,
			Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 10})
		if err != nil || p.Count != run+1 {
			t.Fatalf("run %d: %d messages, %v", run, p.Count, err)
		}
		n := 0
		for m := range p.Messages() {
			if want := fmt.Appendf(nil, "run %d of server 1", n); !bytes.Equal(m.Payload(), want) {
				t.Errorf("message %d is %q, want %q", n, m.Payload(), want)
			}
			n++
		}
		both[1].Stop(t)
	}
}
