package storage_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/sim"
	"github.com/galgo-mq/galgo/storage"
)

const dir = "/data"

// node is a shard: its store and what the disk answered it.
type node struct {
	s                    *storage.Store
	number               int
	inbox                []sim.Completion
	tail, journal, reads *sim.Memory
}

// call is a request on its way.
type call struct {
	storage.Request
	h      *history
	node   *node
	record *record
	write  *offsetWrite

	// What held when it was sent.
	tick      uint64
	start, hw storage.Offset
	wall      uint64 // or later, if the clock was set back
	from, to  storage.Offset
	turn      int
	needs     []*record // flush: told by then
	refusals  int       // of memory for reads
	unsound   bool      // reads may fail: the newest records are shown although older ones can't be

	done func(c *call)
	rest []byte // of an answered poll: what its reader has not taken yet
	over bool
}

// world is a server on a disk that can crash.
type world struct {
	rng   *rand.Rand
	disk  *sim.Disk
	opt   options
	trace func(format string, args ...any)

	rec   *storage.Recovered
	nodes []*node
	meta  *metaState
	logs  []*history // live ones and those being deleted, in order of id
	byID  map[storage.LogID]*history

	tick   uint64
	turns  int
	wall   uint64
	mono   int64
	nextID storage.LogID
	uid    uint64

	calls     []*call // not answered
	held      []*call // polls answered and not released
	proposals []*proposal
	proposing bool
	snapshot  snapshotJob

	running bool          // recovered and verified
	least   survival      // what is promised less may be gone when the next recovery is done; mayGo: nothing
	faulty  bool          // faults were injected
	setting storage.Level // 0: none
	damaged bool          // bytes were changed on disk: reports are expected
	full    bool          // the disk was full at times
	short   bool          // a journal is refused for want of space, or was, and no room was found since
	reports []string

	recoveryErr error
	failedSyncs int  // seen by the last recovery
	unseen      bool // one failed unseen since
	stats       counts
}

type counts struct {
	kills, cuts, recoveries, recoveryCrashes, told, polls, laps, direct, pads, trims, gaps, fences, failures, moves, levels, noSpace, short, refused, repeats, dropped, marked, records, copied int
}

// options are chosen by the seed.
type options struct {
	journalBytes int64
	tail, reads  int
	journal      int
	logsMax      int
	batchMax     int
	crashEvery   int
	directShare  int // of 100 batches
	acceptLoss   bool
	levels       []storage.Level
	levelShare   int  // of 100 requests, changes of the level
	offsetShare  int  // of 100 requests, those that store or delete an offset: more than usual
	dedupShare   int  // of 100 logs
	setting      bool // levels of some logs are those of a setting that changes with each start
	panics       bool
	resize       bool // the journal gets another size at each start
	faults       bool
	space        bool
	narrow       bool   // laps have room for few logs: others have to rest first
	cow          string // what is overwritten of files with that in their path needs space
}

type proposal struct {
	cmd     []byte
	refused func()
	done    func()
}

func newWorld(seed uint64, trace func(string, ...any)) *world {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &world{rng: rng, disk: sim.NewDisk(seed), trace: trace, meta: &metaState{}, byID: map[storage.LogID]*history{},
		wall: 1_700_000_000_000_000, nextID: 1}
	pick := func(list ...int) int { return list[rng.IntN(len(list))] }
	w.opt = options{
		journalBytes: int64(pick(512<<10, 512<<10, 600<<10, 1<<20)),
		tail:         pick(4<<20, 8<<20, 16<<20), reads: pick(4<<20, 16<<20), journal: 16 << 20,
		logsMax: pick(1, 2, 4, 7), batchMax: pick(300, 2000, 10000, 60000, 120000),
		crashEvery: pick(20, 60, 200, 500), directShare: pick(0, 3, 10, 40),
		levels: [][]storage.Level{{storage.LevelPersisted}, {storage.LevelWritten}, {storage.LevelMemory},
			{storage.LevelPersisted, storage.LevelWritten, storage.LevelMemory},
			{storage.LevelPersisted, storage.LevelWritten}}[rng.IntN(5)],
		dedupShare: pick(0, 0, 50), resize: seed%4 == 0, setting: seed%3 == 0,
	}
	return w
}

