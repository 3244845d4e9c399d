package auth

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// What goes through the pipe to the child and back, little endian:
//
//	request                              reply
//	at  size  field                      at  size  field
//	 0     1  op   1 verify, 2 hash       0     1  ok    1 verified or hashed
//	 1     2  password size               1     2  hash size
//	 3     2  hash size                   3        hash (empty for op 1)
//	 5        password, then hash (empty for op 2)
const (
	opVerify = 1
	opHash   = 2
)

type request struct {
	op       byte
	password []byte
	phc      string
}

type reply struct {
	ok  bool
	phc string
}

// perform does the work in this process.
func (r request) perform() reply {
	if r.op == opHash {
		return reply{ok: true, phc: hash(r.password)}
	}
	return reply{ok: verify(r.phc, r.password)}
}

// ServeWorker is the child's life: it answers requests from in on out until in ends. The program named in Config.Command
// calls it and then exits. Its priority is low from the start, as the parent starts it so.
func ServeWorker(in io.Reader, out io.Writer) error {
	for {
		r, err := readRequest(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		answer := r.perform()
		clear(r.password)
		if _, err := out.Write(appendReply(nil, answer)); err != nil {
			return fmt.Errorf("write a reply: %w", err)
		}
		debug.FreeOSMemory() // a hash takes 19 MiB: the next one takes the same, and between logins there is none
	}
}

func appendRequest(dst []byte, r request) []byte {
	dst = binary.LittleEndian.AppendUint16(append(dst, r.op), uint16(len(r.password)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(r.phc)))
	return append(append(dst, r.password...), r.phc...)
}

// readRequest reads the next request; io.EOF: there is none, and nothing was read.
func readRequest(in io.Reader) (request, error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return request{}, err
	}
	password, phc := binary.LittleEndian.Uint16(head[1:]), binary.LittleEndian.Uint16(head[3:])
	if head[0] != opVerify && head[0] != opHash || password > passwordBytesMax || phc > phcBytesMax {
		return request{}, fmt.Errorf("op %d, %d bytes of password, %d of hash", head[0], password, phc)
	}
	body := make([]byte, int(password)+int(phc))
	if _, err := io.ReadFull(in, body); err != nil {
		return request{}, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return request{op: head[0], password: body[:password], phc: string(body[password:])}, nil
}

func appendReply(dst []byte, r reply) []byte {
	ok := byte(0)
	if r.ok {
		ok = 1
	}
	return append(binary.LittleEndian.AppendUint16(append(dst, ok), uint16(len(r.phc))), r.phc...)
}

func readReply(in io.Reader) (reply, error) {
	var head [3]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return reply{}, err
	}
	size := binary.LittleEndian.Uint16(head[1:])
	if head[0] > 1 || size > phcBytesMax {
		return reply{}, fmt.Errorf("reply %d with %d bytes of hash", head[0], size)
	}
	text := make([]byte, size)
	_, err := io.ReadFull(in, text)
	return reply{ok: head[0] == 1, phc: string(text)}, err
}

// worker is the parent's side of the child. It belongs to one goroutine, but for abort.
type worker struct {
	command []string
	timeout time.Duration // of one request
	log     *zap.Logger
	in      *os.File
	out     *os.File
	replies *bufio.Reader
	warned  bool

	mu      sync.Mutex // of what abort looks at
	child   *exec.Cmd  // nil: not running
	ended   chan error // of child: gets the outcome
	aborted bool
}

// do has a request done by the child, starting it if need be. A child that dies, or does not answer in time, is replaced once;
// where none can run the work is done in this process, which costs collector cycles and no correctness. False: abort was called.
func (w *worker) do(r request) (reply, bool) {
	for range 2 {
		if len(w.command) == 0 {
			break
		}
		answer, err := w.ask(r)
		if err == nil {
			return answer, true
		}
		if w.gone() {
			return reply{}, false
		}
		w.replace(err)
	}
	if w.gone() {
		return reply{}, false
	}
	return r.perform(), true
}

// replace ends a child that failed, and says why.
func (w *worker) replace(err error) {
	hangs := errors.Is(err, os.ErrDeadlineExceeded)
	pid := w.pid()
	switch {
	case pid == 0 && !w.warned:
		w.warned = true
		w.log.Warn("password hashing has no process of its own, doing it in the server", zap.String("event", "hash_process_missing"), zap.Error(err))
	case pid != 0 && hangs:
		w.log.Warn("the hashing process did not answer in time: it is replaced", zap.String("event", "hash_process_replaced"),
			zap.Int("pid", pid), zap.Duration("hash_timeout", w.timeout))
	case pid != 0 && !w.warned:
		w.warned = true
		w.log.Warn("the hashing process ended: it is replaced", zap.String("event", "hash_process_replaced"), zap.Int("pid", pid), zap.Error(err))
	}
	if hangs {
		w.kill()
	}
	w.stop()
}

