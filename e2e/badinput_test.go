package e2e

import (
	"bytes"
	"context"
	bin "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// peer is a client without manners: it sends what bytes it likes.
type peer struct {
	*net.TCPConn
	t       testing.TB
	session uint64
	number  uint64
}

func newPeer(t testing.TB, s *server) *peer {
	t.Helper()
	c, err := net.Dial("tcp", s.Address)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{TCPConn: c.(*net.TCPConn), t: t, number: 1}
	t.Cleanup(func() { p.Close() })
	return p
}

// name is how the server's log calls it.
func (p *peer) name() string { return p.LocalAddr().String() }

// send writes, and does not mind if the server has closed the connection meanwhile.
func (p *peer) send(b []byte) { _, _ = p.Write(b) }

// frame is a request as a client sends it.
func (p *peer) frame(code wire.Code, body, tail []byte) []byte {
	port := uint16(p.LocalAddr().(*net.TCPAddr).Port) // makes an id of its own: a login with one that is in use ends the other's session
	head := vsr.RequestHeader{Client: [16]byte{1, byte(port), byte(port >> 8)}, Session: p.session, Request: p.number, Code: code}
	switch op := vsr.OperationOf(code); op {
	case vsr.Register:
		head.Session, head.Request = 0, 0
	case vsr.NonReplicated:
	default:
		p.number++
	}
	b := make([]byte, vsr.HeaderSize)
	vsr.PutRequest(b, head, body, tail)
	return append(append(b, body...), tail...)
}

// receive reads one frame.
func (p *peer) receive() vsr.Frame {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(patience))
	head := make([]byte, vsr.HeaderSize)
	if _, err := io.ReadFull(p, head); err != nil {
		p.t.Fatalf("no reply: %v", err)
	}
	h, size, err := vsr.DecodeHeader(head, vsr.FrameMax)
	if err != nil {
		p.t.Fatal(err)
	}
	body := make([]byte, size-vsr.HeaderSize)
	if _, err := io.ReadFull(p, body); err != nil {
		p.t.Fatalf("no body: %v", err)
	}
	return vsr.Frame{Header: h, Body: body}
}

func (p *peer) login() *peer {
	p.t.Helper()
	p.send(p.frame(wire.CodeLogin, loginBody(), nil))
	reply, err := vsr.DecodeLoginReply(p.receive().Body)
	if err != nil {
		p.t.Fatalf("login: %v", err)
	}
	p.session = reply.Session
	return p
}

func loginBody() []byte {
	return vsr.AppendLogin(nil, wire.Login{Username: []byte("iggy"), Password: []byte("iggy"), Protocol: vsr.Protocol,
		SDKName: []byte("test"), SDKVersion: []byte("1")})
}

// closed waits until the server has closed the connection; what it sent before is returned.
func (p *peer) closed() []byte {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(patience))
	got, err := io.ReadAll(p)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		p.t.Fatalf("the server does not close the connection: %v", err)
	}
	return got
}

// closedFor waits for the end of the connection and for the one line in the log that says whose it was and why it ended.
func (p *peer) closedFor(s *server, why string) {
	p.t.Helper()
	if got := p.closed(); len(got) > 0 {
		p.t.Errorf("%d bytes came before the end", len(got))
	}
	quoted := `"` + p.name() + `"`
	ends := func() []string {
		return slices.DeleteFunc(s.lines(quoted), func(line string) bool { return strings.Contains(line, `"event": "login"`) })
	}
	eventually(p.t, "the log names peer and cause", func() bool { return len(ends()) > 0 })
	if found := ends(); len(found) != 1 || !strings.Contains(found[0], why) {
		p.t.Errorf("the log says %q, want one line with %q", found, why)
	}
}

// backends are the ways to the kernel, each with its flags.
func backends(t *testing.T, f func(t *testing.T, args []string)) {
	for _, mode := range []string{"uring", "epoll"} {
		t.Run(mode, func(t *testing.T) { f(t, []string{"--io", mode}) })
	}
}

// TestBadInput sends what no client sends. The connection ends or gets an answer, as the protocol has it; the log says why;
// and others are served all the while.
func TestBadInput(t *testing.T) {
	backends(t, func(t *testing.T, args []string) {
		s := start(t, options{args: append(args, "--handshake-timeout", "3s", "--request-timeout", "2s", "--send-timeout", "2s")})
		others := newBystander(t, s)
		for _, c := range []struct {
			name string
			f    func(t *testing.T, s *server)
		}{
			{"garbage", testGarbage}, {"sizes", testSizes}, {"silence", testSilence}, {"half frame, closed", testHalfFrame}, {"byte by byte", testByteByByte},
			{"checksums", testChecksums}, {"slow body", testSlowBody}, {"replies not read", testRepliesNotRead}, {"many lines", testLogIsBounded},
		} {
			t.Run(c.name, func(t *testing.T) {
				others.served()
				c.f(t, s)
				others.served()
			})
		}
	})
}

