package e2e

import (
	"bytes"
	"context"
	bin "encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

const block = 4096

// site is a data directory that was used, and by whom.
type site struct {
	dir      string
	writers  []*writer // each the only one of its topic, in the order in which the topics were made
	accounts *accounts // users and tokens; nil: only root
}

// copy is the same in a directory of the test's own.
func (x *site) copy(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir() + "/data"
	if err := os.CopyFS(dir, os.DirFS(x.dir)); err != nil {
		t.Fatal(err)
	}
	return &site{dir, x.writers, x.accounts}
}

var damageArgs = []string{"--shards", "1", "--journal-size", "8MiB"}

// newSite makes a data directory by two runs, so that its logs have segments that are on disk alone, and others that the
// journal holds too. The second run ends in order, or is killed.
func newSite(t *testing.T, kill bool) *site {
	t.Helper()
	x := &site{dir: t.TempDir() + "/data", accounts: newAccounts()}
	x.accounts.quick = true // hashes are slow, and not what is looked for
	rng := random(t)
	for run := range 2 {
		s := start(t, options{dir: x.dir, args: damageArgs})
		for _, topic := range []string{"first", "second", "third"} {
			if run == 0 {
				newTopic(t, s.dial(), "full", topic, 1, wire.Uint64Option("segment_size", 1<<20))
				x.writers = append(x.writers, &writer{topic: topic, sizeMax: 3000})
			}
		}
		ws := &writers{t: t, all: x.writers}
		for _, w := range x.writers {
			w.sizeMax = 3000
		}
		ws.some(s, rng, 1500+run*1000) // small ones: 2.3 MiB, then 1.5 MiB more
		for _, w := range x.writers {
			w.sizeMax = 300_000
		}
		ws.some(s, rng, 1505+run*1000) // and some that go straight to their segment
		for _, w := range x.writers {
			w.sizeMax = 3000
		}
		ws.some(s, rng, 1510+run*1000)
		x.people(t, s, rng)
		x.attend(t, s)
		for _, w := range x.writers {
			w.sizeMax = 30_000
		}
		ws.some(s, rng, 1520+run*1000) // what damages the last groups has no metadata to hit
		if run == 1 && kill {
			s.Kill()
		} else {
			s.stop()
		}
	}
	return x
}

// people changes users and tokens.
func (x *site) people(t *testing.T, s *server, rng *rand.Rand) {
	t.Helper()
	c := s.dial()
	for range 60 {
		slot := x.accounts.slots[rng.IntN(len(x.accounts.slots))]
		if err := x.accounts.command(context.Background(), c, s.Address, rng, slot); err != nil {
			t.Fatal(err)
		}
	}
}

// attend has a group of each topic, made by the first to come, store the middle of what is there. The member stays until the end.
func (x *site) attend(t *testing.T, s *server) {
	t.Helper()
	c, ctx := s.dial(), context.Background()
	for _, w := range x.writers {
		topic := wire.Named(w.topic)
		if _, err := c.CreateGroup(ctx, wire.Named("full"), topic, "group"); err != nil && !errors.Is(err, wire.StatusConsumerGroupNameAlreadyExists) {
			t.Fatal(err)
		}
		err := c.JoinGroup(ctx, wire.Named("full"), topic, wire.Named("group"))
		if err == nil {
			w.stored = append(w.stored, uint64(len(w.acked)/2))
			err = c.StoreOffset(ctx, groupOffsets, wire.Named("full"), topic, 0, w.stored[len(w.stored)-1])
		}
		if err != nil {
			t.Fatalf("group of %s: %v", w.topic, err)
		}
	}
}

var groupOffsets = wire.Consumer{Kind: wire.GroupConsumer, ID: wire.Named("group")}

// checkPeople finds users, tokens and groups as they were; a broker that has lost some must not start. Stored offsets may be older
// where journals were damaged.
func (x *site) checkPeople(t *testing.T, s *server, older bool) {
	t.Helper()
	if x.accounts == nil {
		return
	}
	c, err := login(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := x.accounts.verify(c, s.Address); err != nil {
		t.Errorf("%v\n%s", err, tail(s.Log()))
	}
	for _, w := range x.writers {
		list, err := c.GetGroups(context.Background(), wire.Named("full"), wire.Named(w.topic))
		if err != nil || len(list) != 1 || list[0].Name != "group" || list[0].MembersCount != 0 {
			t.Errorf("groups of %s: %+v, %v", w.topic, list, err)
			continue
		}
		o, err := c.GetOffset(context.Background(), groupOffsets, wire.Named("full"), wire.Named(w.topic), 0)
		last := w.stored[len(w.stored)-1]
		switch {
		case err == nil && o.StoredOffset == last:
		case older && (errors.Is(err, wire.StatusConsumerOffsetNotFound) || err == nil && slices.Contains(w.stored, o.StoredOffset)):
		default:
			t.Errorf("the group of %s has offset %d stored, not %d, %v", w.topic, o.StoredOffset, last, err)
		}
	}
}

// damage is something done to a file.
type damage struct {
	name string
	do   func(p []byte) []byte
}

func flip(at int) damage {
	return damage{fmt.Sprintf("flip byte %d", at), func(p []byte) []byte { p[at] ^= 0x40; return p }}
}

func zero(at int) damage {
	return damage{fmt.Sprintf("zero block at %d", at), func(p []byte) []byte { clear(p[at:min(len(p), at+block)]); return p }}
}

func truncate(at int) damage {
	return damage{fmt.Sprintf("truncate to %d", at), func(p []byte) []byte { return p[:at] }}
}

func damageFile(t *testing.T, path string, d damage) {
	t.Helper()
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, d.do(p), 0o640); err != nil {
		t.Fatal(err)
	}
}

// outcome is what may come of a damage.
type outcome struct {
	refuses []string // the start must fail, and say these words
	mayFail []string // the start may fail, and then says these words
	whole   bool     // nothing may be missing
	anyMeta bool     // metadata may be older: nothing that is left says whether there was more
	lastCut bool     // a last message or two may be missing: no power cut would have left them either, for all that is known
}

var checks int

// check starts the broker on the damaged directory. damaged is the topic whose data was hit; nil: any.
func (x *site) check(t *testing.T, damaged *writer, want outcome) {
	t.Helper()
	runs := 1
	if checks++; want.whole || checks%3 == 0 { // and again: what recovery made of it is no worse the next time
		runs = 2
	}
	for run := range runs {
		s, err := tryStart(t, options{dir: x.dir, args: damageArgs})
		if err != nil {
			words := want.refuses
			if words == nil {
				words = want.mayFail
			}
			if words == nil {
				t.Fatalf("the broker does not start: %v\n%s", err, tail(s.Log()))
			}
			if len(s.lines(append([]string{"galgo: recover"}, words...)...)) == 0 || s.Cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("the broker ends with code %d and does not say %q:\n%s", s.Cmd.ProcessState.ExitCode(), words, tail(s.Log()))
			}
			return
		}
		if want.refuses != nil {
			t.Fatalf("the broker starts, where it should refuse:\n%s", tail(s.Log()))
		}
		if !want.anyMeta {
			x.checkPeople(t, s, !want.whole && damaged == nil)
		}
		for i, w := range x.writers {
			t.Run(fmt.Sprintf("run %d %s", run, w.topic), func(t *testing.T) {
				c, err := login(s.Address)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				got := w.harvest(t, s, c, want.lastCut)
				missing := len(w.acked) - got.served
				s.says(`"event": "login"`) // a line behind all that the start says
				said := append(s.lines("damaged", fmt.Sprintf(`"log": %d`, i+1)), s.lines("lost", fmt.Sprintf(`"log": %d`, i+1))...)
				for _, line := range said {
					if names := fmt.Sprintf(`"topic": %q, "partition": %d`, w.topic, w.part); strings.Contains(line, `"event": "storage"`) && !strings.Contains(line, names) {
						t.Errorf("a line of the log does not say %s: %s", names, line)
					}
				}
				switch {
				case missing == 0 && got.errors == 0:
				case want.whole || damaged != nil && w != damaged:
					t.Errorf("%d of %d messages are missing, %d polls fail", missing, len(w.acked), got.errors)
				case want.lastCut:
					if missing > 2 {
						t.Errorf("%d messages are missing for a group or two:\n%s", missing, tail(s.Log()))
					}
				case got.errors == 0 && len(said) == 0 && run == 0:
					t.Errorf("%d of %d messages are missing, and nobody is told:\n%s", missing, len(w.acked), tail(s.Log()))
				}
				if missing > 0 || got.errors > 0 {
					t.Logf("%d of %d messages are missing, %d polls fail; the log has %d lines, the first: %q", missing, len(w.acked), got.errors,
						len(said), append(said, "")[0])
				}
				w.appendAfter(t, s, c, want.whole || damaged != nil && w != damaged, want.lastCut)
			})
		}
		s.stop()
	}
}

