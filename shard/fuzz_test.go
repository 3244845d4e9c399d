package shard

import (
	"bytes"
	"fmt"
	"os"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/peek"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// fuzzed is the broker of this process for fuzzing. What inputs leave behind in it is not much, and thrown away now and then.
type fuzzed struct {
	*scripted
	dir  string
	runs int
}

func newFuzzed(f *testing.F) *fuzzed {
	z := &fuzzed{dir: f.TempDir()}
	f.Cleanup(func() {
		if z.scripted != nil {
			_ = z.end()
		}
	})
	return z
}

func (z *fuzzed) broker(t *testing.T) *scripted {
	if z.runs++; z.scripted == nil || z.runs%4000 == 0 {
		if z.scripted != nil {
			if err := z.end(); err != nil {
				t.Fatal(err)
			}
			_ = os.RemoveAll(z.cfg.DataDir)
		}
		x, err := newScripted(fmt.Sprintf("%s/%d", z.dir, z.runs), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		z.scripted = x
		z.connect(&socket{pieces: [][]byte{loginFrame(),
			frame(wire.CodeCreateStream, 1, 1, vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("s")})),
			frame(wire.CodeCreateTopic, 1, 2, vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: wire.Named("s"), Name: []byte("t"), PartitionsCount: 2,
				Options: []wire.Option{wire.TextOption("durability", "written")}})),
			frame(wire.CodeSendMessages, 1, 3, sendBody(3))}}).await(t)
	}
	return z.scripted
}

// sendBody is a batch of n messages to partition 0 of the topic that is there.
func sendBody(n int) []byte {
	var b batch.Builder
	for i := range n {
		if err := b.Add([16]byte{byte(i + 1)}, bytes.Repeat([]byte{'x'}, 10+i), nil); err != nil {
			panic(err)
		}
	}
	p := vsr.AppendSendMessages(nil, wire.SendMessages{Stream: wire.Named("s"), Topic: wire.Named("t"),
		Partitioning: wire.Partitioning{Kind: wire.ToPartition}, Count: uint32(n)})
	return append(p, b.Bytes()...)
}

// commands are requests that work, to begin with.
func commands() map[wire.Code][]byte {
	s, t, one := wire.Named("s"), wire.Named("t"), wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}
	return map[wire.Code][]byte{
		wire.CodePing: nil, wire.CodeLogout: nil, wire.CodeGetStats: nil, wire.CodeGetMe: nil, wire.CodeGetClusterMetadata: nil,
		wire.CodeLogin:           loginFrame()[vsr.HeaderSize:],
		wire.CodeDescribeOptions: vsr.AppendDescribeOptions(nil, wire.DescribeOptions{Scope: wire.ScopeTopic}),
		wire.CodeGetStreams:      nil,
		wire.CodeGetStream:       vsr.AppendGetStream(nil, wire.GetStream{Stream: s}),
		wire.CodeCreateStream:    vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("other")}),
		wire.CodeUpdateStream:    vsr.AppendUpdateStream(nil, wire.UpdateStream{Stream: s, Name: []byte("s")}),
		wire.CodeDeleteStream:    vsr.AppendDeleteStream(nil, wire.DeleteStream{Stream: wire.Named("other")}),
		wire.CodePurgeStream:     vsr.AppendPurgeStream(nil, wire.PurgeStream{Stream: s}),
		wire.CodeGetTopics:       vsr.AppendGetTopics(nil, wire.GetTopics{Stream: s}),
		wire.CodeGetTopic:        vsr.AppendGetTopic(nil, wire.GetTopic{Stream: s, Topic: t}),
		wire.CodeCreateTopic: vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: s, Name: []byte("other"), PartitionsCount: 1,
			Options: []wire.Option{wire.TextOption("durability", "memory"), wire.Uint64Option("segment_size", 1<<20)}}),
		wire.CodeUpdateTopic: vsr.AppendUpdateTopic(nil, wire.UpdateTopic{Stream: s, Topic: t, Name: []byte("t"),
			Options: []wire.Option{wire.Uint64Option("message_expiry", 1e6)}}),
		wire.CodeDeleteTopic:      vsr.AppendDeleteTopic(nil, wire.DeleteTopic{Stream: s, Topic: wire.Named("other")}),
		wire.CodePurgeTopic:       vsr.AppendPurgeTopic(nil, wire.PurgeTopic{Stream: s, Topic: t}),
		wire.CodeCreatePartitions: vsr.AppendCreatePartitions(nil, wire.CreatePartitions{Stream: s, Topic: t, Count: 1}),
		wire.CodeDeletePartitions: vsr.AppendDeletePartitions(nil, wire.DeletePartitions{Stream: s, Topic: t, Count: 1}),
		wire.CodeDeleteSegments:   vsr.AppendDeleteSegments(nil, wire.DeleteSegments{Stream: s, Topic: t, Count: 1}),
		wire.CodeSendMessages:     sendBody(2),
		wire.CodePollMessages: vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: one, Stream: s, Topic: t, Partition: wire.InPartition(0),
			Strategy: wire.Strategy{Kind: wire.FromOffset, Value: 1}, Count: 2, AutoCommit: true}),
		wire.CodeFlushUnsavedBuffer: vsr.AppendFlushUnsavedBuffer(nil, wire.FlushUnsavedBuffer{Stream: s, Topic: t, Sync: true}),
		wire.CodeStoreConsumerOffset: vsr.AppendStoreConsumerOffset(nil, wire.StoreConsumerOffset{Consumer: one, Stream: s, Topic: t,
			Partition: wire.InPartition(0), Offset: 1, Ack: wire.AckQuorum}),
		wire.CodeGetConsumerOffset: vsr.AppendGetConsumerOffset(nil, wire.GetConsumerOffset{Consumer: one, Stream: s, Topic: t, Partition: wire.InPartition(0)}),
		wire.CodeDeleteConsumerOffset: vsr.AppendDeleteConsumerOffset(nil, wire.DeleteConsumerOffset{Consumer: one, Stream: s, Topic: t,
			Partition: wire.InPartition(0), Ack: wire.AckQuorum}),
	}
}

