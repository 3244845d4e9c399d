package e2e

import (
	"bytes"
	"context"
	bin "encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

var framesFlag = flag.Int("frames", 40_000, "how many mutated frames TestMutatedFrames sends")

// Where the fields of a request's header are.
const (
	atSize, atChecksum, atClient, atRequest, atOperation, atSession, atCode = 48, 144, 128, 168, 176, 184, 196
)

// recorder passes bytes between clients and a broker, and keeps the frames that clients send.
type recorder struct {
	net.Listener
	to     string
	mu     sync.Mutex
	frames [][]byte
}

func newRecorder(t *testing.T, to string) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{Listener: l, to: to}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.pass(c)
		}
	}()
	return r
}

func (r *recorder) pass(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer s.Close()
	go func() {
		_, _ = io.Copy(c, s)
		c.Close()
	}()
	for {
		head := make([]byte, vsr.HeaderSize)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		size := bin.LittleEndian.Uint32(head[atSize:])
		if size < vsr.HeaderSize || size > 80<<20 {
			return
		}
		frame := append(head, make([]byte, size-vsr.HeaderSize)...)
		if _, err := io.ReadFull(c, frame[vsr.HeaderSize:]); err != nil {
			return
		}
		if _, err := s.Write(frame); err != nil {
			return
		}
		r.mu.Lock()
		if len(frame) < 64<<10 {
			r.frames = append(r.frames, frame)
		}
		r.mu.Unlock()
	}
}