// harvested is what polls of a log gave.
type harvested struct {
	served, errors int
}

// harvest polls everything that is there. Each message is the one that was acknowledged at its offset; where there is none,
// there is an error, or the end.
func (w *writer) harvest(t *testing.T, s *server, c *client.Client, cut bool) (h harvested) {
	t.Helper()
	n := uint64(0)
	failed := false
	for n <= uint64(len(w.acked)) {
		p, err := pollAt(c, "full", w.topic, 0, n, 200)
		var status wire.Status
		switch {
		case errors.Is(err, client.ErrBroken) || err != nil && !errors.As(err, &status):
			t.Fatalf("%s, poll at %d: %v\n%s", w.topic, n, err, tail(s.Log()))
		case err != nil: // damaged here; perhaps not behind
			if !failed {
				t.Logf("%s, poll at %d: %v", w.topic, n, err)
			}
			failed = true
			h.errors++
			n++
			continue
		case p.Count == 0:
			if !failed {
				return h
			}
			n++ // behind a damage
			continue
		}
		for m := range p.Messages() {
			if m.Offset >= uint64(len(w.acked)) {
				return h // of an earlier run of this check
			}
			if m.Offset != n && !failed {
				t.Errorf("%s: offset %d follows %d, and no poll failed", w.topic, m.Offset, n)
			}
			if m.Offset < n {
				t.Fatalf("%s: offset %d where %d was asked for", w.topic, m.Offset, n)
			}
			if cut && bytes.Equal(m.Payload(), afterDamage) {
				return h // where another one was cut, in an earlier run of this check
			}
			if !bytes.Equal(m.Payload(), w.payload(w.acked[m.Offset])) {
				t.Fatalf("%s: wrong bytes at offset %d", w.topic, m.Offset)
			}
			n = m.Offset + 1
			h.served++
		}
	}
	return h
}

