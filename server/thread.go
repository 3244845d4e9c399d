package server

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// thread is the operating system's thread of one shard: what the start asks first, then the shard's loop, then the end.
type thread struct {
	s     *Server
	shard *shard.Shard
	log   *zap.Logger
	io    uring.IO

	setup     chan func() error // before the loop runs
	setupDone chan error
	setupOnce sync.Once

	recovering storage.LogID // on shard 0's thread, before the loop
	ended      bool          // not by a panic
}

// startLoop ends what the server asks of the thread before the shard's loop: the loop begins, or the thread ends if there is
// none to run. It may be called more than once.
func (t *thread) startLoop() { t.setupOnce.Do(func() { close(t.setup) }) }

// do runs f on the thread before the loop begins.
func (t *thread) do(f func() error) error {
	t.setup <- f
	return <-t.setupDone
}

// run is the life of the thread.
func (t *thread) run() {
	s, sh := t.s, t.shard
	runtime.LockOSThread() // never unlocked: the thread's affinity is not for others
	defer t.notePanic()    // while the panic goes on: it ends the process
	for f := range t.setup {
		t.setupDone <- f()
	}
	if sh.Serves() {
		sh.Run()
	}
	s.turning.Done()
	s.turning.Wait() // after a failed journal, requests lie in memory of shards that have ended
	sh.CloseInbox()
	if t.io != nil {
		if err := t.io.Close(); err != nil {
			s.inUse.Store(true)
			t.log.Error("operations did not end: their memory is kept until the process ends", zap.String("event", "io_not_closed"), zap.Error(err))
		}
	}
	for _, fd := range sh.Sockets() {
		_ = unix.Close(int(fd))
	}
	s.closing.Done()
	s.closing.Wait()
	if !s.inUse.Load() { // whatever the kernel writes to it must not hit what is mapped there next
		sh.ClosePools()
	}
	t.ended = true
	s.running.Done() // not after a panic: the server has not ended then, and nobody may end the process before its stack is out
}

// dyingMax bounds the end of the process by a panic: the note's sync, and a stack that nobody reads.
const dyingMax = 10 * time.Second

// notePanic says that the thread ends by a panic, and writes down which log it was working on. The runtime prints the
// stack when it returns, and ends the process with code 2.
func (t *thread) notePanic() {
	if t.ended {
		return
	}
	uring.EndIn(dyingMax)
	id := t.recovering
	if t.shard.Serves() {
		id = t.shard.Working()
	}
	if id != 0 {
		t.s.dir.notePanic(id, t.log)
	} else {
		t.log.Error("panic: the process ends", zap.String("event", "panic"))
	}
	_ = t.log.Sync()
}

// open pins the thread and makes the shard's IO.
func (t *thread) open(mode string) error {
	cfg, id := &t.s.cfg, t.shard.ID()
	if cpu := cfg.CPUs[id]; cfg.Pin {
		switch err := uring.PinThread(cpu); {
		case err != nil && cfg.PinOrNot:
			cfg.Pin = false // shards are opened one after the other
			t.log.Warn("shards are not bound to cores: the kernel refuses sched_setaffinity", zap.String("event", "not_pinned"), zap.Error(err))
		case err != nil:
			return fmt.Errorf("pin = true: the kernel refuses to bind shard %d to core %d (sched_setaffinity; a seccomp profile, mostly): allow it, or take pin = auto: %w", id, cpu, err)
		}
	}
	io, note, err := uring.Open(mode, uring.Config{RecvBufs: front.RecvBufs, RecvBufBytes: front.RecvBufBytes, Helpers: helpers, WorkerCPUs: t.workerCPUs(), KeepProc: keepsProc(len(cfg.CPUs))})
	if err != nil {
		return err
	}
	if note != "" {
		t.s.info.Note = note
	}
	if wrap := cfg.WrapIO; wrap != nil {
		io = wrap(int(id), io)
	}
	if sh := t.s.short; sh != nil {
		io = &overlayIO{IO: io, files: sh.files, retired: t.shard.Retired}
	}
	t.io = io
	t.shard.SetIO(io)
	return io.HoldLock(t.s.dir.fd)
}

// keepsProc reports whether shards may keep the runtime's processors while they sleep for a moment: the rest of the process has one of its own, and the
// runtime can end a sleep by a signal.
func keepsProc(shards int) bool {
	return runtime.GOMAXPROCS(0) > shards && !strings.Contains(os.Getenv("GODEBUG"), "asyncpreemptoff=1")
}

// workerCPUs are where kernel threads may work for this shard: not on another shard's core.
func (t *thread) workerCPUs() []int {
	cfg := &t.s.cfg
	if !cfg.Pin {
		return nil
	}
	return []int{cfg.CPUs[t.shard.ID()]}
}

// helpers is how many threads epoll has for files: two journal groups in flight, and others must not wait behind them.
const helpers = 4
