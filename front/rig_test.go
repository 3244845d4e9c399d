package front

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/peek"
)

// toy is a dialect for tests. A frame looks like one of today's to whoever peeks: four zero bytes, its size, the number of the request,
// and anything. A reply is its size, the number, and anything.
type toy struct {
	most    int
	inOrder bool
}

const toyHead = 16

func (toy) Frame(p []byte, max int) (int, error) {
	if len(p) < 8 {
		return 0, nil
	}
	n := int(binary.LittleEndian.Uint32(p[4:]))
	if binary.LittleEndian.Uint32(p) != 0 || n < toyHead || n > max {
		return 0, errors.New("no frame")
	}
	return n, nil
}

func (d toy) Window() (int, bool)                                 { return d.most, d.inOrder }
func (toy) Open([]byte, bool, *wire.Request) error                { return nil }
func (toy) HeadBytes() int                                        { return toyHead }
func (toy) PolledBytes() int                                      { return 0 }
func (toy) Head([]byte, *wire.Handle, *wire.Reply, int)           {}
func (toy) Body(dst []byte, _ *wire.Handle, _ *wire.Reply) []byte { return dst }
func (toy) Part(dst []byte, _ any) []byte                         { return dst }
func (toy) Records() wire.RecordForm                              { return wire.RecordsAsStored }
func (toy) Serves() bool                                          { return true }

// toyFrame is request n, of size bytes.
func toyFrame(n uint64, size int) []byte {
	p := make([]byte, size)
	binary.LittleEndian.PutUint32(p[4:], uint32(size))
	binary.LittleEndian.PutUint64(p[8:], n)
	for i := toyHead; i < size; i++ {
		p[i] = byte(n) + byte(i*7)
	}
	return p
}

// toyReply fills p, which is the answer to request n from byte from on.
func toyReply(p []byte, n uint64, size, from int) {
	var head [toyHead]byte
	binary.LittleEndian.PutUint64(head[:], uint64(size))
	binary.LittleEndian.PutUint64(head[8:], n)
	for i := range p {
		if at := from + i; at < toyHead {
			p[i] = head[at]
		} else {
			p[i] = byte(n)*3 + byte(at)
		}
	}
}

// answers cuts what a peer has read into replies, checks each of them, and returns their requests.
func answers(p []byte) (of []uint64, rest int, err error) {
	for len(p) >= toyHead {
		size, n := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
		if uint64(len(p)) < size {
			break
		}
		want := make([]byte, size)
		toyReply(want, n, int(size), 0)
		if string(want) != string(p[:size]) {
			return of, 0, fmt.Errorf("reply to %d is not what was said", n)
		}
		of, p = append(of, n), p[size:]
	}
	return of, len(p), nil
}

// fakeIO is an IO whose sockets do what a test, or a seed, says. It checks what a caller owes an IO.
type fakeIO struct {
	t      testing.TB
	rng    *rand.Rand // nil: everything completes at once and in order
	socks  map[int32]*sock
	fds    []int32 // of socks, ascending: nothing ranges over the map
	last   uint64
	done   []uring.Completion
	bufs   map[uint32]bool // receive buffers not yet given back
	bufMax int             // 0: as many as one likes
	quick  int             // QuickAck was called so often
}

// sock is the peer's side of a connection.
type sock struct {
	fd      int32
	in      []byte // that the peer has sent and is not received yet
	piece   int    // at most so many bytes come at once; 0: all
	ended   bool   // the peer sends no more
	reset   bool   // operations fail
	deaf    bool   // takes nothing
	takes   int    // bytes that a deaf one takes of the send in flight, if that is cancelled
	acked   uint64
	out     []byte // that the peer has read
	recv    *pending
	body    *pending
	send    *pending
	accept  *pending
	closed  bool
	refused int  // receives that find no buffer first
	oneshot bool // a receive that is armed for good ends after each piece
	hurries bool // bytes, and their end, come before a cancellation does
}

type pending struct {
	op     uring.Op
	handle uring.Handle
	got    int
	cancel bool
}