// appendAfter appends to a log that must take it, or may refuse it; no offset is given out again.
func (w *writer) appendAfter(t *testing.T, s *server, c *client.Client, must, cut bool) {
	t.Helper()
	placed, err := c.Send(context.Background(), wire.Named("full"), wire.Named(w.topic), 0, single(afterDamage))
	if err != nil {
		if must || !errors.Is(err, wire.StatusCannotAppendMessage) {
			t.Errorf("%s: append: %v\n%s", w.topic, err, tail(s.Log()))
		}
		return
	}
	if placed.BaseOffset < uint64(len(w.acked)) && !cut {
		t.Errorf("%s: offset %d is given out again; %d were", w.topic, placed.BaseOffset, len(w.acked))
	}
	p, err := pollAt(c, "full", w.topic, 0, placed.BaseOffset, 1)
	if err != nil || p.Count != 1 {
		t.Errorf("%s: poll of what was just appended: %d messages, %v", w.topic, p.Count, err)
		return
	}
	for m := range p.Messages() {
		if !bytes.Equal(m.Payload(), afterDamage) {
			t.Errorf("%s: wrong bytes at offset %d", w.topic, m.Offset)
		}
	}
}

var afterDamage = []byte("after the damage")

// segments are the files of the i-th topic's log, oldest first.
func (x *site) segments(t *testing.T, i int) []string {
	t.Helper()
	list, err := filepath.Glob(fmt.Sprintf("%s/logs/%016x/*.segment", x.dir, i+1))
	if err != nil || len(list) < 4 {
		t.Fatalf("topic %d has segments %q, %v", i, list, err)
	}
	sort.Strings(list)
	return list
}

// groupAt is a group in a journal file.
type groupAt struct {
	file               string
	pos, size          int
	number, safe, flag uint64
}

