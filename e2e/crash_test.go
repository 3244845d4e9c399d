package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/galgo-mq/galgo/client"
)

var killsFlag = flag.Int("kills", 30, "how often TestCrashLoop kills the broker")

// TestCrashLoop kills the broker at random moments, under load and while it recovers, and holds what is there at the next
// start against all that it told.
func TestCrashLoop(t *testing.T) {
	l := newCrashLoop(t, *seedFlag)
	l.kills = *killsFlag
	err := l.run()
	t.Logf("seed %d\n%s", l.seed, l.table())
	if err != nil {
		t.Fatal(err)
	}
}

// crashLoop is the life of one data directory through many ends of its broker.
type crashLoop struct {
	t      *testing.T
	seed   uint64
	rng    *rand.Rand
	kills  int
	cuts   int
	tags   []string // one of these builds at each start
	env    []string
	shards int      // at most
	load   workload // without sizes, each run has others
	h      *history
	seqs   [maxProducers]uint32
	dir    string
	args   []string                      // further flags
	end    func(*server) (ending, error) // ends the broker under load or while it starts
	life   time.Duration                 // under load, on average
	calm   bool                          // no ends but these, and no kills while starting
	space  int64                         // that the logs may take before the topics are made anew
	last   ending
	ready  bool            // topics are made
	choose func() []string // flags of the next start, instead of those of options
	began  func()          // called when what is there was verified, before the next load
	done   struct{ rounds, kills, cuts, whileStarting, orders, anew int }
	used   map[string]int // shards and backends
}

const fullEvery = 20 // rounds

func newCrashLoop(t *testing.T, seed uint64) *crashLoop {
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	l := &crashLoop{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), tags: []string{"invariants", "release"}, used: map[string]int{},
		load: workload{producers: 8, consumers: 3, members: 3, admin: true, accounts: true, bytesMax: 96 << 20}}
	l.h = &history{topics: mixedTopics(l.rng), accounts: newAccounts()}
	l.end, l.life, l.space, l.shards = l.kill, 300*time.Millisecond, 1<<30, 4
	return l
}

// mixedTopics is topics of all levels.
func mixedTopics(rng *rand.Rand) (topics []*topic) {
	for i, lv := range []level{persisted, written, memory, persisted, written, memory, persisted, written} {
		t := &topic{slot: uint8(i), name: fmt.Sprintf("topic-%d-%v", i, lv), level: lv, offsetLevel: lv, partitions: 1 + rng.IntN(3),
			segmentBytes: 1 << 20, flying: map[batchID]*record{}}
		if rng.IntN(2) == 0 {
			t.offsetLevel = persisted
		}
		if rng.IntN(3) == 0 {
			t.segmentBytes = 4 << 20
		}
		topics = append(topics, t)
	}
	return topics
}

func (l *crashLoop) run() (err error) {
	err = l.makeDir()
	for err == nil && (l.done.kills < l.kills || l.done.cuts < l.cuts) {
		err = l.round()
	}
	if err == nil {
		err = l.final()
	}
	if err != nil {
		return fmt.Errorf("round %d, seed %d, data in %s: %w", l.done.rounds, l.seed, l.dir, err)
	}
	return nil
}

// makeDir makes the data directory, unless it was given.
func (l *crashLoop) makeDir() (err error) {
	if l.dir == "" {
		l.dir, err = os.MkdirTemp("", "galgo-crash-")
		l.t.Cleanup(l.removeDir)
	}
	return err
}

// removeDir leaves the data of a failure where they are.
func (l *crashLoop) removeDir() {
	if !l.t.Failed() {
		os.RemoveAll(l.dir)
	}
}

