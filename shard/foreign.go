package shard

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/classic"
	"github.com/galgo-mq/galgo/wire/peek"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// What others than today's clients get who reach the port: an answer in a form that they read, or the end of the connection; in any
// case at once, and a line in the log with what to use instead.

// peekMax is how long a connection may leave what it speaks undecided, from its first byte.
const peekMax = 5 * time.Second

// useClients is what to use instead.
const useClients = "a client of Apache Iggy that speaks protocol 0.11, by TCP and without TLS: see the table of clients in the README"

// speaksOurs looks at the first bytes of a connection. False: they do not tell yet, or c is turned away.
func (s *Shard) speaksOurs(c *conn, p []byte) bool {
	switch kind := peek.Look(p, s.cfg.FrameBytesMax); kind {
	case peek.More:
		return false
	case peek.Today:
		c.known = true
	case peek.Former:
		c.known, c.dialect = true, former
		s.turnedAway(c, kind, "answered: version not supported")
	default:
		s.turnAway(c, kind)
		return false
	}
	return true
}

// turnAway answers what c has sent in the form of its protocol, if there is one, and ends it.
func (s *Shard) turnAway(c *conn, kind peek.Kind) {
	answer := answerTo(kind)
	q := s.newRequest()
	if answer == "" || q == nil {
		if q != nil {
			s.freeRequest(q)
		}
		s.turnedAway(c, kind, "closed")
		s.closeConn(c, "", nil)
		return
	}
	s.turnedAway(c, kind, "answered and closed")
	if c.kept != nil {
		s.dropKept(c)
		c.keptLen = 0
	}
	q.conn, q.dialect, c.busy, c.ended = c, c.dialect, q, true
	n := copy(q.head, answer)
	c.vec = append(c.vec[:0], q.head[:n])
	s.respond(c, q, c.vec)
}

func (s *Shard) turnedAway(c *conn, kind peek.Kind, result string) {
	if s.due(evProtocolRefused) {
		s.logEvent(evProtocolRefused, zap.String("peer", c.peer),
			zap.String("speaks", kind.String()), zap.String("result", result), zap.String("use", useClients))
	}
}

const (
	// tlsAlert is a fatal handshake_failure: RFC 8446, 6.2.
	tlsAlert = "\x15\x03\x01\x00\x02\x02\x28"

	httpText = "This port speaks the binary protocol of Apache Iggy over TCP, and no HTTP.\nUse " + useClients + ".\n"
)

var httpAnswer = fmt.Sprintf("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
	len(httpText), httpText)

// answerTo is what a peer of that kind reads as an answer; empty: there is nothing that all of its kind would.
func answerTo(kind peek.Kind) string {
	switch kind {
	case peek.HTTP:
		return httpAnswer
	case peek.TLS:
		return tlsAlert
	}
	return ""
}

// The dialects. A connection gets its own when its first bytes tell which it speaks.
var (
	today  wire.Dialect = vsr.Dialect{}
	former wire.Dialect = classic.Dialect{}
)

// unservedMax is how many requests of a connection are answered whose dialect is not served.
const unservedMax = 4

// lastUnserved reports whether the answer to q is the last one on a connection whose dialect is not served: such clients ping first, and
// then ask for what they came for.
func (c *conn) lastUnserved(q *request) bool {
	c.pings++
	return q.code != wire.CodePing || c.pings >= unservedMax
}