func testGarbage(t *testing.T, s *server) {
	f := func(text string, n int, answer, why string) {
		t.Helper()
		p := newPeer(t, s)
		p.send(bytes.Repeat([]byte(text), 1+n/len(text))[:n])
		got := p.closed()
		if answer == "" && len(got) > 0 || !strings.HasPrefix(string(got), answer) && len(got) > 0 { // a reset may have overtaken it
			t.Errorf("%.20q is answered with %.60q, want %q", text, got, answer)
		}
		quoted := `"` + p.name() + `"`
		eventually(t, "the log names peer and cause", func() bool { return len(s.lines(quoted)) > 0 })
		if found := s.lines(quoted); len(found) != 1 || !strings.Contains(found[0], why) {
			t.Errorf("the log says %q, want one line with %q", found, why)
		}
	}
	f("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.0\r\n", 256, "HTTP/1.1 400 ", "HTTP")
	f("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.0\r\n", 100_000, "HTTP/1.1 400 ", "HTTP")
	f("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xff", 517, "\x15\x03\x01", "TLS")
	f("\x00", 256, "", "not a frame of the protocol")
	f("\xff", 300, "", "nothing known")
}

func testSizes(t *testing.T, s *server) {
	f := func(size uint32, in bool, why string) {
		t.Helper()
		p := newPeer(t, s)
		if in {
			p.login()
		}
		b := p.frame(wire.CodePing, nil, nil)
		bin.LittleEndian.PutUint32(b[48:], size)
		p.send(b)
		p.closedFor(s, why)
	}
	for _, in := range []bool{false, true} {
		for _, size := range []uint32{0, 255, 64<<20 + 1, 1<<32 - 1} {
			f(size, in, "not a frame of the protocol")
		}
	}
	s.says("67108865 bytes, and 256 to 67108864 are allowed", "frame_size_max")
	f(64<<10+1, false, "frame too large before login")
	f(64<<20, false, "frame too large before login")
}

// testSilence: a peer that begins, and then says nothing more.
func testSilence(t *testing.T, s *server) {
	silent := newPeer(t, s)
	var begun []*peer
	for _, in := range []bool{false, true} {
		for _, n := range []int{1, 255, 256, 700} {
			p := newPeer(t, s)
			if in {
				p.login()
			}
			p.send(p.frame(wire.CodeGetStream, make([]byte, 1000), nil)[:n])
			begun = append(begun, p)
		}
	}
	for _, p := range begun {
		p.closedFor(s, "request too slow")
	}
	silent.closedFor(s, "no login in time")
}

func testHalfFrame(t *testing.T, s *server) {
	f := func(n int, in bool) {
		t.Helper()
		p := newPeer(t, s)
		if in {
			p.login()
		}
		p.send(p.frame(wire.CodeGetStream, make([]byte, 100_000-vsr.HeaderSize), nil)[:n])
		_ = p.CloseWrite()
		p.closedFor(s, "peer closed in the middle of a frame")
	}
	f(1, false)
	f(255, false)
	for _, n := range []int{1, 255, 256, 20_000, 99_999} {
		f(n, true)
	}
}

// trickle is a connection that sends byte by byte.
type trickle struct{ net.Conn }

func (c trickle) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// testByteByByte runs a whole session one byte at a time.
func testByteByByte(t *testing.T, s *server) {
	conn, err := net.Dial("tcp", s.Address) // without Nagle's algorithm, as Go has it
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(trickle{conn})
	defer c.Close()
	if _, err := c.Login(context.Background(), "iggy", "iggy"); err != nil {
		t.Fatal(err)
	}
	newTopic(t, c, "trickle", "own", 1)
	for i := range uint64(3) {
		payload := bytes.Repeat([]byte{byte(i + 1)}, 2000)
		if placed, err := c.Send(context.Background(), wire.Named("trickle"), wire.Named("own"), 0, single(payload)); err != nil || placed.BaseOffset != i {
			t.Fatalf("send: %+v, %v", placed, err)
		}
		p, err := pollAt(c, "trickle", "own", 0, i, 1)
		if err != nil || p.Count != 1 {
			t.Fatalf("poll: %d messages, %v", p.Count, err)
		}
		for m := range p.Messages() {
			if !bytes.Equal(m.Payload(), payload) {
				t.Error("another payload came back")
			}
		}
	}
	if err := c.Logout(context.Background()); err != nil {
		t.Error(err)
	}
}

