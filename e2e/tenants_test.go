package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/wire"
)

var (
	tenantsFlag      = flag.Duration("tenants", 15*time.Second, "how long TestHostileTenants takes with each size of memory")
	tenantsJudgeFlag = flag.Bool("tenants-judge", false, "TestHostileTenants judges the times as well")
	tenantsOnlyFlag  = flag.String("tenants-only", "", "kinds of tenants of TestHostileTenants, by their numbers from 0 on with commas between; empty: all")
	tenantsRowFlag   = flag.String("tenants-row", "", "file that gets the row of the table")
)

// siege is a broker in a control group with hostile tenants and an honest producer, and a sink beside it in one of the same size.
//
// The honest producer sends to the broker always. The hostile tenants do the same to the broker, then to the sink, in turn. So both times
// the producer has the same machine, the same broker with the same things in it, and as many hostile clients beside it on the same cores;
// the difference between its times is what these clients can do to it through the broker they share. A producer that sends to the sink
// would measure that a sink has no disk.
type siege struct {
	t       *testing.T
	actors  []actor
	rng     *rand.Rand
	group   *memoryGroup
	beside  *memoryGroup // the sink's
	first   favour       // of broker, sink and honest producer
	dir     string
	s       *server
	honest  honestProducer
	ledger  ledger
	counts  tally
	replies string // folder of what the broker answers to lists

	restarts, slowest int // kills; milliseconds of the longest start
	resident          int64
	windows           []pairOfWindows
	ran, waited       time.Duration // of the broker's threads, in windows with tenants at it: on a core, and for want of one
}

// pairOfWindows are the p99 of the honest producer while the hostile tenants are at the broker, and at the sink.
type pairOfWindows struct{ broker, sink time.Duration }

// startMax is how long a start may take beside everything else that the machine does.
const startMax = 30 * time.Second

func newSiege(t *testing.T, mib int64, actors []actor, topics int) *siege {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	g := &siege{t: t, actors: actors, rng: rand.New(rand.NewPCG(seed, uint64(mib))), dir: t.TempDir(), replies: t.TempDir(),
		group: newMemoryGroup(t, mib<<20), beside: newMemoryGroup(t, mib<<20), first: newFavour(t)}
	g.start()
	g.setUp(topics)
	g.honest.begin(t, g.s.Address, g.first)
	return g
}

// start starts the broker, of sizes that it chooses.
func (g *siege) start() {
	began := time.Now()
	s, err := tryStart(g.t, options{dir: g.dir, tags: "none", in: g.group, wait: startMax})
	if err != nil {
		g.t.Fatalf("a start in %d MiB fails after %d restarts, %d processes were killed: %v\n%s", g.group.limit>>20, g.restarts, g.group.oomKills(), err, tail(s.Log()))
	}
	g.s = s
	g.first.take(g.t, s.Cmd.Process.Pid)
	g.slowest = max(g.slowest, int(time.Since(began).Milliseconds()))
}

// setUp makes what the tenants are about.
func (g *siege) setUp(topics int) {
	ctx, root := context.Background(), g.s.dial()
	must := func(err error) {
		g.t.Helper()
		if err != nil {
			g.t.Fatalf("%v\n%s", err, tail(g.s.Log()))
		}
	}
	newTopic(g.t, root, honestStream, honestTopic, 1, wire.TextOption("durability", "persisted"))
	for n := range baitTopics {
		newTopic(g.t, root, baitStream, string(baitTopic(n).Name), baitPartitions)
	}
	newTopic(g.t, root, baitStream, "big", 2, wire.Uint64Option("max_topic_size", 128<<20))
	newTopic(g.t, root, baitStream, "fat", 1)
	for p := range uint32(baitPartitions) {
		_, err := root.Send(ctx, wire.Named(baitStream), baitTopic(0), p, single([]byte("a message")))
		must(err)
	}
	for range 40 {
		_, err := root.Send(ctx, wire.Named(baitStream), wire.Named("fat"), 0, single(make([]byte, 256<<10)))
		must(err)
	}
	for _, name := range []string{manyStream, churnStream} {
		_, err := root.CreateStream(ctx, name)
		must(err)
	}
	for i := range topics {
		_, err := root.CreateTopic(ctx, wire.Named(manyStream), fmt.Sprintf("%04d-%s", i, strings.Repeat("x", 240)), 1)
		must(err)
	}
	var ids [3]uint32
	for i, name := range []string{baitStream, manyStream, churnStream} {
		st, err := root.GetStream(ctx, wire.Named(name))
		must(err)
		ids[i] = st.ID
	}
	rights := tenantRights(ids[0], ids[1], ids[2])
	for _, name := range []string{"groups", "offsets", "lists", "watcher", "churn", "streams", "frames", "reader"} {
		_, err := root.CreateUser(ctx, name, tenantPassword, rights[name])
		must(err)
	}
}

