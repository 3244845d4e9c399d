package storage

import (
	"fmt"
	"slices"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/fifo"
)

// Config is what a store needs to know.
type Config struct {
	Shard              int
	Dir                string // data directory
	Seed               uint64 // secret of the directory, from the superblock
	FirstGroup         uint64 // first group number of this run
	Journal            [2]JournalFile
	LossBound          time.Duration // written but not yet synced at most this long
	TailMemory         Memory
	JournalMemory      Memory
	JournalMemoryMax   int64  // what that gives; 0: much
	LapMemory          Memory // for a lap that JournalMemory has no room for; nil: the same
	ReadMemory         Memory
	ReadMemoryMax      int64                                       // that it gives at once, when nobody else holds any; 0: much
	DedupBytesMax      int64                                       // of the ids that logs remember; 0: as their windows allow
	ConsumersPerLogMax int                                         // with stored offsets; 0: consumersMax
	NamedMax           int64                                       // bytes of direct batches below LevelPersisted between two laps; 0: namedMax
	LapSmall           int64                                       // a lap that takes no more than that is not made smaller; 0: a sixteenth of a journal file
	TableSlack         int64                                       // bytes of a log table's file that may be of no use beside as many as are; 0: tableSlack
	LogsPerTurn        int                                         // that are looked at in one turn for one purpose that concerns all; 0: logsPerTurn
	FilesMax           int                                         // descriptors of segments kept open; 0: many
	Fence              func(r *Request) bool                       // asked of a group's poll whose records are there: false, and it gets ErrNotOwned; may be nil
	Late               func(index uint64, commands [][]byte) error // makes metadata commands stable where the journal is not; may be nil
	Report             func(event string, id LogID, err error)     // damage, fences, recovery of space; may be nil
}

// Store holds the logs of one shard and their journal.
type Store struct {
	cfg     Config
	hasher  batch.Hasher
	journal journal
	logs    logs
	now     uint64 // wall clock of the turn, microseconds
	mono    int64  // monotonic clock of the turn, nanoseconds
	working LogID

	ops operations

	done     requestList
	inner    requestList      // answered requests of the store's own
	starved  requestList      // wait for room in the journal
	reading  reads            // wait for memory to read into
	retry    fifo.Queue[*Log] // logs whose waiting appends are to be tried again at the end of the turn
	changed  fifo.Queue[*Log]
	held     heldSum
	capped   []*Log // with a size, and a segment sealed in this turn
	saving   []*Log // fenced, to be saved aside
	moves    moves
	removals removals
	more     bool // of starved or retry some were not tried in this turn, and those that were had room
	ending   bool // Finish was asked
	space    Space
	closing  int // logs that are being closed
	room     LapRoom

	ids    idMemory
	table  logTable
	chunks chunks
	files  files
	rounds rounds
	stats  Stats
}

// Stats counts since the store was made.
type Stats struct {
	Groups, Laps        uint64 // of the journal
	Records, Copied     uint64 // of logs written to the log table, and from one file of it to the other
	DirectWrites, Pads  uint64 // of large batches, of tails
	DiskReads           uint64
	Copies, CopiedBytes uint64 // of records: into the tail and into journal groups
	Duplicates          uint64 // records that were not stored, as their log had them
	Unstored            uint64 // polls that were refused because their automatic commit could not be stored: too many consumers have offsets
	DedupBytes          int64  // what the windows of all logs take now
}

func (s *Stats) copied(n int) {
	s.Copies++
	s.CopiedBytes += uint64(n)
}

// Stats returns what the store has counted.
func (s *Store) Stats() Stats {
	st := s.stats
	st.DedupBytes = s.ids.bytes
	return st
}

// New makes a store with an empty journal: the files of cfg.Journal hold nothing that is still needed.
func New(cfg Config) *Store {
	s := &Store{cfg: cfg, logs: logs{byID: make(map[LogID]*Log)}, ops: operations{free: -1}, chunks: chunks{memory: cfg.TailMemory, target: tailTargetMin},
		reading: reads{memory: cfg.ReadMemory, most: cfg.ReadMemoryMax}, ids: idMemory{most: cfg.DedupBytesMax}}
	if cfg.LossBound <= 0 {
		s.cfg.LossBound = time.Second
	}
	if cfg.NamedMax <= 0 {
		s.cfg.NamedMax = namedMax
	}
	if s.files.max = cfg.FilesMax; cfg.FilesMax <= 0 {
		s.files.max = 1 << 30
	}
	if cfg.LapSmall <= 0 {
		s.cfg.LapSmall = cfg.Journal[0].Size / 16
	}
	if cfg.TableSlack <= 0 {
		s.cfg.TableSlack = tableSlack
	}
	if cfg.LogsPerTurn <= 0 {
		s.cfg.LogsPerTurn = logsPerTurn
	}
	s.room = LapRoom{file: cfg.Journal[0].Size, memory: cfg.JournalMemoryMax, users: make(tally)}
	s.removals.ops, s.removals.dir = &s.ops, cfg.Dir
	if cfg.ConsumersPerLogMax <= 0 {
		s.cfg.ConsumersPerLogMax = consumersMax
	}
	if cfg.LapMemory == nil {
		s.cfg.LapMemory = cfg.JournalMemory
	}
	s.journal = journal{s: s, files: cfg.Journal, pos: BlockSize, number: cfg.FirstGroup, first: cfg.FirstGroup,
		psafe: cfg.FirstGroup - 1, wsafe: cfg.FirstGroup - 1}
	s.space.journal, s.space.late = &s.journal, cfg.Late != nil
	s.table.begin(s)
	return s
}

