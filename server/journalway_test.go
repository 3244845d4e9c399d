package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/servertest"
)

// TestJournalWay starts brokers with each way of writing the journal, and looks at where their synced writes go. What they
// acknowledge is tested by the loops of crashes and power cuts, which take either.
func TestJournalWay(t *testing.T) {
	for way, want := range map[string]string{server.JournalAuto: "(a synced block takes ", server.JournalDirect: "direct", server.JournalBuffered: "buffered"} {
		s := servertest.Start(t, t.TempDir(), func(c *server.Config) { c.JournalWrites = way })
		said := s.Info().JournalWay
		if !strings.Contains(said, want) {
			t.Errorf("journal_writes %s: the broker says %q, want %q in it", way, said, want)
		}
		direct, files := s.DirectJournals()
		if all := strings.HasPrefix(said, server.JournalDirect); all && direct != files || !all && direct != 0 {
			t.Errorf("journal_writes %s: %d of %d journal files are written direct, and the broker says %q", way, direct, files, said)
		}
		if _, err := s.Dial(t).CreateStream(context.Background(), "written"); err != nil {
			t.Fatal(err)
		}
		s.Stop(t)
	}
}