// record keeps what the broker answers to lists, for the sink.
func (g *siege) record() {
	for user, all := range map[string][]request{"lists": lists, "watcher": states} {
		c := g.s.caller(user, tenantPassword)
		for _, r := range all {
			status, reply := c.call(r.code, r.body)
			if status != 0 {
				continue // too large for the broker's memory: the sink has nothing to send either
			}
			if err := os.WriteFile(filepath.Join(g.replies, fmt.Sprintf("%d.reply", r.code)), reply, 0o600); err != nil {
				g.t.Fatal(err)
			}
		}
		c.Close()
	}
}

// window has the tenants at the broker or at the sink for a while, and returns the honest producer's p99 beside them. The broker is killed
// under them if it is said so.
func (g *siege) window(length time.Duration, atSink, kill bool) time.Duration {
	h := &hostility{address: g.s.Address, frameMax: g.s.frameSizeMax(), ledger: &g.ledger, counts: &g.counts}
	if atSink {
		address, end := startSink(g.t, g.beside, g.first, g.replies, h.frameMax, g.shards())
		defer end()
		h.address, h.ledger, h.counts = address, &ledger{}, &tally{}
	}
	h.begin(g.actors, g.rng.Uint64())
	h.rest(length / 4)
	ran, waited := g.s.scheduled()
	p99, longest, n, err := g.honest.measure(length)
	ranSince, waitedSince := g.s.scheduled()
	if err != nil {
		g.t.Errorf("the honest producer beside %d MiB: %v\n%s", g.group.limit>>20, err, tail(g.s.Log()))
	}
	g.t.Logf("tenants at the sink: %-5v %6d sends, p99 %8v, longest %8v, %6d lists, %6d groups; threads of the broker ran %v and waited %v for a core", atSink, n, p99.Round(10*time.Microsecond), longest.Round(time.Millisecond),
		h.counts.lists.Load(), h.counts.groups.Load(), (ranSince - ran).Round(time.Millisecond), (waitedSince - waited).Round(time.Millisecond))
	if !atSink {
		g.ran, g.waited = g.ran+ranSince-ran, g.waited+waitedSince-waited
	}
	if kill {
		g.look()
		h.killed.Store(true)
		g.s.Kill()
	}
	h.end()
	return p99
}

// shards is how many the broker has.
func (g *siege) shards() (n int) {
	g.s.says(`"event": "plan"`)
	for _, line := range g.s.lines(`"event": "plan"`) {
		_, rest, _ := strings.Cut(line, `"shards": `)
		_, _ = fmt.Sscan(rest, &n)
	}
	if n == 0 {
		g.t.Fatalf("the broker does not say how many shards it has\n%s", g.s.Log())
	}
	return n
}

// look fails the test if the broker has ended, and notes what memory it took.
func (g *siege) look() {
	select {
	case <-g.s.Exited:
		g.t.Fatalf("the broker in %d MiB ended by itself: %v; %d processes were killed\n%s", g.group.limit>>20, g.s.Cmd.ProcessState, g.group.oomKills(), tail(g.s.Log()))
	default:
		g.resident = max(g.resident, procNumber(g.t, g.s, "status", "VmHWM:")<<10)
	}
}

// scheduled is how long the threads of the broker ran, and how long they could have run and had no core: that is the machine's share in
// a time that was measured. The kernel's own workers, which do the broker's file operations and wait for one another, are left out.
func (s *server) scheduled() (ran, waited time.Duration) {
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", s.Cmd.Process.Pid))
	for _, name := range names {
		if comm, _ := os.ReadFile(name + "/comm"); strings.HasPrefix(string(comm), "iou-") {
			continue
		}
		text, _ := os.ReadFile(name + "/schedstat") // a thread may have ended
		var run, wait time.Duration
		if _, err := fmt.Sscan(string(text), &run, &wait); err == nil {
			ran, waited = ran+run, waited+wait
		}
	}
	return ran, waited
}

// turnMax is no measure of a turn, but of whether work per turn is bounded: what a tenant makes large must not make a turn long.
const turnMax = time.Second

// turn looks at the longest turn of the broker since its start.
func (g *siege) turn() {
	x := g.s.turns()
	g.t.Logf("%d of %d turns took more than a millisecond, the longest %v", x.stalls, x.turns, x.longest.Round(10*time.Microsecond))
	if *tenantsJudgeFlag && g.quiet() && x.longest > turnMax {
		g.t.Errorf("a turn took %v", x.longest)
	}
}

// again starts the broker after a kill, and looks whether everything acknowledged is there.
func (g *siege) again(last bool) {
	g.restarts++
	g.honest.stop()
	g.start()
	c := g.s.dial()
	if err := g.honest.verify(c, last); err != nil {
		g.t.Errorf("after restart %d: %v", g.restarts, err)
	}
	if err := g.ledger.verify(c, g.rng); err != nil {
		g.t.Errorf("after restart %d: %v", g.restarts, err)
	}
	c.Close()
	if !last {
		g.honest.begin(g.t, g.s.Address, g.first)
	}
}

