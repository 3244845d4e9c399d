package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/wire"
)

// turns is what the shards of a broker counted: their turns, and those that took more than a millisecond by the clock.
type turns struct {
	turns, stalls uint64
	longest       time.Duration
}

// turns reads them from the archive for operators.
func (s *server) turns() (all turns) {
	s.t.Helper()
	c := s.dial()
	defer c.Close()
	archive, err := c.Snapshot(context.Background(), wire.GetSnapshotFile{Compression: wire.SnapshotStored, Types: []wire.SnapshotType{wire.SnapshotResourceUsage}})
	if err != nil {
		s.t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := z.Open("resource_usage.txt")
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		for _, word := range words[1:] {
			var n uint64
			switch words[0] {
			case "Turns", "Stalls":
				if _, err := fmt.Sscan(word, &n); err != nil {
					s.t.Fatalf("%s: %v", line, err)
				}
			case "LongestTurn":
				d, err := time.ParseDuration(word)
				if err != nil {
					s.t.Fatalf("%s: %v", line, err)
				}
				all.longest = max(all.longest, d)
			}
			switch words[0] {
			case "Turns":
				all.turns += n
			case "Stalls":
				all.stalls += n
			}
		}
	}
	if all.turns == 0 {
		s.t.Fatalf("no turns in the archive\n%s", text)
	}
	return all
}

// TestListsBesideASink has sixteen connections ask for lists without a pause, at a broker in 256 MiB and at a sink in turn, and compares the
// p99 of an honest producer: at most 1.2 times as much. Only -tenants-judge judges that. On a machine where it lies nearer to 1.2 than two
// windows of the same kind lie to each other, the counted work decides: of a thousand turns of the broker at most one takes more than a
// millisecond, however many ask.
func TestListsBesideASink(t *testing.T) {
	g := newSiege(t, 256, listers, 1500)
	before := g.s.turns()
	window := min(max(*tenantsFlag/10, 1500*time.Millisecond), 10*time.Second)
	for n := range max(2, int(*tenantsFlag/(4*window))) {
		g.record()
		var w pairOfWindows
		for _, sink := range []bool{n%2 == 0, n%2 != 0} {
			if p99 := g.window(window, sink, false); sink {
				w.sink = p99
			} else {
				w.broker = p99
			}
		}
		g.windows = append(g.windows, w)
	}
	g.look()
	after := g.s.turns()
	g.honest.stop()
	c := g.s.dial()
	if err := g.honest.verify(c, true); err != nil {
		t.Error(err)
	}
	g.s.stop()
	g.group.noKills(t)
	for what, n := range g.counts.strange {
		t.Errorf("%d answers that no tenant should get: %s", n, what)
	}
	if g.counts.lists.Load() < 16 || g.counts.listsRefused.Load() > 0 {
		t.Errorf("%d lists, %d refused", g.counts.lists.Load(), g.counts.listsRefused.Load())
	}
	broker, sink, ratio := g.median()
	stalls, n := after.stalls-before.stalls, after.turns-before.turns
	t.Logf("p99 %v beside lists of the broker, %v beside those of a sink, ratio %.2f; %d of %d turns took more than a millisecond, the longest %v; at most %d MiB",
		broker, sink, ratio, stalls, n, after.longest, g.resident>>20)
	if *tenantsJudgeFlag && ratio > 1.2 && stalls > n/1000 {
		t.Errorf("the p99 is %.2f times that beside a sink, want at most 1.2; %d of %d turns took more than a millisecond, want at most one of a thousand", ratio, stalls, n)
	}
}
