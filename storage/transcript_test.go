package storage_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/sim"
	"github.com/galgo-mq/galgo/storage"
)

var rewrite = flag.Bool("rewrite", false, "write the transcripts as they are now")

// TestTranscripts runs the scripts of testdata/transcripts. A line that is not indented is a command; the indented ones
// below it are what it did. With -rewrite they are written anew, to be read in review.
//
//	start                          recover the directory and start one shard
//	open log=1 level=persisted     the metadata has created a log
//	append log=1 bytes=100 n=1     send a batch; turn ends the turn: operations leave
//	done k                         the operation of that number completes
//	done, done all                 all of them, until nothing moves; the second says which
//	lose k, tear k sectors=3       it never happened; only so much of it did
//	fail kind=write path=segment   the next such operation fails
//	poll log=1 from=0              what can be read
//	kill, power                    the process ends; the page cache stays, or only what is stable
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play1(t, string(text))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) {
				t.Errorf("%s: got\n%s", file, got)
			}
		})
	}
}

// script plays one transcript.
type script struct {
	t     *testing.T
	disk  *sim.Disk
	s     *storage.Store
	rec   *storage.Recovered
	live  []storage.LogConfig
	out   strings.Builder
	uid   int
	names map[*storage.Request]string
	mono  int64
	show  bool

	journalBytes int64 // 0: the least
}

func play1(t *testing.T, text string) string {
	c := &script{t: t, disk: sim.NewDisk(1), names: map[*storage.Request]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "  "):
			continue
		case line == "" || line[0] == '#':
			fmt.Fprintln(&c.out, line)
		default:
			fmt.Fprintln(&c.out, line)
			c.command(strings.Fields(line))
		}
	}
	return c.out.String()
}

func (c *script) say(format string, args ...any) { fmt.Fprintf(&c.out, "  "+format+"\n", args...) }

// args reads key=value words over defaults.
func (c *script) arg(words []string, key string, def int) int {
	for _, w := range words {
		var n int
		if k, v, ok := strings.Cut(w, "="); ok && k == key {
			if _, err := fmt.Sscan(v, &n); err != nil {
				c.t.Fatalf("%q: %v", w, err)
			}
			return n
		}
	}
	return def
}

func (c *script) word(words []string, key string) string {
	for _, w := range words {
		if k, v, ok := strings.Cut(w, "="); ok && k == key {
			return v
		}
	}
	return ""
}

func (c *script) command(words []string) {
	log := storage.LogID(c.arg(words, "log", 1))
	switch words[0] {
	case "start":
		c.start()
	case "open":
		level := map[string]storage.Level{"memory": storage.LevelMemory, "written": storage.LevelWritten}[c.word(words, "level")]
		if level == 0 {
			level = storage.LevelPersisted
		}
		cfg := storage.LogConfig{ID: log, Level: level, OffsetLevel: level, SegmentSize: int64(c.arg(words, "segment", 1<<20))}
		c.live = append(c.live, cfg)
		c.s.OpenLog(cfg)
	case "append":
		r := &storage.Request{Kind: storage.ReqAppend, Log: log, Batch: c.batch(c.arg(words, "bytes", 100), c.arg(words, "n", 1))}
		c.do(r, fmt.Sprintf("batch %d", c.uid))
	case "store":
		c.do(&storage.Request{Kind: storage.ReqStoreOffset, Log: log, Value: uint64(c.arg(words, "value", 0))}, "store")
	case "trim":
		c.do(&storage.Request{Kind: storage.ReqTrim, Log: log, Count: uint32(c.arg(words, "count", 1))}, "trim")
	case "flush":
		c.do(&storage.Request{Kind: storage.ReqFlush, Log: log}, "flush")
	case "poll":
		r := &storage.Request{Kind: storage.ReqPoll, Log: log, Strategy: storage.FromOffset, Value: uint64(c.arg(words, "from", 0)),
			Count: 1000, BytesMax: 1 << 20, Head: make([]byte, storage.HeadMin)}
		c.do(r, "poll")
		c.settle()
	case "turn":
		c.turn()
	case "done":
		if len(words) == 1 || words[1] == "all" {
			c.show = len(words) > 1
			c.settle()
			c.show = false
			return
		}
		c.complete(c.flight(words))
	case "lose":
		c.disk.LoseAt(c.flight(words))
	case "tear":
		c.disk.TearAt(c.flight(words), c.arg(words, "sectors", 1))
	case "fail":
		kind := map[string]storage.OpKind{"write": storage.OpWrite, "sync": storage.OpFdatasync, "fallocate": storage.OpFallocate}[c.word(words, "kind")]
		f := faults[0]
		f.Kind, f.Path = kind, c.word(words, "path")
		c.disk.Fail(f)
	case "kill":
		c.disk.Kill()
	case "power":
		c.disk.LosePower()
	default:
		c.t.Fatalf("no command %q", words[0])
	}
}

// flight is the place of the operation that a command names by its number from 1 on.
func (c *script) flight(words []string) int {
	var k int
	if _, err := fmt.Sscan(words[1], &k); err != nil || k < 1 || k > c.disk.InFlight() {
		c.t.Fatalf("%v: there are %d operations in flight", words, c.disk.InFlight())
	}
	return k - 1
}

