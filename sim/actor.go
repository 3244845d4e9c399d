package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// actor is one client: a connection, a session, and up to some requests that it sent without waiting. What it does next is chance's, what
// it may be told is the model's.
type actor struct {
	w    *World
	id   uint32
	kind actorKind

	sock    *Socket
	client  [16]byte
	session uint64
	next    uint64 // number of the next request that changes something
	in      []byte
	waiting []*call // in the order in which they were sent
	window  int

	last     uint64 // number of the last message sent
	messages map[uint64]*sent
	topic    *topicModel // of the group
	member   *life       // it is a member there
	err      error       // of a verifier
	assigned []uint32
}

type actorKind uint8

const (
	admin actorKind = iota
	producer
	consumer
	groupMember
	verifier // does what it is told
)

// call is a request on its way, and what its end means.
type call struct {
	code wire.Code
	done func(body []byte, err error) error // answered
	lost func()                             // no answer will come; may be nil
}

var errEvicted = errors.New("evicted")

// step does one thing.
func (a *actor) step() error {
	if a.sock == nil {
		if a.w.rng.IntN(4) == 0 {
			a.sock, a.in, a.session = a.w.broker.net.Connect(), nil, 0
		}
		return nil
	}
	for range 1 + a.w.rng.IntN(3) {
		if err := a.read(); err != nil || a.sock == nil {
			return err
		}
	}
	if a.misbehave() {
		return nil
	}
	if a.sock.inEnd || len(a.waiting) >= a.window || a.session == 0 && len(a.waiting) > 0 {
		return nil
	}
	if a.session == 0 {
		a.login()
		return nil
	}
	return a.work()
}

// read takes some of what the broker has sent.
func (a *actor) read() error {
	p, more := a.sock.Read()
	a.in = append(a.in, p...)
	a.w.got += len(p)
	err := a.takeReplies()
	if err == nil && a.sock != nil && !more && len(p) == 0 {
		a.leave()
	}
	return err
}

// misbehave ends the connection in one of the ways that clients have. True: it did.
func (a *actor) misbehave() bool {
	switch n := a.w.rng.IntN(a.w.rude); {
	case n < 2:
		a.w.model.counts.Resets++
		a.sock.Reset()
		a.leave()
	case n == 2: // half-open: it falls silent, and the kernel finds out in time
		a.w.model.counts.Silent++
		a.w.silent = append(a.w.silent, silent{a.sock, a.w.broker.now.Add(2 * time.Minute)})
		a.leave()
	case n == 3:
		a.sock.End() // it still reads
		return false
	case n == 4 && a.session != 0:
		a.sock.Write([]byte("GET / HTTP/1.1\r\n\r\n")) // in the middle of anything
		a.w.model.counts.Malformed++
		a.sock.End()
		return false
	default:
		return false
	}
	return true
}

// leave forgets the connection: what was asked for is not answered any more.
func (a *actor) leave() {
	a.sock, a.session = nil, 0
	a.abandon()
	a.member, a.assigned = nil, nil
}

func (a *actor) abandon() {
	for _, c := range a.waiting {
		if c.lost != nil {
			c.lost()
		}
	}
	a.waiting = nil
}

// ask sends a request. done is called with its answer, or lost.
func (a *actor) ask(code wire.Code, body, tail []byte, done func(body []byte, err error) error, lost func()) {
	head := vsr.RequestHeader{Client: a.client, Session: a.session, Request: a.next, Code: code}
	switch vsr.OperationOf(code) {
	case vsr.Register:
		head.Session, head.Request = 0, 0
	case vsr.NonReplicated:
	default:
		a.next++
	}
	var h [vsr.HeaderSize]byte
	vsr.PutRequest(h[:], head, body, tail)
	c := &call{code, done, lost}
	if !a.sock.Write(append(append(h[:], body...), tail...)) {
		if lost != nil {
			lost()
		}
		return
	}
	a.waiting = append(a.waiting, c)
}

// takeReplies gives whole frames to whoever waits for them, in order.
func (a *actor) takeReplies() error {
	for {
		f, n, need, err := vsr.DecodeFrame(a.in, vsr.FrameMaxDefault)
		if err != nil {
			return fmt.Errorf("client %d: the broker sends no frame: %w", a.id, err)
		}
		if need > 0 {
			return nil
		}
		a.w.trace(a.in[:n])
		if len(a.waiting) == 0 {
			return fmt.Errorf("client %d: an answer to nothing: command %d, status %v", a.id, f.Command(), f.Status())
		}
		c := a.waiting[0]
		a.waiting = a.waiting[1:]
		_, err = vsr.DecodeReply(f)
		var reason vsr.Reason
		if errors.As(err, &reason) {
			a.w.model.counts.Evicted++
			a.session, err = 0, fmt.Errorf("%w: %w", errEvicted, err)
		}
		if err := c.done(f.Body, err); err != nil {
			return fmt.Errorf("client %d: command %d: %w", a.id, c.code, err)
		}
		a.in = a.in[n:]
		if a.sock == nil {
			return nil
		}
	}
}

func (a *actor) login() {
	host{a.w.broker}.Random(a.client[:])
	a.client[0] |= 1
	a.next = 1
	body := vsr.AppendLogin(nil, wire.Login{Username: []byte(Root), Password: []byte(Password), Protocol: vsr.Protocol, SDKName: []byte("sim"), SDKVersion: []byte("1")})
	a.ask(wire.CodeLogin, body, nil, func(body []byte, err error) error {
		if err != nil {
			return a.mayRefuse(err)
		}
		r, err := vsr.DecodeLoginReply(body)
		if err != nil {
			return err
		}
		a.session = r.Session
		a.w.model.counts.Logins++
		return nil
	}, nil)
}

// mayRefuse passes refusals that need no reason: the broker is short of something, or the session has ended.
func (a *actor) mayRefuse(err error) error {
	if a.w.cow != "" && errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
		return nil // the disk is full, or was
	}
	for _, fine := range []error{wire.StatusTransientNotCommitted, wire.StatusTransientNotAccepted, wire.StatusUnauthenticated, errEvicted} {
		if errors.Is(err, fine) {
			return nil
		}
	}
	return err
}

// work sends a request of the actor's kind.
func (a *actor) work() error {
	switch a.kind {
	case admin:
		a.administer()
	case producer:
		a.produce()
	case consumer:
		a.consume()
	case groupMember:
		a.take()
	}
	return nil
}

// anyTopic is a topic that is there, and its life; nil: none is.
func (a *actor) anyTopic() (*topicModel, *life) {
	t := a.w.model.topics[a.w.rng.IntN(len(a.w.model.topics))]
	if t.known != isThere {
		return nil, nil
	}
	return t, t.current()
}

// notThere passes the refusals of a topic that has gone, or may have.
func (a *actor) notThere(l *life, err error) error {
	if errors.Is(err, wire.StatusTopicIDNotFound) || errors.Is(err, wire.StatusPartitionNotFound) || errors.Is(err, wire.StatusStreamIDNotFound) ||
		errors.Is(err, wire.StatusConsumerGroupIDNotFound) || errors.Is(err, wire.StatusResourceNotFound) {
		if !l.mayBeGone {
			return fmt.Errorf("life %d of a topic that nobody has deleted: %w", l.number, err)
		}
		return nil
	}
	return a.mayRefuse(err)
}
