package storage_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/sim"
	"github.com/galgo-mq/galgo/storage"
)

// run is one life of a data directory, with crashes. It returns what broke.
func run(seed uint64, steps int, shape func(w *world), trace func(string, ...any)) (w *world, err error) {
	return play(seed, shape, trace, func(w *world) {
		w.restart()
		for range steps {
			w.step()
		}
		w.finish()
	})
}

// play makes a world and returns what breaks in f.
func play(seed uint64, shape func(w *world), trace func(string, ...any), f func(w *world)) (w *world, err error) {
	w = newWorld(seed, trace)
	if shape != nil {
		shape(w)
	}
	defer func() {
		if e := recover(); e != nil {
			if v, ok := e.(violation); ok {
				err = fmt.Errorf("%s", string(v))
				return
			}
			err = fmt.Errorf("panic: %v\n%s", e, debug.Stack())
		}
	}()
	f(w)
	return w, nil
}

// step is one thing that happens.
func (w *world) step() {
	if w.rng.IntN(w.opt.crashEvery) == 0 {
		w.crash()
		w.restart()
		return
	}
	w.inject()
	w.complete(w.rng.IntN(6))
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	w.turn(n, func() {
		for range w.rng.IntN(5) {
			w.act(n)
		}
	})
	w.release(w.rng.IntN(3))
	w.maybeSnapshot()
	w.keepSpace()
	for _, n := range w.nodes {
		if err := n.s.Failed(); err != nil {
			w.journalFailed(err)
			return
		}
	}
}

// journalFailed does what a server does: nothing more is told, the next start is warned, the process ends.
func (w *world) journalFailed(err error) {
	w.trace("journal failed: %v", err)
	if !w.faulty {
		fail("journal failed: %v", err)
	}
	w.stats.failures++
	w.disk.ClearFaults()
	w.disk.SetSpace(0)
	if err := w.rec.Distrust(w.disk, simMemory()); err != nil {
		fail("distrust: %v", err)
	}
	w.disk.Kill()
	w.least = survivesAll // what was in the page cache only may be gone
	w.forget()
	w.restart()
}

// act sends one request to a log of n, or has a log made or deleted.
func (w *world) act(n *node) {
	var mine []*history
	for _, h := range w.logs {
		if h.owner == n {
			mine = append(mine, h)
		}
	}
	v := w.rng.IntN(100)
	if v < 3 || len(mine) == 0 {
		w.changeMeta(mine)
		return
	}
	h := mine[w.rng.IntN(len(mine))]
	if h.aside && v < 92 {
		return
	}
	switch {
	case v < w.opt.levelShare:
		w.changeLevel(h)
	case w.opt.offsetShare > 0 && w.rng.IntN(100) < w.opt.offsetShare:
		w.store(h)
	case v < 45:
		w.append(h)
	case v < 70:
		w.poll(h)
	case v < 80:
		w.store(h)
	case v < 83:
		c := w.newCall(h, storage.ReqGetOffset)
		c.Consumer = consumers[w.rng.IntN(len(consumers))]
		w.send(c)
	case v < 86:
		c := w.newCall(h, storage.ReqFlush)
		for _, r := range h.visible {
			c.needs = append(c.needs, r)
		}
		w.send(c)
	case v < 89:
		c := w.newCall(h, storage.ReqTrim)
		c.Count = uint32(w.rng.IntN(3))
		w.send(c)
	case v < 92:
		rule := storage.Retention{HoldMicros: storage.HoldForever}
		switch w.rng.IntN(3) {
		case 0:
			rule.BytesMax = int64(1 + w.rng.IntN(1<<20)) // from now on, with every segment that is sealed
		case 1:
			rule.ExpiryMicros, rule.HoldMicros = 1+w.rng.Uint64N(200_000), w.rng.Uint64N(100_000)
		}
		if l := n.s.Log(h.info.id); l != nil {
			l.SetRetention(rule, h.info.segmentSize)
			l.Retain()
		}
	case v < 93:
		w.move(h)
	case v < 95:
		w.changeLevel(h)
	}
}

