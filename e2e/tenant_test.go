package e2e

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// tenantPassword is that of all hostile tenants.
const tenantPassword = "hostile-all-the-same"

// tenant is a connection of a hostile client. It sends commands as bytes, and looks at the answers only as far as it must, so that it costs
// the machine little beside what it costs the server.
type tenant struct {
	net.Conn
	id      [16]byte
	session uint64
	number  uint64
	frame   []byte
	trash   []byte
}

// enter connects and logs in; an empty user stays a stranger. The end of ctx closes the connection.
func enter(ctx context.Context, address, user string) (*tenant, error) {
	return enterAs(ctx, address, user, tenantPassword)
}

func enterAs(ctx context.Context, address, user, password string) (*tenant, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &tenant{Conn: conn, number: 1, trash: make([]byte, 64<<10)}
	context.AfterFunc(ctx, func() { conn.Close() })
	_, _ = crand.Read(c.id[:])
	if user == "" {
		return c, nil
	}
	status, reply, err := c.ask(wire.CodeLogin, loginOf(user, password))
	if err == nil && status != 0 {
		err = fmt.Errorf("login of %s: %w", user, status)
	}
	var l wire.LoginReply
	if err == nil {
		l, err = vsr.DecodeLoginReply(reply)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.session = l.Session
	return c, nil
}

func loginOf(user, password string) []byte {
	return vsr.AppendLogin(nil, wire.Login{Username: []byte(user), Password: []byte(password), Protocol: vsr.Protocol, SDKName: []byte("tenant"), SDKVersion: []byte("1")})
}

// head makes the header of the next frame, whose body has two parts.
func (c *tenant) head(code wire.Code, body, tail []byte) []byte {
	h := vsr.RequestHeader{Client: c.id, Session: c.session, Request: c.number, Code: code}
	switch op := vsr.OperationOf(code); op {
	case vsr.Register:
		h.Session, h.Request = 0, 0
	case vsr.NonReplicated:
	default:
		c.number++
	}
	if cap(c.frame) < vsr.HeaderSize {
		c.frame = make([]byte, vsr.HeaderSize, 1<<10)
	}
	c.frame = c.frame[:vsr.HeaderSize]
	vsr.PutRequest(c.frame, h, body, tail)
	return c.frame
}

// post sends a command and does not wait for its answer.
func (c *tenant) post(code wire.Code, body, tail []byte) error {
	c.frame = append(c.head(code, body, tail), body...)
	_, err := (&net.Buffers{c.frame, tail}).WriteTo(c.Conn)
	return err
}

// ask sends a command and receives its answer, of which it returns the body if that is short. It asks again while the server wants that.
func (c *tenant) ask(code wire.Code, body []byte) (wire.Status, []byte, error) {
	return c.send(code, body, nil)
}

func (c *tenant) send(code wire.Code, body, tail []byte) (wire.Status, []byte, error) {
	_ = c.SetDeadline(time.Now().Add(tenantPatience))
	if err := c.post(code, body, tail); err != nil {
		return 0, nil, err
	}
	for {
		f, err := c.receive()
		if err != nil {
			return 0, nil, err
		}
		switch s := f.Status(); {
		case f.Command() == vsr.CommandEviction:
			return f.EvictionReason().Status(), nil, nil
		case s != wire.StatusTransientNotAccepted && s != wire.StatusTransientNotCommitted:
			return s, f.Body, nil
		}
		time.Sleep(50 * time.Millisecond) // as all clients do
		if _, err := (&net.Buffers{c.frame, tail}).WriteTo(c.Conn); err != nil {
			return 0, nil, err
		}
	}
}

// tenantPatience is how long a tenant waits for an answer; whoever is refused is to hear of it.
const tenantPatience = 30 * time.Second

// receive reads an answer. A long body is thrown away as it comes.
func (c *tenant) receive() (vsr.Frame, error) {
	head := make([]byte, vsr.HeaderSize)
	if _, err := io.ReadFull(c, head); err != nil {
		return vsr.Frame{}, err
	}
	h, size, err := vsr.DecodeHeader(head, vsr.FrameMax)
	if err != nil {
		return vsr.Frame{}, err
	}
	if size -= vsr.HeaderSize; size <= 4<<10 {
		body := make([]byte, size)
		_, err := io.ReadFull(c, body)
		return vsr.Frame{Header: h, Body: body}, err
	}
	for size > 0 {
		n, err := c.Read(c.trash[:min(size, len(c.trash))])
		if size -= n; err != nil {
			return vsr.Frame{}, err
		}
	}
	return vsr.Frame{Header: h}, nil
}

// hostility is what hostile tenants do to one server for a while.
type hostility struct {
	address  string
	frameMax int
	ledger   *ledger // of what the server has acknowledged
	counts   *tally
	ctx      context.Context
	cancel   context.CancelFunc
	group    sync.WaitGroup
	killed   atomic.Bool // connections are expected to end
}

// tally says what tenants did to brokers, and what came of it.
type tally struct {
	groups, groupsRefused, offsets, offsetsRefused, lists, listsRefused, topics, topicsRefused, partitions, frames, framesRefused, slow, logins atomic.Int64

	mu      sync.Mutex
	strange map[string]int // answers that nobody should get
	ends    map[string]int // of connections, that tenants did not ask for
}

// odd notes an answer that is none of those that a tenant may get.
func (c *tally) odd(what string, s wire.Status) {
	c.note(&c.strange, fmt.Sprintf("%s: status %d, %v", what, uint32(s), s))
}

func (c *tally) note(in *map[string]int, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *in == nil {
		*in = map[string]int{}
	}
	(*in)[what]++
}

// actor is a kind of tenant: a user with few rights, on a number of connections.
type actor struct {
	user  string // empty: stays a stranger
	conns int
	act   func(h *hostility, c *tenant, n int, rng *rand.Rand) error // until something ends the connection
}

// begin lets actors loose on the server.
func (h *hostility) begin(actors []actor, seed uint64) {
	h.ctx, h.cancel = context.WithCancel(context.Background())
	for k, a := range actors {
		for n := range a.conns {
			h.group.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(k<<16|n)))
				for h.ctx.Err() == nil {
					h.once(a, n, rng)
				}
			})
		}
	}
}

// once is a connection of an actor from its beginning to its end.
func (h *hostility) once(a actor, n int, rng *rand.Rand) {
	c, err := enter(h.ctx, h.address, a.user)
	if err == nil {
		err = a.act(h, c, n, rng)
		c.Close()
	}
	if err != nil && h.ctx.Err() == nil {
		if !h.killed.Load() {
			h.counts.note(&h.counts.ends, fmt.Sprintf("%s on %d connections: %v", a.user, a.conns, plainly(err)))
		}
		if errors.Is(err, wire.StatusInvalidCredentials) {
			h.counts.odd("login of "+a.user, wire.StatusInvalidCredentials)
		}
		h.rest(50 * time.Millisecond)
	}
}

// plainly is an error without the addresses of its connection.
func plainly(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}

// rest waits, and reports whether the hostility goes on.
func (h *hostility) rest(d time.Duration) bool {
	select {
	case <-h.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (h *hostility) end() {
	h.cancel()
	h.group.Wait()
}
