package e2e

import (
	"bytes"
	"context"
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

// TestAnIdleBrokerCostsNothing: 600 partitions, 300 clients that are logged in and 100 groups, and nothing to do.
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
		for range 300 {
			s.dial()
		}
		time.Sleep(2500 * time.Millisecond) // memory of the busy moment is given back within two rounds of a second
		const seconds = 4
		cpu, switches := s.spent()
		time.Sleep(seconds * time.Second) // what is measured is what happens in it
		cpu2, switches2 := s.spent()
		if used := cpu2 - cpu; used > seconds*20*time.Millisecond {
			t.Errorf("%v of CPU in %d s", used, seconds)
		}
		if n := switches2 - switches; n > seconds*100 {
			t.Errorf("%d switches in %d s", n, seconds)
		}
	})
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

// churn has n clients come and go: in order, with half a request, with garbage, without a word, by a reset.
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
	if err := c.UpdateTopic(ctx, wire.Named("s"), wire.Named("a"), "other"); err == nil {
		t.Error("a name that is taken was given")
	}
	if err := c.UpdateTopic(ctx, wire.Named("s"), wire.Named("a"), "b"); err != nil {
		t.Fatal(err)
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
	}
	look("at once")
	s.Kill()
	s = start(t, o)
	c = s.dial()
	look("after kill -9")
}
