package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// Server is a broker with one data directory: the shards with their threads, and what they need of the process and the machine. It sets
// nothing that belongs to the whole process, so several may run side by side.
type Server struct {
	cfg      Config
	log      *zap.Logger
	group    *shard.Group
	threads  []*thread
	budget   *uring.Budget
	lines    shard.Lines
	space    space
	stats    hostStats
	archives atomic.Bool // an archive for an operator is being made
	dir      *dataDir
	replayed *metadata.Machine // while recovery works on logs: nobody has told any shard yet what they are
	listener int32             // bound, and listening when the data directory is recovered; shard 0's from then on
	info     Info
	offline  bool   // nobody is served: one command is given, then it ends
	short    *short // set: there is no room to start in order

	running sync.WaitGroup
	turning sync.WaitGroup // shards that may still look at each other's memory
	closing sync.WaitGroup // shards whose IO is not closed: the kernel may use any shard's memory for it
	inUse   atomic.Bool    // an IO did not close: the kernel may use memory until the process ends

	done    chan struct{}
	failure atomic.Pointer[error]
}

// Info says how a server runs.
type Info struct {
	Address    string // really bound
	Mode       string // uring or epoll
	Note       string // why the fallback was taken; empty if it was not
	Shards     int
	FirstStart bool   // the data directory was empty: root was created
	Clean      bool   // the last run ended in order
	Groups     int    // journal groups replayed
	JournalWay string // how synced groups are written, and what was measured
	Short      bool   // there was no room to start in order: reads and deletions are served
	Recovery   time.Duration
}

// Info says how the server runs.
func (s *Server) Info() Info { return s.info }