// allocated is what the process has allocated on the heap so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// allocMax is what one small input may make the broker allocate: topics of a thousand partitions are legal.
const allocMax = 64 << 20

// FuzzCommand sends one request of any code, body and numbers, before or after login: it is answered once, in the form that
// clients expect, or the connection is closed because the body belongs to no request.
func FuzzCommand(f *testing.F) {
	for code, body := range commands() {
		f.Add(uint32(code), byte(0), uint64(7), body, true)
		f.Add(uint32(code), byte(0), uint64(7), body, false)
	}
	f.Add(uint32(wire.CodeGetConsumerGroup), byte(0), uint64(7), []byte{}, true)
	f.Add(uint32(0), byte(64), uint64(7), []byte("internal"), true)
	f.Add(uint32(0), byte(255), uint64(7), []byte("unknown"), true)
	z := newFuzzed(f)
	f.Fuzz(func(t *testing.T, code uint32, operation byte, number uint64, body []byte, in bool) {
		if len(body) > strangerFrameMax-vsr.HeaderSize {
			t.Skip("larger than a request before login may be")
		}
		x := z.broker(t)
		p := frame(wire.Code(code), 1, number, body)
		if operation != 0 {
			p[176] = operation
		}
		k := &socket{pieces: [][]byte{p}}
		if in {
			k.pieces = [][]byte{loginFrame(), p}
		}
		before := allocated()
		frames := x.connect(k).await(t)
		if n := allocated() - before; n > allocMax {
			t.Errorf("%d bytes allocated for a request of %d", n, len(p))
		}
		if in {
			frames = frames[1:]
		}
		if len(frames) != 1 {
			t.Fatalf("%d answers to one request", len(frames))
		}
		a := frames[0]
		if a.Command() == vsr.CommandEviction {
			return
		}
		op := vsr.Operation(p[176])
		if a.Command() != vsr.CommandReply || a.ReplyOperation() != op || a.Status() != 0 && len(a.Body) > 0 {
			t.Errorf("operation %s is answered by %d for %s, status %d, %d bytes", op, a.Command(), a.ReplyOperation(), a.Status(), len(a.Body))
		}
		if a.Status() == 0 && op.Framed() && len(a.Body) < 4 {
			t.Errorf("operation %s: success without a result section", op)
		}
	})
}

