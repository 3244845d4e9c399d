package client

import (
	"context"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// GetGroup describes a consumer group with its members. StatusConsumerGroupIDNotFound: there is none.
func (c *Client) GetGroup(ctx context.Context, stream, topic, group wire.Identifier) (wire.ConsumerGroupDetails, error) {
	return askFor(ctx, c, wire.CodeGetConsumerGroup, vsr.AppendGetConsumerGroup(nil, wire.GetConsumerGroup{Stream: stream, Topic: topic, Group: group}),
		vsr.DecodeGetConsumerGroupReply, wire.StatusConsumerGroupIDNotFound)
}

// GetGroups lists the consumer groups of a topic.
func (c *Client) GetGroups(ctx context.Context, stream, topic wire.Identifier) ([]wire.ConsumerGroup, error) {
	return ask(ctx, c, wire.CodeGetConsumerGroups, vsr.AppendGetConsumerGroups(nil, wire.GetConsumerGroups{Stream: stream, Topic: topic}), vsr.DecodeGetConsumerGroupsReply)
}

// CreateGroup makes a consumer group.
func (c *Client) CreateGroup(ctx context.Context, stream, topic wire.Identifier, name string) (wire.ConsumerGroupDetails, error) {
	return ask(ctx, c, wire.CodeCreateConsumerGroup, vsr.AppendCreateConsumerGroup(nil, wire.CreateConsumerGroup{Stream: stream, Topic: topic, Name: []byte(name)}),
		vsr.DecodeCreateConsumerGroupReply)
}

// DeleteGroup removes a consumer group and its stored offsets.
func (c *Client) DeleteGroup(ctx context.Context, stream, topic, group wire.Identifier) error {
	return c.tell(ctx, wire.CodeDeleteConsumerGroup, vsr.AppendDeleteConsumerGroup(nil, wire.DeleteConsumerGroup{Stream: stream, Topic: topic, Group: group}))
}

// JoinGroup makes this client's session a member.
func (c *Client) JoinGroup(ctx context.Context, stream, topic, group wire.Identifier) error {
	return c.tell(ctx, wire.CodeJoinConsumerGroup, vsr.AppendJoinConsumerGroup(nil, wire.JoinConsumerGroup{Stream: stream, Topic: topic, Group: group}))
}

// LeaveGroup ends the membership.
func (c *Client) LeaveGroup(ctx context.Context, stream, topic, group wire.Identifier) error {
	return c.tell(ctx, wire.CodeLeaveConsumerGroup, vsr.AppendLeaveConsumerGroup(nil, wire.LeaveConsumerGroup{Stream: stream, Topic: topic, Group: group}))
}

// SyncGroup asks what this session may poll. member is false for who is none.
func (c *Client) SyncGroup(ctx context.Context, stream, topic, group wire.Identifier) (a wire.Assignment, member bool, err error) {
	reply, err := c.call(ctx, wire.CodeSyncConsumerGroup, vsr.AppendSyncConsumerGroup(nil, wire.SyncConsumerGroup{Stream: stream, Topic: topic, Group: group}), nil)
	if err != nil {
		return wire.Assignment{}, false, err
	}
	return vsr.DecodeSyncConsumerGroupReply(reply)
}
