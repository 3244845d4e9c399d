package client

import (
	"context"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// legal says whether ids and a name (nil for none) can be sent at all; what longer ones would do to the frame is
// nobody's to find out.
func legal(name *string, tooBad wire.Status, ids ...wire.Identifier) error {
	if name != nil && (len(*name) == 0 || len(*name) > 255) {
		return tooBad
	}
	for _, id := range ids {
		if id.Kind != wire.ByNumber && (id.Kind != wire.ByName || len(id.Name) == 0 || len(id.Name) > 255) {
			return wire.StatusInvalidIdentifier
		}
	}
	return nil
}

// GetStream asks for a stream with its topics. wire.StatusStreamIDNotFound: there is none.
func (c *Client) GetStream(ctx context.Context, stream wire.Identifier) (wire.StreamDetails, error) {
	if err := legal(nil, 0, stream); err != nil {
		return wire.StreamDetails{}, err
	}
	body := vsr.AppendGetStream(c.body[:0], wire.GetStream{Stream: stream})
	return askFor(ctx, c, wire.CodeGetStream, body, vsr.DecodeGetStreamReply, wire.StatusStreamIDNotFound)
}

// GetStreams asks for all streams.
func (c *Client) GetStreams(ctx context.Context) ([]wire.Stream, error) {
	return ask(ctx, c, wire.CodeGetStreams, nil, vsr.DecodeGetStreamsReply)
}

// CreateStream makes a stream. wire.StatusStreamNameAlreadyExists: there is one of that name.
func (c *Client) CreateStream(ctx context.Context, name string) (wire.Stream, error) {
	if err := legal(&name, wire.StatusInvalidStreamName); err != nil {
		return wire.Stream{}, err
	}
	body := vsr.AppendCreateStream(c.body[:0], wire.CreateStream{Name: []byte(name)})
	return ask(ctx, c, wire.CodeCreateStream, body, vsr.DecodeCreateStreamReply)
}

// UpdateStream renames a stream.
func (c *Client) UpdateStream(ctx context.Context, stream wire.Identifier, name string) error {
	if err := legal(&name, wire.StatusInvalidStreamName, stream); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodeUpdateStream,
		vsr.AppendUpdateStream(c.body[:0], wire.UpdateStream{Stream: stream, Name: []byte(name)}))
}

// DeleteStream removes a stream and all it holds.
func (c *Client) DeleteStream(ctx context.Context, stream wire.Identifier) error {
	if err := legal(nil, 0, stream); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodeDeleteStream, vsr.AppendDeleteStream(c.body[:0], wire.DeleteStream{Stream: stream}))
}

// PurgeStream removes the messages of a stream and keeps its topics.
func (c *Client) PurgeStream(ctx context.Context, stream wire.Identifier) error {
	if err := legal(nil, 0, stream); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodePurgeStream, vsr.AppendPurgeStream(c.body[:0], wire.PurgeStream{Stream: stream}))
}

// GetTopic asks for a topic with its partitions. wire.StatusTopicIDNotFound: there is none, or no such stream.
func (c *Client) GetTopic(ctx context.Context, stream, topic wire.Identifier) (wire.TopicDetails, error) {
	if err := legal(nil, 0, stream, topic); err != nil {
		return wire.TopicDetails{}, err
	}
	body := vsr.AppendGetTopic(c.body[:0], wire.GetTopic{Stream: stream, Topic: topic})
	return askFor(ctx, c, wire.CodeGetTopic, body, vsr.DecodeGetTopicReply, wire.StatusTopicIDNotFound)
}

// GetTopics asks for all topics of a stream, none if there is no such stream.
func (c *Client) GetTopics(ctx context.Context, stream wire.Identifier) ([]wire.Topic, error) {
	if err := legal(nil, 0, stream); err != nil {
		return nil, err
	}
	body := vsr.AppendGetTopics(c.body[:0], wire.GetTopics{Stream: stream})
	return ask(ctx, c, wire.CodeGetTopics, body, vsr.DecodeGetTopicsReply)
}

// CreateTopic makes a topic with so many partitions. The server names its options in DescribeOptions.
func (c *Client) CreateTopic(ctx context.Context, stream wire.Identifier, name string, partitions uint32,
	options ...wire.Option) (wire.TopicDetails, error) {
	if err := legal(&name, wire.StatusInvalidTopicName, stream); err != nil {
		return wire.TopicDetails{}, err
	}
	body := vsr.AppendCreateTopic(c.body[:0],
		wire.CreateTopic{Stream: stream, PartitionsCount: partitions, Name: []byte(name), Options: options})
	return ask(ctx, c, wire.CodeCreateTopic, body, vsr.DecodeCreateTopicReply)
}

// UpdateTopic renames a topic, or not with its present name, and replaces the options given.
func (c *Client) UpdateTopic(ctx context.Context, stream, topic wire.Identifier, name string, options ...wire.Option) error {
	if err := legal(&name, wire.StatusInvalidTopicName, stream, topic); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodeUpdateTopic, vsr.AppendUpdateTopic(c.body[:0],
		wire.UpdateTopic{Stream: stream, Topic: topic, Name: []byte(name), Options: options}))
}

// DeleteTopic removes a topic and all it holds.
func (c *Client) DeleteTopic(ctx context.Context, stream, topic wire.Identifier) error {
	if err := legal(nil, 0, stream, topic); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodeDeleteTopic,
		vsr.AppendDeleteTopic(c.body[:0], wire.DeleteTopic{Stream: stream, Topic: topic}))
}

// PurgeTopic removes the messages of a topic; offsets begin at 0 again.
func (c *Client) PurgeTopic(ctx context.Context, stream, topic wire.Identifier) error {
	if err := legal(nil, 0, stream, topic); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodePurgeTopic,
		vsr.AppendPurgeTopic(c.body[:0], wire.PurgeTopic{Stream: stream, Topic: topic}))
}

// CreatePartitions adds count partitions to a topic.
func (c *Client) CreatePartitions(ctx context.Context, stream, topic wire.Identifier, count uint32) error {
	if err := legal(nil, 0, stream, topic); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodeCreatePartitions,
		vsr.AppendCreatePartitions(c.body[:0], wire.CreatePartitions{Stream: stream, Topic: topic, Count: count}))
}

// DeletePartitions removes the count last partitions of a topic.
func (c *Client) DeletePartitions(ctx context.Context, stream, topic wire.Identifier, count uint32) error {
	if err := legal(nil, 0, stream, topic); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodeDeletePartitions,
		vsr.AppendDeletePartitions(c.body[:0], wire.DeletePartitions{Stream: stream, Topic: topic, Count: count}))
}

// DeleteSegments removes up to count of the oldest sealed segments of a partition.
func (c *Client) DeleteSegments(ctx context.Context, stream, topic wire.Identifier, partition, count uint32) error {
	if err := legal(nil, 0, stream, topic); err != nil {
		return err
	}
	return c.tell(ctx, wire.CodeDeleteSegments, vsr.AppendDeleteSegments(c.body[:0],
		wire.DeleteSegments{Stream: stream, Topic: topic, Partition: partition, Count: count}))
}

// SetDurability changes when messages of a topic, and stored offsets, are acknowledged. Servers other than Galgo do not know it.
func (c *Client) SetDurability(ctx context.Context, d wire.SetDurability) error {
	return c.tell(ctx, wire.CodeSetDurability, vsr.AppendSetDurability(nil, d))
}