func newFakeIO(t testing.TB, rng *rand.Rand) *fakeIO {
	return &fakeIO{t: t, rng: rng, socks: map[int32]*sock{}, bufs: map[uint32]bool{}}
}

func (x *fakeIO) connect(fd int32) *sock {
	k := &sock{fd: fd}
	x.socks[fd] = k
	x.fds = append(x.fds, fd)
	return k
}

func (x *fakeIO) Submit(op *uring.Op) uring.Handle {
	x.last++
	h := uring.Handle(x.last)
	if op.Kind == uring.KindCancel {
		for _, fd := range x.fds {
			k := x.socks[fd]
			for _, p := range []*pending{k.recv, k.body, k.send, k.accept} {
				if p != nil && p.handle == op.Target {
					p.cancel = true
				}
			}
		}
		return h
	}
	k := x.socks[op.FD]
	if k == nil || k.closed {
		x.t.Fatalf("operation %d on a socket that is closed", op.Kind)
	}
	p := &pending{op: *op, handle: h}
	p.op.Vec = append([][]byte(nil), op.Vec...)
	at := map[uring.Kind]**pending{uring.KindRecv: &k.recv, uring.KindRecvInto: &k.body, uring.KindSend: &k.send, uring.KindAccept: &k.accept}[op.Kind]
	switch {
	case op.Kind == uring.KindCloseSocket:
		if k.recv != nil || k.body != nil || k.send != nil || k.accept != nil {
			x.t.Fatal("a socket is closed with operations in flight")
		}
		k.closed = true
		x.done = append(x.done, uring.Completion{Token: op.Token, Handle: h, Kind: op.Kind})
		return h
	case at == nil:
		x.t.Fatalf("operation %d is none of a socket", op.Kind)
	case *at != nil:
		x.t.Fatalf("operation %d is armed twice on one socket", op.Kind)
	}
	*at = p
	if k.recv != nil && k.body != nil {
		x.t.Fatal("a receive and a body are armed on one socket")
	}
	return h
}

// some says by the seed whether something that may happen does now.
func (x *fakeIO) some() bool { return x.rng == nil || x.rng.IntN(3) > 0 }

// upTo is a number from 1 to n: n without a seed.
func (x *fakeIO) upTo(n int) int {
	if x.rng == nil || n <= 1 {
		return n
	}
	if x.rng.IntN(4) == 0 {
		return 1 + x.rng.IntN(min(n, 12))
	}
	return 1 + x.rng.IntN(n)
}

// turn returns the completions of a turn.
func (x *fakeIO) turn() []uring.Completion {
	out := x.done
	x.done = nil
	for _, fd := range x.fds {
		k := x.socks[fd]
		out = x.receives(k, out)
		out = x.bodies(k, out)
		out = x.sends(k, out)
	}
	return out
}

func (x *fakeIO) receives(k *sock, out []uring.Completion) []uring.Completion {
	p := k.recv
	if p == nil || !x.some() {
		return out
	}
	done := uring.Completion{Token: p.op.Token, Handle: p.handle, Kind: uring.KindRecv}
	multi := p.op.Flags&uring.FlagMulti != 0
	switch {
	case p.cancel && !(k.hurries && (len(k.in) > 0 || k.ended)):
		done.Err = syscall.ECANCELED
	case k.reset:
		done.Err = syscall.ECONNRESET
	case k.refused > 0 || x.bufMax > 0 && len(x.bufs) >= x.bufMax && len(k.in) > 0:
		k.refused = max(0, k.refused-1)
		done.Err = syscall.ENOBUFS
	case len(k.in) > 0:
		n := min(len(k.in), RecvBufBytes)
		if k.piece > 0 {
			n = min(n, k.piece)
		}
		if !multi && p.op.Len > 0 {
			n = min(n, int(p.op.Len))
		}
		n = x.upTo(n)
		x.last++
		id := uint32(x.last)
		x.bufs[id] = true
		done.Recv, done.Res = uring.Recv{Data: append([]byte(nil), k.in[:n]...), ID: id}, int64(n)
		k.in = k.in[n:]
		done.More = multi && !k.oneshot && (x.rng == nil || x.rng.IntN(8) > 0)
	case !k.ended:
		return out
	}
	if !done.More {
		k.recv = nil
	}
	return append(out, done)
}