func (c *script) start() {
	_ = c.disk.Mkdir(dir)
	if err := c.disk.SyncDir("/"); err != nil {
		c.t.Fatal(err)
	}
	fd, err := c.disk.Open(dir+"/"+storage.SuperblockName, true, false)
	if err != nil {
		c.t.Fatal(err)
	}
	report := func(event string, id storage.LogID, err error) {
		c.say("%s: %v", event, strings.ReplaceAll(err.Error(), dir+"/", ""))
	}
	mem := sim.NewMemory(64<<20 + int(4*c.journalBytes))
	c.rec, err = storage.Recover(c.disk, fd, storage.RecoverConfig{Dir: dir, Shards: 1, JournalBytes: max(storage.JournalBytesMin, c.journalBytes),
		BootID: c.disk.BootID(), Memory: mem, Report: report,
		Metadata: func([]byte, []storage.MetaCommand) (storage.MetaState, error) {
			st := storage.MetaState{Live: map[storage.LogID]storage.Level{}}
			for _, l := range c.live {
				st.Live[l.ID] = l.Level
			}
			return st, nil
		}})
	if err != nil {
		c.say("%v", err)
		return
	}
	c.s = storage.New(storage.Config{Dir: dir, Seed: c.rec.Seed, FirstGroup: c.rec.FirstGroup, Journal: c.rec.Journals[0],
		TailMemory: mem, JournalMemory: mem, ReadMemory: mem, Report: report})
	c.say("first group %d", c.rec.FirstGroup)
	for i, st := range c.rec.Logs {
		for _, l := range c.live {
			if l.ID == st.ID {
				c.s.AdoptLog(l, st)
			}
		}
		end := ""
		if k := len(st.Segments); k > 0 {
			end = fmt.Sprintf(", segment %d ends at byte %d", st.Segments[k-1].Base, st.Segments[k-1].End)
		}
		c.say("log %d: offsets %d to %d%s", c.rec.Logs[i].ID, st.Start, st.Next, end)
	}
}

// batch makes a batch whose first payload names it.
func (c *script) batch(bytes, n int) []byte {
	c.uid++
	var b batch.Builder
	b.Reset(1)
	rng := rand.New(rand.NewPCG(uint64(c.uid), 0))
	for range n {
		p := make([]byte, max(16, bytes))
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		copy(p, fmt.Sprintf("batch %-8d", c.uid))
		if err := b.Add([16]byte{1}, p, nil); err != nil {
			c.t.Fatal(err)
		}
	}
	return append([]byte(nil), b.Bytes()...)
}

func (c *script) do(r *storage.Request, name string) {
	c.names[r] = name
	c.s.Begin(1_000_000, c.mono)
	c.s.Do(r)
	c.answers()
}

func (c *script) answers() {
	for r := c.s.TakeDone(); r != nil; r = c.s.TakeDone() {
		switch {
		case r.Err != nil:
			c.say("%s: %v", c.names[r], strings.ReplaceAll(r.Err.Error(), dir+"/", ""))
		case r.Kind == storage.ReqAppend:
			c.say("%s told at %d", c.names[r], r.Base)
		case r.Kind == storage.ReqPoll:
			text := ""
			for _, p := range pieces(r) {
				rec, _ := batch.Next(p.frames)
				text += fmt.Sprintf(" %d: %s", p.base, strings.TrimSpace(string(rec.Payload()[:14])))
			}
			c.say("poll:%s", text)
			c.s.Release(r)
		default:
			c.say("%s done", c.names[r])
		}
	}
}

// turn ends the turn and lists what is in flight.
func (c *script) turn() {
	before := c.disk.InFlight()
	c.end()
	for i, op := range c.disk.Flights() {
		if i >= before {
			c.say("%d: %s", i+1, c.describe(&op))
		}
	}
}

func (c *script) end() {
	c.s.End()
	for _, op := range c.s.TakeOps() {
		c.disk.Submit(0, op)
	}
	c.answers()
}

func (c *script) describe(op *storage.Op) string {
	path := op.Path
	if path == "" {
		path = c.disk.PathOf(op.FD)
	}
	path = strings.TrimPrefix(path, dir+"/")
	switch op.Kind {
	case storage.OpWrite:
		how := "through the page cache"
		if op.DSync {
			how = "synced"
		}
		return fmt.Sprintf("write %s at %d, %d bytes, %s", path, op.Pos, len(op.Buf), how)
	case storage.OpRead:
		return fmt.Sprintf("read %s at %d, %d bytes", path, op.Pos, len(op.Buf))
	case storage.OpFdatasync:
		return "sync " + path
	case storage.OpFallocate:
		return fmt.Sprintf("allocate %s from %d, %d bytes", path, op.Pos, op.Len)
	}
	names := map[storage.OpKind]string{storage.OpOpen: "open", storage.OpClose: "close", storage.OpUnlink: "unlink", storage.OpMkdir: "make directory",
		storage.OpRmdir: "remove directory", storage.OpSyncDir: "sync directory", storage.OpRename: "rename", storage.OpTruncate: "truncate", storage.OpList: "list"}
	return names[op.Kind] + " " + path
}

// complete lets the i-th operation complete, in a turn of its own.
func (c *script) complete(i int) {
	d := c.disk.CompleteAt(i)
	c.s.Begin(1_000_000, c.mono)
	if d.Names != nil {
		c.s.CompleteList(d.Token, d.Names, d.Err)
	} else {
		c.s.Complete(d.Token, d.Res, d.Err)
	}
	c.answers()
}

// settle lets everything complete in order, and a second pass.
func (c *script) settle() {
	c.mono += 1_000_000_000
	for i := 0; ; i++ {
		c.s.Begin(1_000_000, c.mono)
		c.end()
		if c.disk.InFlight() == 0 {
			return
		}
		if i > 10000 {
			c.t.Fatal("it never ends")
		}
		if c.show {
			c.say("%s", c.describe(&c.disk.Flights()[0]))
		}
		c.complete(0)
	}
}