// restart recovers until it is not interrupted, and starts stores on what is there.
func (w *world) restart() {
	crashes := 0
	if w.rng.IntN(3) == 0 {
		crashes = 1 + w.rng.IntN(4)
	}
	shards, again, least := 1+w.rng.IntN(3), false, w.least
	for {
		if crashes > 0 {
			crashes--
			w.disk.CrashIn(1 + w.rng.IntN(60+20*len(w.logs)))
		}
		end := w.recover(shards)
		if end == recovered {
			break
		}
		again = true
		if end == failed {
			w.stats.failures++
			w.disk.CrashIn(0)
			w.disk.Kill()
			w.least = survivesAll // what was in the page cache only may be gone
		} else {
			w.stats.recoveryCrashes++
			w.crash()
		}
		if least == mayGo {
			w.least = mayGo // the run had ended in order: all was on stable storage
		}
	}
	w.disk.CrashIn(0)
	w.stats.recoveries++
	if w.least == mayGo && w.stats.recoveries > 1 && !again && !w.faulty && !w.rec.Clean {
		fail("an orderly end is not recognised")
	}
	w.adopt()
}

// How a recovery ends.
const (
	recovered = iota
	interrupted
	failed
)

// recover is one try.
func (w *world) recover(shards int) (end int) {
	defer func() {
		if e := recover(); e != nil {
			if _, ok := e.(sim.Crash); !ok {
				panic(e)
			}
			end = interrupted
		}
	}()
	// Nothing of the journals is kept, all of it, or a part; and the memory is little or plenty. With plenty no block of them is read twice.
	keep, room := int64(0), 4<<20
	switch (w.stats.recoveries + w.stats.recoveryCrashes + w.stats.failures) % 4 {
	case 0:
		keep, room = 1<<30, 256<<20
	case 1:
		keep = 1 << 30
	case 2:
		keep = 96 << 10
	}
	mem, files := sim.NewMemory(room), sim.NewMemory(256<<20)
	before := w.journals()
	d := &readCount{Disk: w.disk, paths: map[int32]string{}, bytes: map[string]int64{}}
	must := func(err error) {
		if err != nil {
			fail("recovery: %v", err)
		}
	}
	_ = w.disk.Mkdir(dir)
	must(w.disk.SyncDir("/"))
	fd, err := w.disk.Open(dir+"/"+storage.SuperblockName, true, false)
	must(err)
	cfg := storage.RecoverConfig{Dir: dir, Shards: shards, JournalBytes: w.opt.journalBytes, BootID: w.disk.BootID(), MountID: 1,
		Now: w.wall, Memory: mem, Metadata: w.replayMeta, Report: w.report, AcceptLoss: w.opt.acceptLoss}
	cfg.KeepBytes, cfg.FileMemory = keep, files
	if w.opt.setting {
		w.setting = storage.LevelMemory + storage.Level(w.rng.IntN(3))
	}
	if w.opt.resize { // the setting changes with each start; where it says nothing, what there is stays, and shards differ
		cfg.JournalFixed = w.rng.IntN(2) == 0
		cfg.JournalBytes += int64((w.stats.recoveries+w.stats.recoveryCrashes+w.stats.failures)%3) * 64 << 10
	}
	for i := range cfg.Secret {
		cfg.Secret[i] = byte(i*7 + 1)
	}
	if w.opt.faults && w.rng.IntN(4) == 0 {
		w.faulty = true
		f := recoveryFaults[w.rng.IntN(len(recoveryFaults))]
		f.After = w.rng.IntN(20)
		w.disk.Fail(f)
		defer w.disk.ClearFaults()
	}
	if w.opt.panics {
		cfg.RetryPanics = w.rng.IntN(3) == 0
		w.notePanics()
	}
	w.rec, err = storage.Recover(d, fd, cfg)
	if err != nil && (w.faulty || w.damaged) {
		w.trace("recovery fails: %v", err)
		w.recoveryErr = err
		return failed
	}
	must(err)
	if mem.Out() != 0 || files.Out() != 0 {
		fail("recovery: %d and %d buffers were not given back", mem.Out(), files.Out())
	}
	for path, p := range before {
		most := int64(len(p))
		if w.damaged { // a group that ends the run in order may be read before it is known that another one is not there
			most *= 2
		}
		if n := d.bytes[path]; n > most && room > 4<<20 {
			fail("recovery: %d bytes of %s were read, which had %d", n, path, len(p))
		}
	}
	return recovered
}

