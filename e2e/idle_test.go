package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// spent is what the process has used: CPU time, and how often one of its threads was switched to.
func (s *server) spent() (cpu time.Duration, switches int) {
	s.t.Helper()
	proc := fmt.Sprintf("/proc/%d", s.Cmd.Process.Pid)
	text, err := os.ReadFile(proc + "/stat")
	if err != nil {
		s.t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	for _, f := range fields[11:13] {
		ticks, _ := strconv.Atoi(f)
		cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	threads, _ := filepath.Glob(proc + "/task/*/status")
	for _, path := range threads {
		text, _ := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.HasSuffix(name, "voluntary_ctxt_switches") {
				n, _ := strconv.Atoi(strings.TrimSpace(value))
				switches += n
			}
		}
	}
	return cpu, switches
}

// TestAnIdleBrokerCostsNothing: 600 partitions, 300 clients that are logged in, members of 100 groups, and nothing to do; then the clients
// are gone, and nothing of them is left.
func TestAnIdleBrokerCostsNothing(t *testing.T) {
	backends(t, func(t *testing.T, args []string) {
		ctx := context.Background()
		s := start(t, options{tags: "release", args: append(args, "--shards", "2", "--journal-size", "8MiB", "--memory", "256MiB")})
		c := s.dial()
		newTopic(t, c, "s", "t", 600)
		for i := range 100 {
			if _, err := c.CreateGroup(ctx, wire.Named("s"), wire.Named("t"), fmt.Sprintf("group %d", i)); err != nil {
				t.Fatal(err)
			}
		}
		for p := range uint32(600) {
			if _, err := c.Send(ctx, wire.Named("s"), wire.Named("t"), p, single([]byte("x"))); err != nil {
				t.Fatal(err)
			}
		}
		var clients []*client.Client
		for i := range 300 {
			clients = append(clients, s.dial())
			if err := clients[i].JoinGroup(ctx, wire.Named("s"), wire.Named("t"), wire.Named(fmt.Sprintf("group %d", i%100))); err != nil {
				t.Fatal(err)
			}
		}
		s.idle("300 clients", 4)
		for _, c := range clients {
			c.Close()
		}
		eventually(t, "one client is left", func() bool { list, err := c.Clients(ctx); return err == nil && len(list) == 1 })
		s.idle("the clients are gone", 2)
	})
}

// idle fails the test if a broker with nothing to do does something, for a number of seconds.
func (s *server) idle(when string, seconds int) {
	s.t.Helper()
	time.Sleep(2500 * time.Millisecond) // memory of the busy moment is given back within two rounds of a second
	cpu, switches := s.spent()
	time.Sleep(time.Duration(seconds) * time.Second) // what is measured is what happens in it
	cpu2, switches2 := s.spent()
	if used := cpu2 - cpu; used > time.Duration(seconds)*20*time.Millisecond {
		s.t.Errorf("%s: %v of CPU in %d s", when, used, seconds)
	}
	if n := switches2 - switches; n > seconds*100 {
		s.t.Errorf("%s: %d switches in %d s", when, n, seconds)
	}
}

// TestChurnLeaksNothing: clients come and go in every way; afterwards there are as many descriptors as before, hardly more memory, one client,
// and no members of groups.
func TestChurnLeaksNothing(t *testing.T) {
	ctx := context.Background()
	s := start(t, options{tags: "release", args: []string{"--shards", "2", "--journal-size", "8MiB", "--memory", "256MiB"}})
	c := s.dial()
	newTopic(t, c, "s", "t", 4)
	if _, err := c.CreateGroup(ctx, wire.Named("s"), wire.Named("t"), "g"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(ctx, wire.Named("s"), wire.Named("t"), 0, single([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	descriptors := func() int {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	settled := func() {
		t.Helper()
		eventually(t, "one client is left", func() bool { list, err := c.Clients(ctx); return err == nil && len(list) == 1 })
		eventually(t, "the group has no members", func() bool {
			g, err := c.GetGroup(ctx, wire.Named("s"), wire.Named("t"), wire.Named("g"))
			return err == nil && g.MembersCount == 0
		})
	}
	churn(s, 500)
	settled()
	fds, resident := descriptors(), s.resident()
	churn(s, 2000)
	settled()
	eventually(t, fmt.Sprintf("there are %d descriptors again", fds), func() bool { return descriptors() <= fds+2 })
	if grown := s.resident() - resident; grown > 24<<20 {
		t.Errorf("resident memory grew by %d KiB", grown>>10)
	}
}

// churn has n clients come and go: in order, with half a message, without the answer that they asked for, refused at the login, with garbage,
// without a word, by a reset.
func churn(s *server, n int) {
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 0))
			for i := w; i < n; i += 6 {
				if i%5 < 2 {
					if c, err := login(s.Address); err == nil {
						come(c, i%5 == 0)
					}
					continue
				}
				if i%50 < 10 {
					goEarly(s.Address, i%250)
					continue
				}
				c, err := net.Dial("tcp", s.Address)
				if err != nil {
					continue
				}
				junk := make([]byte, rng.IntN(600))
				for k := range junk {
					junk[k] = byte(rng.Uint32())
				}
				if i%5 == 3 {
					_, _ = c.Write(junk)
				}
				if i%5 == 4 {
					_ = c.(*net.TCPConn).SetLinger(0)
				}
				c.Close()
			}
		})
	}
	all.Wait()
}

// goEarly is a client that goes in the middle of something: of a message that it sends, or before the answer to its poll. Few are refused
// at the login, as those are made to wait.
func goEarly(address string, kind int) {
	ctx := context.Background()
	if kind == 2 {
		if c, err := client.Dial(ctx, address); err == nil {
			_, _ = c.Login(ctx, "nobody", "wrong")
			c.Close()
		}
		return
	}
	c, err := enterAs(ctx, address, "iggy", "iggy")
	if err != nil {
		return
	}
	to := wire.SendMessages{Stream: wire.Named("s"), Topic: wire.Named("t"), Partitioning: wire.Partitioning{Kind: wire.ToPartition}, Count: 1}
	if kind%2 == 1 {
		message := single(make([]byte, 5000))
		_, _ = c.Write(append(c.head(wire.CodeSendMessages, vsr.AppendSendMessages(nil, to), message), message[:400]...))
	} else {
		_ = c.post(wire.CodePollMessages, vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: anyone(), Stream: to.Stream, Topic: to.Topic,
			Partition: wire.InPartition(0), Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 10}), nil)
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
	}
	c.Close()
}