// groups are those of the last run, in order.
func (x *site) groups(t *testing.T) []groupAt {
	t.Helper()
	files, err := filepath.Glob(x.dir + "/journal/*.journal")
	if err != nil || len(files) != 2 {
		t.Fatalf("journal files %q, %v", files, err)
	}
	var list []groupAt
	latest := uint64(0)
	first := map[int]uint64{}
	for _, f := range files {
		p, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		le := bin.LittleEndian
		for at := 0; at+64 <= len(p); at += block {
			if string(p[at:at+4]) != "GGRP" {
				continue
			}
			first[len(list)] = le.Uint64(p[at+24:])
			latest = max(latest, le.Uint64(p[at+24:]))
			list = append(list, groupAt{filepath.Base(f), at, int(le.Uint32(p[at+32:])), le.Uint64(p[at+8:]), le.Uint64(p[at+16:]), uint64(le.Uint16(p[at+6:]))})
			at += (int(le.Uint32(p[at+32:])) - 1) / block * block
		}
	}
	var last []groupAt
	for i, g := range list {
		if first[i] == latest {
			last = append(last, g)
		}
	}
	slices.SortFunc(last, func(a, b groupAt) int { return int(int64(a.number) - int64(b.number)) })
	if len(last) < 10 {
		t.Fatalf("only %d groups", len(last))
	}
	return last
}

// TestDamage changes bytes in every kind of file of a data directory, after an orderly end and after kill -9. No poll ever
// returns a wrong byte or passes over a message in silence, the log names what is damaged, other partitions work; where
// nothing can be trusted the start is refused, and says what to do.
func TestDamage(t *testing.T) {
	for _, kill := range []bool{false, true} {
		name := "orderly end"
		if kill {
			name = "kill -9"
		}
		t.Run(name, func(t *testing.T) {
			x := newSite(t, kill)
			t.Run("none", func(t *testing.T) { x.copy(t).check(t, nil, outcome{whole: true}) })
			t.Run("superblock", func(t *testing.T) { testDamagedSuperblock(t, x) })
			t.Run("state file", func(t *testing.T) { testDamagedState(t, x) })
			t.Run("sealed segment", func(t *testing.T) { testDamagedSegment(t, x, false) })
			t.Run("active segment", func(t *testing.T) { testDamagedSegment(t, x, true) })
			t.Run("journal", func(t *testing.T) { testDamagedJournal(t, x, kill) })
		})
	}
}

func testDamagedSuperblock(t *testing.T, x *site) {
	f := func(name string, want outcome, ds ...damage) {
		t.Run(name, func(t *testing.T) {
			x := x.copy(t)
			for _, d := range ds {
				damageFile(t, x.dir+"/galgo.meta", d)
			}
			x.check(t, nil, want)
		})
	}
	f("first copy", outcome{whole: true}, flip(40))
	f("second copy", outcome{whole: true}, flip(block+40))
	f("first copy zero", outcome{whole: true}, zero(0))
	f("second copy cut", outcome{whole: true}, truncate(block))
	refused := outcome{refuses: []string{"galgo.meta", "restore"}}
	f("both copies", refused, flip(40), flip(block+40))
	f("both zero", outcome{refuses: []string{"galgo.meta"}}, zero(0), zero(block))
	f("empty", outcome{refuses: []string{"galgo.meta"}}, truncate(0))
}

func testDamagedState(t *testing.T, x *site) {
	find := func(x *site) string {
		list, err := filepath.Glob(x.dir + "/state/*.state")
		if err != nil || len(list) != 1 {
			t.Fatalf("state files %q, %v", list, err)
		}
		return list[0]
	}
	info, err := os.Stat(find(x))
	if err != nil {
		t.Fatal(err)
	}
	size := int(info.Size())
	refused := outcome{refuses: []string{".state", "restore"}}
	for _, d := range []damage{flip(9), flip(60), flip(100), zero(0), truncate(0), truncate(100)} {
		if size < 101 {
			t.Fatalf("a state file of %d bytes", size)
		}
		t.Run(d.name, func(t *testing.T) {
			x := x.copy(t)
			damageFile(t, find(x), d)
			x.check(t, nil, refused)
		})
	}
	t.Run("missing", func(t *testing.T) {
		x := x.copy(t)
		if err := os.Remove(find(x)); err != nil {
			t.Fatal(err)
		}
		x.check(t, nil, refused)
	})
}