// readCount counts what is read of each file.
type readCount struct {
	storage.Disk
	paths map[int32]string
	bytes map[string]int64
}

func (d *readCount) Open(path string, create, direct bool) (int32, error) {
	fd, err := d.Disk.Open(path, create, direct)
	if err == nil {
		d.paths[fd] = path
	}
	return fd, err
}

func (d *readCount) Read(fd int32, buf []byte, pos int64) (int, error) {
	n, err := d.Disk.Read(fd, buf, pos)
	d.bytes[d.paths[fd]] += int64(n)
	return n, err
}

// notePanics has a log noted as one that ended starts, now and then.
func (w *world) notePanics() {
	if len(w.logs) == 0 || w.rng.IntN(2) == 0 {
		return
	}
	n := storage.PanicNote{Log: w.logs[w.rng.IntN(len(w.logs))].info.id, Starts: 1 + w.rng.IntN(2)}
	w.trace("%s", n)
	if n = n.Again(n.Log); n.Starts == storage.PanicsMax {
		w.trace("log %d is to be set aside", n.Log)
	}
	path := dir + "/state/" + storage.PanicNoteName
	_ = w.disk.Mkdir(dir + "/state")
	fd, err := w.disk.Open(path, true, false)
	if err == nil {
		err = errors.Join(w.disk.Truncate(fd, 0), w.disk.Write(fd, []byte(n.String()), 0), w.disk.Sync(fd), w.disk.Close(fd))
	}
	if err != nil && !w.faulty {
		fail("note of a panic: %v", err)
	}
}

func (w *world) report(event string, id storage.LogID, err error) {
	w.trace("report: %s, log %d: %v", event, id, err)
	w.reports = append(w.reports, event)
	if !w.damaged && !w.faulty && strings.Contains(event, "damage") {
		fail("false alarm: %s, log %d: %v", event, id, err)
	}
}

// replayMeta is the Metadata function of a recovery: the levels are those of the new run.
func (w *world) replayMeta(snapshot []byte, commands []storage.MetaCommand) (storage.MetaState, error) {
	st, err := replayMeta(snapshot, commands)
	for id, level := range st.Live {
		if l := settingOf(id, w.setting); l != 0 {
			level = l
		}
		st.Live[id] = level
	}
	return st, err
}

// settingOf is the level of a log that leaves it to the setting; 0: it does not.
func settingOf(id storage.LogID, setting storage.Level) storage.Level {
	if id%3 == 0 {
		return setting
	}
	return 0
}

// lapRoom bounds what laps carry, if they are to be narrow: to four times that.
func (w *world) lapRoom() int64 {
	if w.opt.narrow {
		return []int64{4 << 10, 6 << 10, 10 << 10}[w.rec.FirstGroup/7%3]
	}
	return 0
}

// open makes a store for every journal.
func (w *world) open() {
	w.nodes = nil
	for i, j := range w.rec.Journals {
		n := &node{number: i, tail: sim.NewMemory(w.opt.tail), journal: sim.NewMemory(w.opt.journal), reads: sim.NewMemory(w.opt.reads)}
		n.s = storage.New(storage.Config{Shard: i, Dir: dir, Seed: w.rec.Seed, FirstGroup: w.rec.FirstGroup, Journal: j,
			LossBound: time.Second, TailMemory: n.tail, JournalMemory: n.journal, ReadMemory: n.reads, Report: w.report,
			LogsPerTurn: []int{0, 1, 3}[w.rec.FirstGroup/3%3], LapSmall: []int64{0, 1, 1}[w.rec.FirstGroup/2%3], TableSlack: []int64{0, 1}[w.rec.FirstGroup/5%2], JournalMemoryMax: w.lapRoom(),
			FilesMax: []int{0, 2, 6}[w.rng.IntN(3)], NamedMax: []int64{0, 256 << 10, 1 << 20}[w.rec.FirstGroup%3]})
		w.nodes = append(w.nodes, n)
	}
}

