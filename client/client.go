// Package client is the Go client over TCP for the 0.11 protocol. It knows the protocol and nothing of the server:
// Iggy's own answers it as Galgo does.
//
// A Client is one connection, and so one request at a time: the protocol answers in order. Parallelism is more
// clients. Errors that the server sent are wire.Status values, for errors.Is and errors.As.
package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

const (
	// TimeoutDefault is how long a request may take, as in other clients.
	TimeoutDefault = 30 * time.Second

	// resendEvery is the pause before a request is sent again that the server asked to see again.
	resendEvery = 50 * time.Millisecond

	replyBufferMin = 64 << 10
)

// ErrBroken is what every call returns after one that did not run to its end: a failed connection, a deadline, a
// reply that makes no sense. What became of the request that broke it is not known. Dial anew.
var ErrBroken = errors.New("client: connection is broken")

// Client is a connection. It is for one goroutine at a time.
type Client struct {
	conn    net.Conn
	timeout time.Duration
	broken  error

	// The session, as long as there is one.
	id      [16]byte
	session uint64
	next    uint64 // number of the next request that changes something

	head    [vsr.HeaderSize]byte
	body    []byte // of the request being built
	parts   [3][]byte
	writing net.Buffers // parts not yet written
	in      []byte      // [:filled] has been received; begins with the reply last returned
	filled  int
	taken   int // bytes of in that the last reply had

	hasher batch.Hasher
}

// Dial connects to the server at addr, host:port.
func Dial(ctx context.Context, addr string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial server: %w", err)
	}
	return New(conn), nil
}

// New is a client on a connection made elsewhere, as TLS is. The client closes it.
func New(conn net.Conn) *Client {
	c := &Client{conn: conn, timeout: TimeoutDefault, next: 1, in: make([]byte, replyBufferMin)}
	c.newID()
	return c
}

// SetTimeout sets how long each request may take from now on, if its context does not end before.
func (c *Client) SetTimeout(d time.Duration) { c.timeout = d }

// Close closes the connection, which ends the session and its group memberships.
func (c *Client) Close() error {
	c.broken = ErrBroken
	return c.conn.Close()
}

// newID forgets the session and takes the id of the next one. Ids are random and name one login each.
func (c *Client) newID() {
	c.session, c.next = 0, 1
	_, _ = rand.Read(c.id[:])                               // never fails, says its documentation
	c.id[6], c.id[8] = c.id[6]&0x0f|0x40, c.id[8]&0x3f|0x80 // a version-4 UUID, and so never zero
}

// call sends a request and returns the body of its reply, result section included, as a view that lives until the
// next call. tail is what follows body, for a batch that is not copied. An error that the server sent leaves the
// connection usable.
func (c *Client) call(ctx context.Context, code wire.Code, body, tail []byte) ([]byte, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	deadline := time.Now().Add(c.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	head := vsr.RequestHeader{Client: c.id, Session: c.session, Request: c.next, Code: code}
	switch op := vsr.OperationOf(code); op {
	case vsr.Register:
		head.Session, head.Request = 0, 0
	case vsr.NonReplicated: // carries the number and does not use it up
	default:
		c.next++
	}
	vsr.PutRequest(c.head[:], head, body, tail)
	for {
		f, err := c.exchange(ctx, deadline, body, tail)
		if err != nil {
			c.broken = fmt.Errorf("%w: %w", ErrBroken, err)
			return nil, c.broken
		}
		_, err = vsr.DecodeReply(f)
		transient := errors.Is(err, wire.StatusTransientNotCommitted) || errors.Is(err, wire.StatusTransientNotAccepted)
		if transient && time.Until(deadline) > resendEvery && pause(ctx, resendEvery) {
			continue // the very same frame, as the protocol has it
		}
		return f.Body, c.refused(err)
	}
}

// refused passes on what the server said against a request. An eviction ends the session, and its id with it.
func (c *Client) refused(err error) error {
	if err == nil {
		return nil // the usual case allocates nothing
	}
	var reason vsr.Reason
	if errors.As(err, &reason) {
		c.newID()
	}
	return err
}

// exchange writes the frame and reads one. An error breaks the connection: what is on it afterwards is not known.
func (c *Client) exchange(ctx context.Context, deadline time.Time, body, tail []byte) (vsr.Frame, error) {
	if err := c.conn.SetDeadline(deadline); err != nil {
		return vsr.Frame{}, err
	}
	if ctx.Done() != nil {
		defer c.interruptible(ctx)()
	}
	c.parts = [3][]byte{c.head[:], body, tail}
	c.writing = c.parts[:]
	_, err := c.writing.WriteTo(c.conn)
	c.parts = [3][]byte{}
	if err != nil {
		return vsr.Frame{}, errors.Join(ctx.Err(), err)
	}
	f, err := c.receive()
	if err != nil {
		return vsr.Frame{}, errors.Join(ctx.Err(), err)
	}
	return f, nil
}

// interruptible makes the end of ctx end reads and writes. The function it returns undoes that, and when it has
// returned nothing touches the deadline any more.
func (c *Client) interruptible(ctx context.Context) func() {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.conn.SetDeadline(time.Unix(1, 0)) // fails on a closed connection, which is as good
		close(interrupted)
	})
	return func() {
		if !stop() {
			<-interrupted
		}
	}
}

// receive reads the next frame. The one before is given up for it.
func (c *Client) receive() (vsr.Frame, error) {
	c.filled = copy(c.in, c.in[c.taken:c.filled])
	c.taken = 0
	for {
		f, n, need, err := vsr.DecodeFrame(c.in[:c.filled], vsr.FrameMaxDefault)
		if err != nil {
			return vsr.Frame{}, err
		}
		if need == 0 {
			c.taken = n
			return f, nil
		}
		if need > len(c.in) { // at most FrameMaxDefault
			c.in = slices.Grow(c.in[:c.filled], need-c.filled)
			c.in = c.in[:cap(c.in)]
		}
		n, err = c.conn.Read(c.in[c.filled:])
		c.filled += n
		if n == 0 && err != nil {
			return vsr.Frame{}, err
		}
	}
}

// pause waits, and says whether it was for as long as asked.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