// changeLevel raises or lowers what the log promises, as a server does: a raise holds at the log before it is committed.
func (w *world) changeLevel(h *history) {
	if h.closing || h.moving || h.leveled || h.aside || len(w.proposals) > 3 || settingOf(h.info.id, w.setting) != 0 {
		return
	}
	from, to := h.info.level, w.opt.levels[w.rng.IntN(len(w.opt.levels))]
	if from == to {
		return
	}
	h.leveled = true
	w.trace("log %d: level %v to %v", h.info.id, from, to)
	commit := func() {
		w.proposeOr(append(idCmd(cmdLevel, h.info.id), byte(to)), func() { // refused
			h.owner.s.Log(h.info.id).SetLevel(from, h.info.offsetLevel)
			h.leveled = false
		}, func() {
			h.owner.s.Log(h.info.id).SetLevel(to, h.info.offsetLevel)
			h.setLevel(to)
			h.leveled = false
			w.stats.levels++
		})
	}
	if to < from {
		commit()
		return
	}
	c := w.newCall(h, storage.ReqRaise)
	c.Value = uint64(to)
	c.done = func(c *call) {
		if c.Err != nil {
			h.leveled = false
			w.unexpected(c)
			return
		}
		commit()
	}
	w.send(c)
}

// move has another shard take the log over.
func (w *world) move(h *history) {
	if h.closing || h.moving || h.leveled || len(w.nodes) == 1 {
		return
	}
	h.moving = true
	h.moved++
	from, to := h.owner, w.nodes[w.rng.IntN(len(w.nodes))]
	if from == to {
		to = w.nodes[(from.number+1)%len(w.nodes)]
	}
	w.trace("log %d: move from shard %d to %d", h.info.id, from.number, to.number)
	c := w.newCall(h, storage.ReqDetach)
	c.done = func(c *call) {
		if c.Err != nil {
			h.moving = false
			if !errors.Is(c.Err, storage.ErrFenced) {
				w.unexpected(c)
			}
			return
		}
		h.owner = to
		a := w.newCall(h, storage.ReqAttach)
		a.done = func(a *call) {
			if a.Err != nil {
				w.unexpected(a)
				return
			}
			from.s.Released(h.info.id)
			h.moving = false
			w.stats.moves++
		}
		w.calls = append(w.calls, a)
		to.s.Attach(c.Moved, &a.Request)
		w.drain(to)
	}
	w.send(c)
}

func (w *world) append(h *history) {
	if h.appends > 6 {
		return
	}
	size := 1 + w.rng.IntN(w.opt.batchMax)
	if w.rng.IntN(100) < w.opt.directShare {
		size = storage.DirectMin + w.rng.IntN(200<<10)
	}
	c := w.newCall(h, storage.ReqAppend)
	c.record, c.Batch = w.newBatch(h, size)
	h.sent = append(h.sent, c.record)
	h.appends++
	w.trace("log %d: append batch %d, %d records, %d bytes", h.info.id, c.record.uid, c.record.count(), len(c.Batch))
	if len(c.Batch) >= storage.DirectMin {
		w.stats.direct++
	}
	w.send(c)
}

func (w *world) poll(h *history) {
	c := w.newCall(h, storage.ReqPoll)
	c.Strategy = storage.FromOffset + storage.Strategy(w.rng.IntN(5))
	c.Count, c.BytesMax = 1+uint32(w.rng.IntN(40)), 1+w.rng.IntN(300<<10)
	c.refusals, c.unsound = c.node.reads.Refused(), w.faulty || w.damaged
	c.Consumer, c.AutoCommit = consumers[w.rng.IntN(len(consumers))], w.rng.IntN(3) == 0
	end := h.end()
	switch c.Strategy {
	case storage.FromOffset:
		c.Value = w.rng.Uint64N(uint64(end) + 2)
		if w.rng.IntN(2) == 0 && len(h.visible) > 0 { // where there are records
			r := h.visible[w.rng.IntN(len(h.visible))]
			c.Value = uint64(r.base) + w.rng.Uint64N(uint64(r.count()))
		}
	case storage.FromTimestamp:
		if len(h.visible) > 0 {
			c.Value = h.visible[w.rng.IntN(len(h.visible))].ts + uint64(w.rng.IntN(3)) - 1
		}
	case storage.FromNext:
		g := w.newCall(h, storage.ReqGetOffset)
		g.Consumer = c.Consumer
		w.send(g)
		if c.Value = 0; g.Found {
			c.Value = g.Value + 1
		}
	}
	c.from = storage.Offset(c.Value)
	if c.Strategy != storage.FromNext && c.Strategy != storage.FromOffset {
		c.from = w.from(c)
	}
	w.send(c)
}