// testChecksums: a wrong checksum is answered, nothing is stored, and the connection goes on.
func testChecksums(t *testing.T, s *server) {
	p := newPeer(t, s).login()
	c := s.dial()
	newTopic(t, c, "checksums", "own", 1)
	answers := func(b []byte, want wire.Status) {
		t.Helper()
		p.send(b)
		if a := p.receive(); a.Status() != want || len(a.Body) > 0 {
			t.Errorf("status %d with %d bytes, want %d", a.Status(), len(a.Body), want)
		}
	}
	b := p.frame(wire.CodeCreateStream, vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("never")}), nil)
	b[144] ^= 1 // the stamp of the body
	answers(b, wire.StatusInvalidFormat)
	b = p.frame(wire.CodeCreateStream, vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("never")}), nil)
	b[155] = 1 // its upper half
	answers(b, wire.StatusInvalidFormat)
	if _, err := c.GetStream(context.Background(), wire.Named("never")); err != wire.StatusStreamIDNotFound {
		t.Errorf("a stream was made: %v", err)
	}

	head := vsr.AppendSendMessages(nil, wire.SendMessages{Stream: wire.Named("checksums"), Topic: wire.Named("own"),
		Partitioning: wire.Partitioning{Kind: wire.ToPartition}, Count: 1})
	whole := p.frame(wire.CodeSendMessages, head, single(bytes.Repeat([]byte("payload "), 1000)))
	at := vsr.HeaderSize + len(head)
	for _, x := range []struct {
		pos  int
		want wire.Status
	}{
		{at + 40, wire.StatusInvalidBatchChecksum},
		{at + 24, wire.StatusInvalidBatchChecksum},          // origin timestamp, which it covers
		{at + 256, wire.StatusInvalidMessageChecksum},       // of the message
		{len(whole) - 1, wire.StatusInvalidMessageChecksum}, // last byte of the payload
		{at + 52, wire.StatusInvalidCommand},                // reserved
		{at + 32, wire.StatusInvalidCommand},                // length
		{at + 48, wire.StatusInvalidCommand},                // count
	} {
		b := bytes.Clone(whole)
		b[x.pos] ^= 1
		answers(b, x.want)
	}
	if polled, err := pollAt(c, "checksums", "own", 0, 0, 10); err != nil || polled.Count != 0 {
		t.Errorf("%d messages were stored, %v", polled.Count, err)
	}
	p.send(whole)
	if a := p.receive(); a.Status() != wire.StatusOK {
		t.Errorf("the right one is answered with status %d", a.Status())
	}
}

// testSlowBody: large bodies that never come to their end cost no memory to speak of, and not their connections for ever.
func testSlowBody(t *testing.T, s *server) {
	before := s.resident()
	var slow []*peer
	for range 4 {
		p := newPeer(t, s).login()
		b := p.frame(wire.CodeSendMessages, nil, nil)
		bin.LittleEndian.PutUint32(b[48:], 64<<20)
		p.send(b)
		slow = append(slow, p)
	}
	ended := make(chan struct{})
	go func() { // a byte now and then, until the server has had enough
		defer close(ended)
		for left := len(slow); left > 0; time.Sleep(50 * time.Millisecond) {
			left = 0
			for _, p := range slow {
				if _, err := p.Write([]byte{0}); err == nil {
					left++
				}
			}
		}
	}()
	c := s.dial()
	newTopic(t, c, "slow", "own", 1)
	for range 5 { // others have large requests meanwhile
		if _, err := c.Send(context.Background(), wire.Named("slow"), wire.Named("own"), 0, single(make([]byte, 1<<20))); err != nil {
			t.Fatal(err)
		}
	}
	if grown := s.resident() - before; grown > 48<<20 {
		t.Errorf("the server grew by %d MiB for bodies that did not come", grown>>20)
	}
	for _, p := range slow {
		p.closedFor(s, "request too slow")
	}
	<-ended
}