// run has the tenants at broker and sink in turn. In every other pair of windows the broker comes last, and is killed under its load.
func (g *siege) run(length time.Duration) {
	window := min(max(length/8, 1500*time.Millisecond), 10*time.Second)
	for end := time.Now().Add(length); time.Now().Before(end) && !g.t.Failed(); {
		g.record()
		var w pairOfWindows
		if kill := len(g.windows)%2 == 0; kill {
			w.sink = g.window(window, true, false)
			w.broker = g.window(window, false, true)
			g.again(false)
		} else {
			w.broker = g.window(window, false, false)
			w.sink = g.window(window, true, false)
			g.turn()
		}
		g.windows = append(g.windows, w)
	}
	g.look()
	g.s.Kill()
	g.again(true)
	g.look()
	g.s.stop()
	g.group.noKills(g.t)
	for what, n := range g.counts.ends {
		g.t.Logf("%d times a connection ended, %s", n, what)
	}
	for what, n := range g.counts.strange {
		g.t.Errorf("%d answers that no tenant should get: %s\n%s", n, what, tail(g.s.Log()))
	}
}

// median is the p99 of the honest producer beside tenants at the broker and at the sink, and how many times more the first is; each the
// median of all windows.
func (g *siege) median() (broker, sink time.Duration, ratio float64) {
	var brokers, sinks []time.Duration
	var ratios []float64
	for _, w := range g.windows {
		brokers, sinks, ratios = append(brokers, w.broker), append(sinks, w.sink), append(ratios, float64(w.broker)/float64(max(w.sink, 1)))
	}
	slices.Sort(brokers)
	slices.Sort(sinks)
	slices.Sort(ratios)
	n := len(ratios) / 2
	return brokers[n], sinks[n], ratios[n]
}

// quiet reports whether the machine had a core for the broker when it had work: else times say how busy the machine is.
func (g *siege) quiet() bool { return g.waited < g.ran/10 }

// row is the table's; scripts/tenants has its head.
func (g *siege) row(length time.Duration) string {
	broker, sink, ratio := g.median()
	milliseconds := func(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }
	c := &g.counts
	return strings.Join([]string{fmt.Sprint(g.group.limit >> 20), fmt.Sprintf("%.1f", length.Minutes()), fmt.Sprint(g.restarts), fmt.Sprint(g.slowest), fmt.Sprint(len(g.honest.acked)),
		fmt.Sprint(c.groups.Load()), fmt.Sprint(c.groupsRefused.Load()), fmt.Sprint(c.offsets.Load()), fmt.Sprint(c.offsetsRefused.Load()), fmt.Sprint(c.lists.Load()), fmt.Sprint(c.listsRefused.Load()),
		fmt.Sprint(c.topics.Load()), fmt.Sprint(c.topicsRefused.Load()), fmt.Sprint(c.partitions.Load()), fmt.Sprint(c.frames.Load()), fmt.Sprint(c.framesRefused.Load()), fmt.Sprint(c.slow.Load()),
		fmt.Sprint(c.logins.Load()), fmt.Sprint(g.group.oomKills()), fmt.Sprint(g.resident >> 20), fmt.Sprint(g.group.peak() >> 20), milliseconds(broker), milliseconds(sink), fmt.Sprintf("%.2f", ratio), fmt.Sprintf("%.0f %%", 100*float64(g.waited)/float64(max(g.ran+g.waited, 1)))}, "\t")
}

// chosen are the kinds of tenants that the flag names.
func chosen(t *testing.T) (some []actor) {
	if *tenantsOnlyFlag == "" {
		return hostile
	}
	for word := range strings.SplitSeq(*tenantsOnlyFlag, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 0 || n >= len(hostile) {
			t.Fatalf("there are no tenants %q", word)
		}
		some = append(some, hostile[n])
	}
	return some
}

// TestHostileTenants has tenants with few rights do everything that could be bad for a broker in a small container, and kills the broker
// under them: nothing is killed for want of memory, every start serves, everything acknowledged is there, whoever is refused is told so by
// name, and an honest producer goes on. Only with -tenants-judge its times are judged: on a machine that does other things, or in
// a few seconds, they say little.
func TestHostileTenants(t *testing.T) {
	for _, mib := range []int64{128, 256, 512} {
		t.Run(strconv.FormatInt(mib, 10), func(t *testing.T) {
			g := newSiege(t, mib, chosen(t), int(mib)*3)
			g.run(*tenantsFlag)
			row := g.row(*tenantsFlag)
			t.Log(row)
			c := &g.counts
			if *tenantsOnlyFlag == "" && (c.groups.Load() == 0 || c.offsets.Load() == 0 || c.lists.Load() == 0 || c.topics.Load() == 0 || c.frames.Load() == 0 || c.framesRefused.Load() == 0 || c.slow.Load() == 0 || c.logins.Load() == 0) {
				t.Errorf("some tenants did nothing: %s", row)
			}
			switch _, _, ratio := g.median(); {
			case *tenantsJudgeFlag && ratio > 2 && !g.quiet():
				t.Logf("the ratio of %.2f is not judged: threads of the broker ran %v, and waited %v for a core", ratio, g.ran, g.waited)
			case *tenantsJudgeFlag && ratio > 2:
				t.Errorf("the p99 of the honest producer is %.2f times that beside tenants of a sink, want at most 2", ratio)
			}
			if *tenantsRowFlag != "" && !t.Failed() {
				if err := os.WriteFile(*tenantsRowFlag, []byte(row+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
