// Package uring is the one seam to the kernel: sockets, files and sleeping, as operations in and completions out.
//
// It offers io_uring, typed, on golang.org/x/sys; an epoll backend with the same operations and the same results for
// machines that refuse io_uring; and memory outside the Go heap from one budget. All unsafe code and raw system calls
// of the broker live here. It knows nothing of batches, logs or protocols: what to do with a completion is the
// caller's business. A third implementation of IO, made of one seed, is in package sim.
package uring

import (
	"syscall"
	"time"
)

// Handle names an operation in flight: slot index in the low 32 bits, generation in the high 32. The zero Handle names
// none. A handle is dead once a completion without More was returned for it; using it later is harmless.
type Handle uint64

// Kind says what an operation does. Fields not listed for a kind are ignored.
type Kind uint8

// The operations. "Whole" means: EINTR, EAGAIN and short transfers are repeated inside this package; what comes back is
// everything, or an error.
const (
	KindNone Kind = iota
	// KindAccept accepts on the listening socket FD until cancelled. Each completion carries one descriptor in Res
	// (non-blocking, close-on-exec) and More. A completion without More ends it (Err set); arm again.
	KindAccept
	// KindRecv receives from the socket FD into buffers of this IO. Each completion carries the bytes in Recv; the
	// caller gives them back with Release. FlagMulti: until cancelled, ended by error, end of stream or ENOBUFS (then the
	// bytes stay in the socket: Release, arm again). Without FlagMulti: one completion; Len > 0 bounds its bytes.
	// Res is the byte count; 0 with Err 0 is the end of the stream (no buffer is attached).
	KindRecv
	// KindRecvInto fills Buf from the socket FD, whole. Res < len(Buf) with Err 0: the peer closed after so many bytes.
	KindRecvInto
	// KindSend writes every span of Vec to the socket FD, in order, whole. At most VecMax spans. On cancel or error, Res
	// says how many bytes went. One send at a time per socket, which the caller sees to.
	KindSend
	// KindCloseSocket closes the socket FD. The caller has seen the last completion of every operation on it.
	KindCloseSocket
	// KindRead fills Buf from FD at Pos. Res < len(Buf) with Err 0: the file ends there.
	KindRead
	// KindWrite writes Buf to FD at Pos, whole. FlagDSync: on stable storage when it completes (RWF_DSYNC). FlagInline:
	// written by pwrite before Submit returns (the completion still comes with the next Wait).
	KindWrite
	// KindFdatasync makes what was written to FD, and completed, stable.
	KindFdatasync
	// KindFallocate allocates Len bytes of FD from Pos on; the file grows to cover them. FlagKeepSize: it does not grow.
	KindFallocate
	// KindTruncate sets the size of FD to Pos.
	KindTruncate
	// KindOpen opens Path with OpenFlags (O_CLOEXEC is added) and mode 0o640. Res is the descriptor.
	KindOpen
	// KindClose closes the file FD.
	KindClose
	// KindRename renames Path to Path2.
	KindRename
	// KindUnlink removes the file Path; with FlagDir the empty directory Path.
	KindUnlink
	// KindMkdir makes the directory Path, mode 0o750.
	KindMkdir
	// KindSyncDir makes the entries of the directory Path stable.
	KindSyncDir
	// KindList lists the directory Path into Entries, in byte order of names.
	KindList
	// KindStat reports size and kind of Path in Stat.
	KindStat
	// KindCancel asks the operation Target to end; that one completes with ECANCELED, or with what it had done by then.
	// Res is 1 when it was found. Buffers of the target are free with the target's completion, not with this one.
	KindCancel
	// KindNop completes at once.
	KindNop
)

// Errors of completions that callers act on.
const (
	ErrCanceled  = syscall.ECANCELED // the operation was cancelled
	ErrNoBuffers = syscall.ENOBUFS   // no receive buffer is left
)

// Flags of an operation.
type Flags uint8

const (
	FlagMulti Flags = 1 << iota
	FlagDSync
	FlagInline
	FlagKeepSize
	FlagDir
)

// VecMax is the largest number of spans of one send.
const VecMax = 64

// Op asks for one operation. Submit copies the struct, the Vec slice and the paths; the bytes that Buf and the spans of
// Vec name must lie outside the Go heap (memory of an Arena), and stay in place and untouched until the operation's last
// completion.
type Op struct {
	Kind      Kind
	Flags     Flags
	FD        int32
	OpenFlags int32
	Len       int64
	Pos       int64
	Buf       []byte
	Vec       [][]byte
	Path      string
	Path2     string
	Target    Handle
	Token     uint64 // comes back in the completion; its meaning is the caller's
}

// bytes is how much its buffers have.
func (op *Op) bytes() int64 {
	n := len(op.Buf)
	for _, s := range op.Vec {
		n += len(s)
	}
	return int64(n)
}

// Recv is received bytes that lie in a buffer of the IO. Data is valid until Release(ID).
type Recv struct {
	Data []byte
	ID   uint32 // 0: no buffer
}

