// Package bench puts a broker under load and measures it: producers and consumers, each a goroutine with a connection
// of its own, against any server that speaks the protocol.
//
// Load is a closed loop unless a rate is given: the next request begins when the one before has been answered, so
// throughput is honest and latency is that of a loaded server, but a stall hides the requests that were not made
// meanwhile. With a rate, requests are due at fixed times and latency counts from when they were due.
//
// It leaves to others: flags, and what is worth measuring.
package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// Workload is what is done. Producers and Consumers may both be there; one of them must.
type Workload struct {
	Address  string `json:"-"`
	Username string `json:"-"`
	Password string `json:"-"`

	Producers     int           `json:"producers"`
	Consumers     int           `json:"consumers"`
	Partitions    int           `json:"partitions"`         // 0: one per producer, or per consumer if there are none
	MessageBytes  int           `json:"message_bytes"`      // of payload
	BatchMessages int           `json:"batch_messages"`     // per send
	PollMessages  int           `json:"poll_messages"`      // per poll, at most
	Durability    string        `json:"durability"`         // of the topic; empty: the server's default
	Warmup        time.Duration `json:"warmup_ns"`          // not measured
	Duration      time.Duration `json:"duration_ns"`        // measured
	Messages      uint64        `json:"messages,omitempty"` // this many instead of a duration, all producers (or consumers) together
	Rate          float64       `json:"rate,omitempty"`     // messages a second, all producers together; 0: closed loop
	Fresh         bool          `json:"fresh"`              // build every batch anew, as an application does, instead of sending one again and again
	PrefillBytes  int64         `json:"prefill_bytes"`      // per partition, when there are only consumers; 0: enough for 32 polls, and 16 MiB

	// CPU says how much CPU time the server has used so far, when that can be known.
	CPU func() time.Duration `json:"-"`
}

const (
	prefillMin       = 16 << 20
	prefillPolls     = 32
	prefillBatchMax  = 1 << 20
	cleanupMax       = time.Minute
	messageBytesMax  = 10 << 20
	batchBytesMax    = 60 << 20
	frameHeaderBytes = 48
)

// check completes w. Its errors say what to write instead.
func (w *Workload) check() error {
	switch {
	case w.Producers < 0 || w.Consumers < 0 || w.Producers+w.Consumers == 0:
		return errors.New("no producers and no consumers: there is nothing to measure")
	case w.MessageBytes < 1 || w.MessageBytes > messageBytesMax:
		return fmt.Errorf("messages of %d bytes: choose 1 to %d", w.MessageBytes, messageBytesMax)
	case w.BatchMessages < 1 || w.BatchMessages*(w.MessageBytes+frameHeaderBytes) > batchBytesMax:
		return fmt.Errorf("%d messages of %d bytes in a batch: choose at least one, and at most %d MiB together", w.BatchMessages, w.MessageBytes, batchBytesMax>>20)
	case w.Consumers > 0 && w.PollMessages < 1:
		return errors.New("polls of no messages: choose at least one")
	case w.Messages == 0 && w.Duration <= 0:
		return errors.New("neither a duration nor a number of messages: choose one")
	case w.Rate < 0 || w.Rate > 0 && w.Producers == 0:
		return errors.New("a rate is one of producers, and positive")
	}
	if w.Messages > 0 {
		w.Warmup, w.Duration = 0, 0
	}
	if w.Partitions == 0 {
		w.Partitions = max(w.Producers, 1)
		if w.Producers == 0 {
			w.Partitions = w.Consumers
		}
	}
	if w.PrefillBytes == 0 {
		w.PrefillBytes = max(prefillMin, prefillPolls*int64(w.PollMessages)*int64(w.MessageBytes))
	}
	w.Fresh = w.Fresh || w.Producers > 0 && w.Consumers > 0 // else nobody knows how old a message is
	return nil
}

// run is a workload being done.
type run struct {
	Workload
	stream, topic wire.Identifier
	partitions    []uint32
	filled        uint64 // messages in each partition before the load begins

	from, to  time.Time // what is measured; to is zero for a number of messages
	producing sync.WaitGroup
	produced  atomic.Bool // all producers are done
	stopped   atomic.Bool // by the caller
}

// Run does w and measures it, on a stream of its own that is gone afterwards. Cancelling ctx ends it early, with what
// was measured until then. The server's refusals are counted, not returned; Run fails when it cannot begin.
func Run(ctx context.Context, w Workload) (Result, error) {
	if err := w.check(); err != nil {
		return Result{}, err
	}
	r := &run{Workload: w, stream: wire.Named("bench-" + rand.Text()[:12]), topic: wire.Named("bench")}
	admin, err := r.dial(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = admin.Close() }()
	if err := r.setUp(ctx, admin); err != nil {
		return Result{}, err
	}
	defer r.tearDown(admin)
	workers, err := r.connect(ctx)
	if err != nil {
		return Result{}, err
	}
	defer context.AfterFunc(ctx, func() { r.stopped.Store(true) })()
	return r.load(workers), nil
}

func (r *run) dial(ctx context.Context) (*client.Client, error) {
	c, err := client.Dial(ctx, r.Address)
	if err != nil {
		return nil, err
	}
	if _, err := c.Login(ctx, r.Username, r.Password); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("log in as %s: %w", r.Username, err)
	}
	return c, nil
}