// record has the real Python client run its commands, and ours all of its own on a stream that stays.
func (r *recorder) record(t *testing.T) {
	t.Helper()
	program(t, "commands.py", r.Addr().String(), "all")
	c, err := login(r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, st, tp, g := context.Background(), wire.Named("victim"), wire.Named("t"), wire.Named("g")
	newTopic(t, c, "victim", "t", 3, wire.Uint64Option("segment_size", 1<<20))
	who := wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(9)}
	for i := range 20 {
		if _, err := c.Send(ctx, st, tp, uint32(i%3), single(bytes.Repeat([]byte{byte(i)}, 10*i+1))); err != nil {
			t.Fatal(err)
		}
	}
	for kind := wire.FromOffset; kind <= wire.FromNext; kind++ {
		_, err := c.Poll(ctx, wire.PollMessages{Consumer: who, Stream: st, Topic: tp, Partition: wire.InPartition(1), Strategy: wire.Strategy{Kind: kind, Value: 1}, Count: 5, AutoCommit: true})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, createErr := c.CreateGroup(ctx, st, tp, "g")
	_, topicErr := c.CreateTopic(ctx, st, "other", 2, wire.TextOption("durability", "memory"), wire.TextOption("deduplication", "10m"))
	if err := errors.Join(createErr, topicErr, c.StoreOffset(ctx, who, st, tp, 0, 1), c.JoinGroup(ctx, st, tp, g), c.StoreOffset(ctx, groupNamed("g"), st, tp, 0, 1),
		c.UpdateTopic(ctx, st, wire.Named("other"), "other", wire.TextOption("message_expiry", "1h")), c.PurgeTopic(ctx, st, wire.Named("other")), c.Flush(ctx, st, tp, 0, true),
		c.CreatePartitions(ctx, st, tp, 1), c.DeletePartitions(ctx, st, tp, 1), c.DeleteSegments(ctx, st, tp, 0, 1), c.DeleteOffset(ctx, who, st, tp, 0),
		c.LeaveGroup(ctx, st, tp, g)); err != nil {
		t.Fatal(err)
	}
}

// mutant is a client that sends frames with something wrong in them.
type mutant struct {
	address, user, password string
	rng                     *rand.Rand
	frames                  [][]byte
	conn                    *net.TCPConn
	client                  [16]byte
	session, request        uint64
	done                    *mutations
}

// mutations counts what was sent, and how it went.
type mutations struct {
	frames, answered, refused, closed, logins atomic.Int64
}

var errHangs = errors.New("a whole frame is neither answered nor its connection closed")

// connect opens a connection, and mostly logs in.
func (m *mutant) connect() error {
	c, err := net.Dial("tcp", m.address)
	if err != nil {
		return err
	}
	m.conn = c.(*net.TCPConn)
	for i := range m.client {
		m.client[i] = byte(m.rng.Uint32())
	}
	m.session, m.request = 0, 1
	if m.rng.IntN(10) == 0 {
		return nil // as a stranger
	}
	body := vsr.AppendLogin(nil, wire.Login{Username: []byte(m.user), Password: []byte(m.password), Protocol: vsr.Protocol, SDKName: []byte("mutant"), SDKVersion: []byte("1")})
	b := make([]byte, vsr.HeaderSize)
	vsr.PutRequest(b, vsr.RequestHeader{Client: m.client, Code: wire.CodeLogin}, body, nil)
	if _, err := m.conn.Write(append(b, body...)); err != nil {
		return err
	}
	head, reply, err := m.receive()
	if err != nil || bin.LittleEndian.Uint32(head[216:]) != 0 || len(reply) < 20 {
		return fmt.Errorf("login: status %d, %w", bin.LittleEndian.Uint32(head[216:]), err)
	}
	m.session = bin.LittleEndian.Uint64(reply[12:])
	if s := bin.LittleEndian.Uint64(reply[8:]); m.session == 0 || s > m.session {
		m.session = s
	}
	m.done.logins.Add(1)
	return nil
}

func (m *mutant) receive() (head, body []byte, err error) {
	_ = m.conn.SetReadDeadline(time.Now().Add(patience))
	head = make([]byte, vsr.HeaderSize)
	if _, err := io.ReadFull(m.conn, head); err != nil {
		return head, nil, err
	}
	size := bin.LittleEndian.Uint32(head[atSize:])
	if size < vsr.HeaderSize || size > 80<<20 {
		return head, nil, fmt.Errorf("a reply of %d bytes", size)
	}
	body = make([]byte, size-vsr.HeaderSize)
	_, err = io.ReadFull(m.conn, body)
	return head, body, err
}

// mine is a recorded frame as this client would send it.
func (m *mutant) mine() []byte {
	f := bytes.Clone(m.frames[m.rng.IntN(len(m.frames))])
	copy(f[atClient:], m.client[:])
	bin.LittleEndian.PutUint64(f[atSession:], m.session)
	bin.LittleEndian.PutUint64(f[atRequest:], m.request)
	m.request++
	return f
}

// strange values go where numbers are.
var strange = []uint64{0, 1, 2, 3, 127, 128, 255, 256, 1 << 15, 1<<16 - 1, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1<<63 - 1, 1 << 63, 1<<64 - 1}

// spoil changes something of a frame, and tells whether it is still a whole one that must be answered.
func (m *mutant) spoil(f []byte) (_ []byte, whole bool) {
	body := f[vsr.HeaderSize:]
	put := func(p []byte) {
		if len(p) == 0 {
			return
		}
		at, v := m.rng.IntN(len(p)), strange[m.rng.IntN(len(strange))]
		var b [8]byte
		bin.LittleEndian.PutUint64(b[:], v)
		copy(p[at:], b[:1<<m.rng.IntN(4)])
	}
	switch m.rng.IntN(14) {
	case 0: // nothing
	case 1, 2: // a number in the body
		put(body)
	case 3: // some bytes of it
		for range 1 + m.rng.IntN(8) {
			if len(body) > 0 {
				body[m.rng.IntN(len(body))] ^= byte(1 << m.rng.IntN(8))
			}
		}
	case 4: // what is no UTF-8
		if i := bytes.IndexAny(body, "abcdefghijklmnopqrstuvwxyz"); i >= 0 {
			copy(body[i:], []byte{0xff, 0xc0, 0x80}[:1+m.rng.IntN(3)])
		}
	case 5: // the command
		bin.LittleEndian.PutUint32(f[atCode:], uint32(strange[m.rng.IntN(len(strange))])%1024)
	case 6: // the operation
		f[atOperation] = byte(m.rng.Uint32())
	case 7: // who it is from, and the how manieth
		put(f[atClient : atSession+8])
	case 8: // anything of the header
		put(f)
	case 9: // shorter, with its length right
		f = f[:vsr.HeaderSize+m.rng.IntN(len(body)+1)]
	case 10: // longer
		f = append(f, make([]byte, 1+m.rng.IntN(300))...)
	case 11: // a wrong length
		bin.LittleEndian.PutUint32(f[atSize:], uint32(strange[m.rng.IntN(len(strange))]))
		return f, false
	case 12: // twice
		bin.LittleEndian.PutUint32(f[atSize:], uint32(len(f)))
		return append(f, f...), false
	case 13: // cut off
		return f[:m.rng.IntN(len(f))], false
	}
	bin.LittleEndian.PutUint32(f[atSize:], uint32(len(f)))
	if m.rng.IntN(2) == 0 { // a checksum that is right, so that more is looked at
		bin.LittleEndian.PutUint64(f[atChecksum:], xxh3.Hash(f[vsr.HeaderSize:]))
		clear(f[atChecksum+8 : atChecksum+16])
	}
	return f, true
}

// one sends a frame, or several at once, and sees how it ends. An error is a fault of the broker.
func (m *mutant) one() error {
	if m.conn == nil {
		if err := m.connect(); err != nil {
			return err
		}
	}
	n, answers := 1, 0
	if m.rng.IntN(8) == 0 {
		n = 2 + m.rng.IntN(6) // pipelined
	}
	var bytes []byte
	for range n {
		f, whole := m.spoil(m.mine())
		m.done.frames.Add(1)
		bytes = append(bytes, f...)
		if !whole {
			answers = -1
			break
		}
		answers++
	}
	_ = m.conn.SetWriteDeadline(time.Now().Add(patience))
	for rest := bytes; len(rest) > 0; {
		k := len(rest)
		if m.rng.IntN(4) == 0 {
			k = 1 + m.rng.IntN(k)
		}
		if _, err := m.conn.Write(rest[:k]); err != nil {
			return m.drop() // the broker has closed it
		}
		rest = rest[k:]
	}
	switch {
	case answers < 0 && m.rng.IntN(2) == 0:
		_ = m.conn.SetLinger(0) // a reset
		return m.drop()
	case answers < 0 || m.rng.IntN(30) == 0:
		_ = m.conn.CloseWrite()
		for {
			if _, _, err := m.receive(); err != nil {
				return m.ended(err)
			}
			m.done.answered.Add(1)
		}
	}
	for range answers {
		head, _, err := m.receive()
		if err != nil {
			return m.ended(err)
		}
		m.done.answered.Add(1)
		if bin.LittleEndian.Uint32(head[216:]) != 0 {
			m.done.refused.Add(1)
		}
	}
	return nil
}

// ended judges the end of a connection.
func (m *mutant) ended(err error) error {
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return errHangs
	}
	m.done.closed.Add(1)
	return m.drop()
}