// FuzzStream has any bytes come in, whole and cut into pieces. Every whole request in front of what is no frame is answered,
// once and in order, wherever the cuts are; then the connection is closed.
func FuzzStream(f *testing.F) {
	var all []byte
	for code, body := range commands() {
		p := frame(code, 1, 9, body)
		all = append(all, p...)
		f.Add(p, []byte{255, 1}, true)
		f.Add(append(frame(wire.CodePing, 0, 1, nil), p...), []byte{3, 200, 1}, false)
	}
	f.Add(all, []byte{255, 255, 3, 1, 255}, true)
	f.Add(all[:len(all)-1], []byte{}, true)
	f.Add(append(bytes.Clone(all), make([]byte, 300)...), []byte{250}, true)
	f.Add([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), []byte{1}, false)
	z := newFuzzed(f)
	f.Fuzz(func(t *testing.T, data, cuts []byte, in bool) {
		if len(data) > strangerFrameMax {
			t.Skip("larger than a request before login may be")
		}
		if kind := peek.Look(data, strangerFrameMax); !in && kind != peek.Today && kind != peek.More {
			t.Skip("another protocol, which FuzzForeign has")
		}
		want := answersTo(data)
		for _, pieces := range [][][]byte{cut(data, nil), cut(data, cuts)} {
			x := z.broker(t)
			if in {
				pieces = append([][]byte{loginFrame()}, pieces...)
			}
			before := allocated()
			frames := x.connect(&socket{pieces: pieces}).await(t)
			if n := allocated() - before; n > allocMax*uint64(1+len(want)) {
				t.Errorf("%d bytes allocated for %d", n, len(data))
			}
			if in {
				frames = frames[1:]
			}
			if len(frames) != len(want) {
				t.Fatalf("%d answers to %d requests, in %d pieces", len(frames), len(want), len(pieces))
			}
			for i, a := range frames {
				if a.Command() == vsr.CommandReply && a.ReplyOperation() != want[i] {
					t.Errorf("answer %d is for %s and not for %s", i, a.ReplyOperation(), want[i])
				}
			}
			x.until(t, "nothing is held", func(s *Shard) bool {
				return x.nothingHeld()
			})
		}
	})
}

// FuzzForeign has other protocols come in, whole and cut into pieces: they are answered in their own form, or closed, in the same way
// wherever the cuts are, and nothing of them is kept.
func FuzzForeign(f *testing.F) {
	for _, text := range []string{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "SSH-2.0-OpenSSH_9.7\r\n",
		"\x04\x00\x00\x00\x01\x00\x00\x00", "\x04\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x26\x00\x00\x00x\x04\x00\x00\x00\x01\x00\x00\x00",
		"\xff\x00\x01\x00\x26\x00\x00\x00", "\x00\x00\x00\x23\x00\x12\x00\x03"} {
		f.Add([]byte(text), []byte{1})
		f.Add([]byte(text), []byte{3, 200, 1})
	}
	z := newFuzzed(f)
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		kind := peek.Look(data, strangerFrameMax)
		if len(data) > 4096 || kind == peek.Today || kind == peek.More {
			t.Skip("our own protocol, which FuzzStream has, or nothing that can be told")
		}
		for _, pieces := range [][][]byte{cut(data, nil), cut(data, cuts)} {
			x := z.broker(t)
			k := x.connect(&socket{pieces: pieces})
			<-k.closed
			answer := string(k.sent)
			switch {
			case kind == peek.HTTP && strings.HasPrefix(answer, "HTTP/1.1 400 Bad Request\r\n"), kind == peek.TLS && answer == "\x15\x03\x01\x00\x02\x02\x28":
			case kind == peek.Former:
				if strings.ReplaceAll(answer, "\x07\x00\x00\x00\x00\x00\x00\x00", "") != "" {
					t.Errorf("%v is answered with %q", kind, answer)
				}
			case answer != "":
				t.Errorf("%v is answered with %q", kind, answer)
			}
			x.until(t, "nothing is held", func(s *Shard) bool {
				return x.nothingHeld()
			})
		}
	})
}

// answersTo lists the operations of the requests in p that are answered: those in front of the first frame that is none.
func answersTo(p []byte) (ops []vsr.Operation) {
	for {
		f, n, need, err := vsr.DecodeFrame(p, 1<<20)
		if err != nil || need > 0 || len(p) == 0 || f.Command() != vsr.CommandRequest {
			return ops
		}
		ops = append(ops, f.Operation())
		p = p[n:]
	}
}

// cut cuts p into pieces of so many bytes each, round and round; a zero is a piece of one.
func cut(p, sizes []byte) (pieces [][]byte) {
	for i := 0; len(p) > 0; i++ {
		n := len(p)
		if len(sizes) > 0 {
			n = min(n, max(1, int(sizes[i%len(sizes)])))
		}
		pieces = append(pieces, p[:n])
		p = p[n:]
	}
	return pieces
}
