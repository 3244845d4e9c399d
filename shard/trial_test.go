package shard_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/trial"
)

// withTrial has a server speak the dialect on trial, before all others, about what topicWith makes.
func withTrial(c *server.Config) {
	c.Protocols = append([]front.Protocol{{Name: "the dialect on trial", Recognise: trial.Begins, Dialect: trial.Dialect{Topic: "cost"}}}, server.Protocols()...)
}

// trialClient speaks it, and is logged in.
type trialClient struct {
	net.Conn
	t    testing.TB
	rest []byte
}

func (s *broker) trial(t testing.TB) *trialClient {
	t.Helper()
	conn, err := net.Dial("tcp", s.Info().Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &trialClient{Conn: conn, t: t}
	port := conn.LocalAddr().(*net.TCPAddr).Port
	c.write(trial.Login([16]byte{7, byte(port), byte(port >> 8)}, "iggy").Frame(1))
	if r := c.next(); r.Number != 1 || r.Status != wire.StatusOK {
		t.Fatalf("login: reply %d, %v", r.Number, r.Status)
	}
	return c
}

func (c *trialClient) write(frames ...[]byte) {
	c.t.Helper()
	if _, err := c.Write(bytes.Join(frames, nil)); err != nil {
		c.t.Fatal(err)
	}
}

// next is the reply that comes next.
func (c *trialClient) next() trial.Reply {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for buf := make([]byte, 64<<10); ; {
		r, rest, whole := trial.Cut(c.rest)
		if whole {
			c.rest = rest
			return r
		}
		n, err := c.Read(buf)
		if err != nil {
			c.t.Fatalf("no reply: %v", err)
		}
		c.rest = append(bytes.Clone(c.rest), buf[:n]...)
	}
}

// closed reports whether the server has closed the connection, and said nothing more.
func (c *trialClient) closed() bool {
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, err := c.Read(make([]byte, 1))
	return n == 0 && len(c.rest) == 0 && errors.Is(err, io.EOF)
}