// adopt gives the recovered logs to new stores and compares them with the history.
func (w *world) adopt() {
	w.open()
	w.adoptMeta()
	states := map[storage.LogID]*storage.LogState{}
	for _, st := range w.rec.Logs {
		states[st.ID] = st
		h := w.byID[st.ID]
		h.owner = w.nodes[w.rng.IntN(len(w.nodes))]
		h.owner.s.AdoptLog(h.info.config(), st)
		w.checkGaps(h, st)
		if st.Fence == "" { // what is set aside keeps what it had reserved
			h.lowest = h.info.level
		}
	}
	w.disk.CopyOnWrite(w.opt.cow)
	w.trace("recovered: first group %d, %d shards, %d logs, clean %v", w.rec.FirstGroup, len(w.nodes), len(w.logs), w.rec.Clean)
	for _, h := range w.logs {
		w.verify(h, states[h.info.id])
	}
	w.checkFiles()
	w.running, w.least = true, mayGo
	w.failedSyncs, w.unseen = w.disk.FailedSyncs, false
}

// adoptMeta checks the recovered metadata and goes on with it.
func (w *world) adoptMeta() {
	m, err := metaFrom(w.rec.Meta.Snapshot)
	if err != nil {
		fail("metadata: %v", err)
	}
	if m.index < w.meta.index || m.index > w.meta.index+1 {
		fail("metadata is at command %d, %d was acknowledged", m.index, w.meta.index)
	}
	w.meta = m
	live := map[storage.LogID]bool{}
	for _, i := range m.live {
		live[i.id] = true
		w.nextID = max(w.nextID, i.id+1)
		if w.byID[i.id] == nil {
			w.addLog(i)
		}
		h := w.byID[i.id]
		h.closing, h.leveled = false, false
		if settingOf(i.id, w.setting) != 0 {
			h.takeSetting(w.setting)
		} else {
			h.setLevel(i.level) // a change that was under way may have been committed
		}
	}
	for _, id := range m.retired {
		w.nextID = max(w.nextID, id+1)
	}
	w.logs = slices.DeleteFunc(w.logs, func(h *history) bool { return !live[h.info.id] })
	if len(w.rec.Logs) != len(w.logs) {
		fail("%d logs recovered, %d are live", len(w.rec.Logs), len(w.logs))
	}
	for _, id := range w.rec.Retired {
		w.drop(w.nodes[w.rng.IntN(len(w.nodes))], id)
	}
}

func (w *world) addLog(i logInfo) *history {
	h := newHistory(i)
	h.takeSetting(w.setting)
	h.lowest = h.info.level
	w.logs = append(w.logs, h)
	w.byID[i.id] = h
	return h
}

// checkGaps checks that offsets are skipped only where they may have been told and lost.
func (w *world) checkGaps(h *history, st *storage.LogState) {
	if k := len(st.Gaps); k > 0 && (len(h.gaps) == 0 || st.Gaps[k-1] != h.gaps[len(h.gaps)-1]) {
		w.stats.gaps++
		lossy := h.lowest == storage.LevelMemory && w.least >= survivesKill || h.lowest == storage.LevelWritten && w.least == survivesAll
		lossy = lossy || w.opt.panics && h.lowest < storage.LevelPersisted // what was set aside is trusted less
		if !lossy && !w.damaged && !w.faulty {
			fail("log %d at %v: offsets %v skipped without need", h.info.id, h.info.level, st.Gaps[len(st.Gaps)-1])
		}
	}
	h.gaps = st.Gaps
	if st.Fence != "" && !w.damaged && !w.faulty && !st.Quarantined() {
		fail("log %d is fenced: %s", h.info.id, st.Fence)
	}
}

// checkFiles checks that no directory is left of a log that nobody knows any more.
func (w *world) checkFiles() {
	names, _ := w.disk.List(dir + "/logs")
	for _, n := range names {
		var id storage.LogID
		fmt.Sscanf(n, "%x", &id)
		known := slices.Contains(w.meta.retired, id)
		for _, i := range w.meta.live {
			known = known || i.id == id
		}
		if !known {
			fail("the files of log %d are left for ever", id)
		}
	}
}