func testDamagedSegment(t *testing.T, x *site, active bool) {
	which := func(x *site) string {
		list := x.segments(t, 1)
		if active {
			return list[len(list)-1]
		}
		return list[1] // of the first run: no journal has it
	}
	p, err := os.ReadFile(which(x))
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(p, "\x00"))
	at := nthBatch(t, p, func(n, _ int) bool { return n == 3 })
	far := at
	if used > block+80<<10 {
		far = nthBatch(t, p, func(_, at int) bool { return at >= block+64<<10 }) // one that an index would hold
	}
	cases := []damage{
		flip(0), flip(10), zero(0), // the segment's own head
		flip(at + 8), flip(at + 16), flip(at + 32), flip(at + 33), flip(at + 35), flip(at + 40), flip(at + 48), flip(at + 60), // a batch's head
		{"base offset far back", func(p []byte) []byte { clear(p[at+8 : at+16]); return p }},
		{"base offset far ahead", func(p []byte) []byte { p[at+15] = 0x7f; return p }},
		{"base offset of an indexed one far back", func(p []byte) []byte { clear(p[far+8 : far+16]); return p }},
		{"base offset of an indexed one far ahead", func(p []byte) []byte { p[far+15] = 0x7f; return p }},
		{"base offset of an indexed one a little ahead", func(p []byte) []byte { p[far+8] += 3; return p }},
		{"count of an indexed one", func(p []byte) []byte { p[far+49] += 3; return p }},
		{"time of an indexed one", func(p []byte) []byte { p[far+23] ^= 0x40; return p }},
		{"length zero", func(p []byte) []byte { clear(p[at+32 : at+40]); return p }},
		flip(at + 256), flip(at + 290), flip(at + 320), // a message's head and payload
		zero((at + block - 1) &^ (block - 1)), zero((used / 2) &^ (block - 1)), zero((used - 1) &^ (block - 1)),
		truncate(0), truncate(block), truncate(used / 2 &^ 511), truncate(used - 1),
	}
	for _, d := range cases {
		t.Run(d.name, func(t *testing.T) {
			x := x.copy(t)
			damageFile(t, which(x), d)
			x.check(t, x.writers[1], outcome{})
		})
	}
	t.Run("missing", func(t *testing.T) {
		x := x.copy(t)
		if err := os.Remove(which(x)); err != nil {
			t.Fatal(err)
		}
		x.check(t, x.writers[1], outcome{})
	})
}

// nthBatch finds where a batch of a segment begins.
func nthBatch(t *testing.T, p []byte, is func(n, at int) bool) int {
	t.Helper()
	at := block
	for n := 0; !is(n, at); n++ {
		length := int(bin.LittleEndian.Uint64(p[at+32:]))
		if length == 0 { // padding
			length = block - at%block
		}
		if at += length; at+256 > len(p) {
			t.Fatalf("no such batch")
		}
	}
	return at
}

func testDamagedJournal(t *testing.T, x *site, kill bool) {
	gs := x.groups(t)
	n := len(gs)
	lap := 0
	for i, g := range gs {
		if g.flag&1 != 0 {
			lap = i
		}
	}
	t.Logf("%d groups, lap is %d", n, lap)
	middle := lap + (n-lap)/2 // behind it are metadata commands
	f := func(name string, i int, want outcome) {
		g := gs[i]
		for _, d := range []damage{flip(g.pos + 20), flip(g.pos + g.size/2), zero(g.pos), truncate(g.pos)} {
			t.Run(name+", "+d.name, func(t *testing.T) {
				x := x.copy(t)
				damageFile(t, filepath.Join(x.dir, "journal", g.file), d)
				want := want
				want.anyMeta = i == middle && strings.HasPrefix(d.name, "truncate")
				x.check(t, nil, want)
			})
		}
	}
	f("in the middle", middle, outcome{mayFail: []string{"metadata"}})
	if lap > 0 {
		f("lap", lap, outcome{mayFail: []string{"metadata"}})
	}
	if kill {
		f("last but one", n-2, outcome{lastCut: true})
		f("last", n-1, outcome{lastCut: true})
		return
	}
	f("last but one", n-2, outcome{})
	f("end mark", n-1, outcome{whole: true})
}

