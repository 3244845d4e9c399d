package shard_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/wire"
)

// TestMetadataHasABound fills the line of metadata with groups, as who may only read a topic can. Everything that would add to it is
// refused by name then, once in the log; what there is goes on, deleting makes room, and a start takes all that was accepted, also under
// a limit far lower.
func TestMetadataHasABound(t *testing.T) {
	core, lines := observer.New(zapcore.WarnLevel)
	dir := t.TempDir()
	limit := int64(4 << 20)
	change := func(c *server.Config) {
		c.Limits, c.Log = shard.Limits{MetadataBytesMax: limit}, zap.New(core)
	}
	s := startBroker(t, dir, change)
	ctx := context.Background()
	root := s.dial(t)
	stream, topic := topicWith(t, root, 1)
	if _, err := root.CreateUser(ctx, "eve", "evepass", &wire.Permissions{Streams: []wire.StreamPermissions{{ID: 0, Topics: []wire.TopicPermissions{{ID: 0, Rights: 1 << 1}}}}}); err != nil {
		t.Fatal(err)
	}
	eve, err := client.Dial(ctx, s.Info().Address)
	if err != nil {
		t.Fatal(err)
	}
	defer eve.Close()
	if _, err := eve.Login(ctx, "eve", "evepass"); err != nil {
		t.Fatal(err)
	}
	group := func(c *client.Client, i int) error {
		_, err := c.CreateGroup(ctx, stream, topic, fmt.Sprintf("%07d%s", i, strings.Repeat("g", 248)))
		return err
	}
	made := 0
	for ; err == nil; made++ {
		err = group(eve, made)
	}
	made--
	if !errors.Is(err, wire.StatusCannotCreateConsumerGroupInfo) || made < 1000 || made > int(limit)/(2*255) {
		t.Fatalf("after %d groups: %v", made, err)
	}
	many := &wire.Permissions{}
	for i := range uint32(100) {
		many.Streams = append(many.Streams, wire.StreamPermissions{ID: 100 + i})
	}
	full := func(c *client.Client) {
		t.Helper()
		long := strings.Repeat("n", 255)
		for what, refused := range map[string]struct{ err, want error }{
			"stream":        {func() error { _, err := c.CreateStream(ctx, long); return err }(), wire.StatusTooManyStreams},
			"topic":         {func() error { _, err := c.CreateTopic(ctx, stream, long, 1); return err }(), wire.StatusTooManyTopics},
			"partitions":    {c.CreatePartitions(ctx, stream, topic, 50), wire.StatusPartitionIDSpaceExhausted},
			"user":          {func() error { _, err := c.CreateUser(ctx, "somebody", "password", nil); return err }(), wire.StatusUsersLimitReached},
			"token":         {func() error { _, err := c.CreateToken(ctx, long, 0); return err }(), wire.StatusPersonalAccessTokensLimitReached},
			"rights":        {c.UpdatePermissions(ctx, wire.Named("eve"), many), wire.StatusUsersLimitReached},
			"member":        {c.JoinGroup(ctx, stream, topic, wire.Named(fmt.Sprintf("%07d%s", 0, strings.Repeat("g", 248)))), wire.StatusCannotCreateConsumerGroupInfo},
			"what is there": {group(c, 0), wire.StatusConsumerGroupNameAlreadyExists},
		} {
			if !errors.Is(refused.err, refused.want) {
				t.Errorf("%s: %v, want %v", what, refused.err, refused.want)
			}
		}
	}
	full(root)
	if _, err := root.Send(ctx, stream, topic, 0, oneBatch(t, 1, 100)); err != nil {
		t.Errorf("a send: %v", err)
	}
	if n := s.LimitCounts().Metadata; n != 8 {
		t.Errorf("%d refusals counted, want 8", n)
	}
	if n := lines.FilterField(zap.String("event", "metadata_full")).Len(); n != 1 {
		t.Errorf("%d lines in the log, want one", n)
	}
	s.stop(t)

	limit = 64 << 10
	s = startBroker(t, dir, change)
	root = s.dial(t)
	full(root)
	groups, err := root.GetGroups(ctx, stream, topic)
	if err != nil || len(groups) != made {
		t.Fatalf("%d groups after a start under a lower limit, want %d: %v", len(groups), made, err)
	}
	if err := root.DeleteTopic(ctx, stream, topic); err != nil {
		t.Fatal(err)
	}
	if _, err := root.CreateStream(ctx, "room"); err != nil {
		t.Errorf("after a deletion: %v", err)
	}
	s.stop(t)
}