func (w *worker) pid() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.child == nil {
		return 0
	}
	return w.child.Process.Pid
}

func (w *worker) gone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.aborted
}

// kill ends the child at once; it may be stopped, or hang.
func (w *worker) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.child != nil {
		_ = w.child.Process.Kill()
	}
}

// abort has what is being done fail, and all that follows. Any goroutine may call it.
func (w *worker) abort() {
	w.mu.Lock()
	w.aborted = true
	w.mu.Unlock()
	w.kill()
}

func (w *worker) ask(r request) (reply, error) {
	if w.pid() == 0 {
		if err := w.start(); err != nil {
			return reply{}, fmt.Errorf("start %s: %w", w.command[0], err)
		}
	}
	p := appendRequest(nil, r)
	defer clear(p)
	deadline := time.Now().Add(w.timeout)
	if err := errors.Join(w.in.SetWriteDeadline(deadline), w.out.SetReadDeadline(deadline)); err != nil {
		return reply{}, fmt.Errorf("bound the hashing process: %w", err)
	}
	if _, err := w.in.Write(p); err != nil {
		return reply{}, fmt.Errorf("write to the hashing process: %w", err)
	}
	answer, err := readReply(w.replies)
	if err != nil {
		return reply{}, fmt.Errorf("read from the hashing process: %w", err)
	}
	return answer, nil
}

// start runs the child in a process group of its own, so that a Ctrl-C in the terminal does not reach it: it ends when
// its input does. It gets no environment but what bounds it, least of all the root password.
func (w *worker) start() error {
	itsIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer itsIn.Close()
	out, itsOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return err
	}
	defer itsOut.Close()
	cmd := exec.Command(w.command[0], w.command[1:]...)
	cmd.Env = []string{"GOMAXPROCS=1"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = itsIn, itsOut, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := lowered(cmd.Start); err != nil {
		in.Close()
		out.Close()
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	w.in, w.out, w.replies = in, out, bufio.NewReader(out)
	w.mu.Lock()
	w.child, w.ended = cmd, ended
	late := w.aborted
	w.mu.Unlock()
	if late {
		w.kill()
	}
	return nil
}

// childNice is the child's priority: low enough for producers not to feel the hashes that the gate allows, high enough for a
// hash beside cores that never sleep to take a quarter of a second. With 19 it took up to 2.6 s, with SCHED_IDLE up to 9 s
// (docs/adr/0002).
const childNice = 10

// lowered runs f on a thread of low priority. What f starts has it too, with all its threads; a child that lowered its
// own would do so for one of them. The thread cannot raise its priority again and ends with the goroutine.
func lowered(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if syscall.Gettid() == os.Getpid() { // the main thread never ends, and its priority is shown as the process's
			err := lowered(f) // not on this thread, which is held
			runtime.UnlockOSThread()
			done <- err
			return
		}
		if nice, err := threadNice(0); err == nil && nice < childNice {
			syscall.Setpriority(syscall.PRIO_PROCESS, 0, childNice) // of this thread; lower is always allowed
		}
		done <- f()
	}()
	return <-done
}

// threadNice returns the nice value of a thread; 0 is the calling one.
func threadNice(id int) (int, error) {
	v, err := syscall.Getpriority(syscall.PRIO_PROCESS, id)
	return 20 - v, err // the system call avoids negative results
}

// stopMax is how long a child may take to end by itself, and then by SIGKILL.
const stopMax = time.Second

// stop ends the child, if there is one, and waits for it, but not for ever.
func (w *worker) stop() {
	w.mu.Lock()
	child, ended := w.child, w.ended
	w.mu.Unlock()
	if child == nil {
		return
	}
	w.in.Close()
	select {
	case <-ended:
	case <-time.After(stopMax):
		w.kill()
		select {
		case <-ended:
		case <-time.After(stopMax):
			w.log.Warn("the hashing process does not end, and is left behind", zap.String("event", "hash_process_left"), zap.Int("pid", child.Process.Pid))
		}
	}
	w.out.Close()
	w.mu.Lock()
	w.child = nil
	w.mu.Unlock()
}
