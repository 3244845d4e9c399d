package shard

import (
	"testing"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// TestLargeFrameAfterRefusedReceive has the receive of a connection of small frames end for want of a buffer while a large
// frame comes in: the rest comes all the same, in order, and never are a receive and a body armed on one socket.
func TestLargeFrameAfterRefusedReceive(t *testing.T) {
	big := frame(wire.CodePing, 1, 1, make([]byte, 200<<10))
	for _, sendsFirst := range []bool{false, true} {
		for cut := 1; cut < 6; cut++ {
			x := startScripted(t)
			x.io.sendsFirst = sendsFirst
			k := x.connect(&socket{open: true, cut: cut, pieces: [][]byte{loginFrame(), frame(wire.CodePing, 1, 1, nil), big[:400], big[400:20000], big[20000:]}})
			replies := 0
			x.until(t, "three replies", func(s *Shard) bool {
				if k.waitsFor(uring.KindRecv) && k.waitsFor(uring.KindRecvInto) {
					t.Fatal("a receive and a body are armed on one socket")
				}
				replies = 0
				for p := k.sent; len(p) > 0; replies++ {
					_, n, need, err := vsr.DecodeFrame(p, vsr.FrameMaxDefault)
					if err != nil || need > 0 {
						return false
					}
					p = p[n:]
				}
				return replies == 3
			})
			x.hangUp()
		}
	}
}

// TestTransientIsAskedAgain: a request that was told to try again is no duplicate when it does.
func TestTransientIsAskedAgain(t *testing.T) {
	x := startScripted(t)
	ask := func(p ...[]byte) (statuses []wire.Status) {
		for _, f := range x.connect(&socket{pieces: p}).await(t) {
			statuses = append(statuses, f.Status())
		}
		return statuses
	}
	stream, topic := wire.Named("s"), wire.Named("t")
	ask(loginFrame(), frame(wire.CodeCreateStream, 1, 1, vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("s")})),
		frame(wire.CodeCreateTopic, 1, 2, vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: stream, Name: []byte("t"), PartitionsCount: 1})))
	var log router.LogID
	x.do(func(s *Shard) {
		p, _, err := s.meta.Partition(metadata.ByName([]byte("s")), metadata.ByName([]byte("t")), 0)
		if err != nil {
			t.Error(err)
		}
		log = router.LogID(p.Log)
		s.owners.Delete(log) // nobody has it for a moment
	})
	again := frame(wire.CodeDeleteSegments, 2, 1, vsr.AppendDeleteSegments(nil, wire.DeleteSegments{Stream: stream, Topic: topic, Count: 1}))
	got := ask(loginFrame(), again, again)
	if len(got) != 3 || got[1] != wire.StatusTransientNotAccepted || got[2] != wire.StatusTransientNotAccepted {
		t.Fatalf("statuses %v: the second must not be taken for a duplicate", got)
	}
	x.do(func(s *Shard) { s.owners.Set(log, 0) })
}
