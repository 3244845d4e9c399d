package uring

import (
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// sock is what we know of a registered socket.
//
// readable and writable are the readiness that edges told of and that no call has used up yet: they are true until a call
// comes back with EAGAIN, or with less than there was room for. hup: the other end will send no more, or the socket
// failed; then only the call itself says when the bytes are over.
type sock struct {
	registered         bool
	listener           bool
	readable, writable bool
	hup                bool
	resuming           bool // it is in ready
	orphans            uint8
	closes             uint32 // see closes
	turn               uint32 // the turn that the following count for
	inBytes, outBytes  int
	inCalls, outCalls  int
	in, out            opQueue
}

// closes counts the sockets closed by all epoll backends of the process, by descriptor. A connection may move from one
// shard to another, which closes it, and then the first shard may meet the same number again: a new socket, of which its
// epoll knows nothing. It sees that the count has moved and registers anew. Two descriptors may share a count, which
// costs a needless registration.
var closes [1 << 14]atomic.Uint32

func closesOf(fd int32) *atomic.Uint32 { return &closes[int(fd)&(len(closes)-1)] }

const sockEvents = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

func (e *epoll) startSocket(i uint32, op *Op) {
	o := &e.ops.all[i]
	switch op.Kind {
	case KindRecv:
		if op.Flags&FlagMulti == 0 {
			o.limit = op.Len
		}
	case KindRecvInto:
		o.buf = op.Buf
		if len(op.Buf) == 0 {
			e.end(i, 0, 0)
			return
		}
	case KindSend:
		if len(op.Vec) > VecMax {
			e.end(i, syscall.EINVAL, 0)
			return
		}
		o.vec = e.ops.takeVec()
		o.vec.set(op.Vec)
		if o.vec.empty() {
			e.end(i, 0, 0)
			return
		}
	}
	if errno := e.register(op.FD, op.Kind == KindAccept); errno != 0 {
		e.end(i, errno, 0)
		return
	}
	s := &e.socks[op.FD]
	q := &s.in
	if op.Kind == KindSend {
		q = &s.out
	}
	e.ops.push(q, i)
	switch {
	case q.head != i: // its turn has not come
	case op.Kind == KindSend:
		e.runOut(op.FD)
	case op.Kind == KindAccept:
		e.accept(op.FD)
	default:
		e.runIn(op.FD)
	}
}

// register sees to it that the kernel tells us about fd. A new socket counts as ready for all: its first call will tell.
func (e *epoll) register(fd int32, listener bool) syscall.Errno {
	if fd < 0 {
		return syscall.EBADF
	}
	count := closesOf(fd).Load()
	if int(fd) < len(e.socks) && e.socks[fd].registered {
		s := &e.socks[fd]
		if s.closes == count {
			s.orphans = 0
			if s.listener != listener {
				return syscall.EINVAL
			}
			return 0
		}
		e.forget(fd)
	}
	events := uint32(sockEvents)
	if listener {
		events = unix.EPOLLIN // level-triggered: what a bound leaves in the backlog comes again
		if err := unix.SetNonblock(int(fd), true); err != nil {
			return errnoOf(err)
		}
	}
	switch errno := e.ctl(unix.EPOLL_CTL_ADD, fd, events); errno {
	case 0, syscall.EEXIST:
	case syscall.EPERM:
		return syscall.ENOTSOCK // a plain file
	default:
		return errno
	}
	for int(fd) >= len(e.socks) {
		e.socks = append(e.socks, sock{})
		e.socks = e.socks[:cap(e.socks)]
	}
	s := &e.socks[fd]
	*s = sock{registered: true, listener: listener, readable: true, writable: true, resuming: s.resuming, closes: count}
	return 0
}

// forget drops what we know of fd, which is closed or another socket by now. Operations still on it, against the rule,
// end.
func (e *epoll) forget(fd int32) {
	if fd < 0 || int(fd) >= len(e.socks) {
		return
	}
	s := &e.socks[fd]
	for _, q := range []*opQueue{&s.in, &s.out} {
		for q.head != 0 {
			i := q.head
			e.ops.remove(q, i)
			e.end(i, syscall.ECANCELED, e.ops.all[i].done)
		}
	}
	*s = sock{resuming: s.resuming}
}

// closeSocket closes fd. The count moves first, so that whoever gets the number next sees it.
func (e *epoll) closeSocket(fd int32) syscall.Errno {
	if fd < 0 {
		return syscall.EBADF
	}
	e.forget(fd)
	closesOf(fd).Add(1)
	e.counters.Syscalls++
	return closeFD(fd)
}

// unqueue takes operation i off its socket.
func (e *epoll) unqueue(i uint32) {
	o := &e.ops.all[i]
	s := &e.socks[o.fd]
	if o.kind == KindSend {
		e.ops.remove(&s.out, i)
		return
	}
	e.ops.remove(&s.in, i)
	if s.listener && s.in.head == 0 {
		e.unregister(o.fd) // it would report the backlog for ever
	}
}

func (e *epoll) unregister(fd int32) {
	e.socks[fd].registered = false
	_ = e.ctl(unix.EPOLL_CTL_DEL, fd, 0) // fails when another shard has closed it
}

// event takes in what the kernel tells of fd.
func (e *epoll) event(fd int32, events uint32) {
	if int(fd) >= len(e.socks) || !e.socks[fd].registered {
		return // the waker, or a socket that was forgotten
	}
	s := &e.socks[fd]
	if s.listener {
		e.accept(fd)
		return
	}
	const failed = unix.EPOLLERR | unix.EPOLLHUP
	s.hup = s.hup || events&(unix.EPOLLRDHUP|failed) != 0
	s.readable = s.readable || events&(unix.EPOLLIN|unix.EPOLLRDHUP|failed) != 0
	s.writable = s.writable || events&(unix.EPOLLOUT|failed) != 0
	if s.in.head == 0 && s.out.head == 0 {
		e.orphan(fd)
		return
	}
	e.runIn(fd)
	e.runOut(fd)
}

// orphan counts events that nobody waits for. A connection that moved to another shard would wake this one for ever; a
// few of them in a row end the registration, and the next operation begins a new one.
func (e *epoll) orphan(fd int32) {
	s := &e.socks[fd]
	if s.orphans++; s.orphans > orphanEventsMax {
		e.unregister(fd)
	}
}

// resume goes on with the sockets on which the last turn's bounds fell.
func (e *epoll) resume() {
	e.ready, e.resumed = e.resumed[:0], e.ready
	for _, fd := range e.resumed {
		e.socks[fd].resuming = false
	}
	for _, fd := range e.resumed {
		e.runIn(fd)
		e.runOut(fd)
	}
}

// later has the next turn go on with fd.
func (e *epoll) later(fd int32) {
	s := &e.socks[fd]
	if !s.resuming {
		s.resuming = true
		e.ready = append(e.ready, fd)
	}
}

// newTurn resets what s used of its bounds, once a turn.
func (s *sock) newTurn(turn uint32) {
	if s.turn != turn {
		s.turn, s.inBytes, s.outBytes, s.inCalls, s.outCalls = turn, 0, 0, 0, 0
	}
}

// runIn receives for the operations of fd, in their order, until the socket or this turn's share is used up.
func (e *epoll) runIn(fd int32) {
	s := &e.socks[fd]
	s.newTurn(e.turn)
	for s.in.head != 0 && s.readable && !s.listener {
		if s.inBytes >= sockBytesMax || s.inCalls >= sockCallsMax || e.moved >= turnBytesMax {
			e.later(fd)
			return
		}
		s.inCalls++
		i := s.in.head
		if e.ops.all[i].kind == KindRecv {
			e.recv(s, i)
		} else {
			e.recvInto(s, i)
		}
	}
}

// recv receives once into a buffer of ours.
func (e *epoll) recv(s *sock, i uint32) {
	o := &e.ops.all[i]
	id, buf := e.bufs.take()
	if id == 0 {
		e.ops.remove(&s.in, i)
		e.end(i, syscall.ENOBUFS, 0)
		return
	}
	if o.limit > 0 && o.limit < int64(len(buf)) {
		buf = buf[:o.limit]
	}
	n, errno, over := e.receive(s, o.fd, buf)
	if n == 0 {
		e.bufs.give(id)
	}
	switch {
	case over:
		e.ops.remove(&s.in, i)
		e.end(i, errno, 0)
	case n > 0 && o.flags&FlagMulti != 0:
		e.more(i, int64(n), Recv{Data: buf[:n], ID: id})
	case n > 0:
		e.ops.remove(&s.in, i)
		e.endRecv(i, 0, int64(n), Recv{Data: buf[:n], ID: id})
	}
}

// recvInto receives once into the operation's own buffer.
func (e *epoll) recvInto(s *sock, i uint32) {
	o := &e.ops.all[i]
	buf := o.buf[o.done:]
	n, errno, over := e.receive(s, o.fd, buf[:min(len(buf), sockBytesMax)])
	o.done += int64(n)
	if over || n == len(buf) {
		e.ops.remove(&s.in, i)
		e.end(i, errno, o.done)
	}
}

// receive is one call. over: the stream ended, or failed with errno. Neither bytes nor over: none are there now, or a
// signal came between.
func (e *epoll) receive(s *sock, fd int32, p []byte) (n int, errno syscall.Errno, over bool) {
	n, errno = recvNow(fd, p)
	e.counters.Syscalls++
	switch {
	case errno == syscall.EAGAIN:
		s.readable = false
		return 0, 0, false
	case errno == syscall.EINTR:
		e.counters.Interrupted++
		return 0, 0, false
	case errno != 0:
		return 0, errno, true
	case n == 0:
		return 0, 0, true
	}
	if n < len(p) {
		s.readable = s.hup // the stream is used up; bytes that come from now on make a new edge
	}
	s.inBytes += n
	e.moved += n
	return n, 0, false
}

// runOut sends for the operations of fd, in their order, until the socket is full or this turn's share is used up.
func (e *epoll) runOut(fd int32) {
	s := &e.socks[fd]
	s.newTurn(e.turn)
	for s.out.head != 0 && s.writable {
		if s.outBytes >= sockBytesMax || s.outCalls >= sockCallsMax || e.moved >= turnBytesMax {
			e.later(fd)
			return
		}
		s.outCalls++
		e.send(s, s.out.head)
	}
}

// send is one call.
func (e *epoll) send(s *sock, i uint32) {
	o := &e.ops.all[i]
	spans, last := o.vec.window(sockBytesMax)
	e.msg.Iov, e.msg.Iovlen = &spans[0], uint64(len(spans))
	n, errno := sendNow(o.fd, &e.msg)
	e.counters.Syscalls++
	spans[len(spans)-1].Len = last
	switch errno {
	case 0:
		o.vec.sent(n)
		o.done += int64(n)
		s.outBytes += n
		e.moved += n
		if !o.vec.empty() {
			return // full, which the next call will say, or cut by our bound
		}
	case syscall.EAGAIN:
		s.writable = false
		return
	case syscall.EINTR:
		e.counters.Interrupted++
		return
	}
	e.ops.remove(&s.out, i)
	e.end(i, errno, o.done)
}

// accept takes connections off the backlog. One that was given up by its peer before is passed over.
func (e *epoll) accept(fd int32) {
	s := &e.socks[fd]
	for range acceptsMax {
		i := s.in.head
		if i == 0 || len(e.out) >= completionsMax {
			return
		}
		conn, errno := acceptNow(fd)
		e.counters.Syscalls++
		switch errno {
		case 0:
			e.forget(conn)
			e.more(i, int64(conn), Recv{})
		case syscall.EAGAIN:
			return
		case syscall.EINTR, syscall.ECONNABORTED:
		default:
			e.unqueue(i)
			e.end(i, errno, 0)
			return
		}
	}
}
