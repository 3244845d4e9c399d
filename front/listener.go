package front

import (
	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/uring"
)

// Listener accepts connections. What it accepts is news.
type Listener struct {
	ops  *ops
	news *fifo.Queue[News]

	fd      int32 // 0: none
	armed   uring.Handle
	paused  int64 // until when nothing is accepted, after an error; 0: it is not
	stopped bool
	closed  bool
}

// Use gives l the listening socket, which it closes in the end. Accept follows.
func (l *Listener) Use(fd int32) { l.fd = fd }

// Accept begins to accept connections: Accepted comes for each.
func (l *Listener) Accept() {
	l.paused = 0
	l.armed = l.ops.submit(uring.Op{Kind: uring.KindAccept, FD: l.fd, Token: l.ops.tokens | opAccept<<48})
}

// completed takes a completion of the listening socket.
func (l *Listener) completed(done *uring.Completion, now int64) {
	if !done.More {
		l.armed = 0
	}
	switch {
	case done.Err == 0 && done.Res >= 0 && l.stopped:
		l.Refuse(int32(done.Res))
	case done.Err == 0 && done.Res >= 0:
		l.news.Push(News{Kind: Accepted, FD: int32(done.Res)})
	case !l.stopped:
		l.news.Push(News{Kind: AcceptFailed, Err: done.Err})
	}
	switch {
	case l.stopped:
		l.close()
	case l.armed == 0 && done.Err == 0:
		l.Accept()
	case l.armed == 0:
		l.paused = now + int64(acceptPause)
	}
}

// tend goes on accepting when a pause is over.
func (l *Listener) tend(now int64) {
	if l.paused != 0 && l.paused <= now && !l.stopped {
		l.Accept()
	}
}

// Paused reports whether nothing is accepted for a moment.
func (l *Listener) Paused() bool { return l.paused != 0 }

// Refuse closes an accepted socket.
func (l *Listener) Refuse(fd int32) { l.ops.closeSocket(fd) }

// Stop ends accepting.
func (l *Listener) Stop() {
	l.stopped = true
	l.ops.cancel(l.armed)
	l.close()
}

// close closes the listening socket when nothing uses it any more.
func (l *Listener) close() {
	if l.armed != 0 || l.closed {
		return
	}
	l.closed = true
	if l.fd > 0 {
		l.ops.closeSocket(l.fd)
	}
}

// Closed reports whether the listening socket is closed, or being closed.
func (l *Listener) Closed() bool { return l.closed }
