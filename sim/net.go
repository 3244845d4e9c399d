package sim

import (
	"fmt"
	"math/rand/v2"
	"syscall"
)

// Net is the sockets of a broker, with its clients at the other ends. Bytes of a connection keep their order and arrive in pieces as chance
// has it; connections reset, end in order, or fall silent.
type Net struct {
	rng     *rand.Rand
	sockets map[int32]*Socket // by the broker's descriptor
	backlog []*Socket         // connected, not accepted yet
	next    int32
	names   int
}

// Socket is one connection. The broker has its descriptor, a client the Socket.
type Socket struct {
	n    *Net
	fd   int32
	name string

	in     []byte // sent by the client, not received by the broker
	inEnd  bool   // and nothing follows
	reset  bool
	closed bool   // by the broker
	out    []byte // sent by the broker, not read by the client
	outMax int    // beyond it sends wait
	read   uint64 // bytes that the client has read

	recv, send *netOp // in flight
}

const socketFDs = 1 << 20 // descriptors of sockets begin here: those of files are below

// NewNet makes a network without connections.
func NewNet(rng *rand.Rand) *Net {
	return &Net{rng: rng, sockets: map[int32]*Socket{}, next: socketFDs}
}

// Connect makes a connection that waits to be accepted.
func (n *Net) Connect() *Socket {
	n.names++
	s := &Socket{n: n, name: fmt.Sprintf("10.0.%d.%d:%d", n.names>>8&0xff, n.names&0xff, 1024+n.names%60000), outMax: 1 << (9 + n.rng.IntN(10))}
	n.backlog = append(n.backlog, s)
	return s
}

// Drop ends all connections without a word to the broker, which is gone.
func (n *Net) Drop() {
	for fd, s := range n.sockets {
		s.closed, s.reset = true, true
		delete(n.sockets, fd)
	}
	for _, s := range n.backlog {
		s.closed, s.reset = true, true
	}
	n.backlog = nil
}

// Open is how many connections the broker holds.
func (n *Net) Open() int { return len(n.sockets) }

// Write sends p to the broker. False: the connection is gone.
func (s *Socket) Write(p []byte) bool {
	if s.reset || s.closed || s.inEnd {
		return false
	}
	s.in = append(s.in, p...)
	return true
}

// Read takes some of what the broker has sent, as chance has it. False: nothing more will come.
func (s *Socket) Read() ([]byte, bool) {
	if s.reset || len(s.out) == 0 {
		return nil, !s.reset && !s.closed
	}
	k := 1 + s.n.rng.IntN(len(s.out))
	p := s.out[:k:k]
	s.out = s.out[k:]
	s.read += uint64(k)
	return p, true
}

// End says that the client sends nothing more. It may still read.
func (s *Socket) End() { s.inEnd = true }

// Reset breaks the connection.
func (s *Socket) Reset() { s.reset, s.in, s.out = true, nil, nil }

// Gone reports whether the broker has closed the connection, or it was reset.
func (s *Socket) Gone() bool { return s.reset || s.closed }

// received takes up to most bytes for the broker. errno and end of stream as of recv.
func (s *Socket) received(most int) (p []byte, end bool, errno syscall.Errno) {
	switch {
	case s.reset:
		return nil, false, syscall.ECONNRESET
	case len(s.in) == 0:
		return nil, s.inEnd, 0
	}
	k := min(most, len(s.in))
	if s.n.rng.IntN(3) > 0 {
		k = 1 + s.n.rng.IntN(k)
	}
	p = s.in[:k:k]
	s.in = s.in[k:]
	return p, false, 0
}