// Done is closed when the server has ended, by Shutdown or by itself.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says why the server ended by itself; nil after Shutdown.
func (s *Server) Err() error {
	if p := s.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// Start recovers the data directory and serves it. When it returns, clients are accepted. Where the disk has no room for what a start
// must write, reads and deletions are served: see Info.Short and ErrRoom.
func Start(cfg Config) (*Server, error) {
	cfg.defaults()
	return startWith(cfg, 0)
}

func startServer(cfg Config, offline bool, sh *short) (*Server, error) {
	cfg.defaults()
	s := &Server{cfg: cfg, offline: offline, short: sh, log: cfg.Log, done: make(chan struct{}), stats: hostStats{dir: cfg.DataDir, started: time.Now()}}
	s.info.Shards = len(cfg.CPUs)
	if err := s.budgetMemory(); err != nil {
		return nil, err
	}
	if err := s.openPortAndDir(); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

// openPortAndDir binds the port before the data directory is touched: a start that can't serve leaves nothing behind. Where there
// is a data directory already, what holds the port may be the process that is still letting go of its lock, for which that is
// waited.
func (s *Server) openPortAndDir() error {
	bindErr := s.bind()
	if bindErr != nil && !(errors.Is(bindErr, syscall.EADDRINUSE) && isDataDir(s.cfg.DataDir)) {
		return bindErr
	}
	dir, err := openDataDir(s.cfg.DataDir, s.log)
	if err == nil && bindErr != nil {
		if err = s.bind(); err != nil {
			dir.close()
		}
	}
	if err != nil {
		if bindErr == nil && !s.offline {
			_ = unix.Close(int(s.listener))
		}
		return err
	}
	s.dir = dir
	if s.short != nil {
		return s.short.overlay(s)
	}
	return nil
}

func (s *Server) bind() error {
	if s.offline {
		return nil
	}
	fd, address, err := uring.BindTCP(s.cfg.Address)
	if err != nil {
		return err
	}
	if err := uring.SetKeepAlive(fd, s.cfg.KeepAlive); err != nil { // what is accepted inherits it
		s.log.Warn("connections of dead peers may stay", zap.String("event", "keepalive_refused"), zap.Error(err))
	}
	s.listener, s.info.Address = fd, address
	return nil
}

func (s *Server) start() error {
	if err := s.startThreads(); err != nil {
		return err
	}
	begin := time.Now()
	rec, machine, err := s.recover()
	if err != nil {
		return err
	}
	s.info.Clean, s.info.Groups, s.info.Recovery = rec.Clean, rec.Groups, time.Since(begin)
	s.info.FirstStart = machine.Accounts.UserCount() == 0
	if s.offline && s.info.FirstStart {
		return ErrNoUsers
	}
	owners := s.group.Place(rec.Logs)
	for _, t := range s.threads {
		if err := t.do(func() error { return t.shard.Adopt(rec, owners) }); err != nil {
			return err
		}
	}
	if !s.offline {
		err = uring.Listen(s.listener, s.info.Address, listenBacklog)
	}
	if err != nil {
		return err
	}
	for _, t := range s.threads {
		t.startLoop()
	}
	if s.short != nil {
		go s.short.watch(s)
	} else {
		go s.keepSpace(rec.Reserve)
	}
	return s.begin(rec)
}

const listenBacklog = 4096

// begin does what must be in the metadata before the first client, and has clients accepted.
func (s *Server) begin(rec *storage.Recovered) error {
	b := shard.Beginning{Retired: rec.Retired, Highest: metadata.LogID(rec.HighestLog), Serve: !s.offline}
	if s.info.FirstStart {
		phc, err := s.cfg.Root.PasswordPHC()
		if err != nil {
			return err
		}
		b.Root, b.RootPHC = s.cfg.Root.Username, phc
	}
	ready := make(chan error, 1)
	s.group.Begin(b, func(err error) { ready <- err })
	return s.wait(ready)
}

// wait returns what comes, or why the server has ended by itself.
func (s *Server) wait(answer <-chan error) error {
	select {
	case err := <-answer:
		return err
	case <-s.done:
		return s.Err()
	}
}

// startThreads makes the shards with their threads and their IO, all of the same kind.
func (s *Server) startThreads() error {
	s.space.news, s.space.Notify = make(chan struct{}, 1), s.space.notify
	s.space.Short.Store(s.short != nil)
	s.group = shard.NewGroup(len(s.cfg.CPUs), s.cfg.Config, &s.lines, &s.space.Space, host{s}, s.log)
	for i, sh := range s.group.Shards() {
		t := &thread{s: s, shard: sh, log: s.log.With(zap.Int("shard", i)), setup: make(chan func() error), setupDone: make(chan error)}
		if i == 0 && !s.offline {
			sh.Listen(s.listener) // its thread closes it, if it never accepts
		}
		s.threads = append(s.threads, t)
		s.running.Add(1)
		s.turning.Add(1)
		s.closing.Add(1)
		go t.run()
	}
	go func() {
		s.running.Wait()
		if s.short == nil && s.endedInOrder() {
			s.noteEnd()
			s.dir.forgetPanics()
		}
		s.dir.close()
		close(s.done)
	}()
	return s.openIO()
}

func (s *Server) openIO() error {
	mode := s.cfg.IO
	for again := true; again; {
		again = false
		for i, t := range s.threads {
			err := t.do(func() error { return t.open(mode) })
			if err == nil && i == 0 {
				mode = t.io.Mode() // the others do as the first one
				continue
			}
			if err == nil {
				continue
			}
			if s.cfg.IO != "auto" || mode == "epoll" {
				return err
			}
			s.info.Note = fmt.Sprintf("io_uring refused for shard %d, using epoll: %v", i, err)
			for _, o := range s.threads[:i] {
				_ = o.do(func() error {
					o.shard.CloseInbox()
					return o.io.Close()
				})
			}
			mode, again = "epoll", true
			break
		}
	}
	s.info.Mode = mode
	return nil
}

// endedInOrder reports, when all shards have ended, whether each finished its journal.
func (s *Server) endedInOrder() bool {
	for _, sh := range s.group.Shards() {
		if !sh.Finished() {
			return false
		}
	}
	return true
}

// noteEnd records where the journals of all shards end, for the next start. Without that it reads them whole.
func (s *Server) noteEnd() {
	marks := make([]storage.EndMark, 0, len(s.threads))
	for _, sh := range s.group.Shards() {
		m, ok := sh.EndedAt()
		if !ok {
			return
		}
		marks = append(marks, m)
	}
	if err := s.dir.recovered.NoteEnd(plainDisk{}, heapMemory{}, marks); err != nil {
		s.log.Warn("the orderly end could not be noted: the next start reads the journals whole", zap.String("event", "end_not_noted"), zap.Error(err))
	}
}

// Shutdown ends the server in order: no new connections, requests in flight are answered, everything is on stable
// storage. When ctx ends first, it returns ctx's error and the shards go on trying.
func (s *Server) Shutdown(ctx context.Context) error {
	s.group.Stop()
	select {
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return fmt.Errorf("shutdown: %w", context.Cause(ctx))
	}
}

// abandon ends a server that could not start.
func (s *Server) abandon() {
	for _, t := range s.threads {
		if t.io != nil {
			t.shard.Halt()
		}
		t.startLoop()
	}
	if len(s.threads) == 0 {
		s.dir.close()
		return
	}
	<-s.done
}

// FrameBytesMax is the largest request that is taken: smaller than was asked for, when memory has no room for that.
func (s *Server) FrameBytesMax() int { return s.cfg.FrameBytesMax }

// ConnectionsMax is how many connections are taken: fewer than were asked for, when the process may not open enough files.
func (s *Server) ConnectionsMax() int { return s.cfg.ConnectionsMax }

// Group is the shards, for tests and for what operators ask.
func (s *Server) Group() *shard.Group { return s.group }

// Stats asks every shard, in its own thread, and waits for the answers. It must not be called from a shard.
func (s *Server) Stats() []shard.Stats {
	all := make([]shard.Stats, len(s.threads))
	for i, sh := range s.group.Shards() {
		answered := make(chan struct{})
		sh.Post(func(sh *shard.Shard) {
			all[i] = sh.Statistics()
			close(answered)
		})
		select {
		case <-answered:
		case <-s.done:
		}
	}
	return all
}
