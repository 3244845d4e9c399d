package shard

import (
	"bytes"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// scriptedFD is the first descriptor of scripted sockets; the kernel gives out none so high.
const scriptedFD int32 = 1 << 24

// scriptedIO is an IO with sockets that do what a test says; everything else goes to the kernel. So a test decides in
// which pieces bytes come in, and nothing depends on when a kernel passes them on.
type scriptedIO struct {
	uring.IO
	socks      map[int32]*socket
	ready      []uring.Completion
	sendsFirst bool // the end of a send is told in the order in which it came, not behind what was received
	out        []uring.Completion
	opened     int32
	last       uint64
	held       map[uint32]bool // receive buffers not yet given back
}

// socket is the peer's side of a scripted connection. It belongs to the shard's thread until closed is.
type socket struct {
	fd      int32
	pieces  [][]byte // still to come in
	open    bool     // no end of stream behind them
	refuse  int      // receives that find no buffer first
	cut     int      // pieces left until one is followed by ENOBUFS, as when a multishot receive ends
	deaf    bool     // reads no replies
	sent    []byte   // what the server wrote
	waiting []uring.Op
	names   []uring.Handle
	closed  chan struct{}
}

const scriptedHandle = uring.Handle(1) << 63

func (x *scriptedIO) Submit(op *uring.Op) uring.Handle {
	if op.Kind == uring.KindCancel && op.Target&scriptedHandle != 0 {
		x.cancel(op.Target)
		return 0
	}
	k := x.socks[op.FD]
	if k == nil || op.FD < scriptedFD {
		return x.IO.Submit(op)
	}
	x.last++
	h := scriptedHandle | uring.Handle(x.last)
	if !x.try(k, op, h) {
		k.waiting, k.names = append(k.waiting, *op), append(k.names, h)
	}
	return h
}

// try does op now, or reports that it has to wait.
func (x *scriptedIO) try(k *socket, op *uring.Op, h uring.Handle) bool {
	done := uring.Completion{Token: op.Token, Handle: h, Kind: op.Kind}
	switch op.Kind {
	case uring.KindRecv:
		switch {
		case k.refuse > 0:
			k.refuse--
			done.Err = syscall.ENOBUFS
		case len(k.pieces) > 0:
			n := min(len(k.pieces[0]), front.RecvBufBytes)
			x.last++
			done.Recv = uring.Recv{Data: bytes.Clone(k.pieces[0][:n]), ID: uint32(x.last) | 1<<31}
			x.held[done.Recv.ID] = true
			done.Res = int64(n)
			k.take(n)
			if k.cut > 0 {
				if k.cut--; k.cut == 0 {
					done.More = true
					x.ready = append(x.ready, done, uring.Completion{Token: op.Token, Handle: h, Kind: op.Kind, Err: syscall.ENOBUFS})
					return true
				}
			}
		case k.open:
			return false
		}
	case uring.KindRecvInto:
		for int(done.Res) < len(op.Buf) && len(k.pieces) > 0 {
			n := copy(op.Buf[done.Res:], k.pieces[0])
			k.take(n)
			done.Res += int64(n)
		}
		if int(done.Res) < len(op.Buf) && k.open {
			return false
		}
	case uring.KindSend:
		if k.deaf {
			return false
		}
		for _, p := range op.Vec {
			k.sent = append(k.sent, p...)
			done.Res += int64(len(p))
		}
	case uring.KindCloseSocket:
		delete(x.socks, k.fd)
		defer close(k.closed)
	default:
		panic("operation on a scripted socket that sockets do not have")
	}
	x.ready = append(x.ready, done)
	return true
}

func (k *socket) take(n int) {
	if k.pieces[0] = k.pieces[0][n:]; len(k.pieces[0]) == 0 {
		k.pieces = k.pieces[1:]
	}
}

func (x *scriptedIO) cancel(h uring.Handle) {
	for _, k := range x.socks {
		for i, name := range k.names {
			if name == h {
				x.ready = append(x.ready, uring.Completion{Token: k.waiting[i].Token, Handle: h, Kind: k.waiting[i].Kind, Err: syscall.ECANCELED})
				k.waiting, k.names = append(k.waiting[:i], k.waiting[i+1:]...), append(k.names[:i], k.names[i+1:]...)
				return
			}
		}
	}
}

func (x *scriptedIO) Wait(timeout time.Duration) []uring.Completion {
	if len(x.ready) > 0 {
		timeout = 0
	}
	x.out = append(x.out[:0], x.IO.Wait(timeout)...)
	for _, c := range x.ready {
		if c.Kind != uring.KindSend || x.sendsFirst {
			x.out = append(x.out, c)
		}
	}
	for _, c := range x.ready {
		if c.Kind == uring.KindSend && !x.sendsFirst {
			x.out = append(x.out, c)
		}
	}
	x.ready = x.ready[:0]
	return x.out
}

func (x *scriptedIO) Release(id uint32) {
	if id>>31 == 0 {
		x.IO.Release(id)
		return
	}
	if !x.held[id] {
		panic("receive buffer given back twice")
	}
	delete(x.held, id)
}

func (x *scriptedIO) WakePeer(peer uring.IO) { x.IO.WakePeer(peer.(*scriptedIO).IO) }

// anyPassword lets everybody in.
type anyPassword struct{}

func (anyPassword) Verify(_ Attempt, done func(ok bool)) error {
	done(true)
	return nil
}

func (anyPassword) Hash(_ []byte, done func(phc string, err error)) error {
	done("$hash", nil)
	return nil
}

// scripted is a broker of one shard with scripted sockets.
type scripted struct {
	*Group
	s   *Shard
	io  *scriptedIO
	end func() error
}

// StartServer starts a server for the tests of this package that look inside, and which cannot import its package. end ends it in order.
var StartServer func(dir string, frameBytesMax int, hasher Hasher, wrap func(shard int, io uring.IO) uring.IO) (g *Group, end func() error, err error)

func startScripted(t testing.TB) *scripted {
	t.Helper()
	x, err := newScripted(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.end(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return x
}

func newScripted(dir string, frameBytesMax int) (x *scripted, err error) {
	x = &scripted{}
	x.Group, x.end, err = StartServer(dir, frameBytesMax, anyPassword{}, func(_ int, io uring.IO) uring.IO {
		x.io = &scriptedIO{IO: io, socks: map[int32]*socket{}, held: map[uint32]bool{}}
		return x.io
	})
	if err == nil {
		x.s = x.shards[0]
	}
	return x, err
}

// connect hands a socket to the shard.
func (x *scripted) connect(k *socket) *socket {
	k.closed = make(chan struct{})
	x.do(func(s *Shard) {
		x.io.opened++
		k.fd = scriptedFD + x.io.opened
		x.io.socks[k.fd] = k
		x.conns.Add(1)
		x.loads[s.id].conns.Add(1)
		s.conns.adopt(front.Newcomer{FD: k.fd, Peer: wire.Peer{ID: x.connIDs.Add(1)}})
	})
	return k
}

// do runs f on the shard's thread and waits for it.
func (x *scripted) do(f func(s *Shard)) {
	done := make(chan struct{})
	x.s.Post(func(s *Shard) {
		f(s)
		close(done)
	})
	<-done
}

// until waits, turn by turn, until f holds.
func (x *scripted) until(t testing.TB, what string, f func(s *Shard) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		ok := false
		x.do(func(s *Shard) { ok = f(s) })
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// strangerFrameMax is how large a frame may be before login.
const strangerFrameMax = 32 << 10

// nothingHeld reports whether there are no connections, and nothing is held for any. The shard's thread calls it.
func (x *scripted) nothingHeld() bool {
	return x.s.front.Held() == (front.Holdings{}) && len(x.io.held) == 0
}

// hangUp has all peers close.
func (x *scripted) hangUp() {
	x.do(func(*Shard) {
		for _, k := range x.io.socks {
			k.open = false
			waiting, names := k.waiting, k.names
			k.waiting, k.names = nil, nil
			for i := range waiting {
				if !x.io.try(k, &waiting[i], names[i]) {
					k.waiting, k.names = append(k.waiting, waiting[i]), append(k.names, names[i])
				}
			}
		}
	})
}

// waitsFor reports whether an operation of that kind is in flight.
func (k *socket) waitsFor(kind uring.Kind) bool {
	return slices.ContainsFunc(k.waiting, func(op uring.Op) bool { return op.Kind == kind })
}

// await waits until the server has closed the connection, and returns the frames it sent.
func (k *socket) await(t testing.TB) []vsr.Frame {
	t.Helper()
	select {
	case <-k.closed:
	case <-time.After(20 * time.Second):
		t.Fatal("the connection was neither answered nor closed within 20 s")
	}
	var frames []vsr.Frame
	for p := k.sent; len(p) > 0; {
		f, n, need, err := vsr.DecodeFrame(p, vsr.FrameMax)
		if err != nil || need > 0 {
			t.Fatalf("the server sent something that is no frame: %v, %d bytes", err, len(p))
		}
		frames = append(frames, f)
		p = p[n:]
	}
	return frames
}

var someClient = [16]byte{1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10}

// frame is a request as a client sends it.
func frame(code wire.Code, session, number uint64, body []byte) []byte {
	head := vsr.RequestHeader{Client: someClient, Session: session, Request: number, Code: code}
	if vsr.OperationOf(code) == vsr.Register {
		head.Session, head.Request = 0, 0
	}
	p := make([]byte, vsr.HeaderSize, vsr.HeaderSize+len(body))
	vsr.PutRequest(p, head, body, nil)
	return append(p, body...)
}

func loginFrame() []byte {
	return frame(wire.CodeLogin, 0, 0, vsr.AppendLogin(nil, wire.Login{Username: []byte("iggy"), Password: []byte("iggy"), Protocol: vsr.Protocol,
		SDKName: []byte("test"), SDKVersion: []byte("1")}))
}

// OwnersOf names the shard of each partition of a topic.
func (g *Group) OwnersOf(stream, topic string) (owners []int) {
	(&scripted{Group: g, s: g.shards[0]}).do(func(s *Shard) {
		t, err := s.meta.Topic(metadata.ByName([]byte(stream)), metadata.ByName([]byte(topic)))
		if err != nil {
			panic(err)
		}
		for _, p := range t.Partitions {
			owner, _ := s.owners.Owner(router.LogID(p.Log))
			owners = append(owners, int(owner))
		}
	})
	return owners
}

// TestNoReceiveBufferIsTriedAgain: the kernel found no receive buffer, and the last one was given back before the shard heard
// of it. Nobody will give one back any more, so the receive has to be tried again without.
func TestNoReceiveBufferIsTriedAgain(t *testing.T) {
	x := startScripted(t)
	frames := x.connect(&socket{pieces: [][]byte{frame(wire.CodePing, 0, 1, nil)}, refuse: 3}).await(t)
	if len(frames) != 1 || frames[0].Status() != wire.StatusOK {
		t.Errorf("answers: %v", frames)
	}
}

// TestDeafPeersHoldNoReceiveBuffers: peers that send on and do not read what they asked for leave buffers for others.
func TestDeafPeersHoldNoReceiveBuffers(t *testing.T) {
	x := startScripted(t)
	const peers = front.RecvBufs + 100
	for range peers {
		x.connect(&socket{pieces: [][]byte{frame(wire.CodePing, 0, 1, nil), frame(wire.CodePing, 0, 2, nil)}, open: true, deaf: true})
	}
	x.until(t, "all wait for their peer to read", func(s *Shard) bool {
		n := 0
		for _, k := range x.io.socks {
			if len(k.pieces) == 0 && k.waitsFor(uring.KindSend) {
				n++
			}
		}
		return n == peers
	})
	x.do(func(s *Shard) {
		if n := s.front.Held().ReceiveBuffers; n > front.RecvBufs/2+1 {
			t.Errorf("%d of %d receive buffers are held for peers that do not read", n, front.RecvBufs)
		}
	})
	x.do(func(s *Shard) { // and when they read, all is answered
		for _, k := range x.io.socks {
			k.deaf, k.open = false, false
			waiting, names := k.waiting, k.names
			k.waiting, k.names = nil, nil
			for i := range waiting {
				if !x.io.try(k, &waiting[i], names[i]) {
					t.Error("a send waits although its peer reads")
				}
			}
		}
	})
	x.until(t, "all are closed", func(*Shard) bool { return x.nothingHeld() })
}

// TestStrangersShareLittleMemory: connections before login that begin large requests leave the memory to those who are in.
func TestStrangersShareLittleMemory(t *testing.T) {
	var most int
	x := startScripted(t)
	half := frame(wire.CodePing, 0, 1, make([]byte, strangerFrameMax-vsr.HeaderSize))[:strangerFrameMax-1]
	var strangers []*socket
	for range 1000 {
		strangers = append(strangers, x.connect(&socket{pieces: [][]byte{bytes.Clone(half)}, open: true}))
	}
	x.until(t, "all are in the middle of a frame, or refused", func(s *Shard) bool {
		most = max(most, s.front.Held().StrangersBytes)
		for _, k := range x.io.socks {
			if len(k.pieces) > 0 || !k.waitsFor(uring.KindRecv) && !k.waitsFor(uring.KindRecvInto) {
				return false
			}
		}
		return true
	})
	if limit := x.lines.Strangers; most > limit || most < limit/2 {
		t.Errorf("connections before login hold %d bytes, %d are theirs", most, limit)
	}
	in := x.connect(&socket{pieces: [][]byte{loginFrame(), frame(wire.CodePing, 1, 1, make([]byte, 4<<20))}})
	if frames := in.await(t); len(frames) != 2 || frames[1].Status() != wire.StatusOK {
		t.Errorf("%d answers for who is logged in", len(frames))
	}
	x.hangUp()
	for _, k := range strangers {
		<-k.closed
	}
	x.until(t, "nothing is held", func(*Shard) bool { return x.nothingHeld() })
}