func (x *fakeIO) bodies(k *sock, out []uring.Completion) []uring.Completion {
	p := k.body
	if p == nil || !x.some() {
		return out
	}
	n := min(len(k.in), len(p.op.Buf)-p.got)
	p.got += copy(p.op.Buf[p.got:], k.in[:n])
	k.in = k.in[n:]
	done := uring.Completion{Token: p.op.Token, Handle: p.handle, Kind: uring.KindRecvInto, Res: int64(p.got)}
	switch {
	case p.got == len(p.op.Buf):
	case p.cancel:
		done.Err = syscall.ECANCELED
	case k.reset:
		done.Err = syscall.ECONNRESET
	case !k.ended:
		return out
	}
	k.body = nil
	return append(out, done)
}

func (x *fakeIO) sends(k *sock, out []uring.Completion) []uring.Completion {
	p := k.send
	if p == nil || !x.some() {
		return out
	}
	var all []byte
	for _, v := range p.op.Vec {
		all = append(all, v...)
	}
	done := uring.Completion{Token: p.op.Token, Handle: p.handle, Kind: uring.KindSend}
	switch {
	case k.reset:
		done.Err = syscall.EPIPE
	case p.cancel:
		done.Err, done.Res = syscall.ECANCELED, int64(min(k.takes, len(all)-1))
		if x.rng != nil {
			done.Res = int64(x.rng.IntN(len(all)))
		}
	case k.deaf:
		return out
	default:
		done.Res = int64(len(all))
	}
	k.out = append(k.out, all[:done.Res]...)
	k.send = nil
	return append(out, done)
}

func (x *fakeIO) Release(id uint32) {
	if !x.bufs[id] {
		x.t.Fatal("a receive buffer is given back that is not out")
	}
	delete(x.bufs, id)
}

func (x *fakeIO) Wait(time.Duration) []uring.Completion { return x.turn() }
func (x *fakeIO) Wake()                                 {}
func (x *fakeIO) WakePeer(uring.IO)                     {}
func (x *fakeIO) Mode() string                          { return "fake" }
func (x *fakeIO) Counters() uring.Counters              { return uring.Counters{} }
func (x *fakeIO) HoldLock(int32) error                  { return nil }
func (x *fakeIO) Close() error                          { return nil }
func (x *fakeIO) PeerName(int32) string                 { return "peer" }
func (x *fakeIO) LocalName(int32) string                { return "here" }
func (x *fakeIO) SetNoDelay(int32) error                { return nil }
func (x *fakeIO) QuickAck(int32)                        { x.quick++ }
func (x *fakeIO) Acknowledged(fd int32) uint64          { return x.socks[fd].acked }

// rig is a Front with what drives it: a loop of its own.
type rig struct {
	t      testing.TB
	f      *Front
	io     *fakeIO
	now    int64
	frames *uring.Pool
	ahead  *uring.Pool
	bodies *uring.Pool
	page   *uring.Pool // for replies
	asked  map[*Exchange]*asked
	ready  []*asked // taken and not answered yet, in order
	news   []News
	taken  map[uint32][]uint64 // requests of each connection, as they were taken
	hold   bool                // nothing is answered by itself
	ids    uint32
}

// asked is a request at the driver of a Front, like a shard's.
type asked struct {
	Exchange
	n     uint64
	size  int // of the reply
	given int // bytes of it that went in
	base  int // of it where Vec begins
	out   int // bytes that are out
	mem   []byte
	parts int    // answers of its owners that are still due
	over  uint32 // behind the use in which it was over last
}

