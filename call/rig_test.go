package call

import (
	"slices"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// rig drives a room by frames of today's dialect, without sockets and logs.
type rig struct {
	t       testing.TB
	r       *Room
	m       *metadata.Machine
	memory  heap
	logs    stats
	clients clients
	peer    wire.Peer
	number  uint64 // of the last request of the peer's session
}

// heap is memory of which so much may be out.
type heap struct{ out, most int }

func (h *heap) Get(n int) []byte {
	if h.out+n > h.most {
		return nil
	}
	h.out += n
	return make([]byte, n)
}

func (h *heap) Put(p []byte) { h.out -= cap(p) }

// stats are those of logs.
type stats map[metadata.LogID]storage.LogStats

func (s stats) Log(id metadata.LogID) storage.LogStats { return s[id] }

func (s stats) Add(sum *storage.LogStats, parts []metadata.Partition) {
	for i := range parts {
		plus(sum, s[parts[i].Log])
	}
}

// clients are in the order of their ids.
type clients []Client

func (l clients) Find(id uint32) (Client, bool) {
	for _, c := range l {
		if c.ID == id {
			return c, true
		}
	}
	return Client{}, false
}

func (l clients) Page(dst []Client, from uint32, n int) []Client {
	for _, c := range l {
		if c.ID >= from && len(dst) < n {
			dst = append(dst, c)
		}
	}
	return dst
}

func (l clients) Count() int { return len(l) }

// held is what the driver of a room has a call in.
type held struct {
	x wire.Exchange
	p storage.Request
	c Call
}

var someClient = [16]byte{1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10}

// newRig makes a room with the users root and nobody, who has no rights, and a stream s with a topic t of two partitions. Root has a session.
func newRig(t testing.TB, change func(c *Config)) *rig {
	cfg := Config{Batches: batch.DefaultLimits(), FrameBytesMax: 64 << 20, NameBytesMax: 32, ListBytesMax: 1 << 20, Version: "1", Random: func(p []byte) {
		for i := range p {
			p[i] = byte(i)
		}
	}}
	if change != nil {
		change(&cfg)
	}
	g := &rig{t: t, m: metadata.New(), memory: heap{most: 64 << 20}, logs: stats{}}
	g.r = New(cfg, World{Meta: g.m, Logs: g.logs, Clients: &g.clients, Memory: &g.memory})
	g.r.Begin(1, 1)
	for _, name := range []string{"root", "nobody"} {
		g.apply(metadata.EncodeCreateUser(nil, 1, metadata.CreateUser{Name: []byte(name), PasswordPHC: "$" + name, Status: metadata.UserActive}))
	}
	g.apply(metadata.EncodeCreateStream(nil, 1, []byte("s")))
	g.apply(metadata.EncodeCreateTopic(nil, 1, metadata.CreateTopic{Stream: metadata.ByName([]byte("s")), Name: []byte("t"), Partitions: 2}))
	g.peer = wire.Peer{ID: 7, Address: "10.0.0.1:99", Dialect: vsr.Dialect{}}
	g.clients = clients{{Client: wire.Client{ID: 7, UserID: 0}, Key: someClient}}
	g.as("root")
	return g
}

// apply gives a command to the metadata.
func (g *rig) apply(command []byte) metadata.Result {
	g.t.Helper()
	res, err := g.m.Apply(g.m.Revision()+1, command)
	if err != nil {
		g.t.Fatal(err)
	}
	return res
}

// as gives the peer a session of a user.
func (g *rig) as(name string) {
	g.t.Helper()
	u, err := g.m.Accounts.User(metadata.ByName([]byte(name)))
	if err != nil {
		g.t.Fatal(err)
	}
	g.number = 0
	g.peer.Bind(wire.Session{Number: g.peer.Session.Number + 1, Client: someClient, User: uint32(u.ID), Since: u.Since, Secured: u.Secured})
}

func newHeld() *held {
	h := &held{}
	h.x.Top = make([]byte, 2048)
	h.c.Exchange, h.c.Request, h.c.Holder = &h.x, &h.p, h
	return h
}

// frame makes a request as the peer sends it.
func (g *rig) frame(code wire.Code, body []byte) []byte {
	g.number++
	head := vsr.RequestHeader{Client: someClient, Session: max(1, g.peer.Session.Number), Request: g.number, Code: code}
	if vsr.OperationOf(code) == vsr.Register {
		head.Session, head.Request = 0, 0
	}
	p := make([]byte, vsr.HeaderSize, vsr.HeaderSize+len(body))
	vsr.PutRequest(p, head, body, nil)
	return append(p, body...)
}

// send has the room handle a request, and returns it with what is to be done then.
func (g *rig) send(code wire.Code, body []byte) (*Call, Effect) {
	g.t.Helper()
	h := newHeld()
	h.x.Peer, h.x.Number, h.x.Frame = &g.peer, 1, g.frame(code, body)
	g.r.Dispatch(&h.c)
	return &h.c, g.effects(&h.c)
}

// effects takes what is to be done with c. It is the only call with which something is.
func (g *rig) effects(c *Call) (all Effect) {
	g.t.Helper()
	for x, e := g.r.Take(); x != nil; x, e = g.r.Take() {
		if x != c {
			g.t.Fatalf("effect %b of another call", e)
		}
		all |= e
	}
	g.r.invariants()
	return all
}

// reply is the frame that c was answered with.
func (g *rig) reply(c *Call) vsr.Frame {
	g.t.Helper()
	f, n, need, err := vsr.DecodeFrame(slices.Concat(c.Vec...), vsr.FrameMax)
	if err != nil || need > 0 || n != len(slices.Concat(c.Vec...)) {
		g.t.Fatalf("a reply of %d bytes is no frame: %v", len(slices.Concat(c.Vec...)), err)
	}
	return f
}

// status is what c was answered with, and is answered with now.
func (g *rig) status(c *Call, e Effect) wire.Status {
	g.t.Helper()
	if e&Replied == 0 {
		g.t.Fatalf("effects %b: there is no reply", e)
	}
	return statusIn(g.reply(c))
}

// statusIn is the status that a client reads in a reply; that of one that ends its session is StatusUnauthenticated.
func statusIn(f vsr.Frame) wire.Status {
	_, err := vsr.DecodeReply(f)
	if err == nil {
		return wire.StatusOK
	}
	if s, is := err.(wire.Status); is {
		return s
	}
	return wire.StatusUnauthenticated
}

// news takes the news of a kind.
func (g *rig) news(kind NewsKind) (list []News) {
	for g.r.HasNews() {
		if n := g.r.TakeNews(); n.Kind == kind {
			list = append(list, n)
		}
	}
	return list
}

// over ends a call, and looks whether it holds something.
func (g *rig) over(c *Call) {
	g.t.Helper()
	g.r.Clear(c)
	c.Request.Clear()
	if g.memory.out != 0 || g.r.ListBytes() != 0 {
		g.t.Errorf("%d bytes are out when the call is over, %d of lists", g.memory.out, g.r.ListBytes())
	}
}
