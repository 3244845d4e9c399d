package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/galgo-mq/galgo/storage"
)

var plantedFlag = flag.Bool("planted", false, "TestPlanted proves every planted bug, not only a few")

// plantedBug is a bug that the build with the tag planted can switch on, and the loop that catches it.
type plantedBug struct {
	name  string
	short bool // also without -planted
	most  int  // rounds until it must be caught
	cut   bool // by power cuts, not by kills
	shape func(l *crashLoop)
}

var plantedBugs = []plantedBug{
	{name: "ack-before-sync-direct", most: 30, cut: true, shape: func(l *crashLoop) { // between the naming entry and the batch
		l.only(persisted)
		l.load.sizes, l.load.bytesMax = direct, 48<<20
	}},
	{name: "ack-before-sync-buffered", most: 30, cut: true, short: true, shape: func(l *crashLoop) {
		l.only(persisted)
		l.load.sizes = tiny
	}},
	{name: "direct-after-buffered", most: 30, cut: true, shape: func(l *crashLoop) { // both kinds of groups in one journal
		l.only(persisted, written)
		l.load.sizes, l.shards = tiny, 1
		l.args = append(l.args, "--written-loss-bound", "1m")
	}},
	{name: "replay-stops-early", most: 30, short: true, shape: func(l *crashLoop) {
		l.only(persisted, written)
		l.load.sizes = tiny
	}},
	{name: "recycled-block", most: 60, shape: func(l *crashLoop) { // a short run after one with laps
		l.load.sizes = func(rng *rand.Rand, _ *topic) []int { return even(rng, 10, payloadHead, 10_000) }
	}},
	{name: "reused-offset", most: 30, short: true, shape: func(l *crashLoop) { l.only(written) }},
	// A kill while groups of the other topic keep the naming entry of a batch waiting that is in its segment.
	{name: "hole-not-cut", most: 120, shape: func(l *crashLoop) {
		l.only(persisted)
		l.h.topics = l.h.topics[:2]
		l.h.topics[0].segmentBytes = 256 << 20
		l.load.sizes, l.load.admin, l.shards = endingShortOfBlocks(l), false, 1
	}},
	{name: "foreign-data", most: 30, shape: func(l *crashLoop) { l.life = 300 * time.Millisecond }},
}

// endingShortOfBlocks makes every batch to the first topic end two bytes before the end of a block. After a crash the log goes on one block
// further on, so that the block between stays as the crash left it: with parts of a batch that was not acknowledged, if
// nobody cuts them off.
func endingShortOfBlocks(l *crashLoop) func(*rand.Rand, *topic) []int {
	var mu sync.Mutex
	run := 0
	return func(rng *rand.Rand, to *topic) []int {
		if to != l.h.topics[0] {
			return tiny(rng, to)
		}
		mu.Lock()
		short := 0
		if l.done.rounds != run {
			run, short = l.done.rounds, 2
		}
		mu.Unlock()
		sizes := direct(rng, to)
		n := batchBytes(sizes) + short
		sizes[0] += (storage.BlockSize - n%storage.BlockSize) % storage.BlockSize
		return sizes
	}
}

// only leaves topics of these levels, each of one partition.
func (l *crashLoop) only(levels ...level) {
	l.h.topics = slices.DeleteFunc(l.h.topics, func(t *topic) bool { return !slices.Contains(levels, t.level) })
	for _, t := range l.h.topics {
		t.partitions = 1
	}
}

// TestPlanted switches one bug on at a time and shows that a loop catches it within a bounded number of rounds. One more,
// skip-dir-sync, can't be seen here: on ext4 a sync of a new file commits its directory entry too. The scripted disk of
// the storage tests catches it.
func TestPlanted(t *testing.T) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "bug\tby\trounds\tseconds\twhat was seen\n")
	skipped := 0
	for _, p := range plantedBugs {
		if !*plantedFlag && !p.short {
			skipped++
			continue
		}
		t.Run(p.name, func(t *testing.T) { fmt.Fprintln(w, p.prove(t)) })
	}
	w.Flush()
	t.Logf("\n%sskip-dir-sync: only on the scripted disk", b.String())
	if skipped > 0 {
		t.Logf("%d more with -planted", skipped)
	}
}

// prove runs rounds until the bug is seen, and returns a row of the table. With -planted it first runs some without the
// bug, in which nothing may be seen.
func (p *plantedBug) prove(t *testing.T) string {
	if *plantedFlag {
		if rounds, seen := p.rounds(t, "", controlRounds); seen != nil {
			t.Fatalf("without the bug, after %d rounds: %v", rounds, seen)
		}
	}
	begin, by := time.Now(), "kill -9"
	if p.cut {
		by = "power cut"
	}
	rounds, seen := p.rounds(t, p.name, p.most)
	if seen == nil {
		t.Errorf("not seen within %d rounds", rounds)
		return fmt.Sprintf("%s\t%s\t%d\t%.1f\tnothing", p.name, by, rounds, time.Since(begin).Seconds())
	}
	what, _, _ := strings.Cut(seen.Error(), "\n")
	return fmt.Sprintf("%s\t%s\t%d\t%.1f\t%s", p.name, by, rounds, time.Since(begin).Seconds(), what)
}

const controlRounds = 10

// rounds runs the loop with a bug until something is wrong.
func (p *plantedBug) rounds(t *testing.T, bug string, most int) (rounds int, seen error) {
	var l *crashLoop
	if p.cut {
		c := newPowerCutLoop(t, *seedFlag)
		l = c.crashLoop
		l.end = c.cut
	} else {
		l = newCrashLoop(t, *seedFlag)
	}
	l.calm, l.life = true, 100*time.Millisecond
	l.load.members, l.load.accounts = 0, false // the bugs are in what topics hold
	l.tags, l.env = []string{"planted"}, []string{"GALGO_PLANTED=" + bug}
	if p.shape != nil {
		p.shape(l)
	}
	if err := l.makeDir(); err != nil {
		t.Fatal(err)
	}
	for l.done.rounds < most && seen == nil {
		seen = l.round()
	}
	return l.done.rounds, seen
}