// verify reads a recovered log as a client would, and compares it with its history.
func (w *world) verify(h *history, st *storage.LogState) {
	h.least = max(h.least, w.least)
	if w.unseen && h.info.level < storage.LevelPersisted {
		h.maxTold = min(h.maxTold, st.Next)
	}
	if st.Fence != "" && (w.faulty || st.Quarantined()) {
		w.stats.fences++
		if st.Next < h.maxTold && !st.Quarantined() {
			fail("log %d: goes on at %d, offsets up to %d were told", h.info.id, st.Next, h.maxTold-1)
		}
		h.aside = true
		return // the next recovery has to find it all
	}
	h.aside = false
	var found []piece
	for from := st.Start; ; {
		c := w.newCall(h, storage.ReqPoll)
		c.Strategy, c.Value, c.Count, c.BytesMax = storage.FromOffset, uint64(from), 1<<20, 1+w.rng.IntN(400<<10)
		w.send(c)
		w.await(c)
		if c.Err != nil {
			fail("log %d: poll from %d: %v", h.info.id, from, c.Err)
		}
		if c.Records == 0 {
			break
		}
		list := pieces(&c.Request)
		found = append(found, list...)
		last := &list[len(list)-1]
		from = last.base + storage.Offset(last.first+last.count)
		h.owner.s.Release(&c.Request)
	}
	h.recovered(found, st, h.least)
	w.verifyStats(h)
	for _, k := range consumers {
		c := w.newCall(h, storage.ReqGetOffset)
		c.Consumer = k
		w.send(c)
		w.await(c)
		o := h.offsetsOf(k)
		if !o.check(storage.Offset(c.Value), c.Found, h.least) {
			fail("log %d: stored offset of %v is %d (%v) after recovery; writes %s", h.info.id, k, c.Value, c.Found, o)
		}
		if c.Found && storage.Offset(c.Value) >= st.Next {
			fail("log %d: stored offset %d, the log goes on at %d", h.info.id, c.Value, st.Next)
		}
		o.settle(storage.Offset(c.Value), c.Found, w.tick)
	}
	h.least = mayGo
}

func (o *offsetHistory) String() string {
	var b strings.Builder
	for _, w := range o.writes {
		fmt.Fprintf(&b, " {%d del %v sent %d ended %d keep %d failed %v}", w.value, w.deleted, w.sentAt, w.endedAt, w.keep, w.failed)
	}
	return b.String()
}

// verifyStats compares the counters with the history.
func (w *world) verifyStats(h *history) {
	l := h.owner.s.Log(h.info.id)
	if l == nil || h.aside {
		return
	}
	st := l.Stats()
	h.start = max(h.start, st.Start)
	records, bytes := uint64(0), uint64(0)
	for _, r := range h.visible {
		if r.base >= st.Start {
			records += uint64(r.count())
			bytes += uint64(len(r.frames) + batch.HeaderSize)
		}
	}
	if st.Records != records || st.Bytes != bytes {
		fail("log %d: counts %d records and %d bytes, there are %d and %d (start %d)", h.info.id, st.Records, st.Bytes, records, bytes, st.Start)
	}
	if end := h.end(); end > 0 && end > st.Start && st.Current != end-1 {
		fail("log %d: current offset %d, want %d", h.info.id, st.Current, end-1)
	}
}

var consumers = []storage.ConsumerKey{{ID: 1}, {ID: 2}, {Group: true, ID: 1}}

func (w *world) newCall(h *history, kind storage.RequestKind) *call {
	c := &call{h: h, node: h.owner}
	c.Kind, c.Log, c.Owner = kind, h.info.id, c
	c.Head = make([]byte, storage.HeadMin)
	return c
}

// send hands c to its store.
func (w *world) send(c *call) {
	w.tick++
	c.tick, c.turn, c.wall = w.tick, w.turns, w.wall
	if l := c.node.s.Log(c.Log); l != nil {
		st := l.Stats()
		c.start, c.hw = st.Start, st.Next
	}
	w.calls = append(w.calls, c)
	c.node.s.Do(&c.Request)
	w.drain(c.node)
}

// drain takes the answers.
func (w *world) drain(n *node) {
	for r := n.s.TakeDone(); r != nil; r = n.s.TakeDone() {
		c := r.Owner.(*call)
		i := slices.Index(w.calls, c)
		if i < 0 {
			fail("log %d: request of kind %d answered twice", c.Log, c.Kind)
		}
		w.calls = slices.Delete(w.calls, i, i+1)
		w.tick++
		c.over = true
		w.answered(c)
	}
}

