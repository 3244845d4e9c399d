package trial

import (
	"bytes"
	"testing"

	"github.com/galgo-mq/galgo/wire"
)

// TestRequestsAreRead: what the client's side writes, the dialect reads.
func TestRequestsAreRead(t *testing.T) {
	d := Dialect{Topic: "t"}
	open := func(x Request) (r wire.Request) {
		t.Helper()
		p := x.Frame(5)
		if n, err := d.Frame(p, 1<<20); err != nil || n != len(p) || Begins(p, 0) != wire.Mine {
			t.Fatalf("% x: %d bytes, %v, %v", p, n, err, Begins(p, 0))
		}
		if err := d.Open(p, true, &r); err != nil || r.Malformed != nil || r.Handle.Request != 5 {
			t.Fatalf("% x: request %d, %v, %v", p, r.Handle.Request, err, r.Malformed)
		}
		return r
	}
	if r := open(Login([16]byte{9}, "secret")); r.Code != wire.CodeLogin || string(r.Form.(*wire.Login).Password) != "secret" || r.Handle.Client != [16]byte{9} {
		t.Errorf("login: %+v", r)
	}
	if r := open(Poll(3, 1<<40)); r.Code != wire.CodePollMessages || r.Poll.Partition != wire.InPartition(3) || r.Poll.Strategy.Value != 1<<40 || r.Poll.Count != 1 {
		t.Errorf("poll: %+v", r.Poll)
	}
	if r := open(Send(2, []byte("batch"))); r.Code != wire.CodeSendMessages || r.Send.Partitioning.Partition != 2 || string(r.Send.Batch) != "batch" {
		t.Errorf("send: %+v", r.Send)
	}
	if r := open(MakeTopic(7)); r.Code != wire.CodeCreateTopic || r.Form.(*wire.CreateTopic).PartitionsCount != 7 || open(MakeStream()).Code != wire.CodeCreateStream {
		t.Errorf("topic: %+v", r.Form)
	}
	r := open(Several(Ping(), Send(1, []byte("x")), Poll(2, 3)))
	if r.Code != wire.CodeSeveral || len(r.Parts) != 3 || r.Parts[0].Code != wire.CodePing || string(r.Parts[1].Send.Batch) != "x" || r.Parts[2].Poll.Strategy.Value != 3 {
		t.Errorf("several: %+v", r.Parts)
	}
	for i, p := range r.Parts {
		if p.Handle.Request != uint64(i) {
			t.Errorf("part %d is called %d", i, p.Handle.Request)
		}
	}
}

// FuzzOpen opens any bytes: no panic, and nothing beyond the frame is in what was read.
func FuzzOpen(f *testing.F) {
	for _, x := range []Request{Login([16]byte{9}, "secret"), Ping(), Poll(3, 4), Send(2, []byte("batch")), MakeTopic(7), Several(Ping(), Several(Ping()), Poll(2, 3))} {
		f.Add(x.Frame(5))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		d := Dialect{Topic: "t"}
		n, err := d.Frame(p, 1<<16)
		if err != nil || n == 0 || n > len(p) {
			return
		}
		whole := bytes.Clone(p[:n])
		var r wire.Request
		if err := d.Open(whole[:n:n], true, &r); err == nil && len(r.Send.Batch) > n {
			t.Errorf("a batch of %d bytes in a frame of %d", len(r.Send.Batch), n)
		}
	})
}
