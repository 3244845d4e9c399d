package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// TestPanickingLogIsSetAside has one partition end the broker in three starts in a row, while it takes an append or while it is
// recovered: the fourth start serves all others, and a build without the bug gets everything of that one back.
func TestPanickingLogIsSetAside(t *testing.T) {
	for _, poison := range []string{storage.PanicOnAppend, storage.PanicOnRecovery} {
		t.Run(strings.ReplaceAll(poison, " ", "-"), func(t *testing.T) { panicking(t, poison) })
	}
}

func panicking(t *testing.T, poison string) {
	dir := t.TempDir()
	// Two shards: the sick partition's and another.
	begin := func(plant string, args ...string) (*server, error) {
		return tryStart(t, options{dir: dir, tags: "planted", env: []string{"GALGO_PLANTED=" + plant},
			args: append([]string{"--shards", "2", "--journal-size", "8MiB"}, args...)})
	}
	s, err := begin("")
	if err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	c := s.dial()
	newTopic(t, c, "sick", "topic", 2)
	want := []string{"one", "two"}
	if poison == storage.PanicOnRecovery {
		want = append(want, poison)
	}
	for _, text := range want {
		mustSend(t, c, 0, text)
	}
	mustSend(t, c, 1, "healthy")
	s.Kill()

	for i := range storage.PanicsMax {
		s, err := begin("panic")
		if poison == storage.PanicOnAppend {
			if err != nil {
				t.Fatalf("start %d: %v\n%s", i+1, err, s.Log())
			}
			_, err = s.dial().Send(context.Background(), wire.Named("sick"), wire.Named("topic"), 0, single([]byte(poison)))
		}
		if err == nil {
			t.Fatalf("start %d: no panic", i+1)
		}
		select {
		case <-s.Exited:
		case <-time.After(patience):
			t.Fatalf("start %d: the broker goes on after a panic\n%s", i+1, tail(s.Log()))
		}
		if len(s.lines("panic while working on a partition's log")) == 0 {
			t.Fatalf("start %d: the log does not say which partition it was\n%s", i+1, tail(s.Log()))
		}
	}

	s, err = begin("panic")
	if err != nil {
		t.Fatalf("the start after %d panics: %v\n%s", storage.PanicsMax, err, s.Log())
	}
	c = s.dial()
	if got := texts(t, c, 1); len(got) != 1 || got[0] != "healthy" {
		t.Errorf("the other partition has %q", got)
	}
	mustSend(t, c, 1, "still healthy")
	if _, err := c.Send(context.Background(), wire.Named("sick"), wire.Named("topic"), 0, single([]byte(poison))); err == nil {
		t.Error("the partition that was set aside takes messages")
	}
	var status wire.Status
	if _, err := pollAt(c, "sick", "topic", 0, 0, 10); !errors.As(err, &status) {
		t.Errorf("poll of the partition that was set aside: %v, want a status", err)
	}
	s.stop()
	if s, err = begin("panic"); err != nil { // it stays aside
		t.Fatalf("%v\n%s", err, s.Log())
	}
	s.stop()

	if s, err = begin("", "--retry-fenced"); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	c = s.dial()
	if got := texts(t, c, 0); strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("after the bug is gone the partition has %q, want %q", got, want)
	}
	mustSend(t, c, 0, "three")
	if _, err := os.Stat(filepath.Join(dir, "state", storage.PanicNoteName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the note of the panics is still there: %v", err)
	}
	s.stop()
}

func mustSend(t *testing.T, c *client.Client, part uint32, text string) {
	t.Helper()
	if _, err := c.Send(context.Background(), wire.Named("sick"), wire.Named("topic"), part, single([]byte(text))); err != nil {
		t.Fatal(err)
	}
}

// texts polls all messages of a partition.
func texts(t *testing.T, c *client.Client, part uint32) (list []string) {
	t.Helper()
	polled, err := pollAt(c, "sick", "topic", part, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for m := range polled.Messages() {
		list = append(list, string(m.Payload()))
	}
	return list
}