func newRig(t testing.TB, d toy, change func(c *Config), memory int64, rng *rand.Rand) *rig {
	r := &rig{t: t, io: newFakeIO(t, rng), now: int64(time.Hour), asked: map[*Exchange]*asked{}, taken: map[uint32][]uint64{}}
	cfg := Config{FrameBytesMax: 4 << 20, ConnectionBytesMax: 4<<20 + AheadMax, StrangersBytesMax: 1 << 20, HandshakeTimeout: 10 * time.Second, RequestTimeout: 10 * time.Second,
		SendTimeout: 10 * time.Second, Protocols: toyAndOthers(d), Tokens: 2 << 56, NoNews: 4 << 56}
	cfg.New = func() *Exchange {
		a := &asked{}
		a.Holder = a
		return &a.Exchange
	}
	if change != nil {
		change(&cfg)
	}
	r.f = New(cfg, r.io)
	line := func(n int64) *uring.Pool { return uring.NewPool(uring.NewBudget(n).Line("test", n)) }
	r.frames, r.ahead, r.bodies, r.page = line(memory), line(2<<20), line(64<<20), line(64<<20)
	r.f.UseMemory(r.frames, r.ahead, r.bodies)
	r.f.Begin(r.now)
	t.Cleanup(func() {
		for _, p := range []*uring.Pool{r.frames, r.ahead, r.bodies, r.page} {
			p.Close()
		}
	})
	return r
}

// What others than the clients of the toy are told.
const (
	toHTTP = "no pages here"
	toTLS  = "\x15no"
)

func toyAndOthers(d toy) []Protocol {
	return []Protocol{{Name: "toy", Recognise: peek.Is(peek.Today), Dialect: d},
		{Name: "HTTP", Recognise: peek.Is(peek.HTTP), Answer: toHTTP}, {Name: "TLS", Recognise: peek.Is(peek.TLS), Answer: toTLS}}
}

// connect has a peer come, logged in or not.
func (r *rig) connect(bound bool) (*sock, uint32) {
	r.ids++
	k := r.io.connect(int32(100 + r.ids))
	n := Newcomer{FD: k.fd, Peer: wire.Peer{ID: r.ids, Address: fmt.Sprintf("peer-%d", r.ids)}}
	if bound {
		n.Peer.Session = wire.Session{Number: uint64(r.ids), Client: [16]byte{byte(r.ids)}}
	}
	r.f.Adopt(n)
	return k, r.ids
}

// turn is one pass of the loop.
func (r *rig) turn() {
	r.now += int64(time.Millisecond)
	r.f.Begin(r.now)
	cs := r.io.turn()
	for i := range cs {
		r.f.Completed(&cs[i])
		r.serve()
	}
	r.f.Tend()
	r.serve()
	r.answer()
	r.serve()
	r.f.ArmBodies()
}

func (r *rig) turns(n int) {
	for range n {
		r.turn()
	}
}

// until turns until f holds.
func (r *rig) until(what string, f func() bool) {
	r.t.Helper()
	for range 20000 {
		if f() {
			return
		}
		r.turn()
	}
	r.t.Fatal("not within 20,000 turns: " + what)
}

func (r *rig) serve() {
	for {
		for r.f.HasNews() {
			n := r.f.TakeNews()
			r.news = append(r.news, n)
		}
		x, e := r.f.Take()
		if x == nil {
			return
		}
		a := x.Holder.(*asked)
		if e&Ended != 0 {
			r.ended(a)
			continue
		}
		if e&Whole != 0 {
			r.whole(a)
		}
		if e&Part != 0 {
			r.part(a)
		}
	}
}

// whole takes a request. It is for two owners, and answered when both have answered.
func (r *rig) whole(a *asked) {
	a.n = binary.LittleEndian.Uint64(a.Frame[8:])
	if want := toyFrame(a.n, len(a.Frame)); string(want) != string(a.Frame) {
		r.t.Fatalf("request %d did not come in as it was sent", a.n)
	}
	r.taken[a.Peer.ID] = append(r.taken[a.Peer.ID], a.n)
	if a.Number != uint64(len(r.taken[a.Peer.ID])) {
		r.t.Fatalf("frame %d of a connection is called the %d.", len(r.taken[a.Peer.ID]), a.Number)
	}
	a.parts = 2
	a.size, a.given, a.out, a.base = toyHead+int(a.n*37%500), 0, 0, 0
	if rng := r.io.rng; rng != nil {
		switch rng.IntN(6) {
		case 0:
			a.size = toyHead + rng.IntN(100<<10)
		case 1:
			r.f.DropFrame(&a.Exchange)
		case 2:
			r.f.Vacate(&a.Exchange)
		}
		a.Watched = rng.IntN(2) == 0
	}
	r.ready = append(r.ready, a)
}

