package shard_test

import (
	"context"
	"net"
	"testing"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// rawClient says what it is told to, and is logged in.
type rawClient struct {
	net.Conn
	t      *testing.T
	client [16]byte
	rest   []byte
}

func (s *broker) raw(t *testing.T) *rawClient { return s.rawAs(t, "iggy", "iggy") }

// rawAs is raw with another user; an empty name does not log in.
func (s *broker) rawAs(t *testing.T, user, password string) *rawClient {
	t.Helper()
	c, err := net.Dial("tcp", s.Info().Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r := &rawClient{Conn: c, t: t, client: [16]byte{9, byte(c.LocalAddr().(*net.TCPAddr).Port), byte(c.LocalAddr().(*net.TCPAddr).Port >> 8)}}
	if user == "" {
		return r
	}
	r.send(wire.CodeLogin, 0, 0, vsr.AppendLogin(nil, wire.Login{Protocol: vsr.Protocol, SDKName: []byte("t"), SDKVersion: []byte("1"),
		Username: []byte(user), Password: []byte(password)}))
	if f := r.answer(); f.Status() != wire.StatusOK {
		t.Fatalf("login: %v", f.Status())
	}
	return r
}

func (r *rawClient) send(code wire.Code, session, number uint64, body []byte) {
	p := make([]byte, vsr.HeaderSize)
	vsr.PutRequest(p, vsr.RequestHeader{Client: r.client, Session: session, Request: number, Code: code}, body, nil)
	if _, err := r.Write(append(p, body...)); err != nil {
		r.t.Fatal(err)
	}
}

// answer is the next frame; a view until the one after.
func (r *rawClient) answer() vsr.Frame {
	r.t.Helper()
	for buf := make([]byte, 64<<10); ; {
		f, n, need, err := vsr.DecodeFrame(r.rest, vsr.FrameMaxDefault)
		if err != nil {
			r.t.Fatal(err)
		}
		if need == 0 {
			r.rest = r.rest[n:]
			return f
		}
		n, err = r.Read(buf)
		if err != nil {
			r.t.Fatal(err)
		}
		r.rest = append(r.rest, buf[:n]...)
	}
}

// TestResentCommandIsNotAppliedTwice sends metadata commands again under their number: they are refused, and what they did is
// done once. Sends carry numbers that some clients repeat, and are taken each time.
func TestResentCommandIsNotAppliedTwice(t *testing.T) {
	s := startBroker(t, t.TempDir(), nil)
	c := s.raw(t)
	status := func(want wire.Status, code wire.Code, number uint64, body []byte) {
		t.Helper()
		c.send(code, 1, number, body)
		if f := c.answer(); f.Status() != want {
			t.Errorf("request %d: %v, want %v", number, f.Status(), want)
		}
	}
	stream := vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("s")})
	topic := vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: wire.Named("s"), Name: []byte("t"), PartitionsCount: 1})
	more := vsr.AppendCreatePartitions(nil, wire.CreatePartitions{Stream: wire.Named("s"), Topic: wire.Named("t"), Count: 1})
	status(wire.StatusOK, wire.CodeCreateStream, 1, stream)
	status(wire.StatusRequestAlreadyApplied, wire.CodeCreateStream, 1, stream)
	status(wire.StatusOK, wire.CodeCreateTopic, 2, topic)
	status(wire.StatusOK, wire.CodeCreatePartitions, 7, more) // gaps are fine
	status(wire.StatusRequestAlreadyApplied, wire.CodeCreatePartitions, 7, more)
	status(wire.StatusRequestAlreadyApplied, wire.CodeCreatePartitions, 3, more)
	send := vsr.AppendSendMessages(nil, wire.SendMessages{Stream: wire.Named("s"), Topic: wire.Named("t"),
		Partitioning: wire.Partitioning{Kind: wire.ToPartition}, Count: 1})
	send = append(send, oneBatch(t, 1, 10)...)
	status(wire.StatusOK, wire.CodeSendMessages, 8, send)
	status(wire.StatusOK, wire.CodeSendMessages, 8, send)
	status(wire.StatusOK, wire.CodeCreatePartitions, 8, more)
	d, err := s.dial(t).GetTopic(context.Background(), wire.Named("s"), wire.Named("t"))
	if err != nil || d.PartitionsCount != 3 || d.MessagesCount != 2 {
		t.Errorf("%d partitions, %d messages, %v, want 3 and 2", d.PartitionsCount, d.MessagesCount, err)
	}
}