// Space is how the store stands with the room on its disk.
func (s *Store) Space() *Space { return &s.space }

// refuseWaiting answers what waits and is not taken while the store is short, of some logs in each turn.
func refuseWaiting(s *Store) {
	p := &s.space
	for left := s.cfg.LogsPerTurn; p.refusing && left > 0; {
		l, end := p.cursor.next(&s.logs.places, &left)
		if p.refusing = !end; l != nil {
			s.answerAll(l.wait.take(), errShort)
		}
	}
	p.tire()
}

// Begin starts a turn at the given wall clock (microseconds) and monotonic clock (nanoseconds).
func (s *Store) Begin(wallMicros uint64, monoNanos int64) {
	s.now, s.mono, s.working = wallMicros, monoNanos, 0
	s.space.mono, s.rounds.squeezeLeft, s.rounds.endPaused = monoNanos, s.cfg.LogsPerTurn, false
}

// End finishes a turn: what was gathered leaves as journal groups, and requests that waited for memory are tried again.
func (s *Store) End() {
	s.more = false
	for r, left := s.starved.split(startedPerTurn); r != nil; {
		next := r.next
		r.next = nil
		s.start(r)
		if r = next; r == nil {
			s.more = !left.empty() && s.starved.empty()
			s.starved.join(left)
		}
	}
	resumeReads(s)
	for r := s.inner.pop(); r != nil; r = s.inner.pop() {
		s.working = r.Log
		r.internal(r)
	}
	waiting := s.retry.Len()
	tried := min(waiting, s.cfg.LogsPerTurn)
	for range tried {
		l := s.retry.Pop()
		l.queued = false
		s.working = l.cfg.ID
		l.pump()
	}
	s.more = s.more || tried < waiting && s.retry.Len() == waiting-tried
	s.working = 0
	s.moves.departing = slices.DeleteFunc(s.moves.departing, tryDepart)
	retainCapped(s)
	s.files.closeQuiet(&s.logs.places, s.cfg.LogsPerTurn, s.mono)
	s.rounds.sweepTails(&s.logs.lapped, s.cfg.LogsPerTurn)
	if !s.ending {
		s.removals.goOn()
	}
	if len(s.saving) > 0 {
		saveWaiting(s)
	}
	if s.space.short {
		refuseWaiting(s)
		s.journal.retry()
		retryBlocks(s)
	}
	s.journal.flush()
	if s.table.goesOn() {
		s.table.goOn()
	}
	if d := s.journal.syncDeadline(); d != 0 && (d <= s.mono || s.journal.cached >= cachedMax) {
		s.journal.syncBuffered()
	}
	s.invariants()
}

// Deadline returns the monotonic time, in nanoseconds, at which the store wants a turn; 0: none.
func (s *Store) Deadline() int64 {
	next := s.journal.syncDeadline()
	for _, t := range [...]int64{s.journal.refusedDeadline(), s.space.blocks.deadline(&s.journal), s.table.deadline()} {
		if next == 0 || t != 0 && t < next {
			next = t
		}
	}
	if s.journal.failed == nil && s.journal.laps.paused || s.space.refusing || s.rounds.sweeping || s.rounds.endPaused || s.more {
		return s.mono // it goes through all logs, or through all that waited, and waits for nothing else
	}
	return next
}

// Do starts a request. Its answer comes out of TakeDone, in this turn or a later one.
func (s *Store) Do(r *Request) {
	r.Err, r.Found, r.Records, r.Bytes = nil, false, 0, 0
	r.Spans = r.Spans[:0]
	r.poll = pollState{headFrom: r.HeadLen}
	r.log = nil
	s.start(r)
	s.working = 0
	s.invariants()
}

// TakeDone returns the next answered request, or nil.
func (s *Store) TakeDone() *Request { return s.done.pop() }

func (s *Store) answer(r *Request, err error) {
	r.Err = err
	if r.internal != nil {
		s.inner.push(r)
		return
	}
	s.done.push(r)
}

