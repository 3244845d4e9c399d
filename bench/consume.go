package bench

import (
	"context"
	"errors"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// emptyPause is how long a consumer waits that found nothing new anywhere. It bounds from below how old a message may
// get, and keeps consumers from using the cores that the server needs.
const emptyPause = 500 * time.Microsecond

var errMissing = errors.New("messages that were sent are not there")

// consumer polls its partitions in turn, from the first message on. When producers are at work it follows them;
// otherwise it begins again at the end.
type consumer struct {
	run      *run
	client   *client.Client
	cursors  []cursor
	poll     wire.PollMessages
	left     uint64 // messages still to poll; 0 from the start: as long as it lasts
	counted  counted
	endToEnd *hdrhistogram.Histogram
}

// cursor is where a consumer is in a partition.
type cursor struct {
	partition uint32
	next      uint64 // offset
}

func newConsumer(r *run, i int, c *client.Client) *consumer {
	k := &consumer{run: r, client: c, counted: counted{latency: newHistogram()}, endToEnd: newHistogram()}
	for p := i; p < len(r.partitions); p += r.Consumers {
		k.cursors = append(k.cursors, cursor{partition: r.partitions[p]})
	}
	if len(k.cursors) == 0 { // more consumers than partitions: several read the same
		k.cursors = []cursor{{partition: r.partitions[i%len(r.partitions)]}}
	}
	if r.Messages > 0 && r.Producers == 0 {
		k.left = share(r.Messages, i, r.Consumers)
	}
	k.poll = wire.PollMessages{Consumer: wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(uint32(i + 1))},
		Stream: r.stream, Topic: r.topic, Count: uint32(r.PollMessages), Strategy: wire.Strategy{Kind: wire.FromOffset}}
	return k
}

func (k *consumer) work() {
	if k.run.Messages > 0 && k.run.Producers == 0 && k.left == 0 {
		return
	}
	failures, idle := 0, 0
	for i := 0; failures < failuresMax; i = (i + 1) % len(k.cursors) {
		begin := time.Now()
		if k.run.over(begin) {
			return
		}
		last := k.run.produced.Load() // before the poll: what it does not find then never comes
		n, err := k.ask(&k.cursors[i], begin)
		switch {
		case err != nil:
			failures++
			k.counted.fail(err)
			k.client = k.run.again(k.client, err)
		case n > 0:
			failures, idle = 0, 0
			if k.left > 0 {
				if k.left -= min(n, k.left); k.left == 0 {
					return
				}
			}
		case k.run.Producers == 0:
			failures++
			k.counted.fail(errMissing)
		default:
			if failures, idle = 0, idle+1; idle < len(k.cursors) {
				continue
			}
			if last {
				return
			}
			idle = 0
			time.Sleep(emptyPause)
		}
	}
}

// ask polls at c and moves it. n is how many messages there were.
func (k *consumer) ask(c *cursor, begin time.Time) (n uint64, err error) {
	k.poll.Partition, k.poll.Strategy.Value = wire.InPartition(c.partition), c.next
	if k.left > 0 {
		k.poll.Count = uint32(min(uint64(k.run.PollMessages), k.left))
	}
	polled, err := k.client.Poll(context.Background(), k.poll)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	counts := k.run.counts(now)
	n = uint64(polled.Count)
	if n == 0 {
		if counts {
			k.counted.empty++
		}
		return 0, nil
	}
	for b := range polled.Batches() {
		first, _ := batch.Next(b.Frames())
		c.next = uint64(b.BaseOffset()) + uint64(first.OffsetDelta()) + uint64(b.Count()) // b may be a slice
		if counts && k.run.Producers > 0 {
			record(k.endToEnd, time.Duration(now.UnixMicro()-int64(b.OriginTimestamp()))*time.Microsecond)
		}
	}
	if k.run.Producers == 0 && c.next >= k.run.filled {
		c.next = 0
	}
	if counts {
		k.counted.requests++
		k.counted.messages += n
		record(k.counted.latency, now.Sub(begin))
	}
	return n, nil
}

func (k *consumer) close() { _ = k.client.Close() }

func (k *consumer) add(to *tally) {
	to.polled.add(k.counted)
	to.endToEnd.Merge(k.endToEnd)
}
