package auth

import (
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
)

// What a Hasher answers instead of a result.
var (
	ErrBusy     = errors.New("auth: too many passwords are waiting to be checked")
	ErrClosed   = errors.New("auth: the hasher is closed")
	ErrPassword = errors.New("auth: password is too long")
)

const (
	// DefaultQueueMax is a little above a second's work.
	DefaultQueueMax  = 64
	passwordBytesMax = 1024
	idleMax          = 30 * time.Second // after that the child's memory goes back to the machine
	closeMax         = 2 * time.Second  // in which Close has what waits done; the rest is refused

	// DefaultTimeout is a hundred times what a hash takes on an idle machine.
	DefaultTimeout = 10 * time.Second
)

// Config says how a Hasher works.
type Config struct {
	// Command starts the child: a program, and arguments that make it call ServeWorker. Empty: hashes are made in this
	// process, as tests and small tools want it.
	Command []string
	// QueueMax is how many jobs may wait; 0 takes DefaultQueueMax.
	QueueMax int
	// Timeout is how long the child may take for one job; then it is replaced. 0 takes DefaultTimeout.
	Timeout time.Duration
	// Log hears when the child cannot be started; nil is silent.
	Log *zap.Logger
}

// Job is a password to be checked.
type Job struct {
	PHC      string // the stored hash; empty for a user that does not exist, which takes as long and is false
	Password []byte
}

// Hasher checks and makes hashes, one at a time, in the order in which they came. Its methods may be called from any
// goroutine.
type Hasher struct {
	config Config
	worker worker
	queue  chan task
	ended  chan struct{}
	mu     sync.RWMutex // held for reading while a task is put into the queue
	closed bool
}

// task is a job or, with hash set, a password to be hashed.
type task struct {
	request  request
	verified func(ok bool)
	hashed   func(phc string, err error)
}

// NewHasher makes a Hasher. Its child starts with the first job. Close ends it.
func NewHasher(config Config) *Hasher {
	if config.QueueMax == 0 {
		config.QueueMax = DefaultQueueMax
	}
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	if config.Log == nil {
		config.Log = zap.NewNop()
	}
	h := &Hasher{config: config, worker: worker{command: config.Command, timeout: config.Timeout, log: config.Log}, queue: make(chan task, config.QueueMax), ended: make(chan struct{})}
	go h.run()
	return h
}

// Submit has a password checked and returns at once; done is called on the Hasher's goroutine and must not block. The
// password is copied. ErrBusy: try later, done will not be called. ErrClosed likewise.
func (h *Hasher) Submit(job Job, done func(ok bool)) error {
	phc, password := job.PHC, job.Password
	if len(password) > passwordBytesMax || len(phc) > phcBytesMax {
		phc, password = "", nil // no such password was ever hashed
	}
	return h.enqueue(task{request: request{op: opVerify, phc: phc, password: clone(password)}, verified: done})
}

// SubmitHash has a password hashed and returns at once; done is called as with Submit. ErrBusy, ErrClosed, ErrPassword.
func (h *Hasher) SubmitHash(password []byte, done func(phc string, err error)) error {
	if len(password) > passwordBytesMax {
		return ErrPassword
	}
	return h.enqueue(task{request: request{op: opHash, password: clone(password)}, hashed: done})
}

// Hash hashes a password and waits for it: for the start of a server and for tools, never for a shard.
func (h *Hasher) Hash(password []byte) (phc string, err error) {
	type result struct {
		phc string
		err error
	}
	done := make(chan result, 1)
	if err := h.SubmitHash(password, func(phc string, err error) { done <- result{phc, err} }); err != nil {
		return "", err
	}
	r := <-done
	return r.phc, r.err
}

// Verify checks a password and waits for it, like Hash. A full queue is false.
func (h *Hasher) Verify(phc string, password []byte) bool {
	done := make(chan bool, 1)
	if err := h.Submit(Job{PHC: phc, Password: password}, func(ok bool) { done <- ok }); err != nil {
		return false
	}
	return <-done
}

// Close takes no more jobs, answers those that wait, and ends the child. What is not done within closeMax is answered as false, or
// with ErrClosed.
func (h *Hasher) Close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.queue)
	}
	h.mu.Unlock()
	select {
	case <-h.ended:
		return
	case <-time.After(closeMax):
	}
	h.worker.abort()
	<-h.ended
}

func (h *Hasher) enqueue(t task) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.closed {
		return ErrClosed
	}
	select {
	case h.queue <- t:
		return nil
	default:
		return ErrBusy
	}
}

// run is the Hasher's goroutine: it owns the child.
func (h *Hasher) run() {
	defer close(h.ended)
	w := &h.worker
	defer w.stop()
	idle := time.NewTimer(idleMax)
	for {
		select {
		case t, ok := <-h.queue:
			if !ok {
				return
			}
			r, done := w.do(t.request)
			t.answer(r, done)
			clear(t.request.password)
			idle.Reset(idleMax)
		case <-idle.C:
			w.stop()
		}
	}
}

func (t task) answer(r reply, done bool) {
	switch {
	case t.verified != nil:
		t.verified(done && r.ok)
	case done:
		t.hashed(r.phc, nil)
	default:
		t.hashed("", ErrClosed)
	}
}

func clone(p []byte) []byte { return append([]byte(nil), p...) }
