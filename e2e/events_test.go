package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// logged returns the lines of a log in JSON that have these fields.
func (s *server) logged(fields map[string]string) (found []map[string]any) {
next:
	for line := range strings.Lines(s.Log()) {
		var got map[string]any
		if json.Unmarshal([]byte(line), &got) != nil {
			continue
		}
		for k, v := range fields {
			if fmt.Sprint(got[k]) != v {
				continue next
			}
		}
		found = append(found, got)
	}
	return found
}

// TestLogTellsWhoDidWhat: logins, failures, changes of metadata and refusals are each one line, with names for machines; nothing
// secret is among them, and every line has a name.
func TestLogTellsWhoDidWhat(t *testing.T) {
	s := start(t, options{args: []string{"--shards", "2", "--log-format", "json", "--log-level", "debug", "--limits-streams", "2"}})
	ctx := context.Background()
	root := s.dial()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const secret = "a-secret-of-ann"
	must(root.CreateStream(ctx, "shop"))
	must(root.CreateTopic(ctx, wire.Named("shop"), "orders", 2))
	must(root.CreateUser(ctx, "ann", secret, nil))
	must(root.CreateStream(ctx, "second"))
	if _, err := root.CreateStream(ctx, "third"); err == nil {
		t.Error("a third stream is made, two are allowed")
	}
	if _, err := root.CreateTopic(ctx, wire.Named("shop"), "small", 8, wire.Uint64Option("max_topic_size", 4<<20)); err == nil {
		t.Error("a topic is made that cannot keep its size")
	}
	if _, err := root.CreateTopic(ctx, wire.Named("shop"), "red", 1, wire.TextOption("colour", "not-for-the-log")); !errors.Is(err, wire.StatusUnsupportedOptionKey) {
		t.Errorf("a topic with an option that there is not: %v", err)
	}
	if err := root.UpdateTopic(ctx, wire.Named("shop"), wire.Named("orders"), "orders", wire.TextOption("message_expiry", "not-for-the-log")); !errors.Is(err, wire.StatusInvalidOptionValue) {
		t.Errorf("a topic with a value that an option can't have: %v", err)
	}
	if err := root.DeleteUser(ctx, wire.Named("iggy")); err == nil {
		t.Error("the first user is deleted")
	}
	ann, err := client.Dial(ctx, s.Address)
	must(nil, err)
	defer ann.Close()
	if _, err := ann.Login(ctx, "ann", "not-her-secret"); err == nil {
		t.Error("a wrong password is accepted")
	}
	if _, err := ann.Login(ctx, "typed-my-password-here", "x"); err == nil {
		t.Error("nobody is accepted")
	}
	must(ann.Login(ctx, "ann", secret))
	if err := ann.DeleteStream(ctx, wire.Named("shop")); err == nil {
		t.Error("somebody without rights deletes a stream")
	}
	must(nil, root.DeleteTopic(ctx, wire.Named("shop"), wire.Named("orders")))
	must(nil, ann.Logout(ctx))

	for _, want := range []map[string]string{
		{"event": "login", "user": "iggy", "by": "password"},
		{"event": "login_failed", "user": "ann", "by": "password"},
		{"event": "login_failed", "user": ""},
		{"event": "login", "user": "ann"},
		{"event": "logout", "user": "ann"},
		{"event": "metadata_changed", "user": "iggy", "command": "create_stream", "object": "shop", "result": "ok"},
		{"event": "metadata_changed", "user": "iggy", "command": "create_topic", "object": "shop/orders", "result": "ok"},
		{"event": "metadata_changed", "user": "iggy", "command": "create_user", "object": "ann", "result": "ok"},
		{"event": "metadata_changed", "user": "iggy", "command": "delete_topic", "object": "shop/orders", "result": "ok"},
		{"event": "command_refused", "user": "iggy", "command": "create_stream", "object": "third"},
		{"event": "limit_hit", "user": "iggy", "limit": "limits.streams"},
		{"event": "command_refused", "command": "create_topic", "object": "shop/small",
			"result": "InvalidTopicSize: maximum topic size is below the segment size, or below 1 MiB for each partition (1019)"},
		{"event": "command_refused", "command": "create_topic", "option": "colour",
			"result": "UnsupportedOptionKey: option key is unknown or not allowed here (4041)"},
		{"event": "command_refused", "command": "update_topic", "option": "message_expiry", "result": "InvalidOptionValue: option value is not acceptable (4042)"},
		{"event": "command_refused", "command": "delete_user", "object": "iggy", "result": "CannotDeleteUser: the root user cannot be deleted (48)"},
		{"event": "command_refused", "user": "ann", "command": "delete_stream", "object": "shop"},
	} {
		eventually(t, fmt.Sprintf("the log has %v once", want), func() bool { return len(s.logged(want)) == 1 })
		if line := s.logged(want)[0]; fmt.Sprint(line["peer"]) == "" || line["peer"] == nil {
			t.Errorf("%v names no peer: %v", want, line)
		}
	}
	s.stop()
	for _, hidden := range []string{secret, "not-her-secret", "typed-my-password-here", "not-for-the-log", "$argon2"} {
		if strings.Contains(s.Log(), hidden) {
			t.Errorf("the log has %q", hidden)
		}
	}
	for line := range strings.Lines(s.Log()) {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil || got["event"] == nil {
			t.Errorf("a line without an event: %s", line)
		}
	}
}
