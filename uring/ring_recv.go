package uring

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// recvRing are the receive buffers of a ring. Where the kernel can do that it has all of them in a ring of their own and takes one when
// bytes come; else a receive takes one when it starts.
//
// What is given back to the kernel is shown to it all at once, with the next Wait.
type recvRing struct {
	bufs     *recvBufs
	provided bool // the kernel has them
	mem      []byte
	slots    []pbuf
	mask     uint16
	tail     uint16
	news     bool // buffers were provided and are not shown yet
}

// open makes count buffers of that size and hands them to the kernel, if it takes them.
func (b *recvRing) open(k *kernelRing, count, size int) (err error) {
	if b.bufs, err = newRecvBufs(count, size); err != nil {
		return err
	}
	mem, err := mapMemory(roundUp(count*int(unsafe.Sizeof(pbuf{})), pageSize), unix.MAP_POPULATE)
	if err != nil {
		return nil
	}
	reg := bufReg{ringAddr: uint64(addressOf(mem)), ringEntries: uint32(count), bgid: recvGroup}
	if k.register(registerPbufRing, unsafe.Pointer(&reg), 1) != nil {
		unmapMemory(mem)
		return nil
	}
	b.provided, b.mem = true, mem
	b.slots = unsafe.Slice((*pbuf)(unsafe.Pointer(&mem[0])), count)
	b.mask = uint16(count - 1)
	for id := uint32(1); id <= uint32(count); id++ {
		b.provide(id)
	}
	b.show()
	return nil
}

// release takes back a buffer that the caller had.
func (b *recvRing) release(id uint32) {
	if !b.provided {
		b.bufs.give(id)
		return
	}
	b.bufs.returned(id)
	b.provide(id)
	b.news = true
}

// provide puts a buffer into the kernel's ring; show lets the kernel see it.
func (b *recvRing) provide(id uint32) {
	p := &b.slots[b.tail&b.mask]
	buf := b.bufs.bytes(id)
	p.addr, p.len = uint64(addressOf(buf)), uint32(len(buf))
	if b.tail&b.mask != 0 {
		p.bid = uint16(id - 1)
	} else { // its last two bytes are the tail: written as one word with it
		b.first(uint16(id - 1))
	}
	b.tail++
}

// first changes the buffer id of slot 0 and leaves the tail beside it as the kernel knows it.
func (b *recvRing) first(bid uint16) {
	word := (*uint32)(unsafe.Pointer(&b.slots[0].bid))
	old := atomic.LoadUint32(word)
	atomic.StoreUint32(word, old&0xffff0000|uint32(bid))
}

// show lets the kernel see what was provided.
func (b *recvRing) show() {
	word := (*uint32)(unsafe.Pointer(&b.slots[0].bid))
	old := atomic.LoadUint32(word)
	atomic.StoreUint32(word, old&0xffff|uint32(b.tail)<<16)
	b.news = false
}

// takeFor gives a receive that starts a buffer, where the kernel does not choose one. False: there is none.
func (b *recvRing) takeFor(s *ringSlot) bool {
	if s.bufID == 0 {
		s.bufID, _ = b.bufs.take()
	}
	return s.bufID != 0
}

// dropFrom gives back the buffer that a receive took at its start.
func (b *recvRing) dropFrom(s *ringSlot) {
	if s.bufID != 0 {
		b.bufs.give(s.bufID)
		s.bufID = 0
	}
}

// filled says which buffer a completion has filled, which is the caller's from now on; 0: none.
func (b *recvRing) filled(s *ringSlot, res int32, flags uint32) (id uint32) {
	switch {
	case flags&cqeBuffer != 0:
		id = flags>>cqeBufferShift + 1
		b.bufs.held[id] = true
	case s.bufID != 0 && res > 0:
		id, s.bufID = s.bufID, 0
	}
	return id
}

func (b *recvRing) close() {
	unmapMemory(b.mem)
	if b.bufs != nil {
		b.bufs.close()
	}
	b.mem = nil
}
