package shard_test

import (
	"context"
	"testing"

	"github.com/galgo-mq/galgo/wire"
)

// TestATopicShowsItsDescription to clients, as it was given when the topic was made and updated, also after a start. It is not among the options
// that the server describes: clients of the line compare those with the ones that they know.
func TestATopicShowsItsDescription(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := startBroker(t, dir, nil)
	c := s.dial(t)
	stream, topic := topicWith(t, c, 1, wire.TextOption("description", "orders"))
	is := func(want string) {
		t.Helper()
		d, err := c.GetTopic(ctx, stream, topic)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, o := range d.Explicit {
			if string(o.Key) == "description" {
				got = string(o.Value)
			}
		}
		if got != want {
			t.Errorf("described as %q, want %q", got, want)
		}
	}
	is("orders")
	if err := c.UpdateTopic(ctx, stream, topic, "cost", wire.TextOption("description", "orders, by customer")); err != nil {
		t.Fatal(err)
	}
	is("orders, by customer")
	s.stop(t)
	s = startBroker(t, dir, nil)
	c = s.dial(t)
	is("orders, by customer")
	if err := c.UpdateTopic(ctx, stream, topic, "cost", wire.TextOption("description", "none")); err != nil {
		t.Fatal(err)
	}
	is("")
	known, err := c.DescribeOptions(ctx, wire.ScopeTopic)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range known {
		if string(o.Key) == "description" {
			t.Error("the option is described")
		}
	}
}