// testRepliesNotRead: a peer that asks and asks, and reads no answer.
func testRepliesNotRead(t *testing.T, s *server) {
	c := s.dial()
	newTopic(t, c, "deaf", "own", 1)
	for range 8 {
		if _, err := c.Send(context.Background(), wire.Named("deaf"), wire.Named("own"), 0, single(make([]byte, 1<<20))); err != nil {
			t.Fatal(err)
		}
	}
	before := s.resident()
	var deaf []*peer
	for range 8 {
		p := newPeer(t, s).login()
		_ = p.SetReadBuffer(4096)
		deaf = append(deaf, p)
	}
	for _, p := range deaf {
		go func() {
			b := p.frame(wire.CodePollMessages, vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: anyone(), Stream: wire.Named("deaf"), Topic: wire.Named("own"),
				Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromOffset}, Count: 100}), nil)
			for {
				if _, err := p.Write(b); err != nil {
					return
				}
			}
		}()
	}
	for _, p := range deaf {
		quoted := `"` + p.name() + `"`
		eventually(t, "the log names peer and cause", func() bool { return len(s.lines(quoted, "peer does not read its reply")) == 1 })
	}
	if grown := s.resident() - before; grown > 128<<20 {
		t.Errorf("the server grew by %d MiB for replies that nobody reads", grown>>20)
	}
}

// testLogIsBounded: peers can't fill the disk with lines of the log.
func testLogIsBounded(t *testing.T, s *server) {
	before, begin := len(s.lines("protocol_refused")), time.Now()
	const peers = 500
	garbage := bytes.Repeat([]byte("garbage "), 100)
	for range peers {
		p := newPeer(t, s)
		p.send(garbage)
		p.closed()
		p.Close()
	}
	seconds := int(time.Since(begin)/time.Second) + 2
	s.says("protocol_refused")
	shards := 2 // at most as many as cores, and each has a share
	if n, err := os.ReadDir("/sys/devices/system/cpu"); err == nil {
		shards = max(shards, len(n))
	}
	if n := len(s.lines("protocol_refused")) - before; n == 0 || n > seconds*20*shards {
		t.Errorf("%d lines in %d seconds", n, seconds)
	}
}

// TestTooManyConnections: beyond the limit a connection is closed at once, and the log says so.
func TestTooManyConnections(t *testing.T) {
	s := start(t, options{args: []string{"--connections-max", "5"}})
	others := newBystander(t, s)
	var in []*peer
	for range 4 {
		in = append(in, newPeer(t, s).login())
	}
	out := newPeer(t, s)
	out.closedFor(s, "connection refused: too many")
	in[0].Close()
	eventually(t, "there is room again", func() bool {
		c, err := login(s.Address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	others.served()
}

// manyConnections is how many connections never log in.
const manyConnections = 10_000

// TestManyConnectionsBeforeLogin: they cost less than 64 KiB each, whether they are silent or begin large requests, and those
// who are in are served.
func TestManyConnectionsBeforeLogin(t *testing.T) {
	n := manyConnections
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if most := int(limit.Max) - 500; n > most {
		t.Logf("only %d connections instead of %d: the hard limit of open files is %d", most, n, limit.Max)
		n = most
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit.Max, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	backends(t, func(t *testing.T, args []string) {
		s := start(t, options{args: append(args, "--handshake-timeout", "1h", "--request-timeout", "1h", "--memory", "256MiB")})
		others := newBystander(t, s)
		others.served()
		before := s.resident()
		grown := func(what string, conns int) {
			t.Helper()
			others.served()
			each := (s.resident() - before) / int64(conns)
			t.Logf("%d connections, %s: %d bytes each", conns, what, each)
			if each > 64<<10 {
				t.Errorf("%d bytes for each of %d connections, %s", each, conns, what)
			}
		}
		peers := make([]*net.TCPConn, 0, n)
		defer func() {
			for _, c := range peers {
				_ = c.SetLinger(0)
				c.Close()
			}
		}()
		for range n {
			c, err := net.Dial("tcp", s.Address)
			if err != nil {
				t.Fatalf("after %d: %v\n%s", len(peers), err, tail(s.Log()))
			}
			peers = append(peers, c.(*net.TCPConn))
		}
		accepted := func() int {
			fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			return len(fds)
		}
		eventually(t, "all are accepted", func() bool { return accepted() >= n })
		grown("silent", n)
		half := (&peer{TCPConn: peers[0]}).frame(wire.CodeLogin, make([]byte, 64<<10-vsr.HeaderSize), nil)[:40<<10]
		for _, c := range peers {
			_, _ = c.Write(half) // refused ones are closed
		}
		grown("in the middle of a large request", n)
		c := s.dial() // and whoever comes now gets in, with large requests
		newTopic(t, c, "late", "own", 1)
		if _, err := c.Send(context.Background(), wire.Named("late"), wire.Named("own"), 0, single(make([]byte, 4<<20))); err != nil {
			t.Error(err)
		}
	})
}