// turn is one pass of a shard: completions, requests, operations.
func (w *world) turn(n *node, act func()) {
	w.turns++
	w.wall += uint64(w.rng.IntN(2000))
	if w.rng.IntN(300) == 0 {
		w.wall -= uint64(w.rng.IntN(300_000)) // somebody sets the clock back
		for _, c := range w.calls {
			c.wall = min(c.wall, w.wall)
		}
	}
	w.mono += int64(w.rng.IntN(100_000_000))
	n.s.Begin(w.wall, w.mono)
	inbox := n.inbox
	n.inbox = nil
	for _, c := range inbox {
		if c.Names != nil {
			n.s.CompleteList(c.Token, c.Names, c.Err)
		} else {
			n.s.Complete(c.Token, c.Res, c.Err)
		}
		w.drain(n)
	}
	if act != nil {
		act()
	}
	if w.rng.IntN(4) == 0 {
		for n.s.TakeChanged() != nil {
		}
	}
	n.s.End()
	for _, op := range n.s.TakeOps() {
		w.disk.Submit(n.number, op)
	}
	w.drain(n)
	for _, h := range w.logs {
		if l := n.s.Log(h.info.id); l != nil && h.owner == n && w.running && !h.aside {
			if h.start < l.Stats().Start {
				h.start = l.Stats().Start
				w.stats.trims++
			}
			if next := l.Stats().Next; next < h.maxTold && len(h.visible) > 0 || l.Stats().Next > h.maxTold {
				fail("log %d: high watermark %d, told up to %d", h.info.id, next, h.maxTold)
			}
		}
	}
}

// complete lets the disk finish up to k operations.
func (w *world) complete(k int) {
	for ; k > 0; k-- {
		c, ok := w.disk.Complete()
		if !ok {
			return
		}
		if c.Owner < 0 {
			w.snapshotStep(c.Res, c.Err)
			continue
		}
		w.nodes[c.Owner].inbox = append(w.nodes[c.Owner].inbox, c)
	}
}

const patience = 20000

// await runs the world until c is answered.
func (w *world) await(c *call) {
	w.until(func() bool { return c.over }, func() string { return fmt.Sprintf("request of kind %d to log %d", c.Kind, c.Log) })
}

func (w *world) until(done func() bool, what func() string) {
	for i := 0; !done(); i++ {
		if i > patience {
			fail("%s is never answered", what())
		}
		w.complete(1 + w.rng.IntN(8))
		w.turn(w.nodes[i%len(w.nodes)], nil)
		w.release(1 + w.rng.IntN(4))
		w.mono += 50_000_000
	}
}

// release lets go of answered polls, or has their readers take some bytes and wait for the rest.
func (w *world) release(k int) {
	for ; k > 0 && len(w.held) > 0; k-- {
		i := w.rng.IntN(len(w.held))
		c := w.held[i]
		w.held = slices.Delete(w.held, i, i+1)
		n := c.checkRest()
		if w.rng.IntN(4) == 0 {
			sent := w.rng.IntN(n + 1)
			c.rest = c.rest[sent:]
			c.over = false
			w.calls = append(w.calls, c)
			c.node.s.Owe(&c.Request, sent)
			w.drain(c.node)
			continue
		}
		c.node.s.Release(&c.Request)
	}
}

// checkRest compares the spans that are in memory with what is to be sent, and returns how much that is.
func (c *call) checkRest() (n int) {
	for i := range c.Spans {
		data := c.Spans[i].Data
		if data == nil {
			break
		}
		if n+len(data) > len(c.rest) || !bytes.Equal(data, c.rest[n:n+len(data)]) {
			fail("log %d: bytes of a poll changed while they were held, %d of %d on", c.Log, n, len(c.rest))
		}
		n += len(data)
	}
	if n == 0 && len(c.rest) > 0 {
		fail("log %d: a poll owes %d bytes and has none", c.Log, len(c.rest))
	}
	return n
}

// owed is a poll whose reader may go on.
func (w *world) owed(c *call) {
	if c.Err != nil {
		if !errors.Is(c.Err, storage.ErrClosed) && !errors.Is(c.Err, syscall.ENOENT) { // its segment was removed
			w.unexpected(c)
		}
		c.node.s.Release(&c.Request)
		return
	}
	w.held = append(w.held, c)
}

