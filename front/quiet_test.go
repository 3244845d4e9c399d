package front

import (
	"testing"

	"github.com/galgo-mq/galgo/uring"
)

// quietIO is an IO of one socket that allocates nothing: it notes what was asked for.
type quietIO struct {
	fakeIO
	recv, send uint64 // tokens
	handle     uring.Handle
}

func (x *quietIO) Submit(op *uring.Op) uring.Handle {
	switch op.Kind {
	case uring.KindRecv:
		x.recv = op.Token
	case uring.KindSend:
		x.send = op.Token
	}
	x.handle++
	return x.handle
}

func (x *quietIO) Release(uint32) {}

// exchange has a frame come in, taken, answered and sent.
func (x *quietIO) exchange(f *Front, frame []byte) {
	done := uring.Completion{Token: x.recv, Kind: uring.KindRecv, More: true, Res: int64(len(frame)), Recv: uring.Recv{Data: frame, ID: 1}}
	f.Completed(&done)
	e, _ := f.Take()
	if e == nil || e.state != stateTaken {
		panic("no request")
	}
	f.DropFrame(e)
	e.Vec = append(e.Vec[:0], e.Top[:toyHead])
	f.Reply(e)
	done = uring.Completion{Token: x.send, Kind: uring.KindSend, Res: toyHead}
	f.Completed(&done)
	if e, _ = f.Take(); e == nil || e.state != stateOver {
		panic("it is not over")
	}
	f.Put(e)
	for f.HasNews() {
		f.TakeNews()
	}
}

// BenchmarkExchange is what a small request costs in this package, in and out.
func BenchmarkExchange(b *testing.B) {
	io := &quietIO{}
	r := newRig(b, one, nil, 64<<20, nil)
	f := New(r.f.cfg, io)
	f.UseMemory(r.frames, r.ahead, r.bodies)
	f.Adopt(Newcomer{FD: 5})
	p := toyFrame(1, 100)
	b.ReportAllocs()
	for b.Loop() {
		io.exchange(f, p)
	}
}
