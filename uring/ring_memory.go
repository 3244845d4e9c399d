package uring

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Off-heap memory of one operation. A send of several spans: a message head, then the spans. An operation with paths:
// two paths, then what statx answers.
const (
	sendBlockBytes = 2048
	sendBlockSpans = 64 // where the spans begin
	pathBytes      = 4096
	pathBlockBytes = 2*pathBytes + pageSize
	statxMask      = unix.STATX_TYPE | unix.STATX_SIZE
)

const (
	_ = uint(sendBlockBytes - sendBlockSpans - VecMax*16)
	_ = uint(sendBlockSpans - unsafe.Sizeof(msghdr{}))
)

// opMemory is the memory outside the heap that operations need while the kernel has them, beside what the caller gives.
type opMemory struct {
	sends blocks // of messages with several spans
	paths blocks // of operations with paths
}

// prepare gets what the operation needs. EINVAL, ENAMETOOLONG, ENOMEM: it cannot be started.
func (m *opMemory) prepare(s *ringSlot) syscall.Errno {
	op := &s.op
	switch op.Kind {
	case KindSend:
		return m.prepareSend(s)
	case KindOpen, KindRename, KindUnlink, KindMkdir, KindSyncDir, KindStat:
		return m.preparePaths(s)
	case KindNone:
		return syscall.EINVAL
	}
	return 0
}

func (m *opMemory) preparePaths(s *ringSlot) syscall.Errno {
	op := &s.op
	if len(op.Path) >= pathBytes || len(op.Path2) >= pathBytes {
		return syscall.ENAMETOOLONG
	}
	m.paths.size = pathBlockBytes
	n, ok := m.paths.take()
	if !ok {
		return syscall.ENOMEM
	}
	s.block = n + 1
	mem := m.paths.bytes(n)
	mem[copy(mem, op.Path)] = 0
	mem[pathBytes+copy(mem[pathBytes:], op.Path2)] = 0
	return 0
}

// prepareSend keeps a single span in the slot and several in a block; the caller's slice is not needed any more.
func (m *opMemory) prepareSend(s *ringSlot) syscall.Errno {
	vec := s.op.Vec
	s.op.Vec = nil
	if len(vec) > VecMax {
		return syscall.EINVAL
	}
	if len(vec) == 1 {
		s.op.Buf = vec[0]
		return 0
	}
	m.sends.size = sendBlockBytes
	n, ok := m.sends.take()
	if !ok {
		return syscall.ENOMEM
	}
	s.block, s.spans = n+1, uint8(len(vec))
	iov := m.iovecs(s)
	for i, p := range vec {
		iov[i] = iovec{uint64(addressOf(p)), uint64(len(p))}
	}
	return 0
}

// give takes back what the operation had.
func (m *opMemory) give(s *ringSlot) {
	switch {
	case s.block == 0:
	case s.op.Kind == KindSend:
		m.sends.give(s.block - 1)
	default:
		m.paths.give(s.block - 1)
	}
	s.block = 0
}

// iovecs are the spans of a send that are not sent as a whole.
func (m *opMemory) iovecs(s *ringSlot) []iovec {
	mem := m.sends.bytes(s.block - 1)
	all := unsafe.Slice((*iovec)(unsafe.Pointer(&mem[sendBlockSpans])), VecMax)
	return all[s.spanAt : s.spanAt+s.spans]
}

func (m *opMemory) message(s *ringSlot) *msghdr {
	return (*msghdr)(unsafe.Pointer(&m.sends.bytes(s.block - 1)[0]))
}

// advance moves a send's spans on by n bytes, and reports whether all is sent.
func (m *opMemory) advance(s *ringSlot, n uint64) bool {
	iov := m.iovecs(s)
	for len(iov) > 0 && n >= iov[0].len {
		n -= iov[0].len
		iov = iov[1:]
		s.spanAt++
		s.spans--
	}
	if len(iov) == 0 {
		return true
	}
	iov[0].base += n
	iov[0].len -= n
	return false
}

// stat is what statx has answered.
func (m *opMemory) stat(s *ringSlot) Stat {
	st := (*unix.Statx_t)(unsafe.Pointer(&m.paths.bytes(s.block - 1)[2*pathBytes]))
	return Stat{Size: int64(st.Size), Dir: st.Mode&unix.S_IFMT == unix.S_IFDIR}
}

// invariants: every block is free, or one operation has it.
func (m *opMemory) invariants(slots []ringSlot) {
	sends, paths := m.sends.out(), m.paths.out()
	for i := range slots {
		switch s := &slots[i]; {
		case s.block == 0:
		case s.op.Kind == KindSend:
			sends--
		default:
			paths--
		}
	}
	if sends != 0 || paths != 0 {
		panic(fmt.Sprintf("BUG: %d blocks of sends and %d of paths are out that no operation has", sends, paths))
	}
}

func (m *opMemory) close() {
	m.sends.close()
	m.paths.close()
}

// blocks are equal pieces of off-heap memory, made as they are needed and kept.
type blocks struct {
	size   int
	arenas []*Arena
	free   []uint32
}

const blocksPerArena = 64

// take returns the number of a free block, or false when there is no memory for more.
func (b *blocks) take() (uint32, bool) {
	if len(b.free) == 0 {
		a, err := NewArena(b.size * blocksPerArena)
		if err != nil {
			return 0, false
		}
		b.arenas = append(b.arenas, a)
		for i := blocksPerArena; i > 0; i-- {
			b.free = append(b.free, uint32((len(b.arenas)-1)*blocksPerArena+i-1))
		}
	}
	k := len(b.free) - 1
	n := b.free[k]
	b.free = b.free[:k]
	return n, true
}

func (b *blocks) bytes(n uint32) []byte {
	at := int(n%blocksPerArena) * b.size
	return b.arenas[n/blocksPerArena].mem[at : at+b.size : at+b.size]
}

func (b *blocks) give(n uint32) { b.free = append(b.free, n) }

// out is how many blocks are given out.
func (b *blocks) out() int { return len(b.arenas)*blocksPerArena - len(b.free) }

func (b *blocks) close() {
	for _, a := range b.arenas {
		_ = a.Close()
	}
	b.arenas, b.free = nil, nil
}