func (w *world) store(h *history) {
	c := w.newCall(h, storage.ReqStoreOffset)
	c.Consumer = consumers[w.rng.IntN(len(consumers))]
	if w.rng.IntN(4) == 0 {
		c.Kind = storage.ReqDeleteOffset
	}
	c.Value = w.rng.Uint64N(uint64(h.end()) + 1)
	w.tick++
	c.write = &offsetWrite{value: storage.Offset(c.Value), deleted: c.Kind == storage.ReqDeleteOffset, sentAt: w.tick + 1,
		endedAt: math.MaxUint64, keep: promised(h.info.offsetLevel)}
	o := h.offsetsOf(c.Consumer)
	o.writes = append(o.writes, c.write)
	w.send(c)
}

// changeMeta creates a log, or begins to delete one.
func (w *world) changeMeta(mine []*history) {
	if len(w.proposals) > 3 {
		return
	}
	switch v := w.rng.IntN(10); {
	case v < 4 && len(w.logs) < w.opt.logsMax:
		level := w.opt.levels[w.rng.IntN(len(w.opt.levels))]
		sizes := []int64{64 << 10, 200_000, 1 << 20}
		i := logInfo{id: w.nextID, level: level, offsetLevel: level, segmentSize: sizes[w.rng.IntN(len(sizes))], partitionTag: uint64(w.rng.IntN(3))}
		if w.rng.IntN(100) < w.opt.dedupShare {
			i.dedupCount = []int{3, 10, 50, 400}[w.rng.IntN(4)]
			i.dedupMicros = []uint64{0, 0, 20_000, 200_000}[w.rng.IntN(4)]
		}
		w.nextID++
		w.propose(i.append([]byte{cmdCreate}), func() {
			h := w.addLog(i)
			h.owner = w.nodes[w.rng.IntN(len(w.nodes))]
			h.owner.s.OpenLog(h.info.config())
			w.trace("log %d created at %v on shard %d", i.id, i.level, h.owner.number)
		})
	case v < 5 && len(mine) > 0:
		w.deleteLog(mine[w.rng.IntN(len(mine))])
	case v < 7:
		w.propose(append([]byte{cmdFiller}, make([]byte, w.rng.IntN(2000))...), nil)
	}
}

// deleteLog has the retirement of a log committed, closes the log, drops it, and has its id forgotten.
func (w *world) deleteLog(h *history) {
	if h.closing || h.moving || h.leveled {
		return
	}
	h.closing = true
	id := h.info.id
	w.trace("log %d: delete", id)
	w.proposeOr(idCmd(cmdRetire, id), func() { h.closing = false }, func() {
		for i, o := range w.logs {
			if o == h {
				w.logs = append(w.logs[:i:i], w.logs[i+1:]...)
				break
			}
		}
		c := w.newCall(h, storage.ReqClose)
		c.done = func(c *call) {
			if c.Err != nil {
				w.unexpected(c)
				return
			}
			w.drop(h.owner, id)
		}
		w.send(c)
	})
}

// drop removes the files of a retired log.
func (w *world) drop(n *node, id storage.LogID) {
	n.s.Drop(id, func(id storage.LogID, err error) {
		w.trace("log %d: files gone: %v", id, err)
		if err == nil {
			w.propose(forgetCmd(id), nil)
		} else if !w.faulty {
			fail("log %d: drop: %v", id, err)
		}
	})
}

// snapshotJob writes the metadata aside, as a server does.
type snapshotJob struct {
	step  int
	index uint64
	buf   []byte
	fd    int32
}

func (w *world) maybeSnapshot() {
	if w.snapshot.step > 0 || len(w.nodes) == 0 || !w.nodes[0].s.Room().SnapshotDue() && w.rng.IntN(100) > 0 {
		return
	}
	w.takeSnapshot()
}

