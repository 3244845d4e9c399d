package shard

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

type shardID = router.ShardID

// Broker is the shards of one data directory, and what they share: nothing on the path of a message.
type Broker struct {
	cfg       Config
	log       *zap.Logger
	shards    []*Shard
	loads     []shardLoad
	mesh      *router.Mesh[message]
	budget    *uring.Budget
	lines     memoryLines
	counters  counters
	sessions  sessionNumbers
	system    systemStats
	space     space
	registry  registry
	snapshots atomic.Bool // an archive for an operator is being made
	limits    limitCounters
	dir       *dataDir
	replayed  *metadata.Machine // while recovery works on logs: nobody has told any shard yet what they are
	listener  int32             // bound, and listening when the data directory is recovered; the acceptor's from then on
	info      Info
	offline   bool // nobody is served: one command is given, then it ends

	readClaim atomic.Int32 // see readMemory

	strangersMax int // bytes of requests that connections before login may hold, per shard

	conns   atomic.Int64  // open
	connIDs atomic.Uint32 // last number given out
	drained atomic.Int32  // shards without connections, at the end
	running sync.WaitGroup
	turning sync.WaitGroup // shards that may still look at each other's memory
	closing sync.WaitGroup // shards whose IO is not closed: the kernel may use any shard's memory for it
	inUse   atomic.Bool    // an IO did not close: the kernel may use memory until the process ends

	done    chan struct{}
	failure atomic.Pointer[error]
}

// Info says how a broker runs.
type Info struct {
	Address    string // really bound
	Mode       string // uring or epoll
	Note       string // why the fallback was taken; empty if it was not
	Shards     int
	FirstStart bool   // the data directory was empty: root was created
	Clean      bool   // the last run ended in order
	Groups     int    // journal groups replayed
	JournalWay string // how synced groups are written, and what was measured
	Recovery   time.Duration
}

// shardLoad is what other shards may know of one.
type shardLoad struct {
	conns atomic.Int64
	_     [120]byte
}

// Info says how the broker runs.
func (b *Broker) Info() Info { return b.info }

// Done is closed when the broker has ended, by Shutdown or by itself.
func (b *Broker) Done() <-chan struct{} { return b.done }

