package client

import (
	"context"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// GetOffset asks for the stored offset of a consumer. wire.StatusConsumerOffsetNotFound: nothing is stored.
func (c *Client) GetOffset(ctx context.Context, consumer wire.Consumer, stream, topic wire.Identifier,
	partition uint32) (wire.ConsumerOffset, error) {
	if err := legal(nil, 0, stream, topic, consumer.ID); err != nil {
		return wire.ConsumerOffset{}, err
	}
	body := vsr.AppendGetConsumerOffset(c.body[:0], wire.GetConsumerOffset{
		Consumer: consumer, Stream: stream, Topic: topic, Partition: wire.InPartition(partition),
	})
	return askFor(ctx, c, wire.CodeGetConsumerOffset, body, vsr.DecodeGetConsumerOffsetReply, wire.StatusConsumerOffsetNotFound)
}

// StoreOffset stores the offset of a consumer: the last message it is done with. Smaller than before is legal.
func (c *Client) StoreOffset(ctx context.Context, consumer wire.Consumer, stream, topic wire.Identifier,
	partition uint32, offset uint64) error {
	if err := legal(nil, 0, stream, topic, consumer.ID); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodeStoreConsumerOffset, vsr.AppendStoreConsumerOffset(c.body[:0], wire.StoreConsumerOffset{
		Consumer: consumer, Stream: stream, Topic: topic, Partition: wire.InPartition(partition),
		Offset: offset, Ack: wire.AckQuorum,
	}))
}

// DeleteOffset forgets the stored offset of a consumer. wire.StatusConsumerOffsetNotFound: nothing is stored.
func (c *Client) DeleteOffset(ctx context.Context, consumer wire.Consumer, stream, topic wire.Identifier, partition uint32) error {
	if err := legal(nil, 0, stream, topic, consumer.ID); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodeDeleteConsumerOffset, vsr.AppendDeleteConsumerOffset(c.body[:0], wire.DeleteConsumerOffset{
		Consumer: consumer, Stream: stream, Topic: topic, Partition: wire.InPartition(partition), Ack: wire.AckQuorum,
	}))
}