// answer has owners answer, and gives the replies to what all have answered.
func (r *rig) answer() {
	if r.hold {
		return
	}
	rest := r.ready[:0]
	for _, a := range r.ready {
		if a.parts > 0 && r.io.some() {
			a.parts--
		}
		if r.io.rng == nil {
			a.parts = 0
		}
		if a.parts > 0 {
			rest = append(rest, a)
			continue
		}
		r.reply(a)
	}
	clear(r.ready[len(rest):])
	r.ready = rest
}

// reply gives the reply to a, or the beginning of it.
func (r *rig) reply(a *asked) {
	a.Resumable = a.size > 4096
	r.give(a, a.size)
	r.f.Reply(&a.Exchange)
}

// give makes Vec of the next bytes of a reply.
func (r *rig) give(a *asked, most int) {
	n := min(a.size-a.given, most)
	if r.io.rng != nil && n > 2000 {
		n = 1 + r.io.rng.IntN(n)
	}
	a.Vec, a.base = a.Vec[:0], a.given
	if a.given == 0 {
		k := min(n, 1000)
		toyReply(a.Top[:k], a.n, a.size, 0)
		a.Vec = append(a.Vec, a.Top[:k])
		a.given, n = k, n-k
	}
	if n > 0 {
		if a.mem != nil {
			r.page.Put(a.mem)
		}
		if a.mem = r.page.Get(n); a.mem == nil {
			r.t.Fatal("no memory for a reply of the test")
		}
		toyReply(a.mem, a.n, a.size, a.given)
		a.Vec = append(a.Vec, a.mem)
		a.given += n
	}
	a.Partial = a.given < a.size || a.out > 0
}

// part goes on with a reply of which a part is out.
func (r *rig) part(a *asked) {
	a.out = a.base + a.Out
	a.given = a.out
	if a.out == a.size {
		r.f.End(&a.Exchange)
		return
	}
	a.base = a.out
	r.next(a)
}

func (r *rig) next(a *asked) {
	n := a.size - a.out
	if r.io.rng != nil && n > 2000 {
		n = 1 + r.io.rng.IntN(n)
	}
	if a.mem != nil {
		r.page.Put(a.mem)
	}
	if a.mem = r.page.Get(n); a.mem == nil {
		r.t.Fatal("no memory for a reply of the test")
	}
	toyReply(a.mem, a.n, a.size, a.out)
	a.Vec = append(a.Vec[:0], a.mem)
	a.Partial = true // Part says when it is out, and End follows
	r.f.Send(&a.Exchange)
}

// ended takes an exchange that is over.
func (r *rig) ended(a *asked) {
	if a.over == a.Use()+1 {
		r.t.Fatal("an exchange is over twice")
	}
	a.over = a.Use() + 1
	if a.mem != nil {
		r.page.Put(a.mem)
		a.mem = nil
	}
	for i, b := range r.ready {
		if a == b {
			r.t.Fatalf("request %d is over, and nobody has answered it, number %d of those that are due", a.n, i)
		}
	}
	r.f.Put(&a.Exchange)
}

// nothingLeft checks that all that was given out is back.
func (r *rig) nothingLeft() {
	r.t.Helper()
	r.turns(2)
	if h := r.f.Held(); h != (Holdings{}) || len(r.io.bufs) != 0 || r.f.places.gone != 0 || r.page.Out() != 0 {
		r.t.Fatalf("left: %+v, %d receive buffers of the IO, %d gone that wait for a place, %d bytes for replies", h, len(r.io.bufs), r.f.places.gone, r.page.Out())
	}
}

// newsOf counts the news of that kind.
func (r *rig) newsOf(k NewsKind) (n int) {
	for _, x := range r.news {
		if x.Kind == k {
			n++
		}
	}
	return n
}

// why are the reasons for which connections were closed.
func (r *rig) why() (why []string) {
	for _, x := range r.news {
		if x.Kind == Closed {
			why = append(why, x.Why)
		}
	}
	return why
}