// TestDamagedMetadataCommand changes bytes of the journal group with the last metadata command. Nothing that follows needs it, but
// later groups know that there was one: the start is refused after kill -9. After an orderly end the last group has it once more, and
// nothing else is needed.
func TestDamagedMetadataCommand(t *testing.T) {
	for _, kill := range []bool{false, true} {
		x := &site{dir: t.TempDir() + "/data", writers: []*writer{{topic: "first", sizeMax: 3000}}}
		s := start(t, options{dir: x.dir, args: damageArgs})
		c, ws := s.dial(), &writers{t: t, all: x.writers}
		newTopic(t, c, "full", "first", 1)
		ws.some(s, random(t), 20)
		if _, err := c.CreateGroup(context.Background(), wire.Named("full"), wire.Named("first"), "the last group"); err != nil {
			t.Fatal(err)
		}
		ws.some(s, random(t), 40)
		if kill {
			s.Kill()
		} else {
			s.stop()
		}
		hit := -1
		gs := x.groups(t)
		for i, g := range gs {
			if (hit < 0 || kill) && bytes.Contains(x.journal(t, g), []byte("the last group")) {
				hit = i
			}
		}
		want := outcome{whole: true}
		if kill {
			want = outcome{refuses: []string{"metadata", "missing", "restore"}}
		}
		if hit < 0 || hit+2 >= len(gs) {
			t.Fatalf("the command is in group %d of %d", hit, len(gs))
		}
		for _, d := range []damage{flip(gs[hit].pos + 20), zero(gs[hit].pos)} {
			t.Run(fmt.Sprintf("kill %v, %s", kill, d.name), func(t *testing.T) {
				x := x.copy(t)
				damageFile(t, filepath.Join(x.dir, "journal", gs[hit].file), d)
				x.check(t, nil, want)
			})
		}
	}
}

// journal is the bytes of a group.
func (x *site) journal(t *testing.T, g groupAt) []byte {
	t.Helper()
	p, err := os.ReadFile(filepath.Join(x.dir, "journal", g.file))
	if err != nil {
		t.Fatal(err)
	}
	return p[g.pos : g.pos+g.size]
}

// TestDamagedMetadataSnapshot changes bytes of the metadata's snapshot, after laps of the journal that rely on it. The start
// is refused: older metadata would lose topics, and give out their numbers again.
func TestDamagedMetadataSnapshot(t *testing.T) {
	rng := random(t)
	x := &site{dir: t.TempDir() + "/data", writers: []*writer{{topic: "first", sizeMax: 100_000}}}
	s := start(t, options{dir: x.dir, args: damageArgs})
	c := s.dial()
	newTopic(t, c, "full", "first", 1)
	snapshot := x.dir + "/state/metadata.snapshot"
	for i := 0; ; i++ {
		if _, err := os.Stat(snapshot); err == nil {
			break
		}
		if i == 5000 {
			t.Fatal("no snapshot of the metadata")
		}
		_, err := c.CreateStream(context.Background(), fmt.Sprintf("%0200d", i))
		if err != nil && !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) { // while the snapshot is being written
			t.Fatal(err)
		}
	}
	before, err := c.GetStreams(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	(&writers{t: t, all: x.writers}).some(s, rng, 400) // 20 MiB, several laps
	s.Kill()
	info, err := os.Stat(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	size := int(info.Size())
	t.Run("none", func(t *testing.T) {
		x := x.copy(t)
		x.check(t, nil, outcome{whole: true})
		c := start(t, options{dir: x.dir, args: damageArgs}).dial()
		if after, err := c.GetStreams(context.Background()); err != nil || len(after) != len(before) {
			t.Errorf("%d streams, there were %d, %v", len(after), len(before), err)
		}
	})
	refused := outcome{refuses: []string{"metadata", "restore"}}
	for _, d := range []damage{flip(3), flip(14), flip(size / 2), flip(size - 1), zero(0), zero(size / 2 &^ (block - 1)), truncate(0), truncate(size / 2), truncate(size - 1)} {
		t.Run(d.name, func(t *testing.T) {
			x := x.copy(t)
			damageFile(t, x.dir+"/state/metadata.snapshot", d)
			x.check(t, nil, refused)
		})
	}
	t.Run("missing", func(t *testing.T) {
		x := x.copy(t)
		if err := os.Remove(x.dir + "/state/metadata.snapshot"); err != nil {
			t.Fatal(err)
		}
		x.check(t, nil, refused)
	})
}