// answered takes note of an answer.
func (w *world) answered(c *call) {
	if c.Err != nil {
		w.trace("  log %d: kind %d refused: %v", c.Log, c.Kind, c.Err)
	}
	switch c.Kind {
	case storage.ReqLoad:
		w.owed(c)
		return
	case storage.ReqAppend:
		w.appended(c)
	case storage.ReqPoll:
		w.polled(c)
	case storage.ReqStoreOffset, storage.ReqDeleteOffset:
		c.write.endedAt = w.tick
		if c.Err != nil {
			c.write.failed = true
			if errors.Is(c.Err, storage.ErrNoStoredOffset) || errors.Is(c.Err, storage.ErrOffsetBeyondEnd) || errors.Is(c.Err, storage.ErrUnknownLog) {
				c.write.endedAt = 0 // nothing was changed
			}
		}
	case storage.ReqGetOffset:
		o := c.h.offsetsOf(c.Consumer)
		if w.running && c.Err == nil && !o.check(storage.Offset(c.Value), c.Found, mayGo) {
			fail("log %d: stored offset of %v is %d (%v); writes %s", c.Log, c.Consumer, c.Value, c.Found, o)
		}
	case storage.ReqFlush:
		if c.Err == nil {
			for _, r := range c.needs {
				r.keep = survivesAll
			}
		}
	}
	if c.done != nil {
		c.done(c)
	}
}

func (w *world) appended(c *call) {
	h := c.h
	h.appends--
	defer clear(c.Batch) // it is ours again
	switch {
	case c.Err == nil && h.info.dedupCount > 0 && !w.deduplicated(c):
	case c.Err == nil:
		h.tell(c.record, c.Base)
		w.stats.told++
		w.trace("  log %d: batch %d told at %d to %d", c.Log, c.record.uid, c.Base, c.record.next()-1)
	default:
		c.record.fate = refused
		if errors.Is(c.Err, storage.ErrNoSpace) {
			w.stats.noSpace++
		}
		w.unexpected(c)
	}
}

// unexpected fails when there was no reason for an error.
func (w *world) unexpected(c *call) {
	switch {
	case errors.Is(c.Err, storage.ErrClosed) && c.h.closing:
	case errors.Is(c.Err, storage.ErrUnknownLog) && (c.h.closing || c.h.moved > 0):
	case w.faulty || w.damaged:
	case w.full && errors.Is(c.Err, storage.ErrNoSpace):
	case w.opt.narrow && errors.Is(c.Err, storage.ErrJournalFull):
	default:
		fail("log %d: request of kind %d: %v", c.Log, c.Kind, c.Err)
	}
}

func (w *world) polled(c *call) {
	w.stats.polls++
	if c.Err != nil {
		w.unexpected(c)
		return
	}
	if !w.running {
		return // verify compares it
	}
	c.to = w.from(c)
	if moved := c.Strategy == storage.FromNext && c.turn != w.turns; !moved || c.Records > 0 { // others may have stored more while it waited for the journal
		c.h.checkPoll(c)
	}
	if !w.faulty && !w.damaged {
		c.h.checkWhole(c)
	}
	if c.AutoCommit && c.Records > 0 {
		last := &offsetWrite{value: lastOf(c), sentAt: c.tick, endedAt: w.tick, auto: true}
		c.h.offsetsOf(c.Consumer).writes = append(c.h.offsetsOf(c.Consumer).writes, last)
	}
	for i := range c.Spans {
		c.rest = append(c.rest, c.Spans[i].Data...)
	}
	w.held = append(w.held, c)
}

func lastOf(c *call) storage.Offset {
	list := pieces(&c.Request)
	p := &list[len(list)-1]
	return p.base + storage.Offset(p.first+p.count) - 1
}

// from is where a poll begins as things are now.
func (w *world) from(c *call) storage.Offset {
	l := c.node.s.Log(c.Log)
	if l == nil {
		return c.from
	}
	st := l.Stats()
	switch c.Strategy {
	case storage.FromOffset:
		return storage.Offset(c.Value)
	case storage.FromFirst:
		return st.Start
	case storage.FromLast:
		return c.h.back(uint64(c.Count), st.Next, st.Start)
	case storage.FromNext:
		if c.turn != w.turns {
			return math.MaxUint64
		}
	}
	return 0
}