// answerAll answers r and those linked behind it.
func (s *Store) answerAll(r *Request, err error) {
	for r != nil {
		next := r.next
		s.answer(r, err)
		r = next
	}
}

// startedPerTurn bounds the requests that are tried again in one turn.
const startedPerTurn = 1024

// start runs r as far as it goes now.
func (s *Store) start(r *Request) {
	if s.journal.failed != nil && r.Kind != ReqPoll && r.Kind != ReqGetOffset && r.Kind != ReqLoad {
		s.answer(r, ErrJournalFailed)
		return
	}
	if s.space.short {
		if err := s.space.refuses(r); err != nil {
			s.answer(r, err)
			return
		}
		if s.space.delays(r) {
			s.starved.push(r)
			return
		}
	}
	if r.Kind == ReqMeta {
		s.startMeta(r)
		return
	}
	l := r.log
	if l == nil {
		if l = s.logs.byID[r.Log]; l == nil {
			s.answer(r, ErrUnknownLog)
			return
		}
		r.log = l
	}
	s.working = l.cfg.ID
	switch {
	case l.silent && r.Kind != ReqClose:
		s.answer(r, l.fenced)
	case l.leaving != nil && r.Kind != ReqLoad:
		s.answer(r, ErrUnknownLog)
	default:
		startOf(l, r)
	}
}

// startOf runs r, which is for l.
func startOf(l *Log, r *Request) {
	s := l.s
	switch r.Kind {
	case ReqAppend:
		l.append(r)
	case ReqPoll:
		l.poll(r)
	case ReqStoreOffset, ReqDeleteOffset:
		l.changeOffset(r)
	case ReqGetOffset:
		o, found := l.offsets.get(r.Consumer)
		r.Found, r.Value, r.Current = found, uint64(o), l.bounds.last
		s.answer(r, nil)
	case ReqFlush, ReqRaise:
		l.flush(r)
	case ReqTrim:
		l.trim(r)
	case ReqClose:
		l.close(r)
	case ReqDetach:
		if err := s.moves.begin(l, r); err != nil {
			s.answer(r, err)
		}
	case ReqAttach:
		attach(l, r)
	case ReqLoad:
		s.load(r)
	default:
		panic(fmt.Sprintf("BUG: request kind %d", r.Kind))
	}
}

// Failed returns the error that stopped the journal, if it stopped. Nothing is acknowledged any more.
func (s *Store) Failed() error { return s.journal.failed }

func (s *Store) report(event string, id LogID, err error) {
	if s.cfg.Report != nil {
		s.cfg.Report(event, id, err)
	}
}

// Finish writes the mark of an orderly end behind everything else. There are no more requests; Idle says when it is
// done. False: not yet, try again in a later turn.
func (s *Store) Finish() bool {
	s.ending = true
	s.space.Want()
	return s.journal.failed == nil && s.journal.finish()
}

// Abandon gives up the requests that wait for memory or for room in the journal: nobody will hear of them. It is for an end that
// must not wait for them; none of them has done anything yet.
func (s *Store) Abandon() { s.starved = requestList{} }

// EndedAt is where the last group of a run that ended in order lies, if this one did.
func (s *Store) EndedAt() (EndMark, bool) {
	j := &s.journal
	return EndMark{j.laps.mark}, j.laps.final && j.failed == nil && j.psafe == j.laps.mark.number && j.laps.mark.number != 0
}

// EndMark says where a shard's last group lies.
type EndMark struct{ mark cleanMark }

// Logs is how many logs the store has open.
func (s *Store) Logs() int { return s.logs.len() }

// Waiting reports whether requests wait for memory that another store may give back: take a turn now and then.
func (s *Store) Waiting() bool {
	return !s.starved.empty() || s.reading.waits() || s.retry.Len() > 0 || s.journal.laps.wanted && s.journal.failed == nil || len(s.moves.departing) > 0 || len(s.saving) > 0
}

// ReadsWait reports whether anything waits for memory to read into.
func (s *Store) ReadsWait() bool { return s.reading.waits() }

// Unflushed reports whether something gathers that the next End will write: requests came since the last one.
func (s *Store) Unflushed() bool {
	j := &s.journal
	return j.failed == nil && j.laps.placed == nil && !(j.laps.wanted && j.laps.asleep) && !j.stuck() && j.writing < groupsInFlightMax && j.gather != nil && (j.gather.count > 0 || j.gather.flags != 0)
}

// Idle reports whether nothing is in flight and nothing waits to be written.
func (s *Store) Idle() bool {
	j := &s.journal
	return s.ops.idle() && !(j.laps.final && j.laps.wanted) && len(j.unsafe.all()) == 0 && len(j.ready) == 0 &&
		(j.gather == nil || j.gather.count == 0 && j.gather.flags == 0)
}