// options of the next start.
func (l *crashLoop) options() options {
	shards, io := 1+l.rng.IntN(l.shards), []string{"uring", "epoll"}[l.rng.IntN(2)]
	l.used[fmt.Sprintf("%d shards", shards)]++
	way := "auto"
	if !l.calm && l.rng.IntN(2) == 0 {
		way = "buffered"
	}
	l.used[io]++
	l.used[way+" journal"]++
	patience := []string{"100ms", "30s"}[l.rng.IntN(2)]
	if l.choose != nil {
		return options{dir: l.dir, tags: l.tags[l.rng.IntN(len(l.tags))], env: l.env, args: append(l.choose(), l.args...)}
	}
	return options{dir: l.dir, tags: l.tags[l.rng.IntN(len(l.tags))], env: l.env, args: append([]string{"--io", io,
		"--shards", fmt.Sprint(shards), "--journal-size", "8MiB", "--memory", "512MiB", "--pin=false", "--journal-writes", way,
		"--consumer-group-rebalancing-timeout", patience, "--personal-access-token-cleaner-interval", patience}, l.args...)}
}

// round is one life of a broker.
func (l *crashLoop) round() error {
	l.done.rounds++
	o := l.options()
	if !l.calm && l.rng.IntN(5) == 0 {
		return l.killStarting(o)
	}
	s, err := tryStart(l.t, o)
	if err != nil {
		return died(s, err)
	}
	if err = noDamage(s); err != nil {
		return died(s, err)
	}
	if !l.ready {
		err = l.setUp(s)
	} else {
		err = l.h.verify(s.Address, l.dir, l.last, l.done.rounds%fullEvery == 0)
	}
	if err == nil && l.began != nil {
		l.began()
	}
	if err == nil {
		err = l.makeAnew(s.Address)
	}
	if err == nil {
		err = l.underLoad(s)
	}
	if err != nil {
		return died(s, err)
	}
	return nil
}

// noDamage checks that the broker calls nothing damaged: neither a kill nor a power cut damages what counts.
func noDamage(s *server) error {
	for line := range strings.Lines(s.Log()) {
		if strings.Contains(line, "damage") || strings.Contains(line, "fenced") {
			return fmt.Errorf("the broker reports damage: %s", line)
		}
	}
	return nil
}

// killStarting kills a broker before it serves.
func (l *crashLoop) killStarting(o options) error {
	s := launch(l.t, o)
	select {
	case <-s.Exited:
		return died(s, errors.New("the broker ended by itself"))
	case <-time.After(l.exponential(30*time.Millisecond, 300*time.Millisecond)):
	}
	end, err := l.end(s)
	l.done.whileStarting++
	l.last = max(l.last, end)
	return err
}

// kill is kill -9.
func (l *crashLoop) kill(s *server) (ending, error) {
	s.Kill()
	l.done.kills++
	return killed, nil
}

// exponential is a random time, mostly short.
func (l *crashLoop) exponential(mean, most time.Duration) time.Duration {
	return min(most, time.Duration(-math.Log(1-l.rng.Float64())*float64(mean)))
}

func (l *crashLoop) setUp(s *server) error {
	c, err := login(s.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.CreateStream(context.Background(), streamName); err != nil {
		return err
	}
	l.ready = true
	return l.makeTopics(c)
}

// makeAnew deletes all topics when they have become large, and makes them again.
func (l *crashLoop) makeAnew(address string) error {
	var size int64
	err := filepath.WalkDir(filepath.Join(l.dir, "logs"), func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			size += info.Size()
		}
		return err
	})
	if err != nil || size < l.space {
		return err
	}
	l.done.anew++
	c, err := login(address)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, t := range l.h.topics {
		if l.h.begin(t, live, deleting) {
			if err := c.DeleteTopic(context.Background(), stream(), t.id()); err != nil {
				return err
			}
			l.h.end(t)
		}
	}
	return l.makeTopics(c)
}

// makeTopics makes all topics that are not there.
func (l *crashLoop) makeTopics(c *client.Client) error {
	for _, t := range l.h.topics {
		if l.h.begin(t, absent, creating) {
			if err := create(context.Background(), c, t); err != nil {
				return err
			}
			l.h.end(t)
		}
	}
	return nil
}

