package bench

import (
	"context"
	"errors"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
)

// failuresMax is how many requests in a row may fail before a worker gives up: something is wrong then, and hammering
// on is no measurement.
const failuresMax = 10

// sender builds the batches of one producer.
type sender struct {
	messageBytes, batchMessages int
	payload                     []byte
	builder                     batch.Builder
}

// build makes the next batch. Sizes were checked, so that all messages fit.
func (s *sender) build(now time.Time) {
	if s.payload == nil {
		s.payload = make([]byte, s.messageBytes)
		for i := range s.payload {
			s.payload[i] = byte(i*131 + i>>8)
		}
	}
	s.builder.Reset(uint64(now.UnixMicro()))
	for range s.batchMessages {
		if err := s.builder.Add([16]byte{}, s.payload, nil); err != nil {
			panic("BUG: batch sizes were checked: " + err.Error())
		}
	}
}

// producer sends to one partition.
type producer struct {
	run *run
	sender
	client    *client.Client
	partition uint32
	left      uint64        // messages still to send; 0 from the start: as long as it lasts
	every     time.Duration // between two sends; 0: as fast as answers come
	first     time.Duration // until the first is due: producers take turns
	batch     batch.Batch   // to be sent again and again, unless Fresh
	counted   counted
}

func newProducer(r *run, i int, c *client.Client) *producer {
	p := &producer{run: r, client: c, partition: r.partitions[i%len(r.partitions)], counted: counted{latency: newHistogram()},
		sender: sender{messageBytes: r.MessageBytes, batchMessages: r.BatchMessages}}
	if r.Messages > 0 {
		p.left = share(r.Messages, i, r.Producers)
	}
	if r.Rate > 0 {
		p.every = time.Duration(float64(r.BatchMessages) * float64(r.Producers) / r.Rate * float64(time.Second))
		p.first = p.every * time.Duration(i) / time.Duration(r.Producers)
	}
	return p
}

func (p *producer) work() {
	defer p.run.producing.Done()
	if p.run.Messages > 0 && p.left == 0 {
		return
	}
	failures := 0
	for due := time.Now().Add(p.first); failures < failuresMax; due = due.Add(p.every) {
		begin := p.await(due)
		if p.run.over(time.Now()) {
			return
		}
		n := p.next()
		_, err := p.client.Send(context.Background(), p.run.stream, p.run.topic, p.partition, p.batch)
		now := time.Now()
		if err != nil {
			failures++
			p.counted.fail(err)
			p.client = p.run.again(p.client, err)
			continue
		}
		failures = 0
		if p.run.counts(now) {
			p.counted.requests++
			p.counted.messages += n
			record(p.counted.latency, now.Sub(begin))
		}
		if p.left > 0 {
			if p.left -= n; p.left == 0 {
				return
			}
		}
	}
}

// await waits until a send is due and returns when its latency begins. A send that could not begin in time, because the
// answer to the one before was still out, counts from when it was due; that the generator overslept does not count.
func (p *producer) await(due time.Time) time.Time {
	now := time.Now()
	if p.every == 0 {
		return now
	}
	if now.After(due) {
		return due
	}
	time.Sleep(due.Sub(now))
	return time.Now()
}

// next readies the batch to send and returns its number of messages.
func (p *producer) next() uint64 {
	n := p.batchMessages
	if p.left > 0 {
		n = int(min(uint64(n), p.left))
	}
	if p.batch == nil || p.run.Fresh || p.batch.Count() != n {
		full := p.batchMessages
		p.batchMessages = n
		p.build(time.Now())
		p.batchMessages = full
		p.batch = p.builder.Bytes()
	}
	return uint64(n)
}

func (p *producer) close()        { _ = p.client.Close() }
func (p *producer) add(to *tally) { to.sent.add(p.counted) }

// again returns a client that can be used after err: the same, unless it is broken and another can be had.
func (r *run) again(c *client.Client, err error) *client.Client {
	if !errors.Is(err, client.ErrBroken) || r.stopped.Load() {
		return c
	}
	_ = c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if other, err := r.dial(ctx); err == nil {
		return other
	}
	time.Sleep(100 * time.Millisecond) // the server may be restarting
	return c
}