// Err says why the broker ended by itself; nil after Shutdown.
func (b *Broker) Err() error {
	if p := b.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// Start recovers the data directory and serves it. When it returns, clients are accepted.
func Start(cfg Config) (*Broker, error) { return startBroker(cfg, false) }

func startBroker(cfg Config, offline bool) (*Broker, error) {
	cfg.defaults()
	b := &Broker{cfg: cfg, offline: offline, log: cfg.Log, done: make(chan struct{}), registry: newRegistry(), system: systemStats{dir: cfg.DataDir, started: time.Now()}}
	b.info.Shards = len(cfg.CPUs)
	if err := b.budgetMemory(); err != nil {
		return nil, err
	}
	if err := b.openPortAndDir(); err != nil {
		return nil, err
	}
	if err := b.start(); err != nil {
		b.abandon()
		return nil, err
	}
	return b, nil
}

// openPortAndDir binds the port before the data directory is touched: a start that can't serve leaves nothing behind. Where there
// is a data directory already, what holds the port may be the process that is still letting go of its lock, for which that is
// waited.
func (b *Broker) openPortAndDir() error {
	bindErr := b.bind()
	if bindErr != nil && !(errors.Is(bindErr, syscall.EADDRINUSE) && isDataDir(b.cfg.DataDir)) {
		return bindErr
	}
	dir, err := openDataDir(b.cfg.DataDir, b.log)
	if err == nil && bindErr != nil {
		if err = b.bind(); err != nil {
			dir.close()
		}
	}
	if err != nil {
		if bindErr == nil && !b.offline {
			_ = unix.Close(int(b.listener))
		}
		return err
	}
	b.dir = dir
	return nil
}

func (b *Broker) bind() error {
	if b.offline {
		return nil
	}
	fd, address, err := uring.BindTCP(b.cfg.Address)
	if err != nil {
		return err
	}
	if err := uring.SetKeepAlive(fd, b.cfg.KeepAlive); err != nil { // what is accepted inherits it
		b.log.Warn("connections of dead peers may stay", zap.String("event", "keepalive_refused"), zap.Error(err))
	}
	b.listener, b.info.Address = fd, address
	return nil
}

func (b *Broker) start() error {
	if err := b.startThreads(); err != nil {
		return err
	}
	begin := time.Now()
	rec, machine, err := b.recover()
	if err != nil {
		return err
	}
	b.info.Clean, b.info.Groups, b.info.Recovery = rec.Clean, rec.Groups, time.Since(begin)
	b.info.FirstStart = machine.UserCount() == 0
	if b.offline && b.info.FirstStart {
		return ErrNoUsers
	}
	if err := b.adoptLogs(rec); err != nil {
		return err
	}
	if !b.offline {
		err = uring.Listen(b.listener, b.info.Address, listenBacklog)
	}
	if err != nil {
		return err
	}
	b.space.news = make(chan struct{}, 1)
	for _, s := range b.shards {
		s.startLoop()
	}
	go b.keepSpace(rec.Reserve)
	return b.bootstrap(rec.Retired, metadata.LogID(rec.HighestLog))
}

const listenBacklog = 4096

// startThreads makes the shards' threads and their IO, all of the same kind.
func (b *Broker) startThreads() error {
	n := len(b.cfg.CPUs)
	b.mesh = router.NewMesh[message](n, 0)
	b.loads = make([]shardLoad, n)
	for i := range b.cfg.CPUs {
		s := &Shard{id: shardID(i), b: b, cfg: &b.cfg, log: b.log.With(zap.Int("shard", i)), port: b.mesh.Port(shardID(i)),
			limits: limitsFor(b.cfg.FrameBytesMax), started: time.Now(), owners: router.NewMap(n), received: make([]router.Received[message], messageTurnMax),
			setup: make(chan func(*Shard) error), setupDone: make(chan error)}
		if i == 0 {
			s.accept.fd = b.listener // its thread closes it, if it never accepts
		}
		b.shards = append(b.shards, s)
		b.running.Add(1)
		b.turning.Add(1)
		b.closing.Add(1)
		go s.thread()
	}
	go func() {
		b.running.Wait()
		if b.endedInOrder() {
			b.noteEnd()
			b.dir.forgetPanics()
		}
		b.dir.close()
		close(b.done)
	}()
	mode := b.cfg.IO
	for again := true; again; {
		again = false
		for i, s := range b.shards {
			err := s.do(func(s *Shard) error { return s.open(mode) })
			if err == nil && i == 0 {
				mode = s.io.Mode() // the others do as the first one
				continue
			}
			if err == nil {
				continue
			}
			if b.cfg.IO != "auto" || mode == "epoll" {
				return err
			}
			b.info.Note = fmt.Sprintf("io_uring refused for shard %d, using epoll: %v", i, err)
			for _, o := range b.shards[:i] {
				_ = o.do(func(s *Shard) error {
					s.inbox.close()
					return s.io.Close()
				})
			}
			mode, again = "epoll", true
			break
		}
	}
	b.info.Mode = mode
	return nil
}

// endedInOrder reports, when all shards have ended, whether each finished its journal.
func (b *Broker) endedInOrder() bool {
	for _, s := range b.shards {
		if !s.finishing || s.store.Failed() != nil {
			return false
		}
	}
	return true
}

// noteEnd records where the journals of all shards end, for the next start. Without that it reads them whole.
func (b *Broker) noteEnd() {
	marks := make([]storage.EndMark, 0, len(b.shards))
	for _, s := range b.shards {
		m, ok := s.store.EndedAt()
		if !ok {
			return
		}
		marks = append(marks, m)
	}
	if err := b.dir.recovered.NoteEnd(plainDisk{}, heapMemory{}, marks); err != nil {
		b.log.Warn("the orderly end could not be noted: the next start reads the journals whole", zap.String("event", "end_not_noted"), zap.Error(err))
	}
}

// startLoop ends what the broker asks of the shard's thread before its loop: the loop begins, or the thread ends if there is
// none to run. It may be called more than once.
func (s *Shard) startLoop() { s.setupOnce.Do(func() { close(s.setup) }) }

// do runs f on the shard's thread before its loop begins.
func (s *Shard) do(f func(s *Shard) error) error {
	s.setup <- f
	return <-s.setupDone
}

// thread is the life of a shard's thread: what the broker asks first, then the loop, then the end.
func (s *Shard) thread() {
	runtime.LockOSThread() // never unlocked: the thread's affinity is not for others
	defer s.notePanic()    // while the panic goes on: it ends the process
	for f := range s.setup {
		s.setupDone <- f(s)
	}
	if s.store != nil {
		s.run()
	}
	s.b.turning.Done()
	s.b.turning.Wait() // after a failed journal, requests lie in memory of shards that have ended
	s.inbox.close()
	if s.io != nil {
		if err := s.io.Close(); err != nil {
			s.b.inUse.Store(true)
			s.log.Error("operations did not end: their memory is kept until the process ends", zap.String("event", "io_not_closed"), zap.Error(err))
		}
	}
	s.closeSockets()
	s.b.closing.Done()
	s.b.closing.Wait()
	for _, p := range s.pools {
		if s.b.inUse.Load() { // whatever the kernel writes to it must not hit what is mapped there next
			break
		}
		p.Close()
	}
	s.ended = true
	s.b.running.Done() // not after a panic: the broker has not ended then, and nobody may end the process before its stack is out
}

// dyingMax bounds the end of the process by a panic: the note's sync, and a stack that nobody reads.
const dyingMax = 10 * time.Second

// notePanic says that the shard's thread ends by a panic, and writes down which log it was working on. The runtime prints the
// stack when it returns, and ends the process with code 2.
func (s *Shard) notePanic() {
	if s.ended {
		return
	}
	uring.EndIn(dyingMax)
	id := s.recovering
	if s.store != nil {
		id = s.store.Working()
	}
	if id != 0 {
		s.b.dir.notePanic(id, s.log)
	} else {
		s.log.Error("panic: the process ends", zap.String("event", "panic"))
	}
	_ = s.log.Sync()
}

// open pins the thread and makes its IO.
func (s *Shard) open(mode string) error {
	if cpu := s.cfg.CPUs[s.id]; s.cfg.Pin {
		switch err := uring.PinThread(cpu); {
		case err != nil && s.cfg.PinOrNot:
			s.cfg.Pin = false // shards are opened one after the other
			s.log.Warn("shards are not bound to cores: the kernel refuses sched_setaffinity", zap.String("event", "not_pinned"), zap.Error(err))
		case err != nil:
			return fmt.Errorf("pin = true: the kernel refuses to bind shard %d to core %d (sched_setaffinity; a seccomp profile, mostly): allow it, or take pin = auto: %w", s.id, cpu, err)
		}
	}
	io, note, err := uring.Open(mode, uring.Config{RecvBufs: recvBufs, RecvBufBytes: recvBufBytes, Helpers: helpers, WorkerCPUs: s.workerCPUs()})
	if err != nil {
		return err
	}
	if note != "" {
		s.b.info.Note = note
	}
	if wrap := s.cfg.WrapIO; wrap != nil {
		io = wrap(int(s.id), io)
	}
	s.io = io
	return io.HoldLock(s.b.dir.fd)
}

// workerCPUs are where kernel threads may work for this shard: not on another shard's core.
func (s *Shard) workerCPUs() []int {
	if !s.cfg.Pin {
		return nil
	}
	return []int{s.cfg.CPUs[s.id]}
}

const (
	recvBufs     = 512
	helpers      = 4 // epoll: two journal groups in flight, and others must not wait behind them
	recvBufBytes = 16 << 10
)

// bootstrap does what must be in the metadata before the first client, one command after the other, and then accepts clients.
func (b *Broker) bootstrap(retired []storage.LogID, highest metadata.LogID) error {
	phc := ""
	if b.info.FirstStart {
		var err error
		if phc, err = b.cfg.Root.PasswordPHC(); err != nil {
			return err
		}
	}
	ready := make(chan error, 1)
	b.shards[0].post(func(s *Shard) {
		for _, id := range retired { // in the background, when clients are served
			s.store.Drop(id, s.dropped)
		}
		s.inOrder(s.firstCommands(phc, highest), func(err error) {
			if err != nil {
				ready <- err
				return
			}
			b.reserveSessions(s, func(err error) {
				if err == nil && !b.offline {
					s.accept.arm(s)
				}
				ready <- err
			})
		})
	})
	select {
	case err := <-ready:
		return err
	case <-b.done:
		return b.Err()
	}
}

// firstCommand is a metadata command of the start, and what it is for.
type firstCommand struct {
	what    string
	command []byte
}

// firstCommands lists what the start has to say: log ids that must not be given out again, the first user, with its hash, and
// that all members of groups are gone, with the sessions of the last run.
func (s *Shard) firstCommands(rootPHC string, highest metadata.LogID) (list []firstCommand) {
	if highest >= s.meta.NextLog() {
		s.log.Error("there are files of partitions that the metadata does not know: what created them was lost with damaged files; they are kept, and their names are not used again",
			zap.String("event", "files_without_metadata"),
			zap.Uint64("log", uint64(highest)))
		list = append(list, firstCommand{"skip the log ids that were lost", metadata.EncodeSkipLogs(nil, s.micros(), highest+1)})
	}
	if rootPHC != "" {
		list = append(list, firstCommand{"create the root user", metadata.EncodeCreateUser(nil, s.micros(), metadata.CreateUser{
			Name: []byte(s.cfg.Root.Username), PasswordPHC: rootPHC, Status: metadata.UserActive})})
	}
	if s.meta.GroupCount() > 0 {
		list = append(list, firstCommand{"drop the members of the last run", metadata.EncodeDropMembers(nil, s.micros())})
	}
	return list
}

// inOrder gives commands one after the other until one fails.
func (s *Shard) inOrder(list []firstCommand, done func(err error)) {
	if len(list) == 0 {
		done(nil)
		return
	}
	s.proposeWhenShort(list[0].command, func(s *Shard, q *request) {
		if q.err != nil {
			done(fmt.Errorf("%s: %w", list[0].what, q.err))
			return
		}
		s.inOrder(list[1:], done)
	})
}

// reserveSessions has the next block of session numbers reserved. done is called when it is, on shard 0.
func (b *Broker) reserveSessions(s *Shard, done func(err error)) {
	upTo := max(b.sessions.next.Load(), s.meta.SessionsReserved()) + sessionsAhead
	s.proposeWhenShort(metadata.EncodeReserveSessions(nil, s.micros(), upTo), func(_ *Shard, q *request) {
		b.sessions.asked.Store(false)
		if q.err == nil {
			b.sessions.reserved.Store(upTo)
		}
		done(q.err)
	})
}

// wantSessions asks shard 0 to reserve more session numbers. Any shard may call it, as often as it likes.
func (b *Broker) wantSessions() {
	if b.sessions.asked.Swap(true) {
		return
	}
	b.shards[0].post(func(s *Shard) {
		b.reserveSessions(s, func(err error) {
			if err != nil {
				s.log.Error("session numbers could not be reserved", zap.String("event", "sessions_not_reserved"), zap.Error(err))
			}
		})
	})
}

// placement is what the placing of new logs looks at.
func (b *Broker) placement(owners *router.Map) []router.Load {
	loads := make([]router.Load, len(b.shards))
	for i := range loads {
		loads[i].Logs = owners.Count(shardID(i))
	}
	return loads
}

// fail ends the broker: a shard's journal failed, and nothing more can be acknowledged.
func (b *Broker) fail(s *Shard, err error) {
	err = fmt.Errorf("shard %d: journal failed, restart to recover: %w", s.id, err)
	if !b.failure.CompareAndSwap(nil, &err) {
		return
	}
	b.log.Error("journal failed: nothing more is acknowledged, the server ends", zap.String("event", "journal_failed"), zap.Error(err))
	if e := b.dir.distrust(); e != nil {
		b.log.Error("could not note that the page cache is not to be trusted", zap.String("event", "distrust_not_noted"), zap.Error(e))
	}
	for _, o := range b.shards {
		o := o
		go o.post(func(s *Shard) { s.stopped = true })
	}
}

// Shutdown ends the broker in order: no new connections, requests in flight are answered, everything is on stable
// storage. When ctx ends first, it returns ctx's error and the shards go on trying.
func (b *Broker) Shutdown(ctx context.Context) error {
	for _, s := range b.shards {
		s.post(func(s *Shard) { s.stop() })
	}
	select {
	case <-b.done:
		return b.Err()
	case <-ctx.Done():
		return fmt.Errorf("shutdown: %w", context.Cause(ctx))
	}
}

// abandon ends a broker that could not start.
func (b *Broker) abandon() {
	for _, s := range b.shards {
		if s.io != nil {
			s.post(func(s *Shard) { s.stopped = true })
		}
		s.startLoop()
	}
	if len(b.shards) == 0 {
		b.dir.close()
		return
	}
	<-b.done
}

// stopSendsMax is how long an orderly end waits for clients to read their replies.
const stopSendsMax = 5 * time.Second

// finishMax is kept of shutdown_timeout for the journal, when all that is busy was given up.
const finishMax = 5 * time.Second

// stop begins the end of the shard.
func (s *Shard) stop() {
	if s.stopping {
		return
	}
	s.stopping, s.stopSends = true, s.mono+int64(stopSendsMax)
	s.giveUp = s.mono + int64(s.cfg.ShutdownTimeout-min(finishMax, s.cfg.ShutdownTimeout/4))
	if s.lead != nil {
		s.accept.stop(s)
	}
	for _, c := range s.conns.all {
		if c.fd >= 0 && c.busy == nil { // else after its reply
			s.closeConn(c, "", nil)
		}
	}
}

// giveUpBusy ends the patience of an orderly end with what is busy: polls that get no memory, requests that another shard does not
// answer, passwords that are being hashed, archives. None of it was acknowledged, so the journal can be finished without it.
func (s *Shard) giveUpBusy() {
	s.store.Abandon()
	if s.gaveUp || s.drained {
		return
	}
	s.gaveUp = true
	s.log.Warn("the orderly end waits no longer for what is busy", zap.String("event", "shutdown_gave_up"), zap.Int("connections", s.conns.count),
		zap.Duration("shutdown_timeout", s.cfg.ShutdownTimeout))
}

// tryStop goes through the end of a shard: its connections close; when those of all shards are closed nobody needs its
// logs any more, and the journal is finished.
func (s *Shard) tryStop() {
	if s.mono >= s.giveUp {
		s.giveUpBusy()
	}
	if !s.drained && (s.gaveUp || s.conns.count == 0 && len(s.forgetting) == 0 && (s.lead == nil || !s.lead.busy() && s.accept.closed)) {
		s.drained = true
		if int(s.b.drained.Add(1)) == len(s.b.shards) {
			for _, o := range s.b.shards {
				o.io.Wake()
			}
		}
	}
	if int(s.b.drained.Load()) < len(s.b.shards) || s.store.Waiting() && !s.gaveUp {
		return
	}
	if !s.finishing {
		s.finishing = s.store.Finish()
		return
	}
	if plantedPanicAtEnd && int(s.id) == len(s.b.shards)-1 {
		panic("planted: a panic after the journal was finished")
	}
	s.stopped = s.store.Idle()
}