// setUp makes stream and topic, and fills the topic when there is nobody else to do it.
func (r *run) setUp(ctx context.Context, admin *client.Client) error {
	if _, err := admin.CreateStream(ctx, string(r.stream.Name)); err != nil {
		return fmt.Errorf("create stream: %w", err)
	}
	var options []wire.Option
	if r.Durability != "" {
		options = append(options, wire.TextOption("durability", r.Durability))
	}
	topic, err := admin.CreateTopic(ctx, r.stream, string(r.topic.Name), uint32(r.Partitions), options...)
	if err != nil {
		r.tearDown(admin)
		return fmt.Errorf("create topic with durability %q: %w", r.Durability, err)
	}
	for _, p := range topic.Partitions {
		r.partitions = append(r.partitions, p.ID)
	}
	if len(r.partitions) != r.Partitions {
		r.tearDown(admin)
		return fmt.Errorf("asked for %d partitions, got %d", r.Partitions, len(r.partitions))
	}
	if r.Producers == 0 {
		if err := r.prefill(ctx, admin); err != nil {
			r.tearDown(admin)
			return fmt.Errorf("fill the topic: %w", err)
		}
	}
	return nil
}

func (r *run) prefill(ctx context.Context, admin *client.Client) error {
	n := max(1, min(1000, prefillBatchMax/(r.MessageBytes+frameHeaderBytes)))
	s := sender{messageBytes: r.MessageBytes, batchMessages: n}
	s.build(time.Now())
	for ; int64(r.filled)*int64(r.MessageBytes) < r.PrefillBytes; r.filled += uint64(n) {
		for _, p := range r.partitions {
			if _, err := admin.Send(ctx, r.stream, r.topic, p, s.builder.Bytes()); err != nil {
				return err
			}
		}
	}
	return nil
}

// tearDown removes the stream, also when the caller has given up.
func (r *run) tearDown(admin *client.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupMax)
	defer cancel()
	if err := admin.DeleteStream(ctx, r.stream); errors.Is(err, client.ErrBroken) {
		if c, err := r.dial(ctx); err == nil {
			_ = c.DeleteStream(ctx, r.stream)
			_ = c.Close()
		}
	}
}

// connect makes all workers, with their connections, before the load begins.
func (r *run) connect(ctx context.Context) ([]worker, error) {
	var workers []worker
	fail := func(err error) ([]worker, error) {
		for _, w := range workers {
			w.close()
		}
		return nil, err
	}
	for i := range r.Producers {
		c, err := r.dial(ctx)
		if err != nil {
			return fail(err)
		}
		workers = append(workers, newProducer(r, i, c))
	}
	for i := range r.Consumers {
		c, err := r.dial(ctx)
		if err != nil {
			return fail(err)
		}
		workers = append(workers, newConsumer(r, i, c))
	}
	return workers, nil
}

// worker is a producer or a consumer.
type worker interface {
	work()
	close()
	add(to *tally)
}

// load runs the workers and adds up what they saw.
func (r *run) load(workers []worker) Result {
	begin := time.Now()
	r.from = begin.Add(r.Warmup)
	if r.Messages == 0 {
		r.to = r.from.Add(r.Duration)
	}
	cpu := r.meter(begin)
	var all sync.WaitGroup
	r.producing.Add(r.Producers)
	for _, w := range workers {
		all.Go(w.work)
	}
	r.producing.Wait()
	r.produced.Store(true)
	all.Wait()
	end := time.Now()
	if !r.to.IsZero() && end.After(r.to) {
		end = r.to // what was answered later was not counted
	}
	t := newTally()
	for _, w := range workers {
		w.add(t)
		w.close()
	}
	return t.result(r.Workload, max(end.Sub(r.from), 0), cpu())
}

// meter measures the server's CPU time over the measured time. The function it returns is to be called at the end.
func (r *run) meter(begin time.Time) (used func() time.Duration) {
	if r.CPU == nil {
		return func() time.Duration { return 0 }
	}
	var at [2]time.Duration
	var taken sync.WaitGroup
	take := func(i int, when time.Time) {
		taken.Add(1)
		time.AfterFunc(when.Sub(begin), func() {
			at[i] = r.CPU()
			taken.Done()
		})
	}
	take(0, r.from)
	if !r.to.IsZero() {
		take(1, r.to)
	}
	return func() time.Duration {
		taken.Wait()
		if r.to.IsZero() {
			at[1] = r.CPU()
		}
		return at[1] - at[0]
	}
}

// over says whether a worker is to begin no more requests.
func (r *run) over(now time.Time) bool {
	return r.stopped.Load() || !r.to.IsZero() && !now.Before(r.to)
}

// counts says whether a request answered at now is in the measured time.
func (r *run) counts(now time.Time) bool {
	return !now.Before(r.from) && (r.to.IsZero() || now.Before(r.to))
}

// share is the part of total that falls to worker i of n.
func share(total uint64, i, n int) uint64 {
	part := total / uint64(n)
	if uint64(i) < total%uint64(n) {
		part++
	}
	return part
}
