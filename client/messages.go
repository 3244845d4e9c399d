package client

import (
	"context"
	"fmt"
	"iter"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// Placed says where a batch went. Told is false when the server did not say.
type Placed struct {
	wire.Placement
	Told bool
}

// Send appends b, as a batch.Builder makes it, to a partition. It has been accepted at the topic's durability when
// Send returns. b is not copied and not kept.
func (c *Client) Send(ctx context.Context, stream, topic wire.Identifier, partition uint32, b batch.Batch) (Placed, error) {
	return c.SendTo(ctx, stream, topic, wire.Partitioning{Kind: wire.ToPartition, Partition: partition}, b)
}

// SendTo is Send with the partition chosen by the server: in turn, or by a key.
func (c *Client) SendTo(ctx context.Context, stream, topic wire.Identifier, p wire.Partitioning, b batch.Batch) (Placed, error) {
	if err := legal(nil, 0, stream, topic); err != nil {
		return Placed{}, err
	}
	if len(b) == 0 {
		return Placed{}, wire.StatusInvalidMessagesCount
	}
	if p.Kind == wire.ByKey && (len(p.Key) == 0 || len(p.Key) > 255) {
		return Placed{}, wire.StatusInvalidKeyValueLength
	}
	send := wire.SendMessages{Stream: stream, Topic: topic, Partitioning: p, Count: uint32(b.Count())}
	c.body = vsr.AppendSendMessages(c.body[:0], send)
	reply, err := c.call(ctx, wire.CodeSendMessages, c.body, b)
	if err != nil {
		return Placed{}, err
	}
	placement, told := vsr.DecodeSendMessagesReply(reply)
	return Placed{placement, told}, nil
}

// Polled is the answer to a poll. Its messages are views of the client's memory until the next call.
type Polled struct {
	PartitionID   uint32 // wire.NotOwned: not this group member's, or not any more
	CurrentOffset uint64 // of the partition's last message; 0 if it is empty
	Count         int
	batches       []byte
}

// Message is one message of a poll.
type Message struct {
	batch.Record
	Offset          uint64
	TimestampMicros uint64 // when the server appended it
	OriginMicros    uint64 // when its producer made it
}

// Poll asks for messages; it never waits for them. Checksums are verified: ErrBroken is what damaged ones give.
func (c *Client) Poll(ctx context.Context, p wire.PollMessages) (Polled, error) {
	if err := legal(nil, 0, p.Stream, p.Topic, p.Consumer.ID); err != nil {
		return Polled{}, err
	}
	c.body = vsr.AppendPollMessages(c.body[:0], p)
	reply, err := c.call(ctx, wire.CodePollMessages, c.body, nil)
	if err != nil {
		return Polled{}, err
	}
	polled, err := vsr.DecodePollMessagesReply(reply)
	if err == nil {
		err = c.verify(polled, p.Count)
	}
	if err != nil {
		c.broken = fmt.Errorf("%w: poll reply: %w", ErrBroken, err)
		return Polled{}, c.broken
	}
	return Polled{polled.PartitionID, polled.CurrentOffset, int(polled.Count), polled.Batches}, nil
}

// verify checks that the batches of p are whole, and as many messages as it says and were asked for.
func (c *Client) verify(p wire.Polled, asked uint32) error {
	count := uint64(0)
	for rest := p.Batches; len(rest) > 0; {
		b, err := c.hasher.VerifySlice(rest)
		if err != nil {
			return err
		}
		count += uint64(b.Count())
		rest = rest[len(b):]
	}
	if count != uint64(p.Count) || p.Count > asked {
		return fmt.Errorf("%d messages, %d announced, %d asked for", count, p.Count, asked)
	}
	return nil
}

// Batches walks the batches, parts of batches included, in the order of their offsets.
func (p Polled) Batches() iter.Seq[batch.Batch] {
	return func(yield func(batch.Batch) bool) {
		for rest := p.batches; len(rest) > 0; {
			length, _ := batch.Peek(rest) // verified by Poll
			if !yield(batch.Batch(rest[:length:length])) {
				return
			}
			rest = rest[length:]
		}
	}
}

// Messages walks the messages in the order of their offsets.
func (p Polled) Messages() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for b := range p.Batches() {
			for frames := b.Frames(); len(frames) > 0; {
				var r batch.Record
				r, frames = batch.Next(frames)
				m := Message{r, uint64(b.BaseOffset()) + uint64(r.OffsetDelta()), b.BaseTimestamp(),
					b.OriginTimestamp() + uint64(r.TimestampDelta())}
				if !yield(m) {
					return
				}
			}
		}
	}
}

// Flush asks the server to write what it holds of a partition, and to sync it.
func (c *Client) Flush(ctx context.Context, stream, topic wire.Identifier, partition uint32, sync bool) error {
	if err := legal(nil, 0, stream, topic); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodeFlushUnsavedBuffer, vsr.AppendFlushUnsavedBuffer(c.body[:0],
		wire.FlushUnsavedBuffer{Stream: stream, Topic: topic, Partition: partition, Sync: sync}))
}