// underLoad loads the broker and ends it.
func (l *crashLoop) underLoad(s *server) error {
	load := l.load
	if load.sizes == nil {
		load.sizes = []func(*rand.Rand, *topic) []int{mixed, mixed, mixed, tiny, direct}[l.rng.IntN(5)]
		load.pause = []time.Duration{0, time.Millisecond, 3 * time.Millisecond}[l.rng.IntN(3)]
	}
	end := l.end
	if !l.calm && l.rng.IntN(15) == 0 {
		end = l.endInOrder
	}
	w := load.begin(l.h, s.Address, &l.seqs, l.rng.Uint64())
	err := l.await(s, w, l.exponential(l.life, 5*l.life))
	w.ending.Store(true)
	if err == nil {
		l.last, err = end(s)
	} else {
		s.Kill()
	}
	return errors.Join(err, w.end())
}

// await waits for the first acknowledgement, and then for so long.
func (l *crashLoop) await(s *server, w *load, delay time.Duration) error {
	select {
	case <-w.ackedOne:
	case <-time.After(30 * time.Second):
		return errors.New("nothing is acknowledged within 30 s")
	case <-s.Exited:
		return errors.New("the broker ended by itself")
	}
	select {
	case <-time.After(delay):
		return nil
	case <-s.Exited:
		return errors.New("the broker ended by itself")
	}
}

func (l *crashLoop) endInOrder(s *server) (ending, error) {
	l.done.orders++
	return inOrder, s.Stop()
}

// final looks at everything once more, ends in order, and looks again.
func (l *crashLoop) final() error {
	for range 2 {
		s, err := tryStart(l.t, l.options())
		if err == nil {
			err = noDamage(s)
		}
		if err == nil {
			err = l.h.verify(s.Address, l.dir, l.last, true)
		}
		if err == nil {
			l.last, err = l.endInOrder(s)
		}
		if err != nil {
			return died(s, err)
		}
	}
	return nil
}

// TestEndInOrderWhileClientsLogIn: a connection that is logging in when the broker is told to end is closed after its reply
// like any other, and does not keep the broker from ending.
func TestEndInOrderWhileClientsLogIn(t *testing.T) {
	for range 5 {
		s := start(t, options{args: []string{"--shards", "2"}})
		var clients sync.WaitGroup
		in := make(chan struct{}, 1000)
		for range 8 {
			clients.Go(func() {
				c, err := login(s.Address)
				for ; err == nil; err = c.Ping(context.Background()) {
					select {
					case in <- struct{}{}:
					default:
					}
				}
			})
		}
		<-in
		s.stop()
		clients.Wait()
	}
}

// died adds the broker's log to an error.
func died(s *server, err error) error {
	text := s.Log()
	if n := 20_000; len(text) > n {
		text = text[:n/2] + "\n...\n" + text[len(text)-n/2:]
	}
	return fmt.Errorf("%w\n%s", err, text)
}

func (l *crashLoop) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(w, "%s\t%v\n", name, value) }
	if l.cuts > 0 {
		row("power cuts", l.done.cuts)
	}
	row("kills", l.done.kills)
	row("of these while starting", l.done.whileStarting)
	row("ends in order", l.done.orders)
	row("messages acknowledged", l.h.acked)
	row("messages verified", l.h.verified)
	row("batches found that were not acknowledged", l.h.found)
	row("messages lost at levels that allow it", l.h.lost)
	row("gaps stepped over", l.h.gaps)
	row("log starts raised", l.h.trims)
	row("stored offsets compared", l.h.offsets)
	row("of these of consumer groups", l.h.groupOffsets)
	row("consumer groups compared", l.h.groups)
	a := &l.h.accounts.verifiedAccounts
	row("users compared", a.users)
	row("tokens compared", a.tokens)
	row("their commands in flight at an end, of these took effect", fmt.Sprintf("%d, %d", a.flew+l.h.groupsFlew, a.took+l.h.groupsTook))
	row("logins that worked or were refused as they should", a.logins)
	for _, k := range []string{"1 shards", "2 shards", "3 shards", "4 shards", "uring", "epoll", "auto journal", "buffered journal"} {
		row("starts with "+k, l.used[k])
	}
	w.Flush()
	return b.String()
}
