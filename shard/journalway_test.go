package shard_test

import (
	"context"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/shard"
)

// TestJournalWay starts brokers with each way of writing the journal, and looks at where their synced writes go. What they
// acknowledge is tested by the loops of crashes and power cuts, which take either.
func TestJournalWay(t *testing.T) {
	for way, want := range map[string]string{shard.JournalAuto: "(a synced block takes ", shard.JournalDirect: "direct", shard.JournalBuffered: "buffered"} {
		s := startBroker(t, t.TempDir(), func(c *shard.Config) { c.JournalWrites = way })
		said := s.Info().JournalWay
		if !strings.Contains(said, want) {
			t.Errorf("journal_writes %s: the broker says %q, want %q in it", way, said, want)
		}
		direct, files := s.DirectJournals()
		if all := strings.HasPrefix(said, shard.JournalDirect); all && direct != files || !all && direct != 0 {
			t.Errorf("journal_writes %s: %d of %d journal files are written direct, and the broker says %q", way, direct, files, said)
		}
		c := s.dial(t)
		stream, topic := topicWith(t, c, 1)
		if _, err := c.Send(context.Background(), stream, topic, 0, oneBatch(t, 1, 100)); err != nil {
			t.Fatal(err)
		}
		s.stop(t)
	}
}
