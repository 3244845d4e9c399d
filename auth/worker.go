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
	"syscall"

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

// worker is the parent's side of the child. It belongs to one goroutine.
type worker struct {
	command []string
	log     *zap.Logger
	child   *exec.Cmd // nil: not running
	in      io.WriteCloser
	out     *bufio.Reader
	warned  bool
}

// do has a request done by the child, starting it if need be. A child that dies is started once more; where none can
// run the work is done in this process, which costs collector cycles and no correctness.
func (w *worker) do(r request) reply {
	for range 2 {
		if len(w.command) == 0 {
			break
		}
		answer, err := w.ask(r)
		if err == nil {
			return answer
		}
		w.stop()
		if !w.warned {
			w.warned = true
			w.log.Warn("password hashing has no process of its own, doing it in the server", zap.Error(err))
		}
	}
	return r.perform()
}

func (w *worker) ask(r request) (reply, error) {
	if w.child == nil {
		if err := w.start(); err != nil {
			return reply{}, fmt.Errorf("start %s: %w", w.command[0], err)
		}
	}
	p := appendRequest(nil, r)
	defer clear(p)
	if _, err := w.in.Write(p); err != nil {
		return reply{}, fmt.Errorf("write to the hashing process: %w", err)
	}
	answer, err := readReply(w.out)
	if err != nil {
		return reply{}, fmt.Errorf("read from the hashing process: %w", err)
	}
	return answer, nil
}

// start runs the child in a process group of its own, so that a Ctrl-C in the terminal does not reach it: it ends when
// its input does. It gets no environment but what bounds it, least of all the root password.
func (w *worker) start() error {
	cmd := exec.Command(w.command[0], w.command[1:]...)
	cmd.Env = []string{"GOMAXPROCS=1"}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := lowered(cmd.Start); err != nil {
		return err
	}
	w.child, w.in, w.out = cmd, in, bufio.NewReader(out)
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

// stop ends the child, if there is one, and waits for it.
func (w *worker) stop() {
	if w.child == nil {
		return
	}
	w.in.Close()
	if err := w.child.Wait(); err != nil {
		w.log.Warn("the hashing process ended badly", zap.Error(err))
	}
	w.child = nil
}