func (w *world) takeSnapshot() {
	w.snapshot = snapshotJob{index: w.meta.index, buf: w.meta.snapshot()}
	w.snapshotStep(0, nil)
}

func (w *world) snapshotStep(res int64, err error) {
	j := &w.snapshot
	if err != nil {
		w.snapshot = snapshotJob{}
		return
	}
	path := dir + "/state/" + storage.SnapshotName
	op := storage.Op{FD: j.fd, Token: 1}
	switch j.step {
	case 0:
		op.Kind, op.Path, op.Create = storage.OpOpen, path+".tmp", true
	case 1:
		j.fd = int32(res)
		op.Kind, op.FD = storage.OpTruncate, j.fd
	case 2:
		op.Kind, op.Buf = storage.OpWrite, j.buf
	case 3:
		op.Kind = storage.OpFdatasync
	case 4:
		op.Kind = storage.OpClose
	case 5:
		op.Kind, op.Path, op.Path2 = storage.OpRename, path+".tmp", path
	case 6:
		op.Kind, op.Path = storage.OpSyncDir, dir+"/state"
	default:
		w.nodes[0].s.Room().MetaSnapshotted(j.index)
		w.snapshot = snapshotJob{}
		return
	}
	j.step++
	w.disk.Submit(-1, op)
}

// inject makes the disk fail or fill now and then.
func (w *world) inject() {
	if w.opt.faults && w.rng.IntN(150) == 0 {
		w.faulty = true
		w.disk.ClearFaults()
		f := faults[w.rng.IntN(len(faults))]
		f.After = w.rng.IntN(10)
		w.trace("next: operation %d of %s fails", f.Kind, f.Path)
		w.disk.Fail(f)
	}
	if w.opt.space && w.rng.IntN(100) == 0 {
		w.full = true
		if w.rng.IntN(2) == 0 {
			w.disk.SetSpace(w.disk.Used() + int64(w.rng.IntN(600<<10)))
		} else if w.opt.cow != "" && w.rng.IntN(2) == 0 {
			w.disk.SetSpace(1)
		} else {
			w.disk.SetSpace(0)
		}
	}
}

// keepSpace does what a server does when a journal cannot be written for want of space: all stores take what frees space only, the space
// that is kept for them is given back some time, and when none is refused any more that is over.
func (w *world) keepSpace() {
	refused := false
	for _, n := range w.nodes {
		if err := n.s.Space().Refused(); err != nil {
			w.full, refused = true, true
			w.stats.short++
			if w.short = true; !errors.Is(err, storage.ErrNoSpace) {
				fail("the journal is refused: %v", err)
			}
		}
	}
	switch {
	case refused && w.rng.IntN(50) == 0:
		w.disk.SetSpace(w.disk.Used() + int64(w.rng.IntN(1<<20)))
	case !refused && w.short && w.rng.IntN(10) == 0:
		w.short = false
	}
	for _, n := range w.nodes {
		n.s.Space().SetShort(w.short)
	}
}

// finish lets everything end, checks that it does, ends the stores in order and looks at what is left.
func (w *world) finish() {
	w.stop()
	crash := survivesKill
	if w.rng.IntN(2) == 0 {
		w.disk.Kill()
	} else {
		w.disk.PowerCut()
		crash = survivesAll
	}
	for _, h := range w.logs {
		if l := h.owner.s.Log(h.info.id); l != nil && l.Fenced() != nil {
			w.least = crash // what it told and could not write has no orderly end
			w.stats.fences++
		}
	}
	w.forget()
	w.restart()
}

// stop ends the stores in order.
func (w *world) stop() {
	w.settle()
	w.end()
}

// settle waits until everything that was sent is answered.
func (w *world) settle() {
	w.disk.ClearFaults()
	w.disk.SetSpace(0)
	busy := func() bool {
		w.keepSpace()
		for _, n := range w.nodes {
			if err := n.s.Failed(); err != nil {
				w.journalFailed(err)
			}
		}
		for _, n := range w.nodes {
			if len(n.inbox) > 0 || n.s.OpsInFlight() > 0 || n.s.Removing() {
				return true
			}
		}
		return w.disk.InFlight() > 0 || len(w.calls) > 0 || w.proposing || len(w.proposals) > 0 || len(w.held) > 0 || w.snapshot.step > 0
	}
	w.until(func() bool { return !busy() }, func() string {
		s := ""
		for _, c := range w.calls {
			s += fmt.Sprintf(" [kind %d log %d]", c.Kind, c.Log)
		}
		return "requests" + s
	})
	for _, h := range w.logs {
		w.verifyStats(h)
	}
}

