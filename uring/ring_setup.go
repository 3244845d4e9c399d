package uring

import (
	"errors"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ladder lists the set-up flags to try, best first: what the kernel does not know is EINVAL. The first two make the ring
// worth while; the others serve a caller that asks for a ring whatever it is.
var ladder = []uint32{
	setupClamp | setupCQSize | setupSubmitAll | setupCoopTaskrun | setupTaskrunFlag | setupSingleIssuer | setupDeferTaskrun | setupNoSQArray,
	setupClamp | setupCQSize | setupSubmitAll | setupCoopTaskrun | setupTaskrunFlag | setupSingleIssuer | setupDeferTaskrun,
	setupClamp | setupCQSize | setupSubmitAll | setupCoopTaskrun | setupTaskrunFlag,
	setupClamp | setupCQSize,
}

const (
	ladderGood   = 2 // steps that auto takes
	cqPerEntry   = 8 // multishot completions come without a submission
	recvGroup    = 0 // of the provided buffers
	probeTimeout = 100 * 1e6
)

// support says what the running kernel can do, found by asking and trying, never by its version.
type support struct {
	op          [opLast + 1]bool
	recvMulti   bool
	acceptMulti bool
	msgRing     bool
}

// kind reports whether the kernel has code for an operation. A helper does the others.
func (h *support) kind(k Kind) bool {
	switch k {
	case KindList:
		return false
	case KindTruncate:
		return h.op[opFtruncate]
	case KindRename:
		return h.op[opRenameat]
	case KindUnlink:
		return h.op[opUnlinkat]
	case KindMkdir:
		return h.op[opMkdirat]
	case KindStat:
		return h.op[opStatx]
	}
	return true
}

// setupRing makes the kernel's ring with the best flags it takes.
func setupRing(cfg Config, onlyGood bool) (fd int, p setupParams, err error) {
	for step, flags := range ladder {
		if onlyGood && step == ladderGood {
			return -1, p, errTooOld
		}
		if flags&cfg.DisabledFlags != 0 {
			err = syscall.EINVAL
			continue
		}
		p = setupParams{flags: flags, cqEntries: uint32(cfg.Entries * cqPerEntry)}
		n, _, errno := syscall.Syscall(sysSetup, uintptr(cfg.Entries), uintptr(unsafe.Pointer(&p)), 0)
		if errno == 0 {
			if p.features&featuresNeeded != featuresNeeded {
				_ = unix.Close(int(n))
				return -1, p, fmt.Errorf("features %#x, %#x are needed: %w", p.features, featuresNeeded, errTooOld)
			}
			return int(n), p, nil
		}
		err = errno
		if errno != syscall.EINVAL {
			return -1, p, fmt.Errorf("io_uring_setup: %w", errno)
		}
	}
	return -1, p, fmt.Errorf("io_uring_setup: %w", err)
}

// newRing makes a ring owned by the calling thread. With onlyGood it fails where epoll serves as well.
func newRing(cfg Config, onlyGood bool) (*ring, error) {
	fd, p, err := setupRing(cfg, onlyGood)
	if err != nil {
		return nil, err
	}
	r := &ring{cfg: cfg, began: time.Now(), writer: newInlineWriter(), kernel: kernelRing{fd: int32(fd), enterFD: int32(fd), setupFlags: p.flags, sleeper: sleeper{keeps: cfg.KeepProc}}}
	r.wakes.waker.fd = -1
	r.kernel.enter = r.kernel.enterKernel
	if err := r.build(&p); err != nil {
		r.destroy()
		return nil, err
	}
	return r, nil
}

func (r *ring) build(p *setupParams) error {
	k := &r.kernel
	if err := r.queues.open(int(k.fd), p); err != nil {
		return err
	}
	if err := k.prepareWait(); err != nil {
		return err
	}
	k.noIOWait = p.features&featNoIOWait != 0
	k.registerFD()
	k.boundWorkers(r.cfg.WorkerCPUs, r.cfg.WorkersMax)
	if err := r.recv.open(k, r.cfg.RecvBufs, r.cfg.RecvBufBytes); err != nil {
		return err
	}
	if err := r.have.probe(k); err != nil {
		return err
	}
	if err := r.wakes.open(); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	r.help.helpers = newHelpers(1, r.Wake)
	if err := r.tryOps(); err != nil {
		return err
	}
	r.counters = Counters{}
	return nil
}

// probe asks which operations the kernel knows. errTooOld: one is missing that a ring cannot do without.
func (h *support) probe(k *kernelRing) error {
	p := new(probe)
	if err := k.register(registerProbe, unsafe.Pointer(p), len(p.ops)); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	for _, o := range p.ops[:min(int(p.opsLen), len(p.ops))] {
		if int(o.op) < len(h.op) {
			h.op[o.op] = o.flags&probeSupported != 0
		}
	}
	for _, need := range []int{opNop, opFsync, opPollAdd, opSendmsg, opAccept, opAsyncCancel, opFallocate, opOpenat, opClose, opRead, opWrite, opSend, opRecv} {
		if !h.op[need] {
			return fmt.Errorf("operation %d: %w", need, errTooOld)
		}
	}
	h.msgRing = h.op[opMsgRing]
	return nil
}

// tryOps runs what a probe cannot see once: a round trip through the ring, and the multishot operations.
func (r *ring) tryOps() error {
	h := r.Submit(&Op{Kind: KindNop})
	if c := r.await(h); c == nil || c.Err != 0 {
		return fmt.Errorf("a NOP does not come back: %w", syscall.ENOSYS)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	r.have.recvMulti = r.recv.provided && r.tryRecv(pair)
	r.have.acceptMulti = r.tryAccept()
	return nil
}

func (r *ring) tryRecv(pair [2]int) bool {
	if _, err := unix.Write(pair[1], []byte{1}); err != nil {
		return false
	}
	r.have.recvMulti = true // for this attempt
	h := r.Submit(&Op{Kind: KindRecv, Flags: FlagMulti, FD: int32(pair[0])})
	c := r.await(h)
	works := c != nil && c.Err == 0 && c.Res == 1
	if works {
		r.Release(c.Recv.ID)
	}
	if works && c.More {
		r.Submit(&Op{Kind: KindCancel, Target: h})
		r.await(h)
	}
	return works
}

// tryAccept accepts once on a socket of the machine's own namespace, with a name that the kernel chooses.
func (r *ring) tryAccept() bool {
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(l)
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(s)
	if unix.Bind(l, &unix.SockaddrUnix{}) != nil || unix.Listen(l, 1) != nil {
		return false
	}
	name, err := unix.Getsockname(l)
	if err != nil || unix.Connect(s, name) != nil {
		return false
	}
	r.have.acceptMulti = true // for this attempt
	h := r.Submit(&Op{Kind: KindAccept, FD: int32(l)})
	c := r.await(h)
	works := c != nil && c.Err == 0 && r.have.acceptMulti
	if c != nil && c.Err == 0 {
		_ = unix.Close(int(c.Res))
	}
	if c != nil && c.More {
		r.Submit(&Op{Kind: KindCancel, Target: h})
		r.await(h)
	}
	return works
}

// await returns the next completion of h, or nil when none comes in time.
func (r *ring) await(h Handle) *Completion {
	for range 32 {
		cs := r.Wait(probeTimeout)
		for i := range cs {
			if cs[i].Handle == h {
				return &cs[i]
			}
		}
	}
	return nil
}

// destroy gives back what build made. Nothing is in flight.
func (r *ring) destroy() {
	r.help.close()
	r.kernel.close()
	r.wakes.waker.close()
	r.queues.close()
	r.recv.close()
	r.memory.close()
}

var errClosing = errors.New("uring: operations did not end")
