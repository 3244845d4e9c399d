package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// TestPanicIsNeverSilent ends the broker by panics, also in its only and its last shard: each leaves a stack, a line in the log,
// a note, and the code of a panic.
func TestPanicIsNeverSilent(t *testing.T) {
	for _, shards := range []string{"1", "2"} {
		t.Run("shards="+shards, func(t *testing.T) {
			dir := t.TempDir()
			note := filepath.Join(dir, "state", storage.PanicNoteName)
			for run := range 8 {
				s := start(t, options{dir: dir, tags: "planted", env: []string{"GALGO_PLANTED=panic"},
					args: []string{"--shards", shards, "--journal-size", "8MiB"}})
				c := s.dial()
				if run == 0 {
					newTopic(t, c, "sick", "topic", 1)
				}
				_, _ = c.Send(context.Background(), wire.Named("sick"), wire.Named("topic"), 0, single([]byte(storage.PanicOnAppend)))
				s.mustPanic("planted: an append that cannot be survived")
				text, err := os.ReadFile(note)
				if n := storage.ParsePanicNote(text); err != nil || n.Starts != 1 {
					t.Errorf("run %d: note %q, %v", run, text, err)
				}
				if err := os.Remove(note); err != nil { // or the partition would be set aside
					t.Error(err)
				}
			}
		})
	}
}

// TestPanicAtTheEndIsNoOrderlyEnd has the last shard panic when its journal is finished: the note of an earlier panic stays.
func TestPanicAtTheEndIsNoOrderlyEnd(t *testing.T) {
	for _, shards := range []string{"1", "2"} {
		for range 4 {
			dir := t.TempDir()
			s := start(t, options{dir: dir, tags: "planted", env: []string{"GALGO_PLANTED=panic-at-end"},
				args: []string{"--shards", shards, "--journal-size", "8MiB"}})
			note := filepath.Join(dir, "state", storage.PanicNoteName)
			earlier := storage.PanicNote{Log: 7, Starts: 2}.String()
			if err := os.WriteFile(note, []byte(earlier), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			s.mustPanic("planted: a panic after the journal was finished")
			if text, err := os.ReadFile(note); string(text) != earlier {
				t.Errorf("the note is %q, %v; want %q", text, err, earlier)
			}
		}
	}
}

// TestPanicThatNobodyReadsEnds: a stack that can't be printed holds up no end of the process.
func TestPanicThatNobodyReadsEnds(t *testing.T) {
	_, w := stuckPipe(t)
	if _, err := w.Write(make([]byte, 4096)); err != nil { // it is full
		t.Fatal(err)
	}
	s := start(t, options{tags: "planted", log: w, env: []string{"GALGO_PLANTED=panic-at-end"}, args: []string{"--shards", "1"}})
	w.Close()
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Exited:
	case <-time.After(2 * patience):
		t.Fatal("the process goes on after a panic that nobody reads")
	}
	if s.Cmd.ProcessState.Success() {
		t.Error("ended with code 0")
	}
}

// mustPanic waits for the end of the broker by a panic of that text.
func (s *server) mustPanic(text string) {
	s.t.Helper()
	select {
	case <-s.Exited:
	case <-time.After(patience):
		s.t.Fatalf("the broker goes on\n%s", tail(s.Log()))
	}
	const panicCode = 2 // of Go's runtime
	if code := s.Cmd.ProcessState.ExitCode(); code != panicCode {
		s.t.Errorf("ended with code %d, want %d", code, panicCode)
	}
	log := s.Log()
	if !strings.Contains(log, "panic: "+text) || !strings.Contains(log, "server.(*thread).run") || len(s.lines(`"event": "panic"`)) == 0 {
		s.t.Errorf("no stack, or no line in the log:\n%s", tail(log))
	}
}