// Entry is a name in a directory.
type Entry struct {
	Name string
	Dir  bool
}

// Names are those of entries.
func Names(entries []Entry) []string {
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

// Stat is what KindStat answers.
type Stat struct {
	Size int64
	Dir  bool
}

// Completion answers an operation, or a part of it when More is set.
type Completion struct {
	Token   uint64
	Handle  Handle
	Kind    Kind
	More    bool
	Err     syscall.Errno // 0: success
	Res     int64
	Recv    Recv
	Entries []Entry
	Stat    Stat
}

// IO is a shard's way to the kernel. All methods but Wake belong to the thread that made it.
type IO interface {
	// Submit queues op and returns its name. It never blocks and never fails: an operation that cannot be started
	// completes with an error. Operations queued in one turn start in the order of Submit, and end in any order.
	Submit(op *Op) Handle
	// Wait starts what was queued and returns completions, at most a bounded number, in order per operation. With
	// timeout 0 it does not sleep; with timeout < 0 it sleeps until there is a completion or a Wake; otherwise at most so
	// long. The slice is valid until the next Wait. Spurious empty returns are possible.
	Wait(timeout time.Duration) []Completion
	// Release gives a receive buffer back.
	Release(id uint32)
	// Wake makes a sleeping, or the next, Wait return. Any thread may call it; several before a Wait count as one.
	Wake()
	// WakePeer wakes another IO of the same kind, from this one's thread: with the next Wait of this IO at the latest,
	// without a system call of its own where the kernel can do that (MSG_RING).
	WakePeer(peer IO)
	// What is asked of a socket at once, without an operation.
	Sockets
	// Mode names the backend: "uring", "epoll" or "sim".
	Mode() string
	// Counters reports what this IO did since it was made.
	Counters() Counters
	// HoldLock keeps the open file FD referenced by the backend for as long as any of its operations may still be in
	// flight in the kernel, so that a lock on it outlives the process's writes. A backend without that notion returns nil.
	HoldLock(fd int32) error
	// Close ends the backend. Operations still in flight are cancelled and awaited.
	Close() error
}

// Sockets asks and tells what needs no operation. None of it waits.
type Sockets interface {
	// PeerName is the address of the other end, "unknown" if that is gone.
	PeerName(fd int32) string
	// LocalName is the address of this end, empty when it is gone already.
	LocalName(fd int32) string
	// SetNoDelay has small replies leave at once.
	SetNoDelay(fd int32) error
	// Acknowledged is how many bytes the peer has acknowledged since it was connected; 0: unknown.
	Acknowledged(fd int32) uint64
	// QuickAck has the kernel acknowledge what has come in now, and soon after: a peer that sends the head of a frame and its
	// body apart, with Nagle's algorithm on, holds the body back until then, 40 ms when acknowledgements are delayed.
	QuickAck(fd int32)
}

// Counters counts since the start of an IO. Syscalls are those made by the owner's thread; Synced counts disk
// operations that end on stable storage (fdatasync, directory sync, write with FlagDSync).
type Counters struct {
	Syscalls, Enters, Interrupted, Overflows uint64
	Sends, Recvs, Reads, Writes, Synced      uint64
	BytesSent, BytesReceived                 uint64
	BytesRead, BytesWritten                  uint64
	NoBuffers, StaleCompletions              uint64
	Slept                                    time.Duration // time inside the kernel's wait-and-submit call, where that might sleep
}

// add counts a completion. Bytes of a transfer count also when it failed half-way; a sync counts when it succeeded.
func (n *Counters) add(c *Completion, flags Flags) {
	switch c.Kind {
	case KindSend:
		n.Sends++
		n.BytesSent += uint64(c.Res)
	case KindRecv, KindRecvInto:
		n.Recvs++
		n.BytesReceived += uint64(c.Res)
		if c.Err == syscall.ENOBUFS {
			n.NoBuffers++
		}
	case KindRead:
		n.Reads++
		n.BytesRead += uint64(c.Res)
	case KindWrite:
		n.Writes++
		n.BytesWritten += uint64(c.Res)
	}
	synced := c.Kind == KindFdatasync || c.Kind == KindSyncDir || c.Kind == KindWrite && flags&FlagDSync != 0
	if synced && c.Err == 0 {
		n.Synced++
	}
}

// Config sizes an IO.
type Config struct {
	Entries       int // submission entries, a power of two; 0: 512
	RecvBufs      int // provided receive buffers, a power of two; 0: 256
	RecvBufBytes  int // size of each; 0: 16 KiB
	Helpers       int // epoll: goroutines for file operations that may block; 0: 2
	WorkerCPUs    []int
	WorkersMax    int    // io_uring: bound of kernel workers; 0: 4
	KeepProc      bool   // the runtime has a processor for each IO and more: a short sleep keeps its own (see sleeper)
	DisabledFlags uint32 // tests: set-up flags treated as refused by the kernel
}