// end finishes the journals.
func (w *world) end() {
	for _, n := range w.nodes {
		w.until(func() bool { return n.s.Finish() }, func() string { return "finish" })
		w.turn(n, nil)
		w.until(func() bool { return n.s.Idle() }, func() string { return "the end of a store" })
	}
	for _, n := range w.nodes {
		if n.reads.Out() != 0 {
			fail("%d read buffers were not given back", n.reads.Out())
		}
	}
	w.noteEnd()
	w.disk.SetSpace(0) // the next start may have more shards, whose journals need room
	w.trace("orderly end")
}

// noteEnd records the end as a server does, if it is not killed just before.
func (w *world) noteEnd() {
	var marks []storage.EndMark
	for _, n := range w.nodes {
		if m, ok := n.s.EndedAt(); ok {
			marks = append(marks, m)
		}
	}
	if len(marks) < len(w.nodes) || w.rng.IntN(5) == 0 {
		return
	}
	w.stats.marked++
	if err := w.rec.NoteEnd(w.disk, simMemory(), marks); err != nil {
		fail("note of an orderly end: %v", err)
	}
}

func seedFromEnv(t testing.TB) (seed uint64, given bool) {
	if v := os.Getenv("GALGO_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n, true
	}
	return uint64(time.Now().UnixNano()), false
}

func runsFromEnv(n int) int {
	if v, err := strconv.Atoi(os.Getenv("GALGO_RUNS")); err == nil {
		return v
	}
	return n
}

// sweep runs many seeds; GALGO_SEED runs one of them with a trace, GALGO_RUNS says how many.
func sweep(t *testing.T, runs, steps int, shape func(w *world)) counts {
	return sweepOf(t, runs, func(seed uint64, trace func(string, ...any)) (*world, error) { return run(seed, steps, shape, trace) })
}

func sweepOf(t *testing.T, runs int, run func(seed uint64, trace func(string, ...any)) (*world, error)) (sum counts) {
	seed, given := seedFromEnv(t)
	if given {
		if _, err := run(seed, func(f string, args ...any) { t.Logf(f, args...) }); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		return sum
	}
	for i := range runsFromEnv(runs) {
		s := seed%1_000_000_000 + uint64(i)
		w, err := run(s, func(string, ...any) {})
		if err != nil {
			t.Fatalf("GALGO_SEED=%d: %v", s, err)
		}
		sum.add(&w.stats)
	}
	t.Logf("%+v", sum)
	return sum
}

func (c *counts) add(o *counts) {
	for _, p := range []struct{ to, from *int }{{&c.kills, &o.kills}, {&c.cuts, &o.cuts}, {&c.recoveries, &o.recoveries},
		{&c.recoveryCrashes, &o.recoveryCrashes}, {&c.told, &o.told}, {&c.polls, &o.polls}, {&c.laps, &o.laps}, {&c.direct, &o.direct},
		{&c.pads, &o.pads}, {&c.trims, &o.trims}, {&c.gaps, &o.gaps}, {&c.fences, &o.fences}, {&c.failures, &o.failures}, {&c.moves, &o.moves}, {&c.levels, &o.levels}, {&c.noSpace, &o.noSpace}, {&c.short, &o.short}, {&c.refused, &o.refused},
		{&c.marked, &o.marked}, {&c.records, &o.records}, {&c.copied, &o.copied}, {&c.repeats, &o.repeats}, {&c.dropped, &o.dropped}} {
		*p.to += *p.from
	}
}

func TestNothingAcknowledgedIsLostInACrash(t *testing.T) { sweep(t, 40, 400, nil) }

func TestNothingAcknowledgedIsLostWhenTheDiskFails(t *testing.T) {
	sweep(t, 30, 400, func(w *world) { w.opt.faults = true })
}