// newBatch makes a batch that names itself in every record.
func (w *world) newBatch(h *history, size int) (*record, []byte) {
	w.uid++
	rec := &record{uid: w.uid}
	var b batch.Builder
	b.Reset(w.wall)
	n := 1
	if w.rng.IntN(2) == 0 {
		n = 1 + w.rng.IntN(8)
	}
	ids := make([][16]byte, n)
	for i := range ids {
		ids[i] = [16]byte{byte(i)}
	}
	if h.info.dedupCount > 0 {
		ids = w.chooseIDs(h, rec.uid, n)
		n = len(ids)
	}
	for i := range n {
		p := make([]byte, 20+max(0, size/n-20))
		binary.LittleEndian.PutUint64(p, uint64(h.info.id))
		binary.LittleEndian.PutUint64(p[8:], rec.uid)
		binary.LittleEndian.PutUint32(p[16:], uint32(i))
		if w.rng.IntN(4) > 0 {
			x := rec.uid*0x9E3779B97F4A7C15 + uint64(i)
			for k := 20; k+8 <= len(p); k += 8 {
				x ^= x << 13
				x ^= x >> 7
				x ^= x << 17
				binary.LittleEndian.PutUint64(p[k:], x)
			}
		}
		if err := b.Add(ids[i], p, nil); err != nil {
			panic(err)
		}
	}
	all := slices.Clone(b.Bytes())
	rec.frames = slices.Clone(batch.Batch(all).Frames())
	rec.ids, rec.starts = idsOf(rec.frames)
	return rec, all
}

// propose queues a metadata command.
func (w *world) propose(cmd []byte, done func()) { w.proposeOr(cmd, func() {}, done) }

// proposeOr is propose for who wants to know as well that the command was refused.
func (w *world) proposeOr(cmd []byte, refused, done func()) {
	w.proposals = append(w.proposals, &proposal{cmd, refused, done})
	w.nextProposal()
}

func (w *world) nextProposal() {
	if w.proposing || len(w.proposals) == 0 {
		return
	}
	p := w.proposals[0]
	w.proposals = w.proposals[1:]
	w.proposing = true
	c := &call{node: w.nodes[0], h: &history{}}
	c.Kind, c.Batch, c.Value, c.Owner = storage.ReqMeta, p.cmd, w.meta.index+1, c
	c.WhenShort = p.cmd[0] == cmdRetire || p.cmd[0] == cmdForget
	c.done = func(c *call) {
		w.proposing = false
		if c.Err != nil {
			if !w.faulty && !(w.full && (errors.Is(c.Err, storage.ErrNoSpace) || errors.Is(c.Err, storage.ErrJournalFull))) {
				fail("metadata command: %v", c.Err)
			}
			p.refused()
			w.nextProposal()
			return
		}
		w.meta.apply(p.cmd)
		if p.done != nil {
			p.done()
		}
		w.nextProposal()
	}
	w.send(c)
}

func forgetCmd(id storage.LogID) []byte { return idCmd(cmdForget, id) }

func idCmd(kind byte, id storage.LogID) []byte {
	return binary.LittleEndian.AppendUint64([]byte{kind}, uint64(id))
}

// crash ends the process, with or without the power.
func (w *world) crash() {
	if w.disk.FailedSyncs > w.failedSyncs {
		// A sync failed and the process died before it could say so: the page cache has lost what nobody can know of, and
		// promises below persisted with it.
		w.unseen, w.least = true, survivesAll
	}
	w.disk.ClearFaults()
	w.disk.SetSpace(0) // a start needs a little
	if w.rng.IntN(2) == 0 {
		w.stats.kills++
		w.trace("KILL, %d operations in flight", w.disk.InFlight())
		w.disk.Kill()
		w.least = max(w.least, survivesKill)
	} else {
		w.stats.cuts++
		w.trace("POWER CUT, %d operations in flight", w.disk.InFlight())
		w.disk.PowerCut()
		w.least = survivesAll
	}
	w.forget()
}

// forget drops what only the dead process knew.
func (w *world) forget() {
	for _, n := range w.nodes {
		w.stats.laps += int(n.s.Stats().Laps)
		w.stats.records += int(n.s.Stats().Records)
		w.stats.copied += int(n.s.Stats().Copied)
		w.stats.pads += int(n.s.Stats().Pads)
	}
	w.nodes, w.calls, w.held, w.proposals = nil, nil, nil, nil
	w.proposing, w.running, w.short, w.snapshot = false, false, false, snapshotJob{}
	for _, h := range w.logs {
		h.appends, h.moving, h.moved = 0, false, 0
	}
}
