package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/trial"
)

// TestDialectWorlds runs brokers whose clients speak the dialect on trial: they send ahead, more than their window, have frames with several
// requests, break off in the middle and come again. Each reply is that to its request, with all of its parts and nothing of another one; what was
// acknowledged is where it was said to be; and when all have gone, nothing is held for any.
func TestDialectWorlds(t *testing.T) {
	worlds, answered, gathered := 100, 0, 0
	if testing.Short() {
		worlds = 10
	}
	for range worlds {
		seed := rand.Uint64()
		w := &dialectWorld{rng: rand.New(rand.NewPCG(seed, 3)), found: map[place]uint64{}, stored: map[uint64]place{}}
		if err := w.run(seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		answered, gathered = answered+w.answered, gathered+w.gathered
	}
	if t.Logf("%d replies, %d of them to several", answered, gathered); gathered == 0 {
		t.Error("no frame of several was answered")
	}
}

// dialectWorld is a broker with clients of the dialect.
type dialectWorld struct {
	rng        *rand.Rand
	broker     *Broker
	partitions int
	clients    []*dialectClient
	messages   uint64           // sent
	found      map[place]uint64 // number of the message that was seen there
	stored     map[uint64]place // where messages are, as sends were told
	answered   int
	gathered   int
}

// place is where a message is.
type place struct {
	partition int
	offset    uint64
}

// dialectClient is one client, and what it waits for: by the number of its request, what looks at the reply.
type dialectClient struct {
	w      *dialectWorld
	id     byte
	sock   *Socket
	in     bool // logged in
	number uint32
	due    map[uint32]func(r trial.Reply) error
	read   []byte
}

func (w *dialectWorld) run(seed uint64) error {
	w.broker = NewBroker(w.rng, NewDisk(seed), zap.NewNop())
	w.broker.Protocols = append([]front.Protocol{{Name: "trial", Recognise: trial.Begins, Dialect: trial.Dialect{Topic: "t"}}}, w.broker.Protocols...)
	if err := w.broker.Start(2 + w.rng.IntN(2)); err != nil {
		return err
	}
	w.partitions = 2 + w.rng.IntN(6)
	for i := range 2 + w.rng.IntN(4) {
		w.clients = append(w.clients, &dialectClient{w: w, id: byte(i + 1)})
	}
	if err := w.begin(); err != nil {
		return err
	}
	for range 4000 {
		if err := w.step(true); err != nil {
			return err
		}
	}
	if err := w.until("all is answered", func() bool {
		return !slices.ContainsFunc(w.clients, func(c *dialectClient) bool { return len(c.due) > 0 })
	}); err != nil {
		return err
	}
	for _, c := range w.clients {
		c.leave()
	}
	if err := w.until("nothing is held", w.broker.idle); err != nil {
		return fmt.Errorf("%w: %s", err, w.broker.held())
	}
	return errors.Join(w.check(), w.broker.Stop(100_000))
}

// begin has the first client make the topic.
func (w *dialectWorld) begin() error {
	if err := w.until("the broker is ready", func() bool { return w.broker.ready }); err != nil {
		return err
	}
	c, made := w.clients[0], 0
	ok := func(r trial.Reply) error {
		if made++; r.Status != wire.StatusOK {
			return r.Status
		}
		return nil
	}
	c.connect()
	if err := w.until("the first one is in", func() bool { return c.in }); err != nil {
		return err
	}
	c.ask(trial.MakeStream(), ok)
	if err := w.until("the stream is made", func() bool { return made == 1 }); err != nil {
		return err
	}
	c.ask(trial.MakeTopic(w.partitions), ok)
	return w.until("the topic is made", func() bool { return made == 2 })
}

// until goes on, and nobody begins anything, until ok.
func (w *dialectWorld) until(what string, ok func() bool) error {
	for range 200_000 {
		if ok() {
			return nil
		}
		if err := w.step(false); err != nil {
			return err
		}
	}
	return errors.New("it does not come to pass that " + what)
}

// step has one client or the broker go on.
func (w *dialectWorld) step(begin bool) error {
	if w.rng.IntN(3) > 0 {
		w.broker.Advance(time.Duration(w.rng.IntN(int(time.Millisecond))))
		return w.broker.Turn()
	}
	c := w.clients[w.rng.IntN(len(w.clients))]
	switch {
	case begin && c.sock == nil:
		c.connect()
	case begin && w.rng.IntN(150) == 0:
		c.leave()
	case begin && c.in && len(c.due) < 2*trial.Window:
		c.begin()
	}
	return c.receive()
}

func (c *dialectClient) connect() {
	c.sock, c.in, c.read, c.due = c.w.broker.net.Connect(), false, nil, map[uint32]func(trial.Reply) error{}
	name := [16]byte{c.id, byte(c.number), byte(c.number >> 8)} // a login of its last connection may be on its way still
	c.ask(trial.Login(name, Password), func(r trial.Reply) error {
		if c.in = r.Status == wire.StatusOK; !c.in {
			return r.Status
		}
		return nil
	})
}

// leave breaks the connection off, or ends it in order.
func (c *dialectClient) leave() {
	if c.sock == nil {
		return
	}
	if c.w.rng.IntN(2) == 0 {
		c.sock.Reset()
	} else {
		c.sock.End()
		c.sock.outMax = 1 << 30 // nobody reads it any more
	}
	c.sock, c.in, c.due = nil, false, nil
}

// ask sends a request. check looks at its reply.
func (c *dialectClient) ask(x trial.Request, check func(r trial.Reply) error) {
	c.number++
	c.due[c.number] = check
	c.sock.Write(x.Frame(c.number))
}

// receive looks at what has come.
func (c *dialectClient) receive() error {
	if c.sock == nil {
		return nil
	}
	p, open := c.sock.Read()
	if !open {
		return fmt.Errorf("the broker has closed the connection of client %d, which waits for %d replies", c.id, len(c.due))
	}
	c.read = append(c.read, p...)
	for {
		r, rest, whole := trial.Cut(c.read)
		if !whole {
			return nil
		}
		check := c.due[r.Number]
		if check == nil {
			return fmt.Errorf("client %d reads a reply to request %d, which it does not wait for", c.id, r.Number)
		}
		if err := check(r); err != nil {
			return fmt.Errorf("client %d, request %d: %w", c.id, r.Number, err)
		}
		delete(c.due, r.Number)
		c.read = rest
		c.w.answered++
	}
}

// begin sends one request, or several in a frame.
func (c *dialectClient) begin() {
	w := c.w
	one, n := c.send, 1
	if w.rng.IntN(2) == 0 {
		one = c.poll
	}
	if w.rng.IntN(3) > 0 {
		c.ask(one())
		return
	}
	if n += w.rng.IntN(4); w.rng.IntN(10) == 0 {
		n = 1 + w.rng.IntN(wire.PartsMax)
	}
	parts, checks := make([]trial.Request, n), make([]func(trial.Reply) error, n)
	for i := range parts {
		parts[i], checks[i] = one()
	}
	c.ask(trial.Several(parts...), func(r trial.Reply) error {
		all := r.Parts()
		if r.Status != wire.StatusOK || len(all) != n {
			return fmt.Errorf("%v, %d of %d parts", r.Status, len(all), n)
		}
		for i, p := range all {
			if err := checks[i](p); err != nil {
				return fmt.Errorf("part %d of %d: %w", i, n, err)
			}
		}
		w.gathered++
		return nil
	})
}

// send sends a message, now and then to a partition that is not there.
func (c *dialectClient) send() (trial.Request, func(trial.Reply) error) {
	w := c.w
	w.messages++
	number, partition := w.messages, w.rng.IntN(w.partitions+1)
	payload := binary.LittleEndian.AppendUint64([]byte("message "), number)
	if w.rng.IntN(20) == 0 {
		payload = append(payload, make([]byte, w.rng.IntN(50_000))...)
	}
	var b batch.Builder
	b.Reset(uint64(w.broker.now.UnixMicro()))
	if err := b.Add([16]byte{1, c.id}, payload, nil); err != nil {
		panic(err)
	}
	return trial.Send(partition, b.Bytes()), func(r trial.Reply) error {
		if done, err := w.judge(r, partition); !done {
			return err
		}
		at := place{partition, r.Offset()}
		w.stored[number] = at
		return w.see(at, number)
	}
}

// poll asks for a message that may be there.
func (c *dialectClient) poll() (trial.Request, func(trial.Reply) error) {
	w := c.w
	at := place{w.rng.IntN(w.partitions + 1), uint64(w.rng.IntN(20))}
	return trial.Poll(at.partition, at.offset), func(r trial.Reply) error {
		if done, err := w.judge(r, at.partition); !done {
			return err
		}
		b := r.Message()
		if b == nil {
			return nil
		}
		if int(b.PartitionID()) != at.partition || uint64(b.BaseOffset()) != at.offset {
			return fmt.Errorf("asked for %s, got %s", trial.Found(at.partition, at.offset), r.Polled())
		}
		i := bytes.Index(b.Frames(), []byte("message "))
		if i < 0 {
			return errors.New("a message that nobody sent")
		}
		return w.see(at, binary.LittleEndian.Uint64(b.Frames()[i+8:]))
	}
}

// judge reports whether a request for a partition was done.
func (w *dialectWorld) judge(r trial.Reply, partition int) (done bool, err error) {
	switch {
	case partition == w.partitions && r.Status == wire.StatusPartitionNotFound:
		return false, nil
	case partition == w.partitions:
		return false, fmt.Errorf("a partition that is not there: %v", r.Status)
	case r.Status == wire.StatusTransientNotCommitted || r.Status == wire.StatusTransientNotAccepted:
		return false, nil
	case r.Status != wire.StatusOK:
		return false, r.Status
	}
	return true, nil
}

// see notes that a message was seen somewhere.
func (w *dialectWorld) see(at place, number uint64) error {
	if was, known := w.found[at]; known && was != number {
		return fmt.Errorf("messages %d and %d are both at %s", was, number, trial.Found(at.partition, at.offset))
	}
	w.found[at] = number
	return nil
}

// check looks whether what was seen is what was acknowledged, at one place each.
func (w *dialectWorld) check() error {
	for number, at := range w.stored {
		if w.found[at] != number {
			return fmt.Errorf("message %d is not at %s", number, trial.Found(at.partition, at.offset))
		}
	}
	for at, number := range w.found {
		if was, known := w.stored[number]; known && was != at {
			return fmt.Errorf("message %d is at %s and at %s", number, trial.Found(at.partition, at.offset), trial.Found(was.partition, was.offset))
		}
	}
	return nil
}