func (m *mutant) drop() error {
	m.conn.Close()
	m.conn = nil
	return nil
}

// TestMutatedFrames sends frames of real clients with something wrong in them, as a user who may do anything with one stream and nothing else,
// as a stranger, and as the first user to a broker where nothing else lies. Each is answered or ends its connection; the broker goes on, and another
// user's stream keeps what was acknowledged, also after kill -9.
func TestMutatedFrames(t *testing.T) {
	rng := random(t)
	o := options{args: []string{"--shards", "2", "--memory", "512MiB", "--journal-size", "8MiB", "--pin=false", "--request-timeout", "500ms", "--handshake-timeout", "2s"}}
	s := start(t, o)
	r := newRecorder(t, s.Address)
	r.record(t)
	c := s.dial()
	ctx := context.Background()
	newTopic(t, c, "honest", "t", 2)
	victim, err := c.GetStream(ctx, wire.Named("victim"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateUser(ctx, "mutant", "mutant-password", &wire.Permissions{Streams: []wire.StreamPermissions{{ID: victim.ID, Rights: 1<<6 - 1}}}); err != nil {
		t.Fatal(err)
	}
	before := s.resident()
	honest := newHonest(t, s)
	done := &mutations{}
	begin := time.Now()
	mutate(t, s, r.frames, *framesFlag*3/4, done, "mutant", "mutant-password", rng)
	sent := honest.end()
	if n := s.resident() - before; n > 300<<20 {
		t.Errorf("resident memory grew by %d MiB", n>>20)
	}
	noPanic(t, s)
	s.Kill()
	s = start(t, options{dir: s.Dir, args: o.args})
	honest.verify(s, sent)
	s.stop()

	s = start(t, o) // an empty one, for the first user
	mutate(t, s, r.frames, *framesFlag/4, done, "iggy", "iggy", rng)
	noPanic(t, s)
	s.Kill()
	s = start(t, options{dir: s.Dir, args: o.args})
	s.stop()

	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "frames recorded\t%d\nmutated frames sent\t%d\nlogins\t%d\nanswers\t%d\nof these refusals\t%d\nconnections closed\t%d\nmessages of another user, all there\t%d\nseconds\t%.0f\n",
		len(r.frames), done.frames.Load(), done.logins.Load(), done.answered.Load(), done.refused.Load(), done.closed.Load(), sent, time.Since(begin).Seconds())
	w.Flush()
	t.Logf("\n%s", b.String())
}

// noPanic looks for what a peer must not bring about.
func noPanic(t *testing.T, s *server) {
	t.Helper()
	select {
	case <-s.Exited:
		t.Fatalf("the broker ended:\n%s", tail(s.Log()))
	default:
	}
	for line := range strings.Lines(s.Log()) {
		if strings.Contains(line, "panic") || strings.Contains(line, "BUG") || strings.Contains(line, "fault of the server") || strings.Contains(line, "damage") {
			t.Errorf("the log has %s", line)
		}
	}
}

// mutate sends so many frames by several clients.
func mutate(t *testing.T, s *server, frames [][]byte, n int, done *mutations, user, password string, rng *rand.Rand) {
	t.Helper()
	until := done.frames.Load() + int64(n)
	var all sync.WaitGroup
	faults := make(chan error, 8)
	for range 8 {
		m := &mutant{address: s.Address, user: user, password: password, rng: rand.New(rand.NewPCG(rng.Uint64(), 0)), frames: frames, done: done}
		all.Go(func() {
			for done.frames.Load() < until {
				if err := m.one(); err != nil {
					select {
					case <-s.Exited:
						err = fmt.Errorf("the broker ended: %w", err)
					default:
					}
					if user == "iggy" && !errors.Is(err, errHangs) && m.session == 0 {
						m.password, m.conn = password, nil // it may have changed its own password, or be switched off
						continue
					}
					faults <- err
					return
				}
			}
			if m.conn != nil {
				m.conn.Close()
			}
		})
	}
	all.Wait()
	select {
	case err := <-faults:
		t.Fatalf("%v\n%s", err, tail(s.Log()))
	default:
	}
}

// honest is a producer that others must not harm.
type honest struct {
	t    *testing.T
	c    *client.Client
	stop chan struct{}
	sent chan int
}

func newHonest(t *testing.T, s *server) *honest {
	h := &honest{t: t, c: s.dial(), stop: make(chan struct{}), sent: make(chan int, 1)}
	go func() {
		n := 0
		defer func() { h.sent <- n }()
		for {
			select {
			case <-h.stop:
				return
			default:
			}
			placed, err := h.c.Send(context.Background(), wire.Named("honest"), wire.Named("t"), uint32(n%2), single(fmt.Appendf(nil, "message %d", n)))
			if err != nil || placed.BaseOffset != uint64(n/2) {
				t.Errorf("message %d of the honest producer got offset %d: %v", n, placed.BaseOffset, err)
				return
			}
			n++
		}
	}()
	return h
}

// end ends the producer and says how many messages were acknowledged.
func (h *honest) end() int {
	close(h.stop)
	return <-h.sent
}

// verify reads all of them.
func (h *honest) verify(s *server, sent int) {
	h.t.Helper()
	c := s.dial()
	for p := range 2 {
		n := p
		for from := uint64(0); ; {
			got, err := pollAt(c, "honest", "t", uint32(p), from, 1000)
			if err != nil {
				h.t.Fatal(err)
			}
			if got.Count == 0 {
				break
			}
			for m := range got.Messages() {
				if string(m.Payload()) != fmt.Sprintf("message %d", n) || m.Offset != uint64(n/2) {
					h.t.Fatalf("partition %d: %q at %d, want message %d", p, m.Payload(), m.Offset, n)
				}
				n += 2
				from = m.Offset + 1
			}
		}
		if n < sent {
			h.t.Errorf("partition %d ends before message %d, %d were acknowledged", p, n, sent)
		}
	}
}
