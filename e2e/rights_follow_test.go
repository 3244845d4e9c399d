package e2e

import (
	"context"
	"errors"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// TestRightsDoNotFollowNumbers: streams and topics get numbers that others had. Who had rights in those has none in these, also after
// a kill -9; who was given rights before there was anything of that number has them in the first that gets it.
func TestRightsDoNotFollowNumbers(t *testing.T) {
	s := start(t, options{args: []string{"--shards", "2", "--memory", "128MiB", "--journal-size", "8MiB"}})
	ctx, root := t.Context(), s.dial()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	mayPoll := func(stream, topic string, want error) {
		t.Helper()
		eve, err := client.Dial(ctx, s.Address)
		must(err)
		defer eve.Close()
		_, err = eve.Login(ctx, "eve", "evepass")
		must(err)
		_, err = eve.Poll(ctx, wire.PollMessages{Consumer: wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}, Stream: wire.Named(stream),
			Topic: wire.Named(topic), Strategy: wire.Strategy{Kind: wire.FromOffset}, Count: 1})
		if !errors.Is(err, want) {
			t.Fatalf("poll of %s/%s: %v, want %v", stream, topic, err, want)
		}
	}
	numbers := func(stream, topic string) (uint32, uint32) {
		t.Helper()
		st, err := root.GetStream(ctx, wire.Named(stream))
		must(err)
		to, err := root.GetTopic(ctx, wire.Named(stream), wire.Named(topic))
		must(err)
		return st.ID, to.ID
	}
	make2 := func(stream, topic string) {
		t.Helper()
		_, err := root.CreateStream(ctx, stream)
		must(err)
		_, err = root.CreateTopic(ctx, wire.Named(stream), topic, 1)
		must(err)
	}
	make2("old", "orders")
	id, topic := numbers("old", "orders")
	poll := []wire.StreamPermissions{{ID: id, Topics: []wire.TopicPermissions{{ID: topic, Rights: 1 << 2}}}}
	_, err := root.CreateUser(ctx, "eve", "evepass", &wire.Permissions{Streams: poll})
	must(err)
	mayPoll("old", "orders", nil)

	must(root.DeleteTopic(ctx, wire.Named("old"), wire.Named("orders")))
	_, err = root.CreateTopic(ctx, wire.Named("old"), "secret", 1)
	must(err)
	if a, b := numbers("old", "secret"); a != id || b != topic {
		t.Fatalf("the new topic is %d/%d: nothing would be proved", a, b)
	}
	mayPoll("old", "secret", wire.StatusUnauthorized)

	must(root.UpdatePermissions(ctx, wire.Named("eve"), &wire.Permissions{Streams: poll}))
	mayPoll("old", "secret", nil)
	must(root.DeleteStream(ctx, wire.Named("old")))
	make2("salaries", "2026")
	if a, b := numbers("salaries", "2026"); a != id || b != topic {
		t.Fatalf("the new stream and topic are %d/%d: nothing would be proved", a, b)
	}
	mayPoll("salaries", "2026", wire.StatusUnauthorized)
	s.Kill()
	s = start(t, options{dir: s.Dir, args: []string{"--shards", "1", "--memory", "128MiB", "--journal-size", "8MiB"}})
	root = s.dial()
	mayPoll("salaries", "2026", wire.StatusUnauthorized)
	eve, err := root.GetUser(context.Background(), wire.Named("eve"))
	must(err)
	if eve.Permissions == nil || len(eve.Permissions.Streams) != 0 {
		t.Errorf("eve still has rights in %+v", eve.Permissions)
	}

	ahead := []wire.StreamPermissions{{ID: id + 1, Topics: []wire.TopicPermissions{{ID: 0, Rights: 1 << 2}}}}
	must(root.UpdatePermissions(ctx, wire.Named("eve"), &wire.Permissions{Streams: ahead}))
	make2("later", "t")
	mayPoll("later", "t", nil)
}
