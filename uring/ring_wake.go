package uring

import "golang.org/x/sys/unix"

// ringWakes are the wake-ups of a ring: its own, which come through an event descriptor that it watches while it sleeps, and those that it
// gives to other rings, which leave as messages with its next enter.
type ringWakes struct {
	waker waker
	armed bool     // the ring watches the event
	known []*ring  // rings that were ever woken from here
	peers []uint32 // those to be woken: indexes of known
}

func (w *ringWakes) open() (err error) {
	w.waker.fd, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return err
}

// want notes that a ring is to be woken.
func (w *ringWakes) want(p *ring) {
	for i, k := range w.known {
		if k == p {
			w.peers = append(w.peers, uint32(i))
			return
		}
	}
	w.known = append(w.known, p)
	w.peers = append(w.peers, uint32(len(w.known)-1))
}

// send makes entries of the messages, as far as the queue has room. False: some are left.
func (w *ringWakes) send(q *submissions) bool {
	for len(w.peers) > 0 {
		e := q.entry()
		if e == nil {
			return false
		}
		i := w.peers[len(w.peers)-1]
		w.peers = w.peers[:len(w.peers)-1]
		e.opcode, e.fd, e.off, e.flags, e.userData = opMsgRing, w.known[i].kernel.fd, wakeUserData, sqeCQESkipSuccess, peerUserData|uint64(i)<<8
	}
	return true
}

// arm has the ring wake up when the event descriptor is written. False: the queue has no room for that.
func (w *ringWakes) arm(q *submissions) bool {
	if w.armed {
		return true
	}
	e := q.entry()
	if e == nil {
		return false
	}
	e.opcode, e.fd, e.opFlags, e.userData = opPollAdd, int32(w.waker.fd), unix.POLLIN, eventUserData
	w.armed = true
	return true
}

// came takes a completion that belongs to no operation. It reports whether it made a system call.
func (w *ringWakes) came(e cqe) bool {
	switch {
	case e.userData == eventUserData:
		w.armed = false
		var p [8]byte
		_, _ = unix.Read(w.waker.fd, p[:])
		return true
	case e.userData&0xff == peerUserData&0xff && e.res < 0:
		w.known[uint32(e.userData>>8)].Wake() // its queue is full, or it has not begun: the other way then
	}
	return false
}