func TestNothingPromisedIsLostWhileLevelsChange(t *testing.T) {
	sweep(t, 40, 400, func(w *world) {
		w.opt.levels = []storage.Level{storage.LevelMemory, storage.LevelWritten, storage.LevelPersisted}
		w.opt.levelShare, w.opt.crashEvery, w.opt.logsMax = 12, 20, 2
	})
}

// narrow has logs go to the log table, and often.
func narrow(w *world) {
	w.opt.narrow, w.opt.logsMax, w.opt.journalBytes = true, 7, 512<<10
	w.opt.crashEvery, w.opt.dedupShare, w.opt.directShare = 200, 0, 0
}

func TestLogsThatRestAreKeptByTheTable(t *testing.T) {
	sum := sweep(t, 60, 400, func(w *world) {
		narrow(w)
		w.opt.crashEvery, w.opt.directShare = []int{60, 200, 500}[w.rng.IntN(3)], []int{0, 3, 10}[w.rng.IntN(3)]
		w.opt.faults, w.opt.space = w.rng.IntN(5) == 0, w.rng.IntN(6) == 0
	})
	if sum.records < 200 || sum.copied < 20 {
		t.Errorf("%d records were written to log tables, %d copied: the test tests nothing", sum.records, sum.copied)
	}
}

// deleting has offsets stored and deleted most of all, in logs that go to the log table and to other shards.
func deleting(w *world) {
	narrow(w)
	w.opt.crashEvery, w.opt.offsetShare, w.opt.batchMax = 100, 40, 60_000
}

// TestADeletedOffsetStaysDeleted over laps, the log table, moves, kills and power cuts, although nothing is kept of it.
func TestADeletedOffsetStaysDeleted(t *testing.T) {
	if sum := sweep(t, 60, 400, deleting); sum.recoveries > 0 && (sum.records < 200 || sum.moves == 0) {
		t.Errorf("%d records were written to log tables, logs moved %d times: the test tests nothing", sum.records, sum.moves)
	}
}

func TestALogSetAsideKeepsEverything(t *testing.T) {
	sweep(t, 40, 300, func(w *world) {
		w.opt.panics, w.opt.crashEvery = true, 20
	})
}

func TestAFullDiskIsAnErrorWithANameAndPasses(t *testing.T) {
	sweep(t, 30, 400, func(w *world) { w.opt.space = true })
}

// TestAJournalThatIsRefusedLosesNothing: the journal, or segments, are copied when they are overwritten, and there is no room for that at times.
func TestAJournalThatIsRefusedLosesNothing(t *testing.T) {
	if sum := sweep(t, 60, 400, refusing); sum.recoveries > 0 && sum.short == 0 {
		t.Error("the journal was never refused")
	}
}

// refusing shapes a world whose journal the disk refuses at times.
func refusing(w *world) {
	w.opt.space, w.opt.cow = true, []string{".journal", ".segment", "."}[w.rng.IntN(3)]
}

// TestAStartWithoutRoomForASegmentServesTheOthers: a recovery that finds no room to overwrite a segment starts all the same, with that log set
// aside, and the next one that does finds everything.
func TestAStartWithoutRoomForASegmentServesTheOthers(t *testing.T) {
	sum := sweepOf(t, 30, func(seed uint64, trace func(string, ...any)) (*world, error) {
		shape := func(w *world) {
			w.opt.crashEvery, w.opt.levels, w.opt.dedupShare = 1000, []storage.Level{storage.LevelPersisted}, 0
		}
		return play(seed, shape, trace, func(w *world) {
			w.restart()
			for range 60 {
				w.step()
			}
			w.crash()
			w.faulty = true
			w.disk.Fail(sim.Fault{Kind: storage.OpWrite, Path: ".segment", Times: 1 + w.rng.IntN(3), Err: syscall.ENOSPC})
			w.restart()
			w.disk.ClearFaults()
			w.crash()
			w.restart()
			w.finish()
		})
	})
	if sum.recoveries > 0 && (sum.fences == 0 || sum.failures > 0) {
		t.Errorf("%d logs were set aside, %d starts failed", sum.fences, sum.failures)
	}
}