// come is a client that does something and goes.
func come(c *client.Client, member bool) {
	ctx := context.Background()
	if member {
		_ = c.JoinGroup(ctx, wire.Named("s"), wire.Named("t"), wire.Named("g"))
	}
	_, _ = pollAt(c, "s", "t", 0, 0, 10)
	c.Close()
}

// TestRenamesMoveNothing: messages, offsets and groups stay with what is renamed; the old name is free at once, and another thing when it
// is used again; after kill -9 it is so too.
func TestRenamesMoveNothing(t *testing.T) {
	ctx := context.Background()
	o := options{dir: t.TempDir(), args: []string{"--shards", "2", "--journal-size", "8MiB", "--memory", "256MiB"}}
	s := start(t, o)
	c := s.dial()
	newTopic(t, c, "s", "a", 1)
	newTopic(t, c, "s", "other", 1)
	for _, text := range []string{"one", "two"} {
		if _, err := c.Send(ctx, wire.Named("s"), wire.Named("a"), 0, single([]byte(text))); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.StoreOffset(ctx, consumerNamed("me"), wire.Named("s"), wire.Named("a"), 0, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateGroup(ctx, wire.Named("s"), wire.Named("a"), "g"); err != nil {
		t.Fatal(err)
	}
	if err := c.UpdateTopic(ctx, wire.Named("s"), wire.Named("a"), "other"); !errors.Is(err, wire.StatusTopicNameAlreadyExists) {
		t.Errorf("a name that is taken is given: %v", err)
	}
	topic, err := c.GetTopic(ctx, wire.Named("s"), wire.Named("a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		of   wire.Identifier
		name string
	}{{wire.Named("a"), "a"}, {wire.Named("a"), "between"}, {wire.Numbered(topic.ID), "b"}} { // also to the name that it has
		if err := c.UpdateTopic(ctx, wire.Named("s"), x.of, x.name); err != nil {
			t.Fatalf("%v becomes %s: %v", x.of, x.name, err)
		}
		if got, err := c.GetTopic(ctx, wire.Named("s"), wire.Named(x.name)); err != nil || got.ID != topic.ID {
			t.Errorf("%s is topic %d, %v, want %d", x.name, got.ID, err, topic.ID)
		}
	}
	for _, name := range []string{"a", "between"} {
		if _, err := c.GetTopic(ctx, wire.Named("s"), wire.Named(name)); err == nil {
			t.Errorf("the old name %s is still found", name)
		}
	}
	newTopic(t, c, "s", "a", 1)
	if err := c.UpdateStream(ctx, wire.Named("s"), "renamed"); err != nil {
		t.Fatal(err)
	}
	newTopic(t, c, "s", "b", 1)
	look := func(when string) {
		t.Helper()
		for _, x := range []struct {
			stream, topic string
			count         int
		}{{"renamed", "b", 2}, {"renamed", "a", 0}, {"s", "b", 0}} {
			if got, err := pollAt(c, x.stream, x.topic, 0, 0, 10); err != nil || got.Count != x.count {
				t.Errorf("%s: %s/%s has %d messages, %v, want %d", when, x.stream, x.topic, got.Count, err, x.count)
			}
		}
		if got, err := c.GetOffset(ctx, consumerNamed("me"), wire.Named("renamed"), wire.Named("b"), 0); err != nil || got.StoredOffset != 0 {
			t.Errorf("%s: the stored offset is %+v, %v", when, got, err)
		}
		if _, err := c.GetOffset(ctx, consumerNamed("me"), wire.Named("s"), wire.Named("b"), 0); err == nil {
			t.Errorf("%s: the topic of the old name has its offset", when)
		}
		if g, err := c.GetGroup(ctx, wire.Named("renamed"), wire.Named("b"), wire.Named("g")); err != nil || g.Name != "g" {
			t.Errorf("%s: its group is %+v, %v", when, g, err)
		}
		if _, err := c.GetGroup(ctx, wire.Named("s"), wire.Named("b"), wire.Named("g")); err == nil {
			t.Errorf("%s: the topic of the old name has its group", when)
		}
	}
	look("at once")
	s.Kill()
	s = start(t, o)
	c = s.dial()
	look("after kill -9")
}
